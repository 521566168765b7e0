"""Nothing acknowledged is lost: members of the store are killed in turn under load, then all of them at once.

The client's own log of what it was told is compared with the database afterwards.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import store_writer
from made_labs import namespaced
from under_watch import until

from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import Drill

pytestmark = [pytest.mark.root, pytest.mark.etcd]

NODES = ("node1", "node2", "node3")
WRITES = 40
"""Acknowledged between two kills: enough for the member that is back to have taken part again."""


@pytest.fixture
def drill() -> Iterator[Drill]:
    with namespaced("d-fire", 3) as made:
        yield made


def writer(lab: Lab, node: str, *words: str) -> list[str]:
    return lab.ground.command(lab.machine(node), (sys.executable, store_writer.__file__, *words))


def numbers(log: Path) -> list[int]:
    """All whole lines: a torn last one was not acknowledged to anybody yet."""
    text = log.read_text() if log.exists() else ""
    return [int(line) for line in text.rpartition("\n")[0].splitlines()]


def members(lab: Lab, node: str) -> list[int]:
    return ground.processes_by_role(lab.ground.processes(lab.machine(node))).get("etcd", [])


def test_every_acknowledged_write_survives_the_kill_of_any_member(drill: Drill, tmp_path: Path) -> None:
    lab, log = drill.lab, tmp_path / "acknowledged"
    writing = subprocess.Popen(
        writer(lab, "node2", "write", str(log)), env=lab.ground.environment(lab.machine("node2"))
    )
    try:
        for fallen in (("node1",), ("node2",), ("node3",), NODES, ("node3", "node1")):
            goal = len(numbers(log)) + WRITES
            until(f"{WRITES} more writes before the end of {fallen}", lambda g=goal: len(numbers(log)) >= g)  # type: ignore[misc]
            for node in fallen:
                lab.kill(node, ["etcd"])
            until("the members are back", lambda f=fallen: all(members(lab, node) for node in f))  # type: ignore[misc]
        goal = len(numbers(log)) + WRITES
        until("writes go on", lambda: len(numbers(log)) >= goal)
    finally:
        writing.kill()  # this ends only its outer half; the inner one goes with the lab, and writes on until then
        writing.wait()
    acknowledged = set(numbers(log))
    for node in NODES:
        done = subprocess.run(
            writer(lab, node, "read"),
            env=lab.ground.environment(lab.machine(node)),
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert acknowledged - {int(line) for line in done.stdout.split()} == set()
