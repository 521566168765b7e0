"""A running lab with a web service on it, and a prober outside: the ground on which demo and benchmarks stand.

Owns: bringing cluster and group up through the command line as a stranger would, waiting for what must come, and
judging a step by the prober's record. Does not know: which steps there are.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quorate.lab import ground, history, record
from quorate.lab.cluster import Lab
from quorate.lab.plan import LabError, Machine
from quorate.lab.prober import boot_time_s

ADDRESS = "10.77.9.100"
PORT = 8080
TARGET = f"{ADDRESS}:{PORT}"
GROUP = "web"
LOOK_S = 0.05
COMMAND_LIMIT_S = 60.0
PROGRAM = (sys.executable, "-m", "quorate")


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did to the clients, by the prober's record, and what the nodes say they did."""

    outage_ms: float
    node_before: str
    node_after: str
    phases: history.Phases | None


class Drill:
    """One lab with its cluster."""

    def __init__(self, lab: Lab, say: Callable[[str], None]) -> None:
        self.lab = lab
        self.say = say
        self.record_path = lab.folder / "prober.jsonl"

    # ---------------------------------------------------------------- commands

    def cli(self, machine: str | int, *words: str) -> str:
        """Run `quorate ...` on a machine; its output. Raises LabError where it fails."""
        done = ground.run(
            self.lab.ground, self.lab.machine(machine), (*PROGRAM, *words), limit_s=COMMAND_LIMIT_S, capture=True
        )
        if done.returncode:
            raise LabError(f"quorate {' '.join(words)} on {machine}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def ask(self, *words: str) -> dict[str, object]:
        """Ask any node that has power, as JSON."""
        problems: list[str] = []
        for machine in self.lab.plan.node_machines:
            if self.lab.ground.is_on(machine) and not self.lab.ground.is_paused(machine):
                try:
                    answer = json.loads(self.cli(machine.name, *words, "--json"))
                except (LabError, ValueError) as problem:
                    problems.append(str(problem))
                    continue
                if isinstance(answer, dict):
                    return answer
        raise LabError(f"no node answers quorate {' '.join(words)}: {problems}")

    def until(self, what: str, holds: Callable[[], bool], limit_s: float = 30.0, *, eager: bool = False) -> None:
        """Wait until something holds. Raises LabError after the limit. `eager`: a bench, which wants to know soon."""
        deadline_s = time.monotonic() + limit_s
        while True:
            began_s = time.monotonic()
            if holds():
                return
            now_s = time.monotonic()
            if now_s > deadline_s:
                raise LabError(f"after {limit_s:.0f} s still not: {what}")
            # Looking, a process each time, must not take the cores from what is looked at.
            time.sleep(LOOK_S if eager else max(LOOK_S, 2 * (now_s - began_s)))

    # ---------------------------------------------------------------- bringing up

    def bring_up(self) -> None:
        """Form the cluster, let the others join, and wait until every node votes."""
        self.lab.recipe(self.say, PROGRAM).bring_up()
        count = self.voters
        self.until(f"{count} voters up", lambda: self.all_vote(count), 60.0)

    @property
    def voters(self) -> int:
        """How many vote when everything is whole: every node, and the quorum resource where there is one."""
        return len(self.lab.plan.node_machines) + (1 if self.lab.plan.quorum == "directory" else 0)

    def all_vote(self, count: int) -> bool:
        """So many voters are up."""
        try:
            store = self.ask("cluster", "status").get("store")
        except LabError:
            return False
        return isinstance(store, dict) and len(store.get("voters_up", [])) == count

    def make_group(self, preferred: str = "node2", *, failback: bool = True) -> None:
        """A group of an address and a web server that depends on it."""
        python = Path("/usr/bin/python3")
        server = Path(__file__).with_name("web_server.py")
        command = f"{python if python.exists() else sys.executable} -I -S {server} {ADDRESS} {PORT}"
        # Whoever comes back first takes it at once: a drill looks at takeovers, not at patience (decision 0083).
        self.cli(1, "cluster", "set", "cluster_group_wait_delay_s=0")
        back = ("--failback", "immediate") if failback else ()
        self.cli(1, "group", "create", GROUP, "--preferred", preferred, *back)
        self.cli(
            *(1, "resource", "create", "address", "--group", GROUP, "--type", "IP Address"),
            *("--set", f"address={ADDRESS}", "--set", "prefix_length=24", "--restart-delay-ms", "0"),
        )
        self.cli(
            *(1, "resource", "create", "server", "--group", GROUP, "--type", "Generic Application"),
            *("--set", f"command_line={command}", "--depends-on", "[address]", "--restart-delay-ms", "0"),
        )
        self.cli(1, "group", "online", GROUP, "--wait")

    # ---------------------------------------------------------------- observing

    def owner(self) -> Machine:
        """The machine that owns the group, by what the cluster says."""
        return self.lab.machine(str(self.ask("group", "show", GROUP)["owner"]))

    def wait_online(self, since_s: float, limit_s: float = 20.0) -> None:
        """Wait until a node says the group came online after `since_s`."""
        self.until(
            "the group is online again",
            lambda: any(e.event == "group online" for e in history.read(self.lab.folder, since_s)),
            limit_s,
        )

    def answering(self) -> str:
        """The node that answered the prober last, empty where the last probe failed."""
        probes = record.read(self.record_path)
        return probes[-1].node if probes and probes[-1].ok else ""

    def judge(self, began_s: float, settle_s: float = 0.4) -> StepResult:
        """What the clients saw since then. Waits a little first, so that the end is in the record."""
        time.sleep(settle_s)
        probes = record.between(record.read(self.record_path), began_s * 1000 - 100, boot_time_s() * 1000)
        found = record.outages(probes)
        longest = max(found, key=lambda outage: outage.length_ms, default=None)
        entries = history.read(self.lab.folder, began_s)
        ok = [probe for probe in probes if probe.ok]
        return StepResult(
            outage_ms=longest.length_ms if longest is not None else 0.0,
            node_before=ok[0].node if ok else "",
            node_after=ok[-1].node if ok else "",
            phases=history.phases(entries, GROUP, began_s),
        )

    def server_start_ms(self) -> float:
        """How long the web server alone takes from its start to its first answer, measured here and now."""
        server = Path(__file__).with_name("web_server.py")
        python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
        import socket
        import subprocess

        times: list[float] = []
        for attempt in range(3):
            port = 18080 + attempt
            began = time.monotonic()
            process = subprocess.Popen([python, "-I", "-S", str(server), "127.0.0.1", str(port)])
            try:
                while True:
                    try:
                        with socket.create_connection(("127.0.0.1", port), timeout=0.25) as connection:
                            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                            connection.recv(100)
                        break
                    except OSError:
                        time.sleep(0.001)
            finally:
                times.append((time.monotonic() - began) * 1000)
                process.kill()
                process.wait()
        return sorted(times)[1]

    def server_pid(self, machine: Machine) -> int:
        """The process of the web server on that machine."""
        for pid in self.lab.ground.processes(machine):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.endswith(b"web_server.py") for word in words) and b"-S" in words:
                return pid
        raise LabError(f"no web server runs on {machine.name}")


def own_path() -> None:
    """Let everything a lab starts find this environment's programs."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
