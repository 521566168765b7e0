"""What a lab made outside its folder, written down before it is made, so that it can be undone from any point.

Owns: the list, and undoing it. Does not know: machines or networks.

How it works: only two kinds of thing outlive the command that made them: control groups and processes. Everything else
(namespaces for network, mounts, process ids and host name; in them bridges, cables, addresses, packet filters and
mounts) hangs on those processes and goes with them, which is why nothing here has a name that the rest of the machine
could see. A process writes itself down as its first act, with its start time and the boot it belongs to, because a
number alone is given to another process later. Undoing skips what is already gone and never touches what is not listed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quorate.adapters.process.proc import stat_fields
from quorate.lab import cgroup

END_LIMIT_S: Final = 10.0
"""A killed process that is still there after this is stuck in the kernel."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be taken for a later one of the same number."""

    pid: int
    start_ticks: int
    boot_id: str

    @staticmethod
    def of(pid: int) -> Process:
        """The process that has this number now. Raises ProcessLookupError."""
        state = _stat(pid)
        if state is None:
            raise ProcessLookupError(pid)
        return Process(pid, state[1], _boot_id())

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        state = _stat(self.pid)
        return (
            state is not None and state[0] not in "ZX" and state[1] == self.start_ticks and self.boot_id == _boot_id()
        )

    def kill(self) -> None:
        """End it and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.alive:  # asked after the handle was taken, so the handle is of this process
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    select.select([handle], [], [], END_LIMIT_S)
            finally:
                os.close(handle)


class Ledger:
    """The list, in a file that is only ever appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def will_make_cgroup(self, path: Path) -> None:
        """Before making it."""
        self._append({"cgroup": str(path)})

    def has_process(self, machine: str, process: Process) -> None:
        """A first process, written by itself before it does anything."""
        self._append(
            {"machine": machine, "pid": process.pid, "start_ticks": process.start_ticks, "boot_id": process.boot_id}
        )

    def first_process(self, machine: str) -> Process | None:
        """The running first process of this machine."""
        for entry in reversed(self._entries()):
            if entry.get("machine") == machine:
                process = _process(entry)
                return process if process.alive else None
        return None

    def undo(self) -> list[str]:
        """End every process and remove every control group that is listed; what could not be, as sentences."""
        left: list[str] = []
        entries = self._entries()
        for entry in reversed(entries):
            if "cgroup" in entry:
                path = Path(str(entry["cgroup"]))
                if not cgroup.remove(path):
                    left.append(f"control group {path} still holds processes {cgroup.processes(path)}")
        for entry in entries:
            if "machine" in entry:
                process = _process(entry)
                process.kill()
                if process.alive:
                    left.append(f"process {process.pid} of {entry['machine']} cannot be killed")
        return left

    def _append(self, entry: dict[str, object]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")  # one write: two writers do not mix

    def _entries(self) -> list[dict[str, object]]:
        try:
            whole, _, _ = self._path.read_text().rpartition("\n")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in whole.splitlines()]


def _process(entry: dict[str, object]) -> Process:
    return Process(int(str(entry["pid"])), int(str(entry["start_ticks"])), str(entry["boot_id"]))


def _stat(pid: int) -> tuple[str, int] | None:
    """State letter and start time of a process."""
    try:
        fields = stat_fields(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
