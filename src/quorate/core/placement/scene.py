"""The cluster as placement sees it while a batch of decisions is made.

Owns: which nodes take groups at all, where nodes stand, and the counts as they will be once the batch is carried out.
Does not know: any single group. How it works: what holds for every group is found once, however many are placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.core.placement.occupancy import Load, Occupancy, share_of, share_on
from quorate.model.nodes import NodeSpec
from quorate.model.workload import Assignment, GroupSpec, Reason, SeparationLevel

GOING: Final = frozenset({"node_down", "node_stopping", "node_draining", "node_evicted_soon"})
"""Bars of nodes from which everything goes elsewhere."""
_NOWHERE = NodeSpec(node=0, name="")


class Scene:
    """What is common to all groups that are placed together."""

    def __init__(self, view: ClusterView, wall_s: float = 0.0) -> None:
        """`wall_s`: which maintenances are over; 0.0: none is that is still recorded."""
        self.view = view
        self.wall_s = wall_s
        self.occupancy = Occupancy(view.occupancy)
        self.barred: dict[int, Reason] = {}
        """Nodes that take no group now, and why."""
        able = []
        for node in sorted(view.nodes.keys() | view.authority.members.keys()):
            found = bar(view, node, wall_s)
            if found is None:
                able.append(node)
            else:
                self.barred[node] = found
        self.able = tuple(able)

    def spec(self, node: int) -> NodeSpec:
        """What is written of a node."""
        known = self.view.nodes.get(node)
        return known.record if known is not None else _NOWHERE

    @cached_property
    def sites(self) -> dict[int, str]:
        """The site of every node, case folded."""
        return {node: known.record.site.casefold() for node, known in self.view.nodes.items()}

    @cached_property
    def several_sites(self) -> bool:
        """Nodes are told apart by their sites."""
        return len(set(self.sites.values())) > 1

    def place_of(self, node: int, level: SeparationLevel) -> tuple[object, ...]:
        """What counts as one place with that node."""
        match level:
            case "node":
                return (node,)
            case "fault_domain":
                return (self.sites.get(node, ""), *(part.casefold() for part in self.spec(node).fault_domain))
            case "site":
                return (self.sites.get(node, ""),)

    def hosted(self, group: GroupSpec, node: int, level: SeparationLevel, kind: str, names: tuple[str, ...]) -> int:
        """How many other groups with one of these classes count in that node's place."""
        own = self.occupancy.share(group.id)
        count = 0
        for other, load in self._in_place_of(node, level):
            for name in names:
                entry = (kind, name.casefold())
                count += load.classes.get(entry, 0) - (own is not None and own.on(other) and entry in own.classes)
        return count

    def _in_place_of(self, node: int, level: SeparationLevel) -> Iterable[tuple[int, Load]]:
        """What is hosted there, node by node."""
        if level == "node":
            return ((node, self.occupancy.load(node)),)
        place = self.place_of(node, level)
        return ((at, load) for at, load in self.occupancy.nodes() if at == node or self.place_of(at, level) == place)

    @cached_property
    def _leaving(self) -> Counter[int]:
        """How many groups are being stopped to leave each node."""
        known = self.view.assignments.values()
        return Counter(entry.record.owner for entry in known if entry.record.phase == "stop")

    @cached_property
    def bearers(self) -> dict[str, list[str]]:
        """Groups by the classes that they are kept apart within, case folded."""
        found: dict[str, list[str]] = {}
        for group, known in self.view.groups.items():
            for name in known.record.anti_affinity_class_names:
                found.setdefault(name.casefold(), []).append(group)
        return found

    def leaving_full(self, node: int) -> bool:
        """As many groups leave that node as may at a time."""
        cluster = self.view.cluster
        limit = cluster.record.drain_limit if cluster is not None else 0
        return bool(limit) and self._leaving[node] >= limit

    @cached_property
    def returning(self) -> set[int]:
        """Nodes to which a group is on its way back: one at a time (spec/03 §9)."""
        known = self.view.assignments.values()
        return {e.record.to for e in known if e.record.phase == "stop" and e.record.cause == "failback"}

    @cached_property
    def owned(self) -> Counter[int]:
        """How many groups each node owns, online or not."""
        return Counter(entry.record.owner for entry in self.view.assignments.values())

    def decided(self, group: GroupSpec, made: Assignment) -> None:
        """Count the group as it will be once the batch is carried out."""
        view = self.view
        if "owned" in self.__dict__:
            former = view.assignments.get(group.id)
            self.owned[made.owner] += 1
            if former is not None:
                self.owned[former.record.owner] -= 1
        self.occupancy.put(group.id, share_of(group, view.intent(group.id), made, None))
        if made.phase == "stop":
            self._leaving[made.owner] += 1
            if made.cause == "failback":
                self.returning.add(made.to)

    def keep_room(self, group: GroupSpec, node: int) -> None:
        """Count the group there, where others make room for it."""
        self.occupancy.put(group.id, share_on(group, node))


def bar(view: ClusterView, node: int, wall_s: float) -> Reason | None:
    """Why that node takes no group at all now, or None."""
    known = view.authority.members.get(node)
    if known is None or known.record.state != "up":
        return Reason(code="node_down", node=node)
    intent = view.node_intent(node)
    if intent.eviction is not None:
        return Reason(code="node_evicted_soon", node=node)
    if intent.stopping:
        return Reason(code="node_stopping", node=node)
    if intent.drain:
        return Reason(code="node_draining", node=node)
    if intent.paused:
        return Reason(code="node_paused", node=node)
    if intent.maintenance is not None and not intent.maintenance.over(wall_s):
        return Reason(code="node_in_maintenance", node=node, detail=intent.maintenance.author)
    return None
