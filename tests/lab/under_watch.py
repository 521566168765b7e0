"""A drill under watch: the clients' prober outside, and the processes of the group counted on every machine.

Owns: the two witnesses of promise 1 for tests on a real cluster, and bringing the cluster back to where it began.
Does not know: what was done to it meanwhile.

The prober proves two owners only where clients can reach both, so the process lists of all machines are read besides.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator

from quorate.lab import ground, history, record
from quorate.lab.drill import GROUP, PROGRAM, TARGET, Drill
from quorate.lab.prober import boot_time_s
from quorate.lab.probing import probing
from quorate.lab.process_watch import ProcessWatch, group_processes

HOME = "node2"
"""The preferred owner: where the group returns to by itself, so that every test finds it there."""

LIMIT_S = 20.0

NOTICED_MS = 250.0
"""A gap in the record without a failed probe is noticed by clients from here on: a third of the shortest takeover, and
more than a prober waits for a core while another lab runs beside this one. How long gaps are is for `bench/`."""


def until(what: str, holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until something holds; it fails after the limit."""
    tick = threading.Event()
    deadline_s = boot_time_s() + limit_s
    while True:
        began_s = boot_time_s()
        if holds():
            return
        now_s = boot_time_s()
        if now_s > deadline_s:
            raise AssertionError(f"after {limit_s:.0f} s still not: {what}")
        tick.wait(max(0.05, 2 * (now_s - began_s)))  # looking must not take the cores from what is looked at


class Cluster:
    """The cluster of one module of tests, as its tests speak of it."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.lab = drill.lab

    def tell(self, node: str, *words: str) -> dict[str, object]:
        """What `quorate ... --json` says on that node."""
        answer = json.loads(self.drill.cli(node, *words, "--json"))
        assert isinstance(answer, dict)
        return answer

    def others(self, node: str) -> list[str]:
        """All other nodes."""
        return [machine.name for machine in self.lab.plan.node_machines if machine.name != node]

    def states(self, witness: str) -> dict[str, str]:
        """Every node's state, as that node knows it."""
        nodes = self.tell(witness, "node", "list")["nodes"]
        assert isinstance(nodes, list)
        return {str(node["name"]): str(node["state"]) for node in nodes}

    def onlines(self, since_s: float) -> list[str]:
        """The nodes that said since then, in order, that the group came online on them."""
        entries = history.read(self.lab.folder, since_s)
        return [e.machine for e in entries if e.event == "group online" and e.fields.get("group_name") == GROUP]

    def until_answering(self, *nodes: str) -> str:
        """Wait until one of these nodes answers the prober; which one."""
        until(f"{GROUP} answers from {nodes}", lambda: self.drill.answering() in nodes)
        return self.drill.answering()

    def until_ended(self, node: str) -> None:
        """Wait until no process of the group is left on that machine."""
        machine = self.lab.machine(node)
        until("the group ends there", lambda: not group_processes(self.lab, machine))

    def until_state(self, node: str, state: str, witness: str) -> None:
        """Wait until that witness says so of the node."""
        until(f"{node} is {state}", lambda: self.states(witness)[node] == state)

    def nobody_noticed(self, began_s: float) -> None:
        """No client was kept waiting since then, and no probe failed."""
        probes = record.between(record.read(self.drill.record_path), began_s * 1000, boot_time_s() * 1000)
        assert record.outages(probes, NOTICED_MS) == []
        assert {probe.result for probe in probes} == {"ok"}

    def outlast_a_takeover(self) -> None:
        """Let as much time pass as a takeover would need: that nothing happens shows only afterwards."""
        bound_s = self.drill.ask("cluster", "status")["takeover_bound_s"]
        assert isinstance(bound_s, float)
        threading.Event().wait(2 * bound_s)

    def run_node(self, node: str) -> None:
        """Start the node as its administrator would."""
        self.lab.recipe(lambda _: None, PROGRAM).run(self.lab.machine(node))

    def _is_whole_or_start(self) -> bool:
        """A node that was still ending when it was started again is started once more."""
        for machine in self.lab.plan.node_machines:
            if "sentinel" not in ground.processes_by_role(self.lab.ground.processes(machine)):
                self.run_node(machine.name)
        return self._is_whole()

    def restore(self) -> None:
        """Nothing hurt any more, everybody votes, the group at home."""
        self.lab.heal()
        for machine in self.lab.plan.node_machines:
            if not self.lab.ground.is_on(machine):
                self.lab.power_on(machine.name, PROGRAM)
            elif self.lab.ground.is_paused(machine):
                self.lab.resume(machine.name)
            if "sentinel" not in ground.processes_by_role(self.lab.ground.processes(machine)):
                self.run_node(machine.name)
        until("every node is up and votes", self._is_whole_or_start, 2 * LIMIT_S)
        if self.drill.owner().name != HOME:
            self.drill.cli(HOME, "group", "move", GROUP, "--to", HOME, "--wait")
        self.until_answering(HOME)

    def _is_whole(self) -> bool:
        status = self.drill.ask("cluster", "status")
        store, nodes = status["store"], status["nodes"]
        assert isinstance(store, dict)
        assert isinstance(nodes, list)
        return len(store["voters_up"]) == len(nodes) and all(node["state"] == "up" for node in nodes)


@contextlib.contextmanager
def under_watch(cluster: Cluster) -> Iterator[None]:
    """Everything in this block, and the way back home, with the group on never more than one node."""
    path = cluster.drill.record_path
    path.unlink(missing_ok=True)
    watch = ProcessWatch(cluster.lab)
    with probing(cluster.lab, TARGET, path), watch.running():
        try:
            cluster.until_answering(HOME)
            yield
        finally:
            cluster.restore()
    assert record.both_active(record.read(path)) == []
    assert watch.twice == []
