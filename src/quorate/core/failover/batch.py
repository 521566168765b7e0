"""What the coordinator decides about many groups at one moment, in which order, each knowing of those before it.

Owns: the order of a batch, and the rule that a group is decided on once in it. Pure. Does not know: transactions
(`node.coordinating`), or what follows of it (`foresight` asks that).
How it works: groups of higher priority come first; every decision is counted in the scene before the next is made, and
so is the room that others make for a group: who waits for it is looked at in every batch, before those that are less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.failover.deciding import decide
from quorate.core.failover.decision import Decision, Verdict
from quorate.core.moment import Moment
from quorate.core.placement.scene import Scene
from quorate.model.base import replace
from quorate.model.workload import GroupIntent


@dataclass(frozen=True, slots=True)
class Batch:
    """What was decided, what each group that was looked at waits for, and who was left for the next batch."""

    decisions: tuple[Decision, ...]
    verdicts: Mapping[str, Verdict]
    left: frozenset[str]


def decide_batch(
    view: ClusterView,
    due: Iterable[str],
    moment: Moment,
    *,
    take: Callable[[Decision, Scene], bool],
    heed_proofs: bool = True,
) -> Batch:
    """Decide on these groups; `take` gets each decision before it is counted, and tells if there is room for more.

    Where there is none the rest is left for the next batch. `heed_proofs` is False in a mutation alone.
    """
    scene, full = Scene(view, moment.wall_s), False
    made: dict[str, Decision] = {}
    verdicts: dict[str, Verdict] = {}
    left: set[str] = set()
    for group in sorted(due, key=lambda g: (-view.groups[g].record.priority, g)):
        if full:
            left.add(group)
            continue
        verdict = verdicts[group] = decide(scene, view.groups[group].record, moment, heed_proofs=heed_proofs)
        for decision in verdict.decisions:
            other = decision.assignment.group
            if other in made:
                continue  # it has been decided on already in this batch
            made[other] = decision
            full = not take(decision, scene)
            scene.decided(view.groups[other].record, decision.assignment)
        if verdict.room_on:
            scene.keep_room(view.groups[group].record, verdict.room_on)
    return Batch(tuple(made.values()), verdicts, frozenset(left))


def intent_after(view: ClusterView, decision: Decision) -> GroupIntent | None:
    """The group's intent without the move that the decision fulfils or refuses; None where it stays as it is."""
    intent = view.intents.get(decision.assignment.group)
    if decision.finishes_move is None or intent is None or intent.record.move is None:
        return None
    return replace(intent.record, move=None)
