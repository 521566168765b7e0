"""Labs for tests: made in a folder of their own, cleared up whatever happens, with this environment's programs.

Owns: `namespaced` (root) and `on_loopback`, and the asking of a lab's nodes. Does not know: what is tested.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.lab import ground
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import PROGRAM, Drill
from quorate.lab.plan import FOLDER_ENVIRONMENT

COMMAND_LIMIT_S = 60.0


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    # A socket's path has 107 bytes, and pytest's own folders have long names.
    with (
        tempfile.TemporaryDirectory(prefix="q", ignore_cleanup_errors=True) as short,
        pytest.MonkeyPatch.context() as environment,
    ):
        folder = Path(short) / "lab"
        environment.setenv(FOLDER_ENVIRONMENT, str(folder))
        environment.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        environment.setenv("HOME", short)
        try:
            yield folder
        finally:
            clear(folder)


@contextlib.contextmanager
def namespaced(name: str, nodes: int = 3, *, quorum: str = "") -> Iterator[Drill]:
    """A cluster in namespaces, profile fast; every node, and the quorum resource where there is one, votes."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root (namespaces): run pytest as root, or deselect with -m 'not root'")
    with _folder():
        drill = Drill(Lab.make(name, nodes, "fast", namespaces=True, quorum=quorum), lambda _: None)
        drill.bring_up()
        yield drill


@contextlib.contextmanager
def on_loopback(name: str, nodes: int, profile: str = "fast") -> Iterator[Lab]:
    """Machines on loopback; no cluster yet."""
    with _folder():
        yield Lab.make(name, nodes, profile, namespaces=False)


def quorate(lab: Lab, number: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `quorate ...` on a node."""
    return ground.run(lab.ground, lab.machine(number), (*PROGRAM, *words), limit_s=COMMAND_LIMIT_S, capture=True)


def good(lab: Lab, number: int, *words: str) -> str:
    """The same; it must succeed. What it printed."""
    done = quorate(lab, number, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
