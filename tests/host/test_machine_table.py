"""The life of a resource as a table: every phase meets every event, and what must never happen does not."""

from __future__ import annotations

import enum

from hypothesis import given
from hypothesis import strategies as st

from quorate.host.lives import (
    Call,
    CallOffline,
    CallOnline,
    CallPoll,
    CallReturned,
    CallTerminate,
    Effect,
    EndWanted,
    Event,
    FailureReported,
    Intervals,
    Life,
    OfflineWanted,
    OnlineWanted,
    Phase,
    Poll,
    Progress,
    Standing,
    Tick,
    Verdict,
)
from quorate.host.machine import awaited, deadline, step
from quorate.wire.host_channel import FailureKind, OfflineReason, ReportedState

NEW = Life(Intervals(looks_alive_s=5, is_alive_s=60, pending_s=180))
ONLINE = OnlineWanted()
OFFLINE = OfflineWanted(OfflineReason.REQUEST)
WHY = Standing(ReportedState.FAILED, "why", FailureKind.GENERAL)
GENERAL = FailureReported(FailureKind.GENERAL, "broke")


class Return(enum.Enum):
    """The call that the present phase waits for returns."""

    WELL = "well"
    FAILING = "failing"


DONE, FAILED = Return.WELL, Return.FAILING


def play(*events: Event | Return, life: Life = NEW, now_s: float = 0.0) -> tuple[Life, list[Effect]]:
    effects: list[Effect] = []
    for event in events:
        if isinstance(event, Return):
            call = awaited(life.phase)
            assert call is not None, "nothing is being called"
            event = CallReturned(call, WHY if event is FAILED else None)
        life, more = step(life, event, now_s)
        effects += [effect for effect in more if type(effect).__name__ != "Show"]
    return life, effects


def test_up_and_down() -> None:
    life, effects = play(ONLINE, DONE, OFFLINE, DONE)
    assert life.phase is Phase.OFFLINE
    assert effects == [CallOnline(), CallOffline(OfflineReason.REQUEST)]


def test_an_online_that_returns_late_is_not_the_end_of_terminate() -> None:
    """It would be told as offline while the program runs, and another node would start it too."""
    life, effects = play(ONLINE, EndWanted("stopped"), CallReturned(Call.ONLINE))
    assert (life.phase, life.shown.state) == (Phase.ENDING, ReportedState.OFFLINE_PENDING)
    assert effects == [CallOnline(), CallTerminate()]
    life, _ = play(CallReturned(Call.OFFLINE, WHY), life=life)
    assert life.phase is Phase.ENDING
    life, _ = play(CallReturned(Call.TERMINATE), life=life)
    assert life.phase is Phase.OFFLINE


def test_a_failed_start_is_terminated_and_not_tried_again() -> None:
    life, effects = play(ONLINE, FAILED, DONE)
    assert effects == [CallOnline(), CallTerminate()]
    assert life.shown.state is ReportedState.FAILED
    assert not life.wanted_online


def test_a_program_that_ends_before_the_start_is_done_has_failed() -> None:
    life, effects = play(ONLINE, GENERAL, DONE, DONE)
    assert effects == [CallOnline(), CallTerminate()]
    assert life.shown == Standing(ReportedState.FAILED, "broke", FailureKind.GENERAL)


def test_an_online_in_the_middle_of_going_offline_is_done_afterwards() -> None:
    life, effects = play(ONLINE, DONE, OFFLINE, ONLINE, DONE)
    assert life.phase is Phase.COMING
    assert effects[-1] == CallOnline()
    life, effects = play(ONLINE, EndWanted("x"), ONLINE, DONE)
    assert effects == [CallOnline(), CallTerminate(), CallOnline()]


def test_silence_ends_a_pending_phase_and_progress_delays_that() -> None:
    life, _ = play(ONLINE)
    assert deadline(life) == 180
    life, _ = play(Progress("step"), life=life, now_s=100)
    assert deadline(life) == 280
    life, effects = play(Tick(), life=life, now_s=279)
    assert effects == []
    life, effects = play(Tick(), life=life, now_s=280)
    assert effects == [CallTerminate()]
    assert life.outcome.state is ReportedState.FAILED
    life, _ = play(ONLINE, DONE, OFFLINE)
    life, effects = play(Tick(), life=life, now_s=200)
    assert effects == [CallTerminate()]
    assert life.outcome.state is ReportedState.OFFLINE


def test_polls_never_overlap_and_the_thorough_one_wins() -> None:
    life, _ = play(ONLINE, DONE)
    life, effects = play(Tick(), Tick(), life=life, now_s=5)
    assert effects == [CallPoll(Poll.LOOKS_ALIVE)]
    life, effects = play(Verdict(Poll.LOOKS_ALIVE, alive=False), life=life, now_s=5)
    assert effects == [CallPoll(Poll.IS_ALIVE)]
    life, _ = play(Verdict(Poll.IS_ALIVE, alive=True), life=life, now_s=6)
    assert deadline(life) == 11
    life, effects = play(Tick(), life=life, now_s=70)
    assert effects == [CallPoll(Poll.IS_ALIVE)]
    life, _ = play(Verdict(Poll.IS_ALIVE, alive=False), DONE, life=life, now_s=71)
    assert life.shown.state is ReportedState.FAILED


def test_offline_of_a_failed_resource_succeeds() -> None:
    life, _ = play(ONLINE, FAILED, DONE, OFFLINE)
    assert life.shown.state is ReportedState.OFFLINE


EVENTS = st.sampled_from(
    [
        ONLINE,
        OFFLINE,
        EndWanted("end"),
        *(CallReturned(call) for call in Call),
        *(CallReturned(call, WHY) for call in Call),
        Progress("p"),
        GENERAL,
        FailureReported(FailureKind.EMBEDDED, "inside"),
        Verdict(Poll.LOOKS_ALIVE, alive=False),
        Verdict(Poll.IS_ALIVE, alive=False),
        Verdict(Poll.IS_ALIVE, alive=True),
        Tick(),
    ]
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 200)), max_size=40))
def test_any_history_keeps_the_promises(history: list[tuple[Event, int]]) -> None:
    life, now_s, running = NEW, 0.0, False
    for event, passed_s in history:
        now_s += passed_s
        life_before, before = life, life.phase
        life, effects = step(life, event, now_s)
        started = [effect for effect in effects if isinstance(effect, CallOnline | CallOffline | CallTerminate)]
        assert len(started) <= 1
        if isinstance(event, CallReturned) and event.call is not awaited(before):
            assert (life, effects) == (life_before, ()), "only the call of its phase moves a life on"
        elif isinstance(event, CallReturned) and (
            before is Phase.ENDING or (before is Phase.GOING and not event.problem)
        ):
            running = False
        if CallOnline() in effects:
            assert not running, "started while something of it was left"
            assert life.wanted_online
            running = True
        if life.phase is Phase.OFFLINE:
            assert not running
            stands = {ReportedState.OFFLINE, ReportedState.FAILED}
            assert life.shown.state in stands
            assert not life.wanted_online
