"""What bringing a group online rests on in other groups: that no rival has come, and that the room is left.

Owns: the guards for that. Does not know: what stands against a group (`core.placement`).
How it works: two commands that are checked against the same state would both pass, and together break what each had
checked. So each guards what it looked at: whichever executes second finds its guard broken and is checked anew.
"""

from __future__ import annotations

from typing import Final

from quorate.control.change import guard
from quorate.core.cluster_view import ClusterView
from quorate.core.placement.filters import rivals
from quorate.core.placement.scene import Scene
from quorate.model import keys
from quorate.model.records import Guard
from quorate.model.workload import GroupSpec

GUARDED_MOST: Final = 400
"""So many neighbours are guarded for their room; a transaction is bounded, and want of room endangers nothing."""


def neighbour_guards(view: ClusterView, spec: GroupSpec) -> tuple[Guard, ...]:
    """Owner and neighbours are as the view has them."""
    known = view.assignments.get(spec.id)
    if known is None or not (spec.demand or spec.anti_affinity_class_names):
        return ()
    scene = Scene(view)
    others = rivals(scene, spec)
    if spec.demand:
        others += [g for g in _on(view, known.record.owner) if view.groups[g].record.demand][:GUARDED_MOST]
    found = [guard(keys.ASSIGNMENT + spec.id, known.revision)]
    for other in dict.fromkeys(one for one in others if one != spec.id):
        assignment, intent = view.assignments.get(other), view.intents.get(other)
        found.append(guard(keys.ASSIGNMENT + other, assignment.revision if assignment is not None else None))
        found.append(guard(keys.INTENT_GROUP + other, intent.revision if intent is not None else None))
    return tuple(found)


def _on(view: ClusterView, node: int) -> list[str]:
    """Groups that the node owns or is to own, online or not: what is offline may be asked for at the same moment."""
    owned = (group for group, known in view.assignments.items() if node in (known.record.owner, known.record.to))
    return [group for group in owned if group in view.groups]
