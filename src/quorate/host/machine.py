"""The life of one resource in its host, as a pure step (spec/03 section 1.2, spec/04 sections 5 and 7).

Owns: what follows when a command, the end of a call, a sign of progress, a verdict or the passing of time meets a
phase.
Does not know: tasks, channels, tokens of other resources, or deadlock limits; `host.instance` carries the effects out.
How it works: `step(life, event, now)` gives the new life and the effects; `deadline(life)` says when `Tick` is due.
Commands are level-triggered: a life remembers only what is wanted, and whenever it stands still it starts towards
that.

    phase      standing      online wanted        offline wanted       ended (terminate, failure, lease over)
    OFFLINE    nothing runs  call online: COMING  stay                 stay
    COMING     `online`      stay                 ENDING, then OFFLINE ENDING
    ONLINE     it runs       stay                 call offline: GOING  ENDING
    GOING      `offline`     remember             stay                 ENDING
    ENDING     `terminate`   remember             stay                 stay

A failure is reported only after `terminate` has returned, so that FAILED, like OFFLINE, means that nothing of it is
left; until then it shows as OFFLINE_PENDING, or as STOP_FAILED where `terminate` keeps failing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from quorate.host.lives import (
    Call,
    CallOffline,
    CallOnline,
    CallPoll,
    CallReturned,
    CallTerminate,
    EndWanted,
    Event,
    FailureCleared,
    FailureReported,
    Life,
    Locked,
    Maintained,
    OfflineWanted,
    OnlineWanted,
    Phase,
    Poll,
    Progress,
    Show,
    Standing,
    Step,
    StopFailed,
    Suspected,
    Tick,
    Verdict,
)
from quorate.wire.host_channel import FailureKind, OfflineReason, ReportedState


def deadline(life: Life) -> float | None:
    """When the next Tick is due, or None."""
    match life.phase:
        case Phase.COMING | Phase.GOING:
            return life.silent_since_s + life.intervals.pending_s
        case Phase.ONLINE:
            return min(life.next_looks_alive_s, life.next_is_alive_s) if life.polling is None else None
        case Phase.OFFLINE | Phase.ENDING:
            return None
        case _ as unreachable:
            assert_never(unreachable)


def awaited(phase: Phase) -> Call | None:
    """The call whose return moves a life of that phase on."""
    match phase:
        case Phase.COMING:
            return Call.ONLINE
        case Phase.GOING:
            return Call.OFFLINE
        case Phase.ENDING:
            return Call.TERMINATE
        case Phase.OFFLINE | Phase.ONLINE:
            return None
        case _ as unreachable:
            assert_never(unreachable)


def step(life: Life, event: Event, now_s: float) -> Step:
    """What follows."""
    match event:
        case OnlineWanted():
            return _settle(replace(life, wanted_online=True), now_s)
        case OfflineWanted(reason):
            return _go_offline(replace(life, wanted_online=False), reason, now_s)
        case EndWanted(detail):
            outcome = Standing(ReportedState.OFFLINE, detail)
            life = replace(life, wanted_online=False)
            return (life, (Show(),)) if life.phase is Phase.OFFLINE else _end(life, outcome, now_s)
        case CallReturned(call, problem):
            return _call_returned(life, problem, now_s) if call is awaited(life.phase) else (life, ())
        case StopFailed(detail):
            if life.phase is not Phase.ENDING or life.shown.state is ReportedState.STOP_FAILED:
                return life, ()
            return _show(life, Standing(ReportedState.STOP_FAILED, f"it does not end: {detail}"), now_s), (Show(),)
        case Progress(detail):
            if life.phase not in (Phase.COMING, Phase.GOING):
                return life, ()
            shown = replace(life.shown, detail=detail)
            return replace(life, checkpoint=life.checkpoint + 1, silent_since_s=now_s, shown=shown), (Show(),)
        case FailureReported(kind, detail):
            return _failure_reported(life, kind, detail, now_s)
        case Suspected():
            return _suspected(life)
        case FailureCleared():
            if life.phase is not Phase.ONLINE or life.shown.failure is None:
                return life, ()
            return replace(life, shown=Standing(ReportedState.ONLINE)), (Show(),)
        case Locked(reason):
            if life.phase is Phase.OFFLINE or life.locked == reason:
                return life, ()
            return replace(life, locked=reason), (Show(),)
        case Maintained(on):
            return _maintained(life, now_s, on=on)
        case Verdict():
            return _verdict(life, event, now_s)
        case Tick():
            return _tick(life, now_s)
        case _ as unreachable:
            assert_never(unreachable)


def _show(life: Life, shown: Standing, now_s: float) -> Life:
    return replace(life, shown=shown, since_s=now_s, checkpoint=0, silent_since_s=now_s)


def _settle(life: Life, now_s: float) -> Step:
    """Start towards what is wanted, where the life stands still; show the standing either way."""
    if life.phase is Phase.OFFLINE and life.wanted_online:
        shown = Standing(ReportedState.ONLINE_PENDING, "coming online")
        life = replace(life, phase=Phase.COMING, early_failure=None, suspected=False)
        return _show(life, shown, now_s), (Show(), CallOnline())
    return life, (Show(),)


def _go_offline(life: Life, reason: OfflineReason, now_s: float) -> Step:
    match life.phase:
        case Phase.ONLINE:
            shown = Standing(ReportedState.OFFLINE_PENDING, f"going offline: {reason.value}")
            return _show(replace(life, phase=Phase.GOING), shown, now_s), (Show(), CallOffline(reason))
        case Phase.COMING:
            return _end(life, Standing(ReportedState.OFFLINE, "stopped while coming online"), now_s)
        case Phase.OFFLINE:
            # An offline request to a failed resource succeeds (spec/03 section 1.2).
            if life.shown.state is not ReportedState.OFFLINE:
                life = _show(life, Standing(ReportedState.OFFLINE), now_s)
            return life, (Show(),)
        case Phase.GOING:
            return life, (Show(),)
        case Phase.ENDING:
            return replace(life, outcome=Standing(ReportedState.OFFLINE, life.outcome.detail)), (Show(),)
        case _ as unreachable:
            assert_never(unreachable)


def _end(life: Life, outcome: Standing, now_s: float) -> Step:
    if life.phase is Phase.ENDING:
        return life, (Show(),)
    shown = Standing(ReportedState.OFFLINE_PENDING, f"ending: {outcome.detail}")
    life = replace(life, phase=Phase.ENDING, outcome=outcome, polling=None)
    return _show(life, shown, now_s), (Show(), CallTerminate())


def _call_returned(life: Life, problem: Standing | None, now_s: float) -> Step:
    match life.phase:
        case Phase.COMING if problem is None and life.early_failure is None:
            life = replace(
                life,
                phase=Phase.ONLINE,
                polling=None,
                next_looks_alive_s=now_s + life.intervals.looks_alive_s,
                next_is_alive_s=now_s if life.suspected else now_s + life.intervals.is_alive_s,
                suspected=False,
            )
            return _show(life, Standing(ReportedState.ONLINE), now_s), (Show(),)
        case Phase.COMING:
            # Without this a resource that cannot start would be tried again and again; policy decides (spec/03
            # section 7).
            outcome = problem or life.early_failure or Standing(ReportedState.FAILED)
            return _end(replace(life, wanted_online=False), outcome, now_s)
        case Phase.GOING if problem is None:
            gone = replace(life, phase=Phase.OFFLINE, locked="", maintained=False)
            return _settle(_show(gone, Standing(ReportedState.OFFLINE), now_s), now_s)
        case Phase.GOING:
            detail = problem.detail if problem else ""
            return _end(life, Standing(ReportedState.OFFLINE, f"ended, for it did not stop: {detail}"), now_s)
        case Phase.ENDING:
            return _settle(
                _show(replace(life, phase=Phase.OFFLINE, locked="", maintained=False), life.outcome, now_s), now_s
            )
        case Phase.OFFLINE | Phase.ONLINE:
            return life, ()
        case _ as unreachable:
            assert_never(unreachable)


def _failure_reported(life: Life, kind: FailureKind, detail: str, now_s: float) -> Step:
    if life.phase is Phase.COMING and kind is not FailureKind.EMBEDDED:
        return replace(life, early_failure=Standing(ReportedState.FAILED, detail, kind)), ()
    if life.phase is not Phase.ONLINE:
        return life, ()
    if kind is FailureKind.EMBEDDED:
        return replace(life, shown=Standing(ReportedState.ONLINE, detail, kind)), (Show(),)
    if life.maintained:
        return _overlooked(life, detail)
    return _end(replace(life, wanted_online=False), Standing(ReportedState.FAILED, detail, kind), now_s)


def _suspected(life: Life) -> Step:
    """Check it now; where it is being checked, once more after that, for the answer may be older than the suspicion."""
    if life.phase is Phase.COMING or (life.phase is Phase.ONLINE and life.polling is Poll.IS_ALIVE):
        return replace(life, suspected=True), ()
    if life.phase is not Phase.ONLINE:
        return life, ()
    return replace(life, polling=Poll.IS_ALIVE), (CallPoll(Poll.IS_ALIVE),)


def _verdict(life: Life, verdict: Verdict, now_s: float) -> Step:
    if life.phase is not Phase.ONLINE or life.polling is not verdict.poll:
        return life, ()
    looks_alive_s = now_s + life.intervals.looks_alive_s
    match verdict.poll:
        case Poll.LOOKS_ALIVE if verdict.alive:
            return replace(life, polling=None, next_looks_alive_s=looks_alive_s), ()
        case Poll.LOOKS_ALIVE:
            return replace(life, polling=Poll.IS_ALIVE), (CallPoll(Poll.IS_ALIVE),)
        case Poll.IS_ALIVE if life.suspected and verdict.alive:
            return replace(life, suspected=False), (CallPoll(Poll.IS_ALIVE),)
        case Poll.IS_ALIVE if verdict.alive or life.maintained:
            is_alive_s = now_s + life.intervals.is_alive_s
            life = replace(life, polling=None, next_looks_alive_s=looks_alive_s, next_is_alive_s=is_alive_s)
            return _overlooked(life, "" if verdict.alive else verdict.detail or "it is not alive")
        case Poll.IS_ALIVE:
            outcome = Standing(ReportedState.FAILED, verdict.detail or "it is not alive", FailureKind.GENERAL)
            return _end(replace(life, wanted_online=False), outcome, now_s)
        case _ as unreachable:
            assert_never(unreachable)


def _maintained(life: Life, now_s: float, *, on: bool) -> Step:
    if life.maintained == on:
        return life, ()
    life = replace(life, maintained=on)
    if on or life.phase is not Phase.ONLINE:
        return life, (Show(),)
    if life.shown.failure is None:
        life = replace(life, shown=Standing(ReportedState.ONLINE))
    return replace(life, next_is_alive_s=now_s), (Show(),)


def _overlooked(life: Life, detail: str) -> Step:
    """It stays online; in maintenance a check that fails is shown. What failed inside stays to be seen."""
    shown = Standing(ReportedState.ONLINE, f"in maintenance, overlooked: {detail}" if detail else "")
    if not life.maintained or life.shown.failure is not None or shown == life.shown:
        return life, ()
    return replace(life, shown=shown), (Show(),)


def _tick(life: Life, now_s: float) -> Step:
    due_s = deadline(life)
    if due_s is None or now_s < due_s:
        return life, ()
    if life.phase is Phase.ONLINE:
        # Where both fall together only the thorough one runs; a late poll is not made up for (spec/04 section 7).
        poll = Poll.IS_ALIVE if now_s >= life.next_is_alive_s else Poll.LOOKS_ALIVE
        return replace(life, polling=poll), (CallPoll(poll),)
    silence = f"no sign of life for {life.intervals.pending_s:g} s"
    if life.phase is Phase.COMING:
        outcome = Standing(ReportedState.FAILED, f"{silence} while coming online", FailureKind.GENERAL)
        return _end(replace(life, wanted_online=False), outcome, now_s)
    return _end(life, Standing(ReportedState.OFFLINE, f"ended: {silence} while going offline"), now_s)
