"""Groups that no other node has a place for, should the one be lost on which they are.

Owns: one look at each group by itself, with an end to how long it takes: status asks it, on the service's own loop.
Does not know: that several groups may need the same room, or that the moves of others make some; `losses` does.
How it works: groups of higher priority are looked at first, emptier nodes are tried first, and groups of one owner
that ask for the same are looked at once. Who must be with others that are on the same node goes with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.core.placement.filters import Demands, companions, demands, found_against
from quorate.core.placement.preemption import enough, may_ask
from quorate.core.placement.scene import Scene
from quorate.model.base import replace
from quorate.model.workload import GroupSpec, wants_online

LOOKS_MOST: Final = 20_000
"""Nodes, and groups on them, that are looked at in one answer: at most a third of a second."""


@dataclass(frozen=True, slots=True)
class Homeless:
    """For each node that is up, the groups there that should be online and that no other node could own now."""

    without: dict[int, tuple[str, ...]]
    not_looked_at: int
    """So many groups were left out, because the answer would have taken too long."""


def homeless(view: ClusterView, wall_s: float, looks_most: int = LOOKS_MOST) -> Homeless:
    """Look at every group, as long as `looks_most` nodes in all are enough for that."""
    look = _Look(Scene(view, wall_s), looks_most)
    found: dict[int, list[str]] = {}
    left_out = 0
    for group, known in sorted(view.groups.items(), key=lambda item: (-item[1].record.priority, item[0])):
        assignment = view.assignments.get(group)
        if assignment is None or assignment.record.phase != "run" or not wants_online(view.intent(group)):
            continue
        if not view.owner_lives(assignment.record):
            continue
        owner = assignment.record.owner
        placed = look.elsewhere(known.record, owner)
        if placed is None:
            left_out += 1
        elif not placed:
            found.setdefault(owner, []).append(group)
    return Homeless({node: tuple(sorted(groups)) for node, groups in sorted(found.items())}, left_out)


@dataclass(slots=True)
class _Look:
    """One answer in the making."""

    scene: Scene
    looks_left: int
    nodes: list[int] = field(init=False)
    """Those that take groups, emptier ones first."""
    known: dict[tuple[object, ...], bool] = field(default_factory=dict)
    """Answers by the owner and what is asked."""
    lowest: dict[int, int] = field(default_factory=dict)
    """The lowest priority of a group that counts on a node; less than any where one is on hold."""

    def __post_init__(self) -> None:
        load = self.scene.occupancy.load
        self.nodes = sorted(self.scene.able, key=lambda node: (load(node).groups, node))

    def elsewhere(self, group: GroupSpec, owner: int) -> bool | None:
        """Some other node could own it; None where there is no time left to find out."""
        scene = self.scene
        if group.affinity_enforced and companions(scene, group) == {owner}:
            group = replace(group, affinity_enforced=False)  # they are lost with it, and it goes where they go
        asked = demands(scene, group, runs=True, room=True)
        if asked.none:
            return any(node != owner for node in self.nodes)
        classes = (group.anti_affinity_class_names, group.separation_level) if asked.keeps_out else ()
        mates = group.affinity_class_names if group.affinity_enforced else ()
        shape = (owner, asked, tuple(sorted(group.demand.items())), group.priority, classes, mates)
        if shape not in self.known:
            if self.looks_left <= 0:
                return None
            preempts = may_ask(scene, group)
            self.known[shape] = any(self._takes(group, asked, node, preempts) for node in self.nodes if node != owner)
        return self.known[shape]

    def _takes(self, group: GroupSpec, asked: Demands, node: int, preempts: bool) -> bool:
        """The node has a place for it, or others there would make some."""
        self.looks_left -= 1
        against = found_against(self.scene, group, node, asked)
        if against is None or not preempts or against.code != "lacks_capacity":
            return against is None
        if self._lowest(node) >= group.priority:
            return False
        self.looks_left -= self.scene.occupancy.load(node).groups
        return enough(self.scene, group, node) is not None

    def _lowest(self, node: int) -> int:
        if node not in self.lowest:
            view, least = self.scene.view, 1 << 31
            for group in self.scene.occupancy.load(node).hosts:
                held = view.assignments[group].record.phase == "hold"
                least = min(least, -1 if held else view.groups[group].record.priority)
            self.lowest[node] = least
        return self.lowest[node]
