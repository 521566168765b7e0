"""What a resource type says to its host and hears from it while its resource runs, in real hosts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from host_under_test import (
    HostUnderTest,
    bring_online,
    open_misbehaving,
    open_program,
    processes_with,
    require_root,
)

from quorate.wire.host_channel import (
    Close,
    Control,
    FailureKind,
    LogRecord,
    Offline,
    Online,
    ReportedState,
    State,
)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostUnderTest]:
    require_root()
    with HostUnderTest(tmp_path) as running:
        yield running


@pytest.mark.root
def test_health_polls_and_failures_from_inside(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_misbehaving("DeadInside", looks_alive_poll_interval_ms=50))
    assert service.state(ReportedState.FAILED).failure is FailureKind.GENERAL
    bring_online(service, open_misbehaving("WellBehaved", "s"))
    service.send(Control(1, "s", "echo", {"a": [1]}), Control(2, "s", "fail_inside"))
    assert service.answer(1).body == {"a": [1]}
    inside = service.until(lambda report: isinstance(report, State) and report.failure is FailureKind.EMBEDDED)
    assert isinstance(inside, State)
    assert inside.state is ReportedState.ONLINE
    service.send(Control(3, "s", "fail"))
    assert service.state(ReportedState.FAILED, "s").detail == "asked to fail"


@pytest.mark.root
def test_what_fails_inside_can_be_taken_back_and_a_lock_ends_with_what_runs(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_misbehaving("WellBehaved", "s"))
    service.send(Control(1, "s", "fail_inside"), Control(2, "s", "lock", "a snapshot is made"))
    locked = service.until(lambda report: isinstance(report, State) and bool(report.locked))
    assert isinstance(locked, State)
    assert (locked.state, locked.failure, locked.locked) == (
        ReportedState.ONLINE,
        FailureKind.EMBEDDED,
        "a snapshot is made",
    )
    assert host.connect().inventory.states[0].locked == "a snapshot is made", "a new service learns of it"
    service.send(Control(3, "s", "recover_inside"))
    recovered = service.until(lambda report: isinstance(report, State) and report.failure is None)
    assert isinstance(recovered, State)
    assert recovered.locked
    service.send(Offline("s", 1))
    assert not service.state(ReportedState.OFFLINE, "s").locked


@pytest.mark.root
@pytest.mark.conformance("RS-08", "RS-11", "RS-12", "DP-18")
def test_a_type_hears_of_its_name_group_dependencies_and_end_and_prevents_nothing(host: HostUnderTest) -> None:
    service = host.connect()
    first = open_misbehaving("HearsEverything", group_id="g", group="web", depends_on={"1": "disk"})
    bring_online(service, first)
    renamed = msgspec.structs.replace(first, name="db")
    other = msgspec.structs.replace(renamed, depends_on={"2": "addr", "3": "log"})
    moved = msgspec.structs.replace(other, group_id="h", group="mail")
    same = msgspec.structs.replace(moved, group="post", depends_on={"2": "address", "3": "log"})
    service.send(renamed, other, moved, same, Close("r", deleted=True))
    service.until(lambda report: isinstance(report, LogRecord) and report.text == "closed")
    heard = [one.text for one in service.seen if isinstance(one, LogRecord) and one.text.startswith("heard")]
    assert heard == [
        "heard: renamed from HearsEverything to db",
        "heard: does not depend on disk",
        "heard: depends on addr",
        "heard: depends on log",
        "heard: leaving web",
        "heard: joining mail",
        "heard: deleted",
    ]
    assert processes_with("QUORATE_RESOURCE=r\0") == []
    service.send(first, Close("r", deleted=True))  # before its open has come to an end
    service.until(lambda report: isinstance(report, LogRecord) and report.text == "heard: deleted")


@pytest.mark.root
@pytest.mark.conformance("FR-04", "FR-05")
def test_what_watches_itself_is_not_asked_how_it_looks_and_checked_at_once_when_it_says_so(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_misbehaving("WatchesItself", looks_alive_poll_interval_ms=10))

    def asked(text: str) -> bool:
        service.until(lambda report: isinstance(report, LogRecord) and text in report.text)
        return True

    service.send(Control(1, "r", "suspect"))
    assert asked("a handle was signalled")
    assert asked("asked whether it is alive")
    service.send(Control(2, "r", "die"), Control(3, "r", "suspect"))
    assert service.state(ReportedState.FAILED).detail == "is_alive says no"
    assert not [one for one in service.seen if isinstance(one, LogRecord) and "looks alive" in one.text]


@pytest.mark.root
@pytest.mark.conformance("SP-04")
def test_in_maintenance_a_failing_check_and_a_lost_program_fail_nothing_until_it_ends(host: HostUnderTest) -> None:
    service = host.connect()
    spec = open_program("sleep 86400", looks_alive_poll_interval_ms=50, is_alive_poll_interval_ms=50)
    bring_online(service, spec)
    service.send(msgspec.structs.replace(spec, maintained=True))
    begun = service.state(ReportedState.ONLINE)
    assert begun.maintained
    (program,) = processes_with("QUORATE_RESOURCE=r\0")
    os.kill(program, signal.SIGKILL)
    for words in ("ended by signal 9", "is_alive says no"):
        seen = service.until(lambda report, words=words: isinstance(report, State) and words in report.detail)  # type: ignore[misc]
        assert isinstance(seen, State)
        assert (seen.state, seen.maintained) == (ReportedState.ONLINE, True)
    assert host.connect().inventory.states[0].maintained, "a new service learns of it"
    service.send(spec)
    failed = service.state(ReportedState.FAILED)
    assert not failed.maintained
    bring_online(service, spec, 2)
    service.send(msgspec.structs.replace(spec, maintained=True), Offline("r", 2))
    assert not service.state(ReportedState.OFFLINE).maintained, "it ends with what runs"


@pytest.mark.root
def test_what_runs_already_is_told_and_dealt_with_before_it_is_brought_online(host: HostUnderTest) -> None:
    service = host.connect()
    service.send(open_misbehaving("FoundRunning", already_running_action="fail"), Online("r", 1))
    waits = service.state(ReportedState.CANNOT_ANYWHERE)
    assert (waits.found, "one that was left" in waits.detail) == ("one that was left", True)
    service.send(open_misbehaving("FoundRunning"), Online("r", 1))
    tried = service.state(ReportedState.ONLINE)
    assert tried.found == "one that was left", "an attempt that was refused has dealt with nothing"
    service.send(Offline("r", 1))
    service.state(ReportedState.OFFLINE)
    service.send(Online("r", 1))
    assert service.state(ReportedState.ONLINE).found, "it is looked for once under an assignment, and told to its end"
    service.send(Offline("r", 2))
    service.state(ReportedState.OFFLINE)
    service.send(Online("r", 2))
    assert not service.state(ReportedState.ONLINE).found, "it was ended under the assignment before"
