"""Which resources somebody works on by hand: their health checks do not fail them (spec/03 §14.2).

Owns: whether such a maintenance holds now. Does not know: what is overlooked because of it (`host.machine`,
`core.group_run`), or maintenance of groups, nodes and the cluster (`core.failover.maintenance`).
How it works: it holds under one assignment alone, so a move, a failover and a restart of the node end it, and no
record has to be cleared away for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from quorate.core.cluster_view import ClusterView
from quorate.model.maintenance import ResourceMaintenance
from quorate.model.workload import Assignment, GroupIntent

NONE: Mapping[str, ResourceMaintenance] = MappingProxyType({})


def in_force(intent: GroupIntent, assignment: Assignment | None, wall_s: float) -> Mapping[str, ResourceMaintenance]:
    """Those of a group that hold, by resource."""
    if assignment is None or not intent.resource_maintenance:
        return NONE
    held = intent.resource_maintenance.items()
    return {resource: one for resource, one in held if one.number == assignment.number and not one.over(wall_s)}


def next_end_s(holding: Mapping[str, ResourceMaintenance]) -> float | None:
    """Wall time at which the first of them ends by itself; None where none does."""
    return min((one.until_s for one in holding.values() if one.until_s), default=None)


def maintained(view: ClusterView, group: str, wall_s: float) -> Mapping[str, ResourceMaintenance]:
    """Those of a group as the replica has it."""
    known = view.assignments.get(group)
    return in_force(view.intent(group), known.record if known is not None else None, wall_s)
