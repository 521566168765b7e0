"""What a lab needs of the machine it runs on; two grounds offer it: `namespaces` (root) and `loopback` (anybody).

Owns: the port between a lab and its ground, and how the processes of a node are told apart.
Does not know: how either ground works.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from quorate.adapters.process.proc import state_of
from quorate.lab.plan import Machine
from quorate.model.quorum import MEMBER_NAME

MODULES: Final = {
    "sentinel": "quorate.node.sentinel",
    "service": "quorate.node.service",
    "host": "quorate.host",
    "keeper": "quorate.node.quorum_keeper",
}
ROLES: Final = (*MODULES, "etcd", "quorum")
"""The processes of a node that can be killed or stopped alone."""

EFFECT_LIMIT_S: Final = 5.0
"""A signal that has had no effect by then waits for the kernel, and nobody can do more."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Frames of one direction of one network are dropped, silently."""

    sender: str
    receiver: str
    network: str


class Ground(Protocol):
    """Machines made real. Every operation returns when it has taken effect."""

    def power_on(self, machine: Machine) -> None:
        """Make the machine and plug it in; nothing but its first process runs."""

    def power_off(self, machine: Machine) -> None:
        """Everything that runs on the machine ends at once, unplugged first."""

    def is_on(self, machine: Machine) -> bool:
        """Whether the machine has power."""

    def is_paused(self, machine: Machine) -> bool:
        """Whether it is frozen."""

    def command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """What to execute here so that these words are executed there."""

    def network_command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """The same with the network of the machine alone: what is executed is the process that is started here."""

    def environment(self, machine: Machine) -> dict[str, str]:
        """In which environment to do so."""

    def processes(self, machine: Machine) -> list[int]:
        """Process ids, as numbered here."""

    def pause(self, machine: Machine) -> None:
        """Unplug it, then freeze everything on it."""

    def resume(self, machine: Machine) -> None:
        """Plug it in and let everything run on."""

    def cut(self, cuts: Iterable[Cut]) -> None:
        """Drop these frames from now on."""

    def heal(self) -> None:
        """Drop nothing any more."""

    def cuts(self) -> list[Cut]:
        """What is dropped now."""


def run(
    ground: Ground, machine: Machine, words: Sequence[str], *, limit_s: float | None = None, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Execute these words on the machine and wait. With `capture`, output comes back instead of being shown."""
    return subprocess.run(
        ground.command(machine, words),
        env=ground.environment(machine),
        check=False,
        text=True,
        capture_output=capture,
        stdin=subprocess.DEVNULL if capture else None,
        timeout=limit_s,
    )


def start(ground: Ground, machine: Machine, words: Sequence[str], log: Path) -> None:
    """Execute these words on the machine and leave them running, without a terminal; what they say goes to the log."""
    with log.open("ab") as file:
        subprocess.Popen(  # the machine's end is its end; nobody waits for it here
            ["setsid", "--fork", *ground.command(machine, words)],
            env=ground.environment(machine),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        ).wait()


def base_environment() -> dict[str, str]:
    """The caller's, with the programs of this installation first in the path."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return {**os.environ, "PATH": path}


def role_of(arguments: Sequence[str]) -> str | None:
    """Which process of a node has this command line; None for any other program."""
    if arguments and Path(arguments[0]).name == "etcd":
        return "quorum" if f"--name={MEMBER_NAME}" in arguments else "etcd"
    if len(arguments) >= 3 and arguments[1] == "-m":
        return next((role for role, module in MODULES.items() if module == arguments[2]), None)
    return None


def processes_by_role(pids: Iterable[int]) -> dict[str, list[int]]:
    """The processes of a node among these, by role."""
    found: dict[str, list[int]] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if (role := role_of(arguments)) is not None:
                found.setdefault(role, []).append(pid)
    return found


def is_stopped(pid: int) -> bool:
    """Whether it was stopped by a signal."""
    return state_of(pid) == "T"


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """The same signal to all of them, one right after the other."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(pids: Iterable[int]) -> None:
    """SIGKILL for all of them, one right after the other; returns when they are gone."""
    handles = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    for handle in handles:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    for handle in handles:
        select.select([handle], [], [], EFFECT_LIMIT_S)
        os.close(handle)


def stop(pids: Sequence[int]) -> None:
    """SIGSTOP for all of them; returns when they stand still."""
    send(pids, signal.SIGSTOP)
    deadline_s = time.monotonic() + EFFECT_LIMIT_S
    while any(Path(f"/proc/{pid}").exists() and not is_stopped(pid) for pid in pids):
        if time.monotonic() >= deadline_s:
            return
        time.sleep(0.001)  # the kernel tells only the parent of a process that it stopped
