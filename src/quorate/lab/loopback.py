"""The poor man's ground of a lab, for anybody: nodes are folders and loopback addresses on one machine.

Owns: finding and ending the processes of such a node. Does not know: what runs on it.

How it works: a node is `QUORATE_ROOT` and an address 127.77.0.N (or of the block that QUORATE_LAB_BLOCK names).
Everything started for it carries its folder in the
environment, by which its processes are found again in /proc. There are no cables, so nothing can be cut, no addresses
to bring online, and pausing stops processes while the kernel goes on answering for them; it says so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from quorate.lab.ground import Cut, base_environment, is_stopped, kill, send, stop
from quorate.lab.plan import MACHINE_ENVIRONMENT, LabError, Machine

NOTICE: Final = (
    "without root, or with --loopback: nodes share this machine's network on 127.77.0.N, there are no IP address "
    "resources, and no links to cut"
)
_ON: Final = "on"


class Loopback:
    """The ground of one lab in this folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def power_on(self, machine: Machine) -> None:
        """A folder, and a mark that it has power."""
        (self._folder / machine.name / "root").mkdir(parents=True, exist_ok=True)
        self._mark(machine).touch()

    def power_off(self, machine: Machine) -> None:
        """Kill until nothing is left: what is killed may just be starting something."""
        self._mark(machine).unlink(missing_ok=True)
        while found := self.processes(machine):
            kill(found)
        # What a reboot forgets.
        shutil.rmtree(self._folder / machine.name / "root/run", ignore_errors=True)

    def is_on(self, machine: Machine) -> bool:
        """Whether it was given power."""
        return self._mark(machine).exists()

    def is_paused(self, machine: Machine) -> bool:
        """Whether everything on it is stopped."""
        found = self.processes(machine)
        return bool(found) and all(map(is_stopped, found))

    def command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """The words themselves."""
        if not self.is_on(machine):
            raise LabError(f"{machine.name} has no power; quorate lab power-on {machine.name} gives it")
        return list(words)

    def network_command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """The words themselves: there is one network."""
        return self.command(machine, words)

    def environment(self, machine: Machine) -> dict[str, str]:
        """Root and mark of the node."""
        folder = self._folder / machine.name
        return {**base_environment(), "QUORATE_ROOT": str(folder / "root"), MACHINE_ENVIRONMENT: str(folder)}

    def processes(self, machine: Machine) -> list[int]:
        """Every process that carries the node's mark."""
        mark = f"{MACHINE_ENVIRONMENT}={self._folder / machine.name}".encode()
        found = []
        for entry in os.listdir("/proc"):  # noqa: PTH208 - a Path per process is slow
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    if mark in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                        found.append(int(entry))
        return found

    def pause(self, machine: Machine) -> None:
        """Stop everything on it."""
        stop(self.processes(machine))

    def resume(self, machine: Machine) -> None:
        """Wake everything on it."""
        send(self.processes(machine), signal.SIGCONT)

    def cut(self, cuts: Iterable[Cut]) -> None:
        """Refused."""
        del cuts
        raise LabError("a lab on loopback has no links to cut; run quorate lab up as root")

    def heal(self) -> None:
        """Nothing is cut."""

    def cuts(self) -> list[Cut]:
        """None."""
        return []

    def _mark(self, machine: Machine) -> Path:
        return self._folder / machine.name / _ON
