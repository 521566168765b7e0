"""Real hosts: what they run, what they refuse, and what is left when they die."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_under_test import (
    HostUnderTest,
    SentinelEnd,
    bring_online,
    open_misbehaving,
    open_program,
    processes_with,
    require_root,
    wait_for,
    wait_gone,
)

from quorate.wire.holdings import ProcessHolding
from quorate.wire.host_channel import (
    EXIT_DEADLOCK,
    EXIT_HELPER,
    EXIT_LEASE_OVER,
    EXIT_USAGE,
    Close,
    Control,
    FailureKind,
    Inventory,
    InventoryReport,
    LogRecord,
    Offline,
    Online,
    Open,
    RefusalCode,
    ReportedState,
    State,
    Terminate,
)
from quorate.wire.lease_page import LeaseWriter, boot_time_s

# The shell leaves its process group, its session and its parent; only containment still reaches the children.
DAEMONISES = "sh -c 'setsid sh -c \"sleep 86401 & sleep 86402 &\" & sleep 86403'"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostUnderTest]:
    require_root()
    with HostUnderTest(tmp_path) as running:
        yield running


@pytest.mark.root
def test_a_program_runs_with_its_token_and_stops(host: HostUnderTest) -> None:
    service = host.connect()
    service.send(open_program("sh -c 'echo token $QUORATE_TOKEN; exec sleep 86400'"), Online("r", 7))
    assert service.state(ReportedState.ONLINE).token == 7
    if not any(isinstance(report, LogRecord) for report in service.seen):
        service.until(lambda report: isinstance(report, LogRecord))
    assert [report.text for report in service.seen if isinstance(report, LogRecord)] == ["token 7"]
    service.send(Offline("r", 7))
    assert service.state(ReportedState.OFFLINE).failure is None
    assert processes_with("QUORATE_RESOURCE=r\0") == []


@pytest.mark.root
def test_kill_of_the_host_leaves_nothing_daemonised_children_included(tmp_path: Path) -> None:
    require_root()
    with HostUnderTest(tmp_path) as host:
        mark = f"MARK={tmp_path.name}-{os.getpid()}"
        service = host.connect()
        spec = Open(
            "r", "generic_application", "a", {"command_line": DAEMONISES, "environment": [mark], "user": "nobody"}
        )
        bring_online(service, spec)
        deadline_s = time.monotonic() + 5
        while len(pids := processes_with(mark)) < 3 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert len(pids) >= 3
        host.process.kill()
        # What it had just forked may not have been listed, and the kernel ends a namespace one process at a time.
        end_s = time.monotonic() + 2
        while (left := processes_with(mark)) and time.monotonic() < end_s:
            time.sleep(0.01)
        assert left == []


@pytest.mark.root
def test_kill_of_host_and_helper_together_leaves_nothing(tmp_path: Path) -> None:
    require_root()
    with HostUnderTest(tmp_path) as host:
        mark = f"MARK={tmp_path.name}-{os.getpid()}"
        bring_online(
            host.connect(),
            Open("r", "generic_application", "a", {"command_line": "sleep 86400", "environment": [mark]}),
        )
        children = Path(f"/proc/{host.process.pid}/task/{host.process.pid}/children").read_text().split()
        pids = processes_with(mark)
        for pid in [host.process.pid, *map(int, children)]:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            wait_gone(pid, 2)


@pytest.mark.root
def test_a_program_that_ends_is_a_failure_at_once(host: HostUnderTest) -> None:
    service = host.connect()
    service.send(open_program("sh -c 'exit 3'"), Online("r", 1))
    failed = service.state(ReportedState.FAILED)
    assert "exited with code 3" in failed.detail
    assert failed.failure is FailureKind.GENERAL
    service.send(open_program("no-such-program", "s"), Online("s", 1))
    assert "no-such-program" in service.state(ReportedState.FAILED, "s").detail


@pytest.mark.root
def test_a_second_connection_adopts_while_the_first_dies(host: HostUnderTest) -> None:
    old = host.connect()
    bring_online(old, open_program("sleep 86400"), token=4)
    new = host.connect()
    assert [(state.state, state.token) for state in new.inventory.states] == [(ReportedState.ONLINE, 4)]
    assert new.inventory.highest_tokens == {"r": 4}
    old.close()
    new.send(Inventory())
    report = new.until(lambda report: isinstance(report, InventoryReport))
    assert isinstance(report, InventoryReport)
    assert report.states[0].state is ReportedState.ONLINE
    new.send(Offline("r", 5))
    assert new.state(ReportedState.OFFLINE).token == 5


@pytest.mark.root
def test_a_stale_token_is_refused_on_every_connection(host: HostUnderTest) -> None:
    service, other = host.connect(), host.connect()
    bring_online(service, open_program("sleep 86400"), token=5)
    for command in (Offline("r", 4), Terminate("r", 4), Online("r", 4)):
        other.send(command)
        refusal = other.refusal()
        assert refusal.code is RefusalCode.STALE_TOKEN
        assert refusal.token == 4
    service.send(Close("r"), open_program("sleep 86400"), Online("r", 4))
    assert service.until(lambda report: not isinstance(report, State)) is not None
    assert host.connect().inventory.highest_tokens == {"r": 5}


@pytest.mark.root
def test_the_end_of_the_lease_ends_everything_and_a_new_one_lets_it_start_again(tmp_path: Path) -> None:
    require_root()
    page = LeaseWriter(tmp_path / "lease")
    page.write(1, boot_time_s() + 60)
    with HostUnderTest(tmp_path, "--lease", str(tmp_path / "lease")) as host:
        service = host.connect()
        bring_online(service, open_program(DAEMONISES))
        bring_online(service, open_misbehaving("WellBehaved", "s"))
        end_s = boot_time_s() + 0.2
        page.write(1, end_s)
        states = {service.until(lambda r: isinstance(r, State) and r.state is ReportedState.OFFLINE) for _ in range(2)}
        late_s = max(state.since_boot_s for state in states if isinstance(state, State)) - end_s
        assert 0 <= late_s < 0.2
        assert all(isinstance(state, State) and "lease" in state.detail for state in states)
        service.send(Online("r", 1))
        assert service.refusal().code is RefusalCode.LEASE_OVER
        page.write(1, boot_time_s() + 60)
        service.send(Online("r", 1))
        service.state(ReportedState.ONLINE)
        page.write(2, boot_time_s() + 60)  # another incarnation: what the former one started has no right to run
        service.state(ReportedState.OFFLINE)


@pytest.mark.root
def test_what_does_not_end_with_the_lease_is_ended_with_the_host(tmp_path: Path) -> None:
    require_root()
    page = LeaseWriter(tmp_path / "lease")
    page.write(1, boot_time_s() + 60)
    arguments = ("--lease", str(tmp_path / "lease"), "--end-limit-ms", "100")
    for vice in ("RefusesToStop", "WellBehaved"):
        with HostUnderTest(tmp_path, *arguments, name=vice) as host:
            page.write(1, boot_time_s() + 60)
            service = host.connect()
            bring_online(service, open_misbehaving(vice))
            pids = processes_with("QUORATE_RESOURCE=r\0")
            if vice == "WellBehaved":
                service.send(Control(1, "r", "block"))
            page.write(1, 0.0)
            assert host.wait() == EXIT_LEASE_OVER
            for pid in pids:
                wait_gone(pid, 2)


@pytest.mark.root
@pytest.mark.parametrize("vice", ["BlocksOnline", "IgnoresCancel", "RefusesToStop"])
def test_a_call_that_overstays_costs_the_host_and_is_named(host: HostUnderTest, vice: str) -> None:
    service = host.connect()
    service.send(open_misbehaving(vice, deadlock_timeout_ms=400), Online("r", 1))
    service.state(ReportedState.ONLINE if vice == "RefusesToStop" else ReportedState.ONLINE_PENDING)
    if vice == "IgnoresCancel":
        service.until(lambda report: isinstance(report, State) and report.checkpoint == 1)
    if vice != "BlocksOnline":
        service.send(Terminate("r", 1))
    assert host.wait() == EXIT_DEADLOCK
    offender = json.loads(host.path.with_suffix(".offender").read_text())
    assert offender["resource_id"] == "r"
    assert offender["call"] in ("online", "terminate")
    assert "Thread" in host.errors.read_text()


@pytest.mark.root
def test_silence_ends_a_pending_start_and_progress_keeps_it(host: HostUnderTest) -> None:
    service = host.connect()
    service.send(open_misbehaving("SilentOnline", pending_timeout_ms=500), Online("r", 1))
    assert "no sign of life" in service.state(ReportedState.FAILED).detail
    service.send(open_misbehaving("SlowOnline", "s", pending_timeout_ms=1500), Online("s", 1))
    service.state(ReportedState.ONLINE, "s")
    steps = [report.checkpoint for report in service.seen if isinstance(report, State) and report.resource_id == "s"]
    assert max(steps) == 10
    assert len(processes_with("QUORATE_RESOURCE=r\0")) == 0


@pytest.mark.root
@pytest.mark.parametrize(
    ("vice", "state"),
    [
        ("RaisesOnline", ReportedState.FAILED),
        ("NotHere", ReportedState.CANNOT_HERE),
        ("NotAnywhere", ReportedState.CANNOT_ANYWHERE),
    ],
)
def test_a_failed_start_is_terminated_and_says_how_far_it_reaches(
    host: HostUnderTest, vice: str, state: ReportedState
) -> None:
    service = host.connect()
    service.send(open_misbehaving(vice), Online("r", 1))
    assert service.state(state).detail
    assert processes_with("QUORATE_RESOURCE=r\0") == []
    service.send(Offline("r", 1))
    service.state(ReportedState.OFFLINE)


@pytest.mark.root
def test_terminate_interrupts_coming_online_and_a_later_online_wins(host: HostUnderTest) -> None:
    service = host.connect()
    service.send(open_misbehaving("SilentOnline"), Online("r", 1), Terminate("r", 1))
    service.state(ReportedState.OFFLINE_PENDING)
    service.state(ReportedState.OFFLINE)
    bring_online(service, open_misbehaving("WellBehaved", "s"), 1)
    service.send(Terminate("s", 1), Online("s", 2))
    service.state(ReportedState.OFFLINE_PENDING, "s")
    assert service.state(ReportedState.ONLINE, "s").token == 2


@pytest.mark.root
def test_offline_is_said_when_terminate_is_done_and_not_when_online_was_given_up(host: HostUnderTest) -> None:
    service = host.connect()
    service.send(open_misbehaving("ForgivesCancel"), Online("r", 1))
    service.state(ReportedState.ONLINE_PENDING)
    wait_for("QUORATE_RESOURCE_NAME=ForgivesCancel")
    service.send(Terminate("r", 1))
    service.state(ReportedState.OFFLINE)
    assert processes_with("QUORATE_RESOURCE_NAME=ForgivesCancel") == []


@pytest.mark.root
def test_a_second_open_while_the_first_is_under_way_makes_no_second_instance(host: HostUnderTest) -> None:
    """A service that has died in between left an Online behind: the next one must learn of it."""
    first = host.connect()
    first.send(open_misbehaving("SlowOpen"), Online("r", 1))
    second = host.connect()
    first.close()
    pending = second.inventory.states or (second.state(ReportedState.ONLINE_PENDING),)
    assert pending[0].state is ReportedState.ONLINE_PENDING
    second.send(open_misbehaving("SlowOpen"), Online("r", 2))
    while second.state(ReportedState.ONLINE).token != 2:
        pass
    assert len(processes_with("QUORATE_RESOURCE_NAME=SlowOpen")) == 1
    second.send(Offline("r", 3))
    second.state(ReportedState.OFFLINE)
    assert processes_with("QUORATE_RESOURCE_NAME=SlowOpen") == []


@pytest.mark.root
def test_a_crash_in_a_type_leaves_nothing(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_misbehaving("WellBehaved", "s"))
    pids = processes_with("QUORATE_RESOURCE=s\0")
    service.send(open_misbehaving("CrashesOnline"), Online("r", 1))
    assert host.wait() == -signal.SIGABRT
    for pid in itertools.chain(pids, processes_with("QUORATE_RESOURCE=r\0")):
        wait_gone(pid, 2)


@pytest.mark.root
def test_nothing_is_held_that_the_sentinel_does_not_know(tmp_path: Path) -> None:
    require_root()
    sentinel = SentinelEnd(tmp_path / "holdings.sock")
    with HostUnderTest(tmp_path, "--holdings", str(tmp_path / "holdings.sock")) as host:
        service = host.connect()
        bring_online(service, open_program("sleep 86400"))
        (holding,) = sentinel.held
        assert isinstance(holding, ProcessHolding)
        assert holding.contained
        os.kill(holding.pid, signal.SIGKILL)  # the sentinel ends it alone
        service.state(ReportedState.FAILED)
        sentinel.grants = False
        service.send(Online("r", 1))
        refused = service.state(ReportedState.CANNOT_HERE)
        assert "sentinel refuses" in refused.detail
        assert processes_with("QUORATE_RESOURCE=r\0") == []


@pytest.mark.root
def test_without_a_sentinel_at_the_other_end_nothing_starts(tmp_path: Path) -> None:
    require_root()
    with HostUnderTest(tmp_path, "--holdings", str(tmp_path / "nobody.sock")) as host:
        service = host.connect()
        service.send(open_program("sleep 86400"), Online("r", 1))
        assert "does not answer" in service.state(ReportedState.CANNOT_HERE).detail


@pytest.mark.root
def test_sigterm_ends_everything_in_order(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_program(DAEMONISES))
    host.process.terminate()
    service.state(ReportedState.OFFLINE)
    assert host.wait() == 0
    assert not host.path.exists()


@pytest.mark.root
def test_what_cannot_be_opened_is_refused_with_its_reason(host: HostUnderTest) -> None:
    service = host.connect()
    service.send(Open("r", "nonsense", "n", {}))
    assert service.refusal().code is RefusalCode.TYPE_UNKNOWN
    service.send(Open("r", "generic_application", "n", {}))
    assert service.refusal().code is RefusalCode.PROPERTIES_INVALID
    service.send(Online("r", 1))
    assert service.refusal().code is RefusalCode.NOT_OPEN


@pytest.mark.root
def test_a_second_host_on_the_same_socket_is_refused(host: HostUnderTest, tmp_path: Path) -> None:
    host.connect()
    with HostUnderTest(tmp_path) as second:
        assert second.wait() == EXIT_USAGE
    assert host.connect().inventory.host == "shared"


@pytest.mark.root
def test_a_host_whose_helper_dies_ends_and_lets_another_take_its_place(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_program("sleep 86400"))
    (helper,) = Path(f"/proc/{host.process.pid}/task/{host.process.pid}/children").read_text().split()
    os.kill(int(helper), signal.SIGKILL)
    assert host.process.wait(20) == EXIT_HELPER


@pytest.mark.root
def test_what_does_not_end_is_ended_by_force(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_misbehaving("WillNotEnd"))
    service.send(Offline("r", 1))
    assert service.state(ReportedState.OFFLINE).detail.startswith("ended, for it did not stop")
    assert processes_with("QUORATE_RESOURCE=r\0") == []
    assert any(isinstance(r, LogRecord) and "ended by force" in r.text for r in service.seen)
    bring_online(service, open_misbehaving("WillNotEnd"), token=2)


@pytest.mark.root
def test_what_does_not_end_and_must_not_be_forced_is_told_and_left_until_it_relents(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_misbehaving("WillNotEnd", end_by_force=False, deadlock_timeout_ms=1000))
    service.send(Offline("r", 1))
    assert "made up its mind" in service.state(ReportedState.STOP_FAILED).detail
    (pid,) = {pid for pid in processes_with("QUORATE_RESOURCE=r\0") if pid}  # it runs on
    time.sleep(1.5)  # longer than any call may take: waiting is no call
    assert pid in processes_with("QUORATE_RESOURCE=r\0")
    assert host.connect().inventory.states[0].state is ReportedState.STOP_FAILED
    service.send(Control(1, "r", "relent", None))
    service.state(ReportedState.OFFLINE)
    assert processes_with("QUORATE_RESOURCE=r\0") == []


@pytest.mark.root
def test_force_may_be_allowed_while_it_is_held(host: HostUnderTest) -> None:
    service = host.connect()
    bring_online(service, open_misbehaving("WillNotEnd", end_by_force=False))
    service.send(Offline("r", 1))
    service.state(ReportedState.STOP_FAILED)
    service.send(open_misbehaving("WillNotEnd"))
    service.state(ReportedState.OFFLINE)
    assert processes_with("QUORATE_RESOURCE=r\0") == []
