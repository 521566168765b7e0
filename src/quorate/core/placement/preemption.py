"""Who makes room for a group of higher priority (spec/03 §11).

Owns: the choice of the node and of the groups that go on hold there. Does not know: how they are held, or come back.
How it works: only want of room counts. On the best node that could own the group but for that, groups of lower priority
go, the lowest first, until it fits; what is on hold there already, and about to stop, counts as gone.
"""

from __future__ import annotations

from quorate.core.placement.choosing import place
from quorate.core.placement.scene import Scene
from quorate.model.workload import GroupSpec


def victims(scene: Scene, group: GroupSpec) -> tuple[str, ...]:
    """Groups that have to go on hold; none where none can help, or where those that can are on their way already."""
    cluster = scene.view.cluster
    least = cluster.record.minimum_preemptor_priority if cluster is not None else 1
    if not group.demand or group.priority < max(least, 1):
        return ()
    for candidate in place(scene, group, "place", room=False).candidates:
        found = _enough(scene, group, candidate.node)
        if found is not None:
            return found
    return ()


def _enough(scene: Scene, group: GroupSpec, node: int) -> tuple[str, ...] | None:
    """The groups of that node which must go for this one to fit; None where even all would not do."""
    view = scene.view
    never = view.cluster.record.minimum_never_preempt_priority if view.cluster is not None else 3000
    load, capacity = scene.occupancy.load(node), scene.spec(node).capacity
    missing = {name: amount - (capacity.get(name, 0) - load.used.get(name, 0)) for name, amount in group.demand.items()}
    going: list[str] = []
    lower: list[tuple[int, str]] = []
    for other in scene.occupancy.on(node):
        spec, known = view.groups[other].record, view.assignments.get(other)
        if known is None or other == group.id:
            continue
        if known.record.phase == "hold":
            missing = {name: amount - spec.demand.get(name, 0) for name, amount in missing.items()}
        elif known.record.phase == "run" and spec.priority < min(group.priority, never):
            lower.append((spec.priority, other))
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
