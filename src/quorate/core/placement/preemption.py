"""Who makes room for a group of higher priority (spec/03 §11).

Owns: the choice of the node and of the groups that go on hold there. Does not know: how they are held, or come back.
How it works: only want of room counts. On the best node that could own the group but for that, groups of lower priority
go, the lowest first, until it fits; what is on hold there already, and about to stop, counts as gone. Groups that it
must be with do not go for it, and one of them must be left: else it could not come, and all would begin again.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.placement.choosing import place
from quorate.core.placement.filters import companions
from quorate.core.placement.scene import Scene
from quorate.model.workload import GroupSpec


@dataclass(frozen=True, slots=True)
class Room:
    """Where a group will have room, and the groups that have to go on hold for that, besides those that do already."""

    node: int
    victims: tuple[str, ...]


def room_for(scene: Scene, group: GroupSpec) -> Room | None:
    """Who makes room for it; None where nobody can. Where it is being made already nobody else has to go."""
    if not may_ask(scene, group):
        return None
    found: Room | None = None
    for candidate in place(scene, group, "place", room=False).candidates:
        going = enough(scene, group, candidate.node)
        if going is not None and not going:
            return Room(candidate.node, ())
        if going is not None and found is None:
            found = Room(candidate.node, going)
    return found


def may_ask(scene: Scene, group: GroupSpec) -> bool:
    """Others make room for it at all."""
    cluster = scene.view.cluster
    least = cluster.record.minimum_preemptor_priority if cluster is not None else 1
    return bool(group.demand) and group.priority >= max(least, 1)


def enough(scene: Scene, group: GroupSpec, node: int) -> tuple[str, ...] | None:
    """The groups of that node which must go for this one to fit; None where even all would not do."""
    view = scene.view
    never = view.cluster.record.minimum_never_preempt_priority if view.cluster is not None else 3000
    load, capacity = scene.occupancy.load(node), scene.spec(node).capacity
    missing = {name: amount - (capacity.get(name, 0) - load.used.get(name, 0)) for name, amount in group.demand.items()}
    needed = frozenset(map(str.casefold, group.affinity_class_names)) if group.affinity_enforced else frozenset()
    mates = 0
    going: list[str] = []
    lower: list[tuple[int, str]] = []
    for other in scene.occupancy.on(node):
        spec, known = view.groups[other].record, view.assignments.get(other)
        if known is None or other == group.id:
            continue
        if known.record.phase == "hold":
            missing = {name: amount - spec.demand.get(name, 0) for name, amount in missing.items()}
        elif not needed.isdisjoint(map(str.casefold, spec.affinity_class_names)):
            mates += 1
        elif known.record.phase == "run" and spec.priority < min(group.priority, never):
            lower.append((spec.priority, other))
    if needed and not mates and node in companions(scene, group):
        return None  # those that draw it here are about to go themselves
    for other in scene.occupancy.leaving(node):
        demand = view.groups[other].record.demand if other != group.id else {}
        missing = {name: amount - demand.get(name, 0) for name, amount in missing.items()}
    for _, other in sorted(lower):
        if all(amount <= 0 for amount in missing.values()):
            break
        demand = view.groups[other].record.demand
        if any(missing.get(name, 0) > 0 for name in demand):
            missing = {name: amount - demand.get(name, 0) for name, amount in missing.items()}
            going.append(other)
    return tuple(going) if all(amount <= 0 for amount in missing.values()) else None
