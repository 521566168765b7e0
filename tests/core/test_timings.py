"""The three profiles may be used, their sums are those that are published, and timings that would hurt are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.authority.timings import CLOCK_RATE_BOUND, DEFAULT, FAST, PROFILES, WIDE, Timings


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_has_no_problems(name: str) -> None:
    assert PROFILES[name].problems() == ()


@pytest.mark.parametrize(("timings", "about_s"), [(DEFAULT, 2.4), (FAST, 0.95), (WIDE, 9.0)])
def test_the_published_takeover_is_the_sum_of_its_parts(timings: Timings, about_s: float) -> None:
    """The table of design section 4 says *about*: to within 15 %, before commits and the start of resources."""
    assert timings.takeover_bound_s == pytest.approx(about_s, rel=0.15)
    assert timings.verdict_wait_s > timings.lease_s + timings.ending_s


@given(st.sampled_from(sorted(PROFILES)), st.floats(-CLOCK_RATE_BOUND, CLOCK_RATE_BOUND), st.floats(-0.01, 0.01))
def test_the_wait_outlasts_the_lease_on_any_two_clocks_within_the_bound(name: str, fast: float, slow: float) -> None:
    """The coordinator's clock may run ahead while the marked node's runs behind: its resources are gone even so."""
    timings = PROFILES[name]
    waited_in_true_time_s = timings.verdict_wait_s / (1 + fast)
    ended_in_true_time_s = (timings.lease_s + timings.ending_s) / (1 - slow)
    assert waited_in_true_time_s >= ended_in_true_time_s * (1 - 1e-12)


def test_a_lease_too_short_for_a_split_vote_is_refused_with_the_figure() -> None:
    (problem,) = replace(DEFAULT, lease_s=1.2, store_election_s=0.27).problems()
    assert "1200 ms" in problem
    assert "1380 ms" in problem


def test_the_least_lease_itself_is_accepted() -> None:
    least = 4 * DEFAULT.store_election_s + DEFAULT.heartbeat_s + 0.1
    assert replace(DEFAULT, lease_s=least).problems() == ()


def test_a_suspicion_that_one_lost_datagram_raises_is_refused() -> None:
    (problem,) = replace(DEFAULT, suspicion_s=0.39).problems()
    assert "two heartbeats" in problem


def test_a_lease_that_ends_before_suspicion_is_refused() -> None:
    (problem,) = replace(DEFAULT, suspicion_s=DEFAULT.lease_s).problems()
    assert "longer than suspicion" in problem


def test_everything_wrong_is_told_at_once() -> None:
    assert len(Timings(1.0, 1.0, 1.0, 0.2, 0.1, 1.0).problems()) == 3
