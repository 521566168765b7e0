"""The sentinel's desk for hosts, with real processes and a real socket: nothing without a lease, nothing stays."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from real_processes import SLEEPS, forked, gone, turn_until, wait_until

from quorate.adapters.process.proc import start_time_ticks
from quorate.node.children import Child, Children
from quorate.node.endings import Holdings
from quorate.node.host_desk import HOST_PREFIX, HostDesk, LeftoversRemain
from quorate.wire.holdings import Answer, LineSplitter, ProcessHolding, Register, Release, encode

BOOT = "boot-1"


class Desk:
    """A desk whose lease is held or not as the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.selector = selectors.DefaultSelector()
        self.lease_held = True
        self.sworn: list[str] = []
        self.desk = HostDesk(Holdings(folder / "holdings", BOOT), self.selector, self._held, self.sworn.append)
        self.desk.holdings.begin_life("1.a")
        self.children = Children(folder / "log", self._started, lambda child, status: None)
        self.stack = ExitStack()
        self.connection: socket.socket | None = None

    def _held(self) -> bool:
        return self.lease_held

    def _started(self, child: Child) -> None:
        self.selector.register(child.handle, selectors.EVENT_READ, lambda: self._reap(child))

    def _reap(self, child: Child) -> None:
        self.selector.unregister(child.handle)
        self.children.reap(child.name, 0.0)

    def process(self) -> ProcessHolding:
        """A process that a host could have started."""
        pid = self.stack.enter_context(forked(*SLEEPS))
        return ProcessHolding(pid, start_time_ticks(pid))

    def connect(self) -> socket.socket:
        path = self.folder / "holdings.sock"
        if self.connection is None:
            self.desk.listen(path)
        self.connection = self.stack.enter_context(socket.socket(socket.AF_UNIX))
        self.connection.connect(str(path))
        self.connection.setblocking(False)
        return self.connection

    def ask(self, *requests: Register | Release) -> list[Answer]:
        connection = self.connection or self.connect()
        connection.sendall(b"".join(map(encode, requests)))
        splitter, answers = LineSplitter(), list[Answer]()

        def answered() -> bool:
            with suppress(BlockingIOError):
                answers.extend(one for one in splitter.feed(connection.recv(65536)) if isinstance(one, Answer))
            return len(answers) == len(requests)

        turn_until(self.selector, answered)
        return answers

    def closed(self) -> bool:
        """The desk has ended the connection."""
        assert self.connection is not None
        try:
            return self.connection.recv(65536) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True

    def close(self) -> None:
        for name in self.children.table:
            self.children.end(name, signal.SIGKILL)
        turn_until(self.selector, lambda: not self.children.running())
        self.stack.close()
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self.selector.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def ignores(pid: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigIgn:")[2].split()[0], 16) >> (number - 1) & 1)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_a_holding_is_on_disk_before_it_is_granted(desk: Desk) -> None:
    holding = desk.process()
    (answer,) = desk.ask(Register(7, "shared", "web", holding))
    assert answer == Answer(7, granted=True)
    assert list(Holdings(desk.folder / "holdings", BOOT).held) == [holding]


def test_without_a_lease_nothing_is_granted(desk: Desk) -> None:
    desk.lease_held = False
    (answer,) = desk.ask(Register(7, "shared", "web", desk.process()))
    assert not answer.granted
    assert "lease" in answer.detail
    assert desk.desk.holdings.held == {}


def test_what_cannot_be_remembered_is_not_granted(desk: Desk) -> None:
    (desk.folder / "holdings.new").mkdir()
    (answer,) = desk.ask(Register(7, "shared", "web", desk.process()))
    assert not answer.granted
    assert answer.detail


def test_a_released_holding_is_forgotten_and_releasing_it_again_is_harmless(desk: Desk) -> None:
    holding = desk.process()
    answers = desk.ask(
        Register(1, "shared", "web", holding),
        Release(2, "shared", "web", holding),
        Release(3, "shared", "web", holding),
    )
    assert [answer.granted for answer in answers] == [True, True, True]
    assert Holdings(desk.folder / "holdings", BOOT).held == {}


def test_a_line_that_is_no_message_ends_that_connection_alone(desk: Desk) -> None:
    bad = desk.connect()
    bad.sendall(b"nonsense\n")
    turn_until(desk.selector, desk.closed)
    desk.connect()
    (answer,) = desk.ask(Register(1, "shared", "web", desk.process()))
    assert answer.granted


def test_ending_everything_ends_processes_and_hosts_and_is_told_when_they_are_gone(desk: Desk) -> None:
    holdings = [desk.process() for _ in range(3)]
    for holding in holdings:
        desk.desk.holdings.add(holding, "shared")
    desk.children.keep(f"{HOST_PREFIX}shared", SLEEPS, 0.0)
    desk.children.keep("service", SLEEPS, 0.0)
    host, service = desk.children.running().values()
    desk.desk.end_all("1.a", desk.children)
    assert desk.sworn == []
    turn_until(desk.selector, lambda: bool(desk.sworn))
    assert desk.sworn == ["1.a"]
    assert all(gone(holding.pid) for holding in holdings)
    assert gone(host) or desk.children.running().get(f"{HOST_PREFIX}shared") != host
    assert not gone(service)
    assert desk.desk.holdings.held == {}


def test_with_nothing_held_the_end_is_told_at_once(desk: Desk) -> None:
    desk.desk.end_all("1.a", desk.children)
    assert desk.sworn == ["1.a"]


def test_asked_twice_the_end_is_told_once_everything_is_gone(desk: Desk) -> None:
    desk.desk.holdings.add(desk.process(), "shared")
    desk.desk.end_all("1.a", desk.children)
    desk.desk.end_all("1.a", desk.children)
    turn_until(desk.selector, lambda: bool(desk.sworn))
    assert set(desk.sworn) == {"1.a"}
    assert all(gone(held.pid) for held in desk.desk.holdings.held if isinstance(held, ProcessHolding))


def test_ending_leaves_no_descriptor_behind(desk: Desk) -> None:
    desk.desk.end_all("1.a", desk.children)
    before = open_files()
    for life in range(5):
        desk.desk.holdings.add(desk.process(), "shared")
        desk.desk.end_all(f"1.{life}", desk.children)
        turn_until(desk.selector, lambda life=life: f"1.{life}" in desk.sworn)  # type: ignore[misc]
    assert open_files() == before


def test_what_a_dead_host_held_stays_on_the_list_until_it_is_gone(desk: Desk) -> None:
    """Forgotten too early it would not be waited for when the lease ends, and an oath would overlook it."""
    mine, other = desk.process(), desk.process()
    desk.desk.holdings.add(mine, "shared")
    desk.desk.holdings.add(other, "own-1")
    desk.desk.host_died("shared")
    assert mine in desk.desk.holdings.held or gone(mine.pid)
    turn_until(desk.selector, lambda: mine not in desk.desk.holdings.held)
    assert gone(mine.pid)
    assert list(desk.desk.holdings.held) == [other]
    assert not gone(other.pid)


def test_a_host_is_clear_when_what_its_predecessor_held_has_gone(desk: Desk) -> None:
    """The next host says that it has nothing, and the service takes that for the end of everything."""
    program = "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN); signal.pause()"
    with forked(sys.executable, "-c", program) as pid:
        wait_until(lambda: ignores(pid, signal.SIGUSR1))
        desk.desk.holdings.add(ProcessHolding(pid, start_time_ticks(pid), contained=False), "shared")
        assert desk.desk.is_clear_of("own-1")
        assert not desk.desk.is_clear_of("shared")
        before = open_files()
        assert not desk.desk.is_clear_of("shared")
        assert open_files() == before, "it is waited for once"
        os.kill(pid, signal.SIGKILL)
        turn_until(desk.selector, lambda: desk.desk.is_clear_of("shared"))
    assert desk.desk.holdings.held == {}


def test_a_dead_host_leaves_no_descriptor_behind(desk: Desk) -> None:
    before = open_files()
    desk.desk.holdings.add(desk.process(), "shared")
    desk.desk.host_died("shared")
    turn_until(desk.selector, lambda: not desk.desk.holdings.held)
    assert open_files() == before


# ---------------------------------------------------------------- what a former sentinel left


def restarted(folder: Path, boot: str = BOOT) -> HostDesk:
    return HostDesk(Holdings(folder / "holdings", boot), selectors.DefaultSelector(), lambda: False, lambda life: None)


def test_leftovers_are_ended_at_the_start_and_that_life_may_be_forsworn(desk: Desk) -> None:
    holding = desk.process()
    desk.desk.holdings.add(holding, "shared")
    assert restarted(desk.folder).end_leftovers() == "1.a"
    assert gone(holding.pid)
    assert Holdings(desk.folder / "holdings", BOOT).held == {}


def test_after_a_reboot_nothing_is_ended_and_nothing_forsworn(desk: Desk) -> None:
    holding = desk.process()
    desk.desk.holdings.add(holding, "shared")
    assert restarted(desk.folder, "boot-2").end_leftovers() == ""
    assert not gone(holding.pid)


def test_a_number_used_again_is_not_ended(desk: Desk) -> None:
    holding = desk.process()
    desk.desk.holdings.add(ProcessHolding(holding.pid, holding.start_time_ticks + 1), "shared")
    assert restarted(desk.folder).end_leftovers() == "1.a"
    assert not gone(holding.pid)


def test_after_a_torn_list_nothing_is_forsworn(desk: Desk) -> None:
    desk.desk.holdings.add(desk.process(), "shared")
    path = desk.folder / "holdings"
    path.write_bytes(path.read_bytes()[:-9])
    assert restarted(desk.folder).end_leftovers() == ""


def test_leftovers_that_will_not_end_keep_the_node_from_taking_part(desk: Desk) -> None:
    """A first process that takes no notice, as one that hangs in the kernel."""
    program = "import signal; signal.signal(signal.SIGUSR1, signal.SIG_IGN); signal.pause()"
    with forked(sys.executable, "-c", program) as pid:
        wait_until(lambda: ignores(pid, signal.SIGUSR1))
        desk.desk.holdings.add(ProcessHolding(pid, start_time_ticks(pid), contained=False), "shared")
        with pytest.raises(LeftoversRemain, match=str(pid)):
            restarted(desk.folder).end_leftovers()
        assert len(Holdings(desk.folder / "holdings", BOOT).held) == 1
