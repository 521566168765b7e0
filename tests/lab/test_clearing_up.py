"""Whatever a lab made goes away again, from whatever point it was left at."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import stand_ins

from quorate.lab import cgroup, ground
from quorate.lab.cluster import Lab, clear
from quorate.lab.ledger import Ledger, Process
from quorate.lab.plan import FOLDER_ENVIRONMENT, LabError

QUORATE = (sys.executable, "-c", "from quorate.cli.main import main; main(prog_name='quorate')")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "lab"
    monkeypatch.setenv(FOLDER_ENVIRONMENT, str(folder))
    yield folder
    with contextlib.suppress(LabError):
        clear(folder)


def quorate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run((*QUORATE, "lab", *words), capture_output=True, text=True, check=False)


def left_behind(folder: Path) -> list[str]:
    """Everything of the lab in this folder that is still there; processes carry the folder in their environment."""
    mark = f"{FOLDER_ENVIRONMENT}={folder}".encode()
    found = [str(folder)] if folder.exists() else []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            others = entry.name.isdigit() and int(entry.name) != os.getpid()
            if others and mark in (entry / "environ").read_bytes():
                found.append(f"{entry.name}: {(entry / 'cmdline').read_bytes()!r}")
    root = cgroup.find_root()
    assert root is not None
    return found + [str(group) for group in root.glob("quorate-lab-interrupted-*")]


@pytest.mark.root
@pytest.mark.parametrize("lines", [1, 3, 5, 7, 8])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_up_is_cleared_up(folder: Path, lines: int, number: signal.Signals) -> None:
    """Killed when its ledger has so many lines: long before the four nodes are done, also on a busy machine."""
    making = subprocess.Popen(
        (*QUORATE, "lab", "up", "--nodes", "4", "--name", "interrupted", "--bare"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    tick = threading.Event()
    while making.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            if (folder / "ledger").read_text().count("\n") >= lines:
                break
        tick.wait(0.001)
    making.send_signal(number)
    code = making.wait(20)
    assert code != 0, "it was interrupted before it was done"
    if number is signal.SIGKILL:
        done = quorate("down", "--name", "interrupted")
        assert done.returncode == 0, done.stderr
    assert left_behind(folder) == []


@pytest.mark.root
def test_the_whole_life_of_a_lab_on_the_command_line(folder: Path) -> None:
    up = quorate("up", "--nodes", "1", "--name", "interrupted", "--bare")
    assert up.returncode == 0, up.stderr
    assert quorate("exec", "1", "--", "sh", "-c", "exit 7").returncode == 7
    again = quorate("up", "--nodes", "1", "--name", "interrupted")
    assert again.returncode == 1
    assert "there is a lab" in again.stderr
    assert "node1    on      a=10.77.1.1" in quorate("status").stdout
    assert quorate("down").returncode == 0
    assert left_behind(folder) == []
    assert "there is no lab" in quorate("status").stderr
    assert "there was no lab" in quorate("down").stdout


def test_a_folder_that_is_no_lab_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "letters").write_text("precious")
    with pytest.raises(LabError, match="nothing was touched"):
        clear(folder)
    assert (folder / "letters").read_text() == "precious"


def test_a_later_process_of_the_same_number_is_left_alone(tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "1000"])
    try:
        process = Process.of(bystander.pid)
        ledger = Ledger(tmp_path / "ledger")
        ledger.has_process("node1", Process(process.pid, process.start_ticks - 1, process.boot_id))
        ledger.has_process("node1", Process(process.pid, process.start_ticks, "another boot"))
        assert ledger.first_process("node1") is None
        assert ledger.undo() == []
        assert process.alive
        ledger.has_process("node1", process)
        assert ledger.first_process("node1") == process
        assert ledger.undo() == []
        assert not process.alive
    finally:
        bystander.kill()
        bystander.wait()


def test_a_ledger_line_still_being_written_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text('{"cgroup": "/nowhere/at/all"}\n{"machine": "no')
    assert Ledger(path).undo() == []


def test_without_root_nodes_are_folders_and_loopback(folder: Path, tmp_path: Path) -> None:
    """A smoke test: start, find, pause, end."""
    programs = stand_ins.make(tmp_path / "programs")
    lab = Lab.make("plain", 2, "fast", namespaces=False)
    machine = lab.machine(1)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(programs))
        ground.start(lab.ground, machine, (sys.executable, "-m", "quorate.node.service"), tmp_path / "log")
    tick = threading.Event()
    while not lab.status()[0][0].processes.get("service"):
        tick.wait(0.01)
    assert lab.status()[0][0].addresses == {"loopback": f"{lab.plan.block}.1"}
    assert lab.status()[0][1].processes == {}
    lab.pause(1)
    assert lab.ground.is_paused(machine)
    lab.resume(1)
    with pytest.raises(LabError, match="no links to cut"):
        lab.cut(1, 2)
    shown = ground.run(lab.ground, machine, ("sh", "-c", "echo $QUORATE_ROOT"), capture=True)
    assert shown.stdout.strip() == str(folder / "node1/root")
    lab.power_off(1)
    assert lab.ground.processes(machine) == []
    ground.start(lab.ground, lab.machine(2), ("sleep", "1000"), tmp_path / "log")
    clear(folder)
    assert lab.ground.processes(lab.machine(2)) == []
    assert not folder.exists()
