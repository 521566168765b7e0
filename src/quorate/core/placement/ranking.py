"""Which of the nodes that may own a group is the best: rules one after the other, the first that differs decides.

Owns: the order of the rules, and the words by which one node is behind another. Does not know: what forbids a node.
How it works: every rule that applies to the group gives each node a number, lower is better; nodes are compared rule
by rule. The order is: kept apart, kept together, preferred owners, site, where it was last, spread, room or number of
groups, number of the node. So the same input always has the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from quorate.core.placement.filters import apart_conflict, companions, enforced_apart
from quorate.core.placement.occupancy import SPREAD
from quorate.core.placement.scene import Scene
from quorate.model.workload import GroupSpec, Reason

Mode = Literal["place", "failover", "move", "failback"]
_Say = Callable[[int, int], Reason]
"""A node and its number under the rule, as a reason."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule applied to one group: a number for each node, in their order, and how it is said."""

    numbers: list[int]
    say: _Say


def preferred_order(group: GroupSpec, mode: Mode, owner: int) -> tuple[int, ...]:
    """Preferred owners, best first; in a failover the list begins after the present owner (spec/03 §8.2)."""
    preferred = group.preferred_owners
    if mode == "failover" and owner in preferred:
        start = preferred.index(owner) + 1
        return (*preferred[start:], *preferred[:start])
    return preferred


def rules(scene: Scene, group: GroupSpec, nodes: list[int], mode: Mode, owner: int) -> list[Rule]:
    """The rules that tell these nodes apart for this group, in their order."""
    found: list[Rule] = []
    if group.anti_affinity_class_names and not enforced_apart(scene, group):
        found.append(Rule([apart_conflict(scene, group, node) is not None for node in nodes], _apart(scene, group)))
    if group.affinity_class_names and (wanted := companions(scene, group)):
        found.append(Rule([node not in wanted for node in nodes], _together(group)))
    if group.preferred_owners:
        order = preferred_order(group, mode, owner)
        ranks = {node: rank for rank, node in enumerate(order)}
        found.append(Rule([ranks.get(node, len(order)) for node in nodes], _preferred(group)))
    site = preferred_site(scene, group, owner)
    if site is not None:
        found.append(Rule([scene.sites.get(node, "") != site for node in nodes], _site(site)))
    if group.sticky and owner in nodes:
        found.append(Rule([node != owner for node in nodes], _sticky))
    if group.spread_class_names:
        level, names = group.separation_level, group.spread_class_names
        found.append(Rule([scene.hosted(group, node, level, SPREAD, names) for node in nodes], _spread(group)))
    if group.demand:
        found.append(Rule([share_after(scene, group, node) for node in nodes], _share))
    found.append(Rule(groups_without(scene, group, nodes), _count))
    if owner == 0:
        known = scene.view.assignments.get(group.id)
        here = known.record.owner if known is not None else 0
        found.append(Rule([scene.owned[node] - (node == here) for node in nodes], _owned))
    return found


def preferred_site(scene: Scene, group: GroupSpec, owner: int) -> str | None:
    """The site that comes first for the group; None where sites tell nothing apart."""
    if not scene.several_sites:
        return None
    cluster = scene.view.cluster
    named = group.preferred_site or (cluster.record.preferred_site if cluster is not None else "")
    return named.casefold() if named else scene.sites.get(owner)


def share_after(scene: Scene, group: GroupSpec, node: int) -> int:
    """How full the node would be with the group, in thousandths of what it has of the scarcest quantity."""
    load, capacity = scene.occupancy.load(node), scene.spec(node).capacity
    own = scene.occupancy.share(group.id)
    counted = own is not None and own.node == node
    shares = (
        1000 * (load.used.get(name, 0) + (0 if counted else amount)) // max(capacity.get(name, 0), 1)
        for name, amount in group.demand.items()
    )
    return max(shares, default=0)


def groups_without(scene: Scene, group: GroupSpec, nodes: list[int]) -> list[int]:
    """How many other groups that should be online each node has."""
    own, load = scene.occupancy.share(group.id), scene.occupancy.load
    here = own.node if own is not None else 0
    return [load(node).groups - (node == here) for node in nodes]


def _owned(node: int, number: int) -> Reason:
    return Reason(code="fewest_owned", node=node, detail=str(number))


def _apart(scene: Scene, group: GroupSpec) -> _Say:
    def say(node: int, number: int) -> Reason:
        if number:
            return apart_conflict(scene, group, node) or Reason(code="anti_affinity", node=node)
        return Reason(code="kept_apart", node=node, subject=", ".join(group.anti_affinity_class_names))

    return say


def _together(group: GroupSpec) -> _Say:
    def say(node: int, number: int) -> Reason:
        code = "companions_elsewhere" if number else "companions_here"
        return Reason(code=code, node=node, subject=", ".join(group.affinity_class_names))

    return say


def _preferred(group: GroupSpec) -> _Say:
    def say(node: int, number: int) -> Reason:
        del number  # a failover counts from another place than people do
        if node not in group.preferred_owners:
            return Reason(code="no_preferred_owner", node=node)
        return Reason(code="preferred_owner", node=node, detail=str(group.preferred_owners.index(node) + 1))

    return say


def _site(site: str) -> _Say:
    def say(node: int, number: int) -> Reason:
        return Reason(code="other_site" if number else "in_site", node=node, subject=site or "no name")

    return say


def _sticky(node: int, number: int) -> Reason:
    return Reason(code="was_elsewhere" if number else "was_here", node=node)


def _spread(group: GroupSpec) -> _Say:
    def say(node: int, number: int) -> Reason:
        return Reason(code="spread", node=node, subject=group.separation_level, detail=str(number))

    return say


def _share(node: int, number: int) -> Reason:
    return Reason(code="fullness", node=node, detail=f"{number / 10:g} %")


def _count(node: int, number: int) -> Reason:
    return Reason(code="fewest_groups", node=node, detail=str(number))
