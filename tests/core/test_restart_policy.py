"""Restart policy by itself: whatever fails when, the promises of spec/03 §7.3 and §7.4 hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.group_run.restart_policy import Counts, came_online, gives_up, look, restart_delay_s, started
from quorate.model.resource_type import NEVER_MS
from quorate.model.workload import ResourceSpec


def spec(**fields: object) -> ResourceSpec:
    return ResourceSpec(id="a", name="a", type="t", group="g", **fields)  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.floats(0.0, 5.0), st.booleans(), st.booleans()), max_size=60),
    st.integers(0, 4),
    st.sampled_from([0, 500, 3_000]),
    st.integers(0, 2),
    st.booleans(),
)
def test_no_history_makes_more_restarts_than_the_threshold_or_more_than_one_late_retry(
    history: list[tuple[float, bool, bool]], threshold: int, period_ms: int, action: int, repeats: bool
) -> None:
    """Each step: so much time passes, the node is paused or not, and what is due comes online or fails again."""
    rules = spec(
        restart_action=action,
        restart_threshold=threshold,
        restart_period_ms=period_ms,
        restart_delay_ms=100,
        retry_period_on_failure_ms=max(period_ms, 4_000),
        retry_repeats=repeats,
    )
    counts, now, failed = Counts(), 0.0, True
    decided: list[float] = []
    retries_of_this_failure = 0
    for passed, paused, works in history:
        now += passed
        if not failed:
            failed, retries_of_this_failure = True, 0
        before = counts
        counts = look(counts, rules, "failed", now, paused=paused)
        if len(before.restarts) < len(counts.restarts) or (counts.restart_at is not None and before.restart_at is None):
            assert action != 0
            assert not paused
        if before.restart_at is None and counts.restart_at is not None:
            if counts.settled:
                retries_of_this_failure += 1
                assert repeats or retries_of_this_failure == 1, "that attempt is final"
            else:
                decided.append(now)
        if paused and before.restart_at is not None and counts.restart_at is None and not before.settled:
            decided.pop()  # it was not made
        assert len(counts.restarts) <= threshold
        window = [at for at in decided if period_ms == 0 or now - at < period_ms / 1000]
        assert len(window) <= threshold
        if counts.restart_at is not None and now >= counts.restart_at and not paused:
            counts = started(counts)
            if works:
                counts, failed = came_online(counts), False
    if action != 2:
        assert not gives_up(counts, rules, "failed")


@pytest.mark.parametrize(
    ("factor", "limit_ms", "delays"),
    [
        (1.0, 0, [0.5, 0.5, 0.5]),
        (2.0, 300_000, [0.5, 1.0, 2.0, 4.0]),
        (10.0, 2_000, [0.5, 2.0, 2.0]),
        (3.0, 100, [0.5, 0.5]),
    ],
)
def test_delays_grow_up_to_the_limit_and_never_below_what_was_given(
    factor: float, limit_ms: int, delays: list[float]
) -> None:
    rules = spec(restart_backoff_factor=factor, restart_delay_limit_ms=limit_ms)
    assert [restart_delay_s(rules, before) for before in range(len(delays))] == delays


def test_a_delay_after_many_restarts_is_found_at_once() -> None:
    assert restart_delay_s(spec(restart_backoff_factor=1.0), 10_000_000) == 0.5
    assert (
        restart_delay_s(spec(restart_backoff_factor=100.0, restart_delay_limit_ms=NEVER_MS), 10_000) == NEVER_MS / 1000
    )


def test_an_unlimited_threshold_remembers_a_bounded_number() -> None:
    rules, counts = spec(restart_threshold=NEVER_MS, restart_period_ms=0, restart_delay_ms=0), Counts()
    counts = Counts(restarts=tuple(float(n) for n in range(10_000)))
    counts = look(counts, rules, "failed", 10_000.0, paused=False)
    assert (len(counts.restarts), counts.restart_at) == (10_000, 10_000.0)
