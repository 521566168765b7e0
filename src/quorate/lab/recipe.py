"""How a cluster comes up on bare machines: the one place that knows which commands do that.

Owns: the order of commands, and how long each is given. Does not know: how a machine executes them.

    node 1         quorate cluster create, quorate node run
    every other    quorate token create (on node 1), quorate node join, quorate node run

A token is good for one join, so each node gets its own. A node that has just been started needs a moment before it
answers; until then the command is tried again, because there is nothing else to wait for from outside.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quorate.lab import ground
from quorate.lab.ground import Ground
from quorate.lab.plan import CLIENT_NETWORK, CLUSTER_NETWORKS, LabError, Machine, Plan
from quorate.node.places import ROOT_ENVIRONMENT

READY_LIMIT_S: Final = 30.0
COMMAND_LIMIT_S: Final = 60.0
RETRY_PAUSE_S: Final = 0.1
RUN_LOG: Final = "node.log"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The commands. `program` is what they begin with; tests put a stand-in there."""

    plan: Plan
    ground: Ground
    folder: Path
    say: Say
    program: tuple[str, ...] = ("quorate",)

    def bring_up(self) -> None:
        """All nodes, one after the other: the store takes one new member at a time anyway."""
        first, *others = self.plan.node_machines
        self.create(first)
        self.run(first)
        # What a lab is for is not to be taken for trouble: its nodes fail as often as somebody likes.
        self.patiently(first, "cluster", "set", "quarantine_threshold=0", "expulsion_limit=0")
        for machine in others:
            self.join(machine, self.token(first))
            self.run(machine)
        if self.plan.quorum == "directory":
            self.share_quorum(first)
        if self.plan.quorum == "share":
            self.share_record(first)

    def share_quorum(self, machine: Machine) -> None:
        """Give the cluster the directory that every machine has as its quorum storage; waits for its vote."""
        words = ["quorum", "set", "node_and_disk_majority", "--directory", self.plan.quorum_path(self.folder)]
        self._must(machine, *words, "--wait", "--timeout-s", "50")
        self.say(f"the quorum resource votes; its storage is {self.plan.quorum_path(self.folder)} on every machine")

    def share_record(self, machine: Machine) -> None:
        """Give the cluster the shared directory as its light witness; waits until either node may go on alone."""
        words = ["quorum", "set", "light_witness", "--share", self.plan.quorum_path(self.folder)]
        self.patiently(machine, *words)  # refused until the other node is up
        self.patiently(machine, *words, "--wait", "--timeout-s", "50")
        self.say(f"a light witness keeps its record in {self.plan.quorum_path(self.folder)} on every machine")

    def create(self, machine: Machine) -> None:
        """Form the cluster."""
        words = ["cluster", "create", "--name", self.plan.name, "--profile", self.plan.profile]
        if not self.plan.namespaces:
            words.append("--no-fabric")
        self._leave_host_alone(machine)
        if self.plan.namespaces:  # what the machines have beside their networks is for the client, and found otherwise
            words += ["--client-network", f"{CLIENT_NETWORK.name}={CLIENT_NETWORK.address(machine.host)}/24"]
        self._must(machine, *words, "--node-name", machine.name, *self._networks(machine))
        self.say(f"{machine.name} has made cluster {self.plan.name}")

    def token(self, machine: Machine) -> str:
        """A token for one join, as soon as this node can make one."""
        return self.patiently(machine, "token", "create", "--quiet").split()[-1]

    def patiently(self, machine: Machine, *words: str) -> str:
        """What a command says, as soon as it succeeds: a node that was just started answers nothing at first."""
        deadline_s = time.monotonic() + READY_LIMIT_S
        while True:
            done = self._try(machine, *words)
            if done.returncode == 0:
                return done.stdout
            if time.monotonic() >= deadline_s:
                raise LabError(f"{' '.join(words)} failed on {machine.name}: {_words(done)}; see {self.log(machine)}")
            time.sleep(RETRY_PAUSE_S)

    def join(self, machine: Machine, token: str) -> None:
        """Make this machine a node of the cluster."""
        self._leave_host_alone(machine)
        self._must(machine, "node", "join", token, "--node-name", machine.name, *self._networks(machine))
        self.say(f"{machine.name} has joined")

    def run(self, machine: Machine) -> None:
        """Start the node; it runs until the machine loses power."""
        ground.start(self.ground, machine, (*self.program, "node", "run"), self.log(machine))
        self.say(f"{machine.name} runs")

    def log(self, machine: Machine) -> Path:
        """What the node says."""
        return self.folder / machine.name / RUN_LOG

    def _leave_host_alone(self, machine: Machine) -> None:
        """Without namespaces a node's network is everybody's: also as root nothing of it is changed."""
        if not self.plan.namespaces:
            settings = Path(self.ground.environment(machine)[ROOT_ENVIRONMENT]) / "etc/quorate/node.toml"
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text("address_guard = false\nmanage_fabric = false\n")

    def _networks(self, machine: Machine) -> list[str]:
        if not self.plan.namespaces:
            return ["--network", f"a={machine.loopback_address}/8"]
        networks = [f"{network.name}={network.address(machine.host)}/24" for network in CLUSTER_NETWORKS]
        return [word for network in networks for word in ("--network", network)]

    def _must(self, machine: Machine, *words: str) -> None:
        done = self._try(machine, *words)
        if done.returncode:
            raise LabError(f"{' '.join(words[:2])} failed on {machine.name}: {_words(done)}")

    def _try(self, machine: Machine, *words: str) -> subprocess.CompletedProcess[str]:
        return ground.run(self.ground, machine, (*self.program, *words), limit_s=COMMAND_LIMIT_S, capture=True)


def _words(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
