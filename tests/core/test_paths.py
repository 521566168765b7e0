"""Paths: lost after S, back with the next heartbeat, measured all the while."""

from __future__ import annotations

import pytest

from quorate.core.authority.paces import Paces
from quorate.core.authority.timings import Pace
from quorate.core.paths import WINDOW, Paths, PathState

BEAT, S = 0.2, 0.6


def made() -> Paths:
    paths = Paths(Paces(Pace(BEAT, S)))
    paths.learn({2: ("a", "b"), 3: ("a",)}, 0.0)
    return paths


def state(paths: Paths, now: float, node: int = 2, network: str = "a") -> PathState:
    return next(s for s in paths.states(now) if (s.node, s.network) == (node, network))


@pytest.mark.conformance("MB-01")
def test_a_silent_path_is_lost_after_the_threshold_and_not_before() -> None:
    paths = made()
    for serial in range(1, 11):
        paths.heard(2, "a", 7, serial, serial * BEAT)
        paths.heard(2, "b", 7, serial, serial * BEAT)
    last = 10 * BEAT
    paths.heard(2, "b", 7, 11, last + BEAT)
    assert not paths.look(last + S - 0.001) or paths.lost() == {(3, "a")}
    assert state(paths, last + S - 0.001).heard
    assert paths.look(last + S)
    assert not state(paths, last + S).heard
    assert state(paths, last + S, network="b").heard, "the other path of the same node goes on"


def test_a_path_that_was_just_learned_is_given_s() -> None:
    paths = made()
    assert not paths.look(S - 0.001)
    assert paths.look(S)
    assert paths.lost() == {(2, "a"), (2, "b"), (3, "a")}


def test_a_lost_path_is_back_with_the_next_heartbeat() -> None:
    paths = made()
    paths.look(1.0)
    assert paths.heard(3, "a", 1, 1, 1.1)
    assert not paths.heard(3, "a", 1, 2, 1.3)
    assert state(paths, 1.3, node=3).heard


@pytest.mark.conformance("MB-12")
@pytest.mark.parametrize(("length", "kept"), [(0, 0), (4, 4), (10, 10), (40, 40)])
def test_of_a_lost_path_the_last_heartbeats_are_kept(length: int, kept: int) -> None:
    paths = made()
    paths.history_length = length
    for serial in range(1, 101):
        paths.heard(2, "a", 7, serial, serial * BEAT)
    assert state(paths, 20.0).history == ()
    paths.look(21.0)
    history = state(paths, 21.0).history
    assert len(history) == kept
    if kept:
        assert history[-1] == (100, 1000)
        assert history[0][0] == 101 - kept


def test_losses_are_told_from_the_numbers_that_came_over_any_path() -> None:
    paths = made()
    for serial in range(1, 201):
        if serial % 4:
            paths.heard(2, "a", 7, serial, serial * BEAT)
        paths.heard(2, "b", 7, serial, serial * BEAT)
    assert (state(paths, 40.0).expected, state(paths, 40.0).missing) == (WINDOW, WINDOW // 4)
    assert state(paths, 40.0, network="b").missing == 0


def test_losses_of_a_node_that_is_silent_everywhere_are_told_from_the_time() -> None:
    paths = made()
    for serial in range(1, 101):
        paths.heard(2, "a", 7, serial, serial * BEAT)
    assert state(paths, 20.0 + 11.5 * BEAT).missing == 10
    assert state(paths, 20.0 + 1000 * BEAT).missing == WINDOW


def test_another_run_of_the_sender_counts_anew() -> None:
    paths = made()
    for serial in range(1, 101):
        paths.heard(2, "a", 7, serial, serial * BEAT)
    paths.heard(2, "a", 8, 1, 20.2)
    assert (state(paths, 20.2).expected, state(paths, 20.2).missing) == (1, 0)


def test_round_trips_are_smoothed() -> None:
    paths = made()
    assert state(paths, 0.0).round_trip_us == -1
    paths.measured(2, "a", 0.001)
    assert state(paths, 0.0).round_trip_us == 1000
    paths.measured(2, "a", 0.009)
    assert state(paths, 0.0).round_trip_us == 2000
    paths.measured(2, "a", -0.5)  # a clock that jumped proves nothing
    assert state(paths, 0.0).round_trip_us == 2000


def test_a_process_that_stood_still_has_lost_nothing() -> None:
    paths = made()
    paths.heard(2, "a", 7, 1, 0.1)
    paths.stalled(50.0)
    assert not paths.look(50.0 + S - 0.001)
    assert paths.look(50.0 + S)


def test_paths_that_are_no_more_are_forgotten_and_unknown_ones_not_made() -> None:
    paths = made()
    paths.learn({2: ("a",)}, 1.0)
    assert [(s.node, s.network) for s in paths.states(1.0)] == [(2, "a")]
    assert not paths.heard(9, "z", 1, 1, 1.0)
