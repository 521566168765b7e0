"""Moves that people and programs ask for (spec/03 §10), and the return from one that failed.

Owns: what becomes of a request: begun, refused with the reason, waiting, taken back. Does not know: who asks.
A move is never counted against the failover limit, and leaves no rule behind: what it changes is where the group is.
"""

from __future__ import annotations

from quorate.core.failover.decision import Verdict, decided, incarnation_of, left, taken
from quorate.core.moment import Moment
from quorate.core.placement.choosing import choose, objection
from quorate.core.placement.filters import BY_RULE
from quorate.core.placement.scene import Scene
from quorate.model.base import replace
from quorate.model.workload import QUIET, Assignment, GroupSpec, Move, Reason


def requested(scene: Scene, group: GroupSpec, now: Assignment, move: Move, moment: Moment) -> Verdict:
    """Begin the move, refuse it, or let it wait."""
    view = scene.view
    why = Reason(code="move_requested", node=move.to, subject=move.author, detail=move.reason)
    if move.cancels:
        return _ended(now, move, (Reason(code="move_cancelled", subject=move.author),))
    found: Reason | None = None
    chosen = Reason(code="named_by_request", node=move.to)
    target = move.to
    if group.locked_from_moving:
        found = Reason(code="locked_from_moving")
    elif move.to:
        found = objection(scene, group, move.to)
    else:
        best, _ = choose(scene, group, "move", without=frozenset({now.owner}))
        found = Reason(code="nowhere_to_go") if best is None else None
        target, chosen = (best.node, best.reason) if best is not None else (0, chosen)
    if found is not None and move.queue and found.code != "locked_from_moving":
        return Verdict(waits=(Reason(code="move_queued", node=move.to), found))
    if found is not None and (barred := _cannot_start(scene, group, now)) is not None:
        held = taken(view, now, now.owner, now.cause, (why, found, barred), moment, phase="hold")
        return decided(held, now.owner, finishes_move=move)
    if found is not None or target == now.owner:
        return _ended(now, move, (why, found or Reason(code="already_there", node=target)))
    stay = tuple(
        Reason(code="moved_by_hand", node=node, detail=incarnation_of(view, node)) for node in group.preferred_owners
    )
    made = replace(
        left(now, target, "moved", (why, chosen), moment),
        failovers=(),
        clear_failures=view.intent(group.id).clear_failures,
        stay_against=stay,
        returns_to=now.owner if move.return_on_error else 0,
    )
    return decided(made, now.owner, target)


def _cannot_start(scene: Scene, group: GroupSpec, now: Assignment) -> Reason | None:
    """Nothing of the group runs, and its owner is not one that may run it: it was to start elsewhere or not at all."""
    fact = scene.view.fact(now)
    if fact is not None and any(one.state not in QUIET for one in fact.resources.values()):
        return None
    found = objection(scene, group, now.owner)
    return found if found is not None and found.code in BY_RULE else None


def _ended(now: Assignment, move: Move, reasons: tuple[Reason, ...]) -> Verdict:
    """The request is answered, and the group stays."""
    return decided(replace(now, reasons=(*now.reasons, *reasons)), now.owner, finishes_move=move)


def turned_round(scene: Scene, now: Assignment, move: Move, moment: Moment) -> Verdict:
    """A move that is under way is taken back: the group goes on where it is being stopped."""
    why = Reason(code="move_cancelled", subject=move.author, detail=move.reason)
    made = taken(scene.view, now, now.owner, "cancelled", (why,), moment)
    return decided(replace(made, stay_against=(), drained_from=0), now.owner, finishes_move=move)


def gone_back(scene: Scene, group: GroupSpec, now: Assignment, why: Reason, moment: Moment) -> Verdict | None:
    """It did not come online where it was moved to, and the request said that it goes back then."""
    home = now.returns_to
    if not home or home == now.owner or objection(scene, group, home) is not None:
        return None
    back = left(now, home, "returned", (why, Reason(code="returns_on_error", node=home)), moment)
    return decided(replace(back, stay_against=now.stay_against), now.owner, home)


def arrived_well(now: Assignment) -> Verdict:
    """It has come online where it was moved to: what happens later has nothing to do with the move."""
    return decided(replace(now, returns_to=0), now.owner)
