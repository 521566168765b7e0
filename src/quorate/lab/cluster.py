"""One lab: made, found again by the next command, hurt in every way, and cleared up.

Owns: the folder of a lab and the meaning of each lab command. Does not know: how its ground does it, or what the nodes
of a cluster say to one another.

How it works: `Lab.make` writes plan and ledger before anything else, so `down` can undo a lab from any point of its
making, also after a kill. Commands that change something exclude one another by a lock on the folder. Every one returns
the boot time at which it began to act, for comparison with a prober's record.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quorate.lab import cgroup, ground
from quorate.lab.ground import ROLES, Cut, Ground, processes_by_role
from quorate.lab.ledger import Ledger
from quorate.lab.loopback import Loopback
from quorate.lab.namespaces import Namespaces
from quorate.lab.plan import (
    BLOCK_ENVIRONMENT,
    LEDGER_FILE,
    LOOPBACK_BLOCK,
    SHARED_FOLDER,
    SHARED_POINT,
    LabError,
    Machine,
    Network,
    Plan,
    default_folder,
    parse_networks,
)
from quorate.lab.prober import boot_time_s
from quorate.lab.recipe import RUN_LOG, Recipe, Say

LOCK_LIMIT_S: Final = 10.0
OTHERS: Final = "others"
"""Instead of a machine: all but the one named beside it."""


@dataclass(frozen=True, slots=True)
class MachineStatus:
    """What `lab status` shows of one machine."""

    name: str
    state: str
    addresses: dict[str, str]
    processes: dict[str, list[int]]


class Lab:
    """A lab that exists in its folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.ground: Ground = Namespaces(plan, folder) if plan.namespaces else Loopback(folder)

    @staticmethod
    def find(name: str) -> Lab:
        """The lab of this name. Raises LabError where there is none."""
        folder = default_folder(name)
        return Lab(Plan.read(folder), folder)

    @staticmethod
    def make(name: str, nodes: int, profile: str, *, namespaces: bool, quorum: str = "") -> Lab:
        """Bare machines with power and cables. Undone again if anything fails or interrupts."""
        folder = default_folder(name)
        block = os.environ.get(BLOCK_ENVIRONMENT, LOOPBACK_BLOCK)
        plan = Plan(name, nodes, profile, secrets.token_hex(4), namespaces, quorum, block)
        try:
            folder.mkdir(parents=True, mode=0o755)
        except FileExistsError:
            if (folder / LEDGER_FILE).exists():
                text = f"there is a lab in {folder} already; quorate lab down --name {name} clears it up"
                raise LabError(text) from None
            raise LabError(f"{folder} is there already, and is no lab; name a folder that is not there yet") from None
        try:
            (folder / LEDGER_FILE).touch()
            (folder / SHARED_FOLDER).mkdir()
            plan.write(folder)
            lab = Lab(plan, folder)
            with lab.alone():
                for machine in plan.machines:
                    lab.ground.power_on(machine)
        except BaseException:
            clear(folder)
            raise
        return lab

    def recipe(self, say: Say, program: tuple[str, ...] = ("quorate",)) -> Recipe:
        """How a cluster comes up here."""
        return Recipe(self.plan, self.ground, self.folder, say, program)

    def machine(self, word: str | int) -> Machine:
        """Found by `2`, `node2` or `client`."""
        return self.plan.machine(str(word))

    def status(self) -> tuple[list[MachineStatus], list[Cut]]:
        """Every machine, and what is cut."""
        return [self._status(machine) for machine in self.plan.machines if machine.number], self.ground.cuts()

    def power_off(self, word: str | int) -> float:
        """Pull the plug."""
        machine = self.machine(word)
        with self.alone():
            began_s = boot_time_s()
            self.ground.power_off(machine)
        return began_s

    def power_on(self, word: str | int, program: tuple[str, ...] | None = ("quorate",)) -> float:
        """Give the machine power; it starts its node by itself, unless `program` is None."""
        machine = self.machine(word)
        with self.alone():
            if self.ground.is_on(machine):
                raise LabError(f"{machine.name} has power already")
            began_s = boot_time_s()
            self.ground.power_on(machine)
        if program is not None and machine.number and (self.folder / machine.name / RUN_LOG).exists():
            self.recipe(lambda _: None, program).run(machine)
        return began_s

    def storage(self, word: str | int, *, there: bool) -> float:
        """Take the shared folder away from a machine, or give it back: as if it were no longer mounted there."""
        machine = self.machine(word)
        if not self.plan.namespaces:
            raise LabError("without namespaces every machine has the same folders")
        shared = str(self.folder / SHARED_FOLDER)
        words = ("mount", "--bind", shared, SHARED_POINT) if there else ("umount", "-l", SHARED_POINT)
        with self.alone():
            began_s = boot_time_s()
            done = ground.run(self.ground, machine, words, limit_s=10.0, capture=True)
        if done.returncode:
            raise LabError(f"{' '.join(words)} on {machine.name}: {done.stderr.strip()}")
        return began_s

    def cut(
        self, sender: str | int, receiver: str | int, *, one_way: bool = False, networks: Sequence[str] = ()
    ) -> float:
        """Drop everything from one to the other, and back unless `one_way`. `others` stands for all the rest."""
        chosen = parse_networks(tuple(networks))
        pairs = self._pairs(str(sender), str(receiver))
        if not one_way:
            pairs += [(to, origin) for origin, to in pairs]
        cuts = [
            Cut(origin.name, to.name, network.name)
            for origin, to in pairs
            for network in chosen
            if _both_on(network, origin, to)
        ]
        if not cuts:
            raise LabError(f"{sender} and {receiver} have no such network in common")
        began_s = boot_time_s()
        self.ground.cut(cuts)
        return began_s

    def heal(self) -> float:
        """Nothing is cut any more."""
        began_s = boot_time_s()
        self.ground.heal()
        return began_s

    def pause(self, word: str | int, role: str | None = None) -> float:
        """Freeze the machine and unplug it; or stop one process of the node alone."""
        machine = self.machine(word)
        with self.alone():
            if role is not None:
                found = self._processes(machine, [role])
                began_s = boot_time_s()
                ground.stop(found)
                return began_s
            if self.ground.is_paused(machine):
                raise LabError(f"{machine.name} is paused already")
            began_s = boot_time_s()
            self.ground.pause(machine)
        return began_s

    def resume(self, word: str | int) -> float:
        """Whatever `pause` did."""
        machine = self.machine(word)
        with self.alone():
            began_s = boot_time_s()
            self.ground.resume(machine)
        return began_s

    def kill(self, word: str | int, roles: Sequence[str]) -> float:
        """SIGKILL for these processes of the node, all found before the first is killed; `all` means each of them."""
        found = self._processes(self.machine(word), ROLES if "all" in roles else roles)
        began_s = boot_time_s()
        ground.kill(found)
        return began_s

    def execute(self, word: str | int, words: Sequence[str]) -> int:
        """Run a command on a machine, with the caller's terminal; its exit status."""
        return ground.run(self.ground, self.machine(word), words).returncode

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other command changes this lab meanwhile."""
        with _locked(self.folder):
            yield

    def _status(self, machine: Machine) -> MachineStatus:
        is_on = self.ground.is_on(machine)
        state = "off" if not is_on else "paused" if self.ground.is_paused(machine) else "on"
        addresses = (
            {network.name: network.address(machine.host) for network in machine.networks}
            if self.plan.namespaces
            else {"loopback": machine.loopback_address}
        )
        return MachineStatus(machine.name, state, addresses, processes_by_role(self.ground.processes(machine)))

    def _processes(self, machine: Machine, roles: Sequence[str]) -> list[int]:
        by_role = processes_by_role(self.ground.processes(machine))
        found = [pid for role in roles for pid in by_role.get(role, [])]
        if not found:
            raise LabError(f"{machine.name} runs no {' or '.join(roles)}")
        return found

    def _pairs(self, one: str, other: str) -> list[tuple[Machine, Machine]]:
        if one == OTHERS:
            return [(first, second) for second, first in self._pairs(other, one)]
        origin = self.machine(one)
        if other != OTHERS:
            to = self.machine(other)
            if to == origin:
                raise LabError(f"{origin.name} cannot be cut from itself")
            return [(origin, to)]
        return [(origin, machine) for machine in self.plan.machines if machine.networks and machine != origin]


def _both_on(network: Network, one: Machine, other: Machine) -> bool:
    return network in one.networks and network in other.networks


def clear(folder: Path) -> bool:
    """Undo the lab in this folder, however far it came; whether there was one. Raises LabError for what is stuck."""
    if not folder.exists():
        return False
    if folder.stat().st_uid != os.geteuid():
        raise LabError(f"{folder} belongs to another user; that user, or root, has to clear it up")
    if any(folder.iterdir()) and not (folder / LEDGER_FILE).exists():
        raise LabError(f"{folder} is not the folder of a lab: it has no ledger; nothing was touched")
    with _locked(folder):
        left = Ledger(folder / LEDGER_FILE).undo()
        with contextlib.suppress(LabError):  # interrupted before the plan was written: nothing can run
            plan = Plan.read(folder)
            if not plan.namespaces:
                for machine in plan.machines:
                    Loopback(folder).power_off(machine)
        if left:
            raise LabError("not everything could be cleared up: " + "; ".join(left))
        # The ledger goes last: as long as it is there, the next attempt knows that this is ours.
        for entry in sorted(folder.iterdir(), key=lambda path: path.name == LEDGER_FILE):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        folder.rmdir()
    with contextlib.suppress(OSError):
        if folder.parent.name.startswith("quorate-lab"):
            folder.parent.rmdir()  # only if it is empty
    return True


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    """Python has no lock with a limit, and a signal would end the wait of others too; so ask again."""
    deadline_s = time.monotonic() + LOCK_LIMIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                raise LabError(
                    f"another command has been changing the lab in {folder} for {LOCK_LIMIT_S:.0f} s"
                ) from None
            time.sleep(0.02)
        else:
            return


def can_use_namespaces() -> bool:
    """Whether this user may make the real thing."""
    return os.geteuid() == 0 and cgroup.find_root() is not None
