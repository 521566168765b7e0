"""What forbids one node to one group (spec/03 §8.2): owners, classes that are enforced, capacity.

Owns: the rules that remove a node, in their order, each with its reason. Does not know: which of the nodes that are
left is the best (`ranking`).
How it works: first what holds for every group (`scene.bar`), then who may own it, then whom it must be with or apart
from, last whether there is room. The first rule that removes a node is its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate.core.placement.occupancy import APART, STRICT, TOGETHER
from quorate.core.placement.scene import GOING, Scene
from quorate.model.workload import GroupSpec, Reason, ResourceSpec, wants_online

BY_OTHERS: Final = frozenset({"lacks_capacity", "anti_affinity", "companions_elsewhere"})
"""Objections that end when other groups go elsewhere: nothing of the group itself or of the node tells of that."""
BY_RULE: Final = BY_OTHERS | {"not_possible_owner"}
"""Objections to a node that takes groups."""


def allowed_nodes(members: dict[str, ResourceSpec]) -> frozenset[int] | None:
    """Nodes that are a possible owner of every member; None: every node is."""
    found: frozenset[int] | None = None
    for resource in members.values():
        if resource.possible_owners:
            owners = frozenset(resource.possible_owners)
            found = owners if found is None else found & owners
    return found


def not_an_owner(scene: Scene, group: GroupSpec, node: int) -> Reason | None:
    """The member of which the node is no possible owner."""
    for resource in scene.view.members_of.get(group.id, {}).values():
        if resource.possible_owners and node not in resource.possible_owners:
            return Reason(code="not_possible_owner", node=node, subject=resource.name)
    return None


def enforced_apart(scene: Scene, group: GroupSpec) -> bool:
    """It stays offline rather than share a place with a group that it is kept apart from."""
    cluster = scene.view.cluster
    everywhere = cluster is not None and cluster.record.cluster_enforced_anti_affinity
    return bool(group.anti_affinity_class_names) and (group.anti_affinity_enforced or everywhere)


def apart_conflict(scene: Scene, group: GroupSpec, node: int) -> Reason | None:
    """A group that it is kept apart from counts in that node's place."""
    names, level = group.anti_affinity_class_names, group.separation_level
    if not names or not scene.hosted(group, node, level, APART, names):
        return None
    shared = next(name for name in names if scene.hosted(group, node, level, APART, (name,)))
    return Reason(code="anti_affinity", node=node, subject=shared, detail=level)


def shut_out(scene: Scene, group: GroupSpec, node: int) -> Reason | None:
    """A group counts in that node's place, as it sees places, that shares it with none of the class by force."""
    names = group.anti_affinity_class_names
    for level, kind in STRICT.items():
        if scene.hosted(group, node, level, kind, names):
            shared = next(name for name in names if scene.hosted(group, node, level, kind, (name,)))
            return Reason(code="anti_affinity", node=node, subject=shared, detail=level)
    return None


def rivals(scene: Scene, group: GroupSpec) -> list[str]:
    """Groups that must not run in one place with it, by its own word or by theirs."""
    own = enforced_apart(scene, group)
    found = {other for name in group.anti_affinity_class_names for other in scene.bearers.get(name.casefold(), ())}
    groups = scene.view.groups
    return sorted(o for o in found if o != group.id and (own or groups[o].record.anti_affinity_enforced))


def companions(scene: Scene, group: GroupSpec) -> frozenset[int]:
    """Nodes that host a group which it is kept together with, and from which that does not go."""
    names = group.affinity_class_names
    if not names:
        return frozenset()
    entries = [(TOGETHER, name.casefold()) for name in names]
    own = scene.occupancy.share(group.id)
    home, brings = (own.node, own.classes) if own is not None else (0, ())
    return frozenset(
        node
        for node, load in scene.occupancy.nodes()
        if not _going(scene, node)
        and any(load.classes[entry] > (node == home and entry in brings) for entry in entries)
    )


def _going(scene: Scene, node: int) -> bool:
    """What is on that node goes elsewhere: nobody has to come to it; of those that belong together one goes first."""
    found = scene.barred.get(node)
    return found is not None and found.code in GOING


def lack(scene: Scene, group: GroupSpec, node: int) -> Reason | None:
    """The quantity of which too little is left there for the group."""
    load, capacity = scene.occupancy.load(node), scene.spec(node).capacity
    own = scene.occupancy.share(group.id)
    for name, amount in group.demand.items():
        taken = load.used.get(name, 0) - (own.demand.get(name, 0) if own is not None and own.on(node) else 0)
        left = capacity.get(name, 0) - taken
        if amount > left:
            words = f"{amount} needed, {max(left, 0)} of {capacity.get(name, 0)} left"
            return Reason(code="lacks_capacity", node=node, subject=name, detail=words)
    return None


@dataclass(frozen=True, slots=True)
class Demands:
    """What one group asks of every node, found once."""

    allowed: frozenset[int] | None
    apart: bool
    """It must not be with any that it is kept apart from."""
    keeps_out: bool
    """It belongs to a class of which some share their place with none."""
    wanted: frozenset[int]
    """Nodes with companions, where it must be with them."""
    room: bool
    """It must fit."""

    @property
    def none(self) -> bool:
        """Every node will do."""
        return self.allowed is None and not self.apart and not self.keeps_out and not self.wanted and not self.room


def demands(scene: Scene, group: GroupSpec, *, runs: bool | None, room: bool) -> Demands:
    """What the group asks of every node.

    `runs`: whether something of it is to run there; None: as its intent says. What does not run has to have an owner,
    and takes neither room nor distance. `room`: False to ask as if there were enough of it.
    """
    runs = wants_online(scene.view.intent(group.id)) if runs is None else runs
    return Demands(
        allowed_nodes(scene.view.members_of.get(group.id, {})),
        runs and enforced_apart(scene, group),
        runs and bool(group.anti_affinity_class_names),
        companions(scene, group) if runs and group.affinity_enforced else frozenset(),
        runs and room and bool(group.demand),
    )


def found_against(scene: Scene, group: GroupSpec, node: int, asked: Demands) -> Reason | None:
    """The first rule of the group that removes a node which takes groups."""
    if asked.allowed is not None and node not in asked.allowed:
        return not_an_owner(scene, group, node)
    if asked.apart and (found := apart_conflict(scene, group, node)) is not None:
        return found
    if asked.keeps_out and (found := shut_out(scene, group, node)) is not None:
        return found
    if asked.wanted and node not in asked.wanted:
        return Reason(code="companions_elsewhere", node=node, subject=", ".join(group.affinity_class_names))
    return lack(scene, group, node) if asked.room else None


def able_nodes(
    scene: Scene, group: GroupSpec, asked: Demands, without: frozenset[int] = frozenset()
) -> tuple[list[int], list[Reason]]:
    """Nodes that may own the group now, by number, and why every other one may not."""
    against = list(scene.barred.values())
    if asked.none and not without:
        return list(scene.able), against
    able: list[int] = []
    for node in scene.able:
        found = found_against(scene, group, node, asked)
        if found is None and node in without:
            found = Reason(code="excluded_this_round", node=node)
        if found is None:
            able.append(node)
        else:
            against.append(found)
    return able, sorted(against, key=lambda reason: reason.node)
