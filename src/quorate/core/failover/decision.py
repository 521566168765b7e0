"""What is decided about a group: a new assignment, or what it waits for.

Owns: the forms of a decision, and the making of an assignment that succeeds another. Does not know: any cause.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.moment import Moment
from quorate.model.base import replace
from quorate.model.workload import Assignment, GroupSpec, Move, Phase, Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """A new assignment, and the move request that it fulfils or refuses."""

    assignment: Assignment
    finishes_move: Move | None = None
    watches: tuple[int, ...] = ()
    """Nodes whose membership the decision rests on; their records are guarded."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows for one group now."""

    decisions: tuple[Decision, ...] = ()
    """Its own new assignment; or those of others that make room for it."""
    waits: tuple[Reason, ...] = ()
    """What it waits for, where something keeps it from being where and as it should."""
    again_s: float | None = None
    """Wall time at which the answer may be another."""
    room_on: int = 0
    """The node on which others make room for it: lesser groups do not take that meanwhile; 0: none."""


STAYS = Verdict()


def incarnation_of(view: ClusterView, node: int) -> str:
    """The present life of a node; empty where it has none."""
    known = view.authority.members.get(node)
    return known.record.incarnation if known else ""


def decided(made: Assignment, *watches: int, finishes_move: Move | None = None) -> Verdict:
    """The verdict that consists of that assignment."""
    return Verdict((Decision(made, finishes_move, tuple(dict.fromkeys(watches))),))


def first(
    view: ClusterView,
    group: GroupSpec,
    owner: int,
    reasons: tuple[Reason, ...],
    moment: Moment,
    *,
    phase: Phase = "run",
) -> Assignment:
    """The first assignment of a group."""
    return Assignment(
        group=group.id,
        owner=owner,
        incarnation=incarnation_of(view, owner),
        number=1,
        phase=phase,
        cause="created",
        reasons=reasons,
        clear_failures=view.intent(group.id).clear_failures,
        at_s=moment.wall_s,
    )


def taken(
    view: ClusterView,
    now: Assignment,
    owner: int,
    cause: str,
    reasons: tuple[Reason, ...],
    moment: Moment,
    *,
    phase: Phase = "run",
) -> Assignment:
    """The assignment under which that node owns the group from now on."""
    asked = view.intent(now.group).clear_failures
    return Assignment(
        group=now.group,
        owner=owner,
        incarnation=incarnation_of(view, owner),
        number=now.number + 1,
        phase=phase,
        cause=cause,
        reasons=reasons,
        failovers=now.failovers if asked == now.clear_failures else (),
        clear_failures=asked,
        at_s=moment.wall_s,
        drained_from=now.drained_from,
        former=now.owner,
        stay_against=now.stay_against,
    )


def left(now: Assignment, to: int, cause: str, reasons: tuple[Reason, ...], moment: Moment) -> Assignment:
    """The assignment under which the owner stops the group, for it to go elsewhere."""
    return replace(
        now,
        number=now.number + 1,
        phase="stop",
        to=to,
        cause=cause,
        reasons=reasons,
        at_s=moment.wall_s,
        drained_from=now.owner if cause == "drained" else 0,
        stay_against=(),
        returns_to=0,
    )
