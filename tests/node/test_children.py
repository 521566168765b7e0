"""Children of the sentinel as real processes: kept running, never in a hurry, ended for good, never orphans."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_processes import SLEEPS, gone, turn_until, wait_until

from quorate.adapters.process.proc import state_of
from quorate.node.children import HOLD_BACK_S, PAUSE_FIRST_S, PAUSE_LIMIT_S, STEADY_S, STOPPED_LIMIT_S, Child, Children

ENDS = (sys.executable, "-c", "pass")


class Family:
    """Children joined to a selector as the sentinel joins them; time is given by hand."""

    def __init__(self, log: Path) -> None:
        self.selector = selectors.DefaultSelector()
        self.children = Children(log, self._started, lambda child, status: self.ended.append((child.name, status)))
        self.ended: list[tuple[str, int]] = []
        self.started: list[int] = []
        self.now = 100.0

    def _started(self, child: Child) -> None:
        self.started.append(child.pid)
        self.selector.register(child.handle, selectors.EVENT_READ, lambda: self._reap(child))

    def _reap(self, child: Child) -> None:
        self.selector.unregister(child.handle)
        self.children.reap(child.name, self.now)

    def keep(self, name: str, argv: tuple[str, ...]) -> None:
        self.children.keep(name, argv, self.now)

    def wait_ended(self, times: int) -> None:
        turn_until(self.selector, lambda: len(self.ended) == times)

    def close(self) -> None:
        for name in self.children.table:
            self.children.end(name, signal.SIGKILL)
        turn_until(self.selector, lambda: not self.children.running())
        self.selector.close()


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = Family(tmp_path / "log")
    yield made
    made.close()


def test_a_child_runs_at_once_and_writes_to_its_log(family: Family, tmp_path: Path) -> None:
    family.keep("talker", (sys.executable, "-c", "import sys; print('out'); print('bad', file=sys.stderr)"))
    family.wait_ended(1)
    assert sorted((tmp_path / "log" / "talker.log").read_text().split()) == ["bad", "out"]
    assert family.ended == [("talker", 0)]


def test_keeping_what_is_kept_changes_nothing(family: Family) -> None:
    family.keep("one", SLEEPS)
    running = family.children.running()
    family.keep("one", SLEEPS)
    assert family.children.running() == running
    assert family.started == [running["one"]]


def test_the_first_restart_is_at_once_and_the_next_ones_wait_ever_longer(family: Family) -> None:
    family.keep("weak", ENDS)
    pauses = []
    for life in range(1, 12):
        family.wait_ended(life)
        due = family.children.deadline()
        assert due is not None
        pauses.append(due - family.now)
        family.children.start_due(due - 1e-6)
        if due > family.now:
            assert not family.children.running()
        family.now = due
        family.children.start_due(family.now)
        assert family.children.running()
    assert pauses[0] == 0.0
    assert pauses[1] == pytest.approx(PAUSE_FIRST_S * 2)
    assert pauses[1:] == sorted(pauses[1:])
    assert pauses[-1] == pytest.approx(PAUSE_LIMIT_S)
    family.wait_ended(12)


def test_who_ran_steadily_is_restarted_at_once_again(family: Family) -> None:
    family.keep("weak", ENDS)
    for life in range(1, 5):
        family.wait_ended(life)
        due = family.children.deadline()
        assert due is not None
        family.now = due
        if life == 4:
            break
        family.children.start_due(due)
    family.children.table["weak"].argv = SLEEPS
    family.children.start_due(family.now)
    family.now += STEADY_S
    family.children.kill("weak")
    family.wait_ended(5)
    assert family.children.deadline() == family.now


def test_a_killed_child_is_started_again_under_a_new_number(family: Family) -> None:
    family.keep("one", SLEEPS)
    first = family.children.running()["one"]
    family.children.kill("one")
    family.wait_ended(1)
    assert os.WTERMSIG(family.ended[0][1]) == signal.SIGKILL
    family.children.start_due(family.now)
    assert family.children.running()["one"] != first


def test_an_ended_child_stays_ended_until_it_is_kept_again(family: Family) -> None:
    family.keep("one", SLEEPS)
    family.children.end("one")
    family.wait_ended(1)
    assert family.children.deadline() is None
    family.children.start_due(family.now + 1000)
    assert family.children.running() == {}
    family.keep("one", SLEEPS)
    assert "one" in family.children.running()


def test_ending_a_child_that_waits_for_its_restart_ends_the_waiting(family: Family) -> None:
    family.keep("weak", ENDS)
    family.wait_ended(1)
    family.children.end("weak")
    assert family.children.deadline() is None


def test_a_child_kept_again_while_it_ends_comes_back(family: Family) -> None:
    family.keep("one", SLEEPS)
    family.children.end("one")
    family.keep("one", SLEEPS)
    family.wait_ended(1)
    family.children.start_due(family.now)
    assert "one" in family.children.running()


def test_new_arguments_count_from_the_next_start(family: Family, tmp_path: Path) -> None:
    family.keep("one", SLEEPS)
    family.keep("one", (sys.executable, "-c", "print('changed')"))
    family.children.kill("one")
    family.wait_ended(1)
    family.children.start_due(family.now)
    family.wait_ended(2)
    assert "changed" in (tmp_path / "log" / "one.log").read_text()


def test_a_program_that_is_not_there_is_told_in_the_log_and_tried_again(family: Family, tmp_path: Path) -> None:
    family.keep("missing", ("/nowhere/to/be/found",))
    family.wait_ended(1)
    assert os.WEXITSTATUS(family.ended[0][1]) == 127
    assert "/nowhere/to/be/found" in (tmp_path / "log" / "missing.log").read_text()
    assert family.children.deadline() is not None


def test_a_child_starts_with_the_signals_of_a_new_process(family: Family, tmp_path: Path) -> None:
    """The sentinel catches SIGTERM and ignores SIGPIPE; what it starts must not inherit that."""
    told = tmp_path / "told"
    program = f"import signal; open({str(told)!r}, 'w').write(repr(signal.getsignal(signal.SIGTERM)))"
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        family.keep("one", (sys.executable, "-c", program))
    finally:
        signal.signal(signal.SIGTERM, before)
    family.wait_ended(1)
    assert "SIG_DFL" in told.read_text()


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import signal
from pathlib import Path
from quorate.node.children import Children
children = Children(Path({str(tmp_path)!r}), lambda child: None, lambda child, status: None)
for name in ("a", "b"):
    children.keep(name, {SLEEPS!r}, 0.0)
print(*children.running().values(), flush=True)
signal.pause()
"""
    with subprocess.Popen((sys.executable, "-c", program), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
        parent.kill()
        parent.wait()
    wait_until(lambda: all(gone(pid) for pid in pids))


def test_a_child_that_may_not_start_yet_is_asked_about_again(tmp_path: Path) -> None:
    """A host whose predecessor's processes still end."""
    allowed: list[str] = []
    started: list[str] = []
    children = Children(tmp_path, lambda child: started.append(child.name), lambda *_: None, lambda n: n in allowed)
    children.keep("host-shared", SLEEPS, 100.0)
    children.keep("service", SLEEPS, 100.0)
    assert children.deadline() == 100.0 + HOLD_BACK_S
    children.start_due(100.0 + HOLD_BACK_S)
    assert started == []
    allowed.append("host-shared")
    children.start_due(100.0 + 3 * HOLD_BACK_S)
    assert started == ["host-shared"]
    (child,) = [one for one in children.table.values() if one.pid]
    os.kill(child.pid, signal.SIGKILL)
    children.reap(child.name, 200.0)


def test_a_child_that_somebody_stopped_is_told_after_a_while(family: Family) -> None:
    family.keep("host-shared", SLEEPS)
    family.keep("service", SLEEPS)
    pid = family.children.running()["host-shared"]
    assert family.children.stopped(100.0) == []
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of(pid) == "T")
    assert family.children.stopped(101.0) == []
    assert family.children.stopped(101.0 + STOPPED_LIMIT_S) == ["host-shared"]
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: state_of(pid) != "T")
    assert family.children.stopped(200.0) == []
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of(pid) == "T")
    assert family.children.stopped(300.0) == [], "counted anew"
