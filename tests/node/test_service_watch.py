"""When a service process is killed: silence beyond the hang limit, and no sign of life at all after a start."""

from __future__ import annotations

import pytest

from quorate.node.service_watch import START_LIMIT_S, ServiceWatch


@pytest.fixture
def watch() -> ServiceWatch:
    made = ServiceWatch(hang_limit_s=1.0)
    made.started(10.0)
    return made


def test_a_service_that_never_shows_life_is_given_up_after_the_start_limit(watch: ServiceWatch) -> None:
    assert watch.deadline() == 10.0 + START_LIMIT_S
    assert watch.silent_s(10.0 + START_LIMIT_S - 0.1) is None
    assert watch.silent_s(10.0 + START_LIMIT_S) == START_LIMIT_S


def test_after_its_first_sign_of_life_the_hang_limit_holds(watch: ServiceWatch) -> None:
    watch.progress(11.0)
    watch.progress(11.5)
    assert watch.deadline() == 12.5
    assert watch.silent_s(12.4) is None
    assert watch.silent_s(12.6) == pytest.approx(1.1)


def test_it_is_told_once_and_every_process_anew(watch: ServiceWatch) -> None:
    watch.progress(11.0)
    assert watch.silent_s(13.0) is not None
    assert watch.silent_s(14.0) is None
    assert watch.deadline() is None
    watch.started(15.0)
    assert watch.silent_s(15.0 + START_LIMIT_S) is not None


def test_a_service_that_has_ended_is_not_silent(watch: ServiceWatch) -> None:
    watch.gone()
    assert watch.silent_s(1000.0) is None
    watch.progress(1001.0)  # the last words of a process that has gone
    assert watch.deadline() is None


def test_a_watcher_that_stood_still_begins_to_wait_anew(watch: ServiceWatch) -> None:
    watch.progress(11.0)
    watch.stalled(20.0)
    assert watch.silent_s(20.5) is None
    assert watch.silent_s(21.0) is not None
