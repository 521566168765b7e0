"""The frame of every show: a real cluster, steps that hurt it, a timeline in words, and a verdict.

Owns: what is printed of each step, and which promises held. Does not know: which steps there are (`demo`, `two_nodes`).
Every outage quoted is the prober's, never this program's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from quorate.lab import history, record
from quorate.lab.cluster import Lab
from quorate.lab.drill import GROUP, TARGET, Drill
from quorate.lab.ground import processes_by_role
from quorate.lab.prober import boot_time_s
from quorate.lab.probing import probing

SLACK_MS = 1000.0
"""Beyond the published takeover bound: commits, the server's own start, and a machine that does everything at once."""

LAB = "demo"


class Show:
    """One run. A subclass says how many nodes there are and what is done to them."""

    nodes = 3
    quorum = ""
    preferred = "node2"
    """Preferred owner of the group."""

    def __init__(self, profile: str) -> None:
        self.began = time.monotonic()
        self.broken: list[str] = []
        self.drill = Drill(Lab.make(LAB, self.nodes, profile, namespaces=True, quorum=self.quorum), self.say)
        self.bound_ms = 0.0

    def say(self, text: str) -> None:
        """Print one line of the timeline."""
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def promise(self, what: str, *, held: bool) -> None:
        """Note whether a promise held."""
        if not held:
            self.broken.append(what)
        print(f"            {'held' if held else 'BROKEN'}: {what}", flush=True)

    def step(self, title: str, act: Callable[[], float | None], *, limit_ms: float, changes: bool = True) -> None:
        """Do something to the cluster, and print what it decided, where the time went, and what clients saw."""
        print()
        self.say(title)
        began_s = boot_time_s()
        began_s = act() or began_s
        if changes:
            self.drill.wait_online(began_s)
        result = self.drill.judge(began_s, 0.4 if changes else 1.5)
        if changes and result.phases is not None:
            print(f"            time: {result.phases.sentence()}")
        elif changes:
            print(
                f"            time: {history.restart_sentence(history.read(self.drill.lab.folder, began_s), began_s)}"
            )
        else:
            print("            time: nothing to detect, decide, stop or start: no resource was touched")
        for sentence in self._why():
            print(f"            {sentence}")
        print(
            f"            clients: {result.outage_ms:.0f} ms without an answer;"
            f" {result.node_before or 'nobody'} before, {result.node_after or 'nobody'} after"
        )
        self.promise(f"at most {limit_ms:.0f} ms without an answer", held=result.outage_ms <= limit_ms)
        self.promise("the service answers again", held=bool(result.node_after))

    def _why(self) -> list[str]:
        """What the cluster says of where the group is, in its own sentences."""
        told = self.drill.cli(self.living(), "explain", "group", GROUP).strip().splitlines()
        until = next((number for number, line in enumerate(told) if line.startswith("Nodes")), len(told))
        return [line for line in told[:until] if line.strip()]

    def living(self) -> str:
        """A node that has power."""
        lab = self.drill.lab
        return next(m.name for m in lab.plan.node_machines if lab.ground.is_on(m))

    # ---------------------------------------------------------------- the run

    def run(self) -> None:
        """Everything, in order."""
        drill = self.drill
        drill.bring_up()
        status = drill.ask("cluster", "status")
        bound_s = status.get("takeover_bound_s")
        self.bound_ms = (bound_s if isinstance(bound_s, float) else 0.0) * 1000 + SLACK_MS
        self.say(f"all nodes are up; a silent node is taken over within {self.bound_ms - SLACK_MS:.0f} ms plus start")
        drill.make_group(self.preferred)
        self.say(f"group {GROUP} is online: a web server on its own address {TARGET}")
        with probing(drill.lab, TARGET, drill.record_path):
            self.steps()
        probes = record.read(drill.record_path)
        both = record.both_active(probes)
        print()
        self.say(f"{len(probes)} probes in all")
        self.promise("never two nodes answering at once", held=not both)

    def steps(self) -> None:
        """What is done to the cluster."""
        raise NotImplementedError

    def leave_whole(self) -> None:
        """Start the node whose processes were killed last, as systemd would, and wait for its vote."""
        lab = self.drill.lab
        for machine in lab.plan.node_machines:
            if not processes_by_role(lab.ground.processes(machine)):
                lab.recipe(lambda _: None, (sys.executable, "-m", "quorate")).run(machine)
        self.drill.until("everybody votes again", lambda: self.drill.all_vote(self.drill.voters), 60.0)

    def cli(self, *words: str) -> float:
        """Ask a living node for something; when that began."""
        began_s = boot_time_s()
        self.drill.cli(self.living(), *words)
        return began_s

    def come_back(self, name: str) -> float:
        """Give a node power again, and wait until the group answers from it."""
        self.drill.lab.power_on(name, program=(sys.executable, "-m", "quorate"))
        before = boot_time_s()
        self.drill.until(f"the group answers from {name} again", lambda: self.drill.answering() == name, 30.0)
        return before
