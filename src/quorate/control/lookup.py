"""Finding objects by the names that people give, with a problem where there is none.

Owns: look-up of groups, resources and nodes in the replica, by name regardless of case, or by id.
Does not know: what is done with them. How it works: each function appends to the caller's list of problems and returns
None, so that a command can go on and find the rest of what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from quorate.control.change import guard
from quorate.control.names import unknown
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.problems import Problem
from quorate.model.records import Guard
from quorate.model.workload import GroupSpec, NodeSpec, ResourceSpec


def find_group(view: ClusterView, name: str, problems: list[Problem], where: str = "group") -> GroupSpec | None:
    """The group of that name or id."""
    found = view.groups.get(name)
    spec = found.record if found else view.find(view.groups, name, lambda group: group.name)
    if spec is None:
        problems.append(unknown("group", name, [k.record.name for k in view.groups.values()], where))
    return spec


def find_resource(
    view: ClusterView, name: str, problems: list[Problem], where: str = "resource"
) -> ResourceSpec | None:
    """The resource of that name or id."""
    found = view.resources.get(name)
    spec = found.record if found else view.find(view.resources, name, lambda resource: resource.name)
    if spec is None:
        problems.append(unknown("resource", name, [k.record.name for k in view.resources.values()], where))
    return spec


def find_node(view: ClusterView, name: str, problems: list[Problem], where: str = "node") -> NodeSpec | None:
    """The node of that name or number."""
    found = view.nodes.get(int(name)) if name.isdigit() else None
    folded = name.casefold()
    named = (known.record for known in view.nodes.values() if known.record.name.casefold() == folded)
    spec = found.record if found else next(named, None)
    if spec is None:
        problems.append(unknown("node", name, [k.record.name for k in view.nodes.values()], where))
    return spec


def find_nodes(view: ClusterView, names: Iterable[str], problems: list[Problem], where: str) -> tuple[int, ...]:
    """The numbers of these nodes, each once, in order."""
    found = [find_node(view, name, problems, f"{where}.{rank}") for rank, name in enumerate(names)]
    return tuple(dict.fromkeys(node.node for node in found if node is not None))


def guard_group(view: ClusterView, group: str) -> Guard:
    """The group's specification is as the view has it.

    Members are created, changed and deleted under this guard and write the specification anew: so one group's
    members change one after the other, and neither a cycle nor a deleted group with members can slip through.
    """
    known = view.groups.get(group)
    return guard(keys.SPEC_GROUP + group, known.revision if known else None)


def guard_intent(view: ClusterView, group: str) -> Guard:
    """The group's intent is as the view has it."""
    known = view.intents.get(group)
    return guard(keys.INTENT_GROUP + group, known.revision if known else None)
