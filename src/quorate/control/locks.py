"""Locked mode: requests that a resource's own type forbids for now (spec/03 §14.1).

Owns: the refusal (5960 in the reference) and its override. Does not know: who asks, or why a type locks.
How it works: a lock is what the owner said last of the resource; it is kept nowhere else, and ends with the resource.
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.control.standing import shown_fact
from quorate.core.cluster_view import ClusterView
from quorate.model.problems import Problem, error
from quorate.model.workload import ResourceSpec


def locked_problems(view: ClusterView, resources: Iterable[ResourceSpec]) -> list[Problem]:
    """One for each of them that is locked."""
    return [
        error(
            "resource_locked",
            f"resource {resource.name} is locked by its type: {reason}",
            where=f"resource.{resource.name}",
            remedy="wait until it is unlocked",
            override="--ignore-locked",
        )
        for resource in resources
        if (reason := shown_fact(view, resource).flags.locked)
    ]


def group_locked_problems(view: ClusterView, group: str) -> list[Problem]:
    """One for each locked resource of the group."""
    return locked_problems(view, view.members_of.get(group, {}).values())
