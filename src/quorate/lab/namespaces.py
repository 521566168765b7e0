"""The real ground of a lab, for root: every machine in namespaces and a control group of its own.

Owns: making and ending machines, and entering them. Does not know: what runs on them.

How it works: a machine is one control group with one first process in it (`first`). To execute something there, a
shell first joins the control group and then enters the namespaces; so whatever this lab starts, in whatever moment it
is interrupted, is in a control group that the ledger lists.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from quorate.lab import cgroup, first
from quorate.lab.ground import Cut, base_environment, is_stopped, send
from quorate.lab.ledger import Ledger, Process
from quorate.lab.plan import HIDDEN, LEDGER_FILE, MACHINE_ENVIRONMENT, SWITCH, LabError, Machine, Plan
from quorate.lab.switch import Switch

_JOIN: Final = 'echo $$ >"$1/cgroup.procs" || exit 125; shift; exec "$@"'
_EVERYTHING: Final = ("--net", "--mount", "--uts", "--ipc", "--pid")


class Namespaces:
    """The ground of one lab in this folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        root = cgroup.find_root()
        if root is None:
            raise LabError(
                "control groups version 2 are not mounted, or not writable: a lab with namespaces needs them"
            )
        if any(folder.is_relative_to(hidden) for hidden in HIDDEN):
            raise LabError(f"the folder of a lab cannot lie below {', '.join(HIDDEN)}: its machines have their own")
        self._folder = folder
        self._group = root / f"quorate-lab-{plan.name}-{plan.word}"
        self._ledger = Ledger(folder / LEDGER_FILE)
        self._switch_machine = Machine(SWITCH, 0, ())
        self._switch = Switch(self._network_of(self._switch_machine))

    def power_on(self, machine: Machine) -> None:
        """Make the machine and plug it in."""
        for group in (self._group, self._group_of(machine)):
            if not group.exists():
                self._ledger.will_make_cgroup(group)
                group.mkdir()
        folder = self._folder / machine.name
        for part in first.PARTS:
            (folder / part).mkdir(parents=True, exist_ok=True)
        words = (sys.executable, "-m", "quorate.lab.first", machine.name, str(folder), str(self._folder / LEDGER_FILE))
        starting = subprocess.Popen(
            self._join(machine, words),
            env=self.environment(machine),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        said, complaint = starting.communicate()  # both ends close when the machine is ready, or has failed
        if said.decode().strip() != first.READY:
            raise LabError(f"{machine.name} cannot be made: {complaint.decode().strip() or 'its first process ended'}")
        if machine.name == SWITCH:
            self._switch.build()
        else:
            self._switch.connect(machine, self._first(machine).pid, self._network_of(machine))

    def power_off(self, machine: Machine) -> None:
        """Unplug the machine, then kill its first process, and everything else with it, also what is half outside.

        In one stroke: the first process ends only when every other process of its namespace has been buried, and those
        that came in from outside have a parent outside, which may be frozen.
        """
        first_process = self._first(machine)
        self._switch.unplug(machine)
        cgroup.kill(self._group_of(machine))
        first_process.kill()
        cgroup.freeze(self._group_of(machine), frozen=False)
        self._switch.remove(machine)

    def is_on(self, machine: Machine) -> bool:
        """Whether its first process runs."""
        return self._ledger.first_process(machine.name) is not None

    def is_paused(self, machine: Machine) -> bool:
        """Whether its control group is frozen."""
        return cgroup.is_frozen(self._group_of(machine))

    def command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """Join its control group, enter its namespaces, execute."""
        if self.is_paused(machine):
            raise LabError(f"{machine.name} is paused, nothing can run there; quorate lab resume {machine.name} first")
        target = str(self._first(machine).pid)
        return self._join(machine, ("nsenter", "--target", target, *_EVERYTHING, "--", *words))

    def network_command(self, machine: Machine, words: Sequence[str]) -> list[str]:
        """Join its control group, enter its network, execute."""
        return self._join(machine, ("nsenter", "--target", str(self._first(machine).pid), "--net", "--", *words))

    def environment(self, machine: Machine) -> dict[str, str]:
        """Nothing points out of the machine."""
        inherited = {name: value for name, value in base_environment().items() if name != "QUORATE_ROOT"}
        # The administrator's profiles are the lab's own too, and go with it.
        home = str(self._folder / "administrator")
        return {**inherited, MACHINE_ENVIRONMENT: machine.name, "XDG_CONFIG_HOME": home}

    def processes(self, machine: Machine) -> list[int]:
        """All in its control group."""
        return cgroup.processes(self._group_of(machine))

    def pause(self, machine: Machine) -> None:
        """Unplug, then freeze: a frozen machine whose kernel still answers would be a lie."""
        self._first(machine)
        self._switch.unplug(machine)
        cgroup.freeze(self._group_of(machine), frozen=True)

    def resume(self, machine: Machine) -> None:
        """Plug in, then thaw: the order that is harder on the cluster. Also wakes what was stopped by a signal."""
        self._first(machine)
        self._switch.plug(machine)
        cgroup.freeze(self._group_of(machine), frozen=False)
        send(filter(is_stopped, self.processes(machine)), signal.SIGCONT)

    def cut(self, cuts: Iterable[Cut]) -> None:
        """In the switch."""
        self._switch.cut(cuts)

    def heal(self) -> None:
        """In the switch."""
        self._switch.heal()

    def cuts(self) -> list[Cut]:
        """In the switch."""
        return self._switch.cuts()

    def _group_of(self, machine: Machine) -> Path:
        return self._group / machine.name

    def _first(self, machine: Machine) -> Process:
        process = self._ledger.first_process(machine.name)
        if process is None:
            raise LabError(f"{machine.name} has no power; quorate lab power-on {machine.name} gives it")
        return process

    def _join(self, machine: Machine, words: Sequence[str]) -> list[str]:
        return ["sh", "-c", _JOIN, "lab", str(self._group_of(machine)), *words]

    def _network_of(self, machine: Machine) -> Callable[[Sequence[str]], list[str]]:
        """Executes with the machine's network alone, so that process ids mean what they mean here."""

        def inside(words: Sequence[str]) -> list[str]:
            target = str(self._first(machine).pid)
            # Links are changed from outside the machine, which may be frozen; so the helper joins the switch's group.
            return self._join(self._switch_machine, ("nsenter", "--target", target, "--net", "--", *words))

        return inside
