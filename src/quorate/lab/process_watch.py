"""The second witness of promise 1: on how many machines processes of the group run, seen in the process lists.

Owns: the watch over the process lists of all machines, and what counts as a process of the group.
Does not know: drills.

The prober proves two owners only where clients can reach both. So the process lists of all machines are read besides,
as often as this machine allows: a process that can run is what *active* means (design §4), also where nobody sees it.
A frozen machine without links does not count. When it thaws, its processes run until its host has looked at the clock:
no lease can hold what was frozen in the middle of a step. So processes that were seen frozen are left to the prober
(their address must be silent by the kernel's own doing), and to the drill, which sees that they end.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quorate.lab.cluster import Lab
from quorate.lab.plan import Machine
from quorate.lab.prober import boot_time_s

PROCESS: Final = b"web_server.py"


class ProcessWatch:
    """Reads the process lists of all machines until it is stopped."""

    def __init__(self, lab: Lab) -> None:
        self.twice: list[str] = []
        self._lab = lab
        self._thawing: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Watch through this block."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.01):
            active = [machine for machine in self._lab.plan.node_machines if self._is_active(machine)]
            # Seen one after the other; two are active at once only if the first one still is.
            if len(active) > 1 and self._is_active(active[0]):
                self.twice.append(f"{' and '.join(m.name for m in active)} at {boot_time_s():.3f} s")

    def _is_active(self, machine: Machine) -> bool:
        found = set(group_processes(self._lab, machine))
        if self._lab.ground.is_paused(machine):
            self._thawing |= found
        return bool(found - self._thawing)


def group_processes(lab: Lab, machine: Machine) -> list[int]:
    """Processes of the group on that machine, the one that starts it and a dying one's remains left out."""
    found = []
    for pid in lab.ground.processes(machine):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"-S" in words and any(word.endswith(PROCESS) for word in words):
                found.append(pid)
    return found
