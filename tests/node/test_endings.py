"""The list of holdings on disk, and the ending of one holding: the right process, all of it, and no other."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from pathlib import Path

import pytest
from real_processes import LIMIT_S, SLEEPS, forked, gone, wait_until

from quorate.adapters.process.proc import start_time_ticks
from quorate.node.endings import Holdings, end_holding
from quorate.wire.holdings import AddressHolding, ProcessHolding

ADDRESS = AddressHolding(3, "192.0.2.7", 24)
PROCESS = ProcessHolding(4711, 99)


def wait_gone(handle: int) -> None:
    assert handle >= 0
    ready, _, _ = select.select([handle], [], [], LIMIT_S)
    os.close(handle)
    assert ready


# ---------------------------------------------------------------- the list


def test_what_was_held_is_known_to_the_next_sentinel_of_this_boot(tmp_path: Path) -> None:
    before = Holdings(tmp_path / "holdings", "boot-1")
    before.begin_life("1.a")
    before.add(ADDRESS, "web")
    before.add(PROCESS, "db")
    before.remove(ADDRESS)
    after = Holdings(tmp_path / "holdings", "boot-1")
    assert (after.incarnation, after.same_boot, after.held) == ("1.a", True, {PROCESS: "db"})


def test_a_reboot_ends_everything_and_the_life_is_remembered(tmp_path: Path) -> None:
    before = Holdings(tmp_path / "holdings", "boot-1")
    before.begin_life("1.a")
    before.add(PROCESS, "db")
    after = Holdings(tmp_path / "holdings", "boot-2")
    assert (after.incarnation, after.same_boot, after.held) == ("1.a", False, {})


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    assert not Holdings(tmp_path / "holdings", "boot-1").same_boot


@pytest.mark.parametrize("cut", range(1, 12))
def test_of_a_torn_list_nothing_is_sworn(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "holdings"
    whole = Holdings(path, "boot-1")
    whole.begin_life("1.a")
    whole.add(PROCESS, "db")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * cut // 12])
    assert not Holdings(path, "boot-1").same_boot


@pytest.mark.parametrize(
    "held",
    [None, {}, [{}], [{"holding": {"kind": "planet"}, "resource": "x"}], [{"holding": None, "resource": "x"}], ["x"]],
)
def test_of_a_list_that_makes_no_sense_nothing_is_sworn(tmp_path: Path, held: object) -> None:
    path = tmp_path / "holdings"
    path.write_text(json.dumps({"boot_id": "boot-1", "incarnation": "1.a", "held": held}))
    after = Holdings(path, "boot-1")
    assert not after.same_boot or held == {}


def test_what_cannot_be_written_is_not_held(tmp_path: Path) -> None:
    holdings = Holdings(tmp_path / "missing" / "holdings", "boot-1")
    with pytest.raises(OSError, match="missing"):
        holdings.add(PROCESS, "db")


# ---------------------------------------------------------------- one holding


def test_the_process_named_is_killed_and_its_end_is_told() -> None:
    with forked(*SLEEPS) as pid:
        wait_gone(end_holding(ProcessHolding(pid, start_time_ticks(pid))))
        assert gone(pid)


def test_a_later_process_with_the_same_number_is_not_hit() -> None:
    with forked(*SLEEPS) as pid:
        assert end_holding(ProcessHolding(pid, start_time_ticks(pid) - 1)) == -1
        os.kill(pid, 0)
        assert not gone(pid)


def test_a_process_that_is_gone_needs_no_ending() -> None:
    with forked(sys.executable, "-c", "pass") as pid:
        ticks = start_time_ticks(pid)
        os.waitpid(pid, 0)
        assert end_holding(ProcessHolding(pid, ticks)) == -1


def test_the_start_time_is_read_whatever_the_program_calls_itself(tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    with forked(str(odd), "1000") as pid:
        plain = start_time_ticks(os.getpid())
        wait_until(lambda: ") S 1 (" in Path(f"/proc/{pid}/stat").read_text())
        assert start_time_ticks(pid) >= plain


FIRST_PROCESS = """
import os, sys
from quorate.adapters.process.init import Pipes, Request, Surroundings, run
life, _ = os.pipe()
gate, opened = os.pipe()
os.write(opened, b"x")
request = Request([sys.executable, "-c", sys.argv[1], sys.argv[2]], "/", dict(os.environ), "", "", 0, 15, False)
run(request, Surroundings(life, (), False), Pipes(gate, os.open("/dev/null", os.O_WRONLY), 1), contained=False)
"""
"""The real first process of a program, where it may not make a namespace."""

LEAVES_AN_ORPHAN = """
import os, pathlib, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        new = pathlib.Path(sys.argv[1] + ".new")
        new.write_text(str(os.getpid()))
        new.rename(sys.argv[1])
        signal.pause()
    os._exit(0)
signal.pause()
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_where_there_is_no_namespace_orphans_of_other_sessions_go_too(tmp_path: Path, stopped: bool) -> None:
    """The first process knows them; killed by itself it would leave them behind (wire.holdings)."""
    told = tmp_path / "orphan"
    with forked(sys.executable, "-c", FIRST_PROCESS, LEAVES_AN_ORPHAN, str(told), session=False) as pid:
        wait_until(told.exists)
        orphan = int(told.read_text())
        if stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            wait_gone(end_holding(ProcessHolding(pid, start_time_ticks(pid), contained=False)))
            assert gone(orphan)
        finally:
            if not gone(orphan):
                os.kill(orphan, signal.SIGKILL)


def test_an_address_of_an_interface_that_is_gone_needs_no_ending() -> None:
    assert end_holding(AddressHolding(999_999, "192.0.2.7", 24)) == -1


def test_a_number_that_is_a_thread_by_now_is_nobodys_process() -> None:
    """The sentinel would die of it, and the next one wait for as long as that thread lives."""
    started, over = threading.Event(), threading.Event()
    numbers: list[int] = []

    def live() -> None:
        numbers.append(threading.get_native_id())
        started.set()
        over.wait(20)

    thread = threading.Thread(target=live)
    thread.start()
    started.wait(20)
    try:
        assert end_holding(ProcessHolding(numbers[0], 1)) == -1
    finally:
        over.set()
        thread.join()
