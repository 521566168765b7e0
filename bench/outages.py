"""What clients see, measured by the prober on real nodes: every outage figure of the issue, one line each.

    sudo .venv/bin/python bench/outages.py [--profile fast|default] [--runs 10] [--only power,leader,cut,move,crash,...]

"Beyond the server's own start": the median time the web server alone needs from its start to its first answer, measured
here in the same run, is subtracted. Medians and worst cases are printed with the target beside them.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable

from quorate.lab import ground, record
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import GROUP, PROGRAM, TARGET, Drill, own_path
from quorate.lab.plan import default_folder
from quorate.lab.prober import boot_time_s
from quorate.lab.probing import probing
from quorate.node.children import STEADY_S

LAB = "bench"


class Bench:
    """One lab, many drills."""

    def __init__(self, profile: str, runs: int) -> None:
        folder = default_folder(LAB)
        if folder.exists():
            clear(folder)
        self.runs = runs
        self.profile = profile
        self.both = 0
        self.drill = Drill(Lab.make(LAB, 3, profile, namespaces=True), lambda _: None)
        self.drill.bring_up()
        self.drill.make_group()
        self.start_ms = self.drill.server_start_ms()

    def leader(self) -> str:
        """The node whose member leads the store."""
        lab = self.drill.lab
        for machine in lab.plan.node_machines:
            if lab.ground.is_on(machine):
                words = (sys.executable, "-m", "quorate.lab.store_leader")
                done = ground.run(lab.ground, machine, words, limit_s=10.0, capture=True)
                if done.stdout.strip():
                    return done.stdout.strip()
        return ""

    def place(self, name: str) -> None:
        """Have the group on that node, settled."""
        if self.drill.owner().name != name:
            self.drill.cli(1, "group", "move", GROUP, "--to", name, "--wait")
        time.sleep(0.7)

    def whole(self) -> None:
        """Wait until three nodes vote again, then a little longer."""
        self.drill.until("three nodes vote", lambda: self.drill.all_vote(3), 60.0)
        time.sleep(1.5)

    def probe(self, act: Callable[[], float], *, settle_s: float = 0.5, online: bool = True) -> float:
        """One drill: the longest outage in milliseconds."""
        path = self.drill.record_path
        path.unlink(missing_ok=True)
        with probing(self.drill.lab, TARGET, path):
            time.sleep(0.3)
            began_s = act()
            if online:
                self.drill.wait_online(began_s)
            time.sleep(settle_s)
        probes = record.read(path)
        self.both += len(record.both_active(probes))
        return record.longest_ms(probes)

    def say(self, name: str, values: list[float], target: str, *, beyond_start: bool) -> None:
        """Print one figure."""
        less = self.start_ms if beyond_start else 0.0
        cleaned = sorted(max(0.0, value - less) for value in values)
        median, worst = statistics.median(cleaned), cleaned[-1]
        print(
            f"{name} [{self.profile}]: median {median:.0f} ms, worst {worst:.0f} ms, {len(cleaned)} runs ({target})",
            flush=True,
        )

    # ---------------------------------------------------------------- drills

    def power(self, *, leader: bool) -> list[float]:
        """Power loss of the owner, who leads the store or does not."""
        lab, found = self.drill.lab, []
        for _ in range(self.runs):
            leading = self.leader()
            others = [m.name for m in lab.plan.node_machines if m.name != leading]
            owner = leading if leader else others[0]
            self.place(owner)
            if (self.leader() == owner) != leader:
                continue
            found.append(self.probe(lambda o=owner: lab.power_off(o)))  # type: ignore[misc]
            lab.power_on(owner, program=PROGRAM)
            self.whole()
        return found

    def cut(self) -> list[float]:
        """Silent cut of the owner from everybody, clients included."""
        lab, found = self.drill.lab, []
        for _ in range(self.runs):
            owner = self.drill.owner().name
            self.place(owner)
            found.append(self.probe(lambda o=owner: lab.cut(o, "others")))  # type: ignore[misc]
            lab.heal()
            self.whole()
        return found

    def move(self) -> list[float]:
        """Planned move."""
        found = []
        for run in range(self.runs):
            target = "node3" if self.drill.owner().name != "node3" else f"node{1 + run % 2}"

            def act(target: str = target) -> float:
                began_s = boot_time_s()
                self.drill.cli(1, "group", "move", GROUP, "--to", target)
                return began_s

            found.append(self.probe(act))
        return found

    def crash(self) -> list[float]:
        """The web server alone dies."""

        def act() -> float:
            pid = self.drill.server_pid(self.drill.owner())
            began_s = boot_time_s()
            os.kill(pid, signal.SIGKILL)
            return began_s

        return [self.probe(act) for _ in range(self.runs)]

    def kill_service(self) -> list[float]:
        """SIGKILL of the service alone."""
        found = []
        for _ in range(min(self.runs, 4)):
            owner = self.drill.owner().name
            found.append(self.probe(lambda o=owner: self.drill.lab.kill(o, ["service"]), settle_s=2.5, online=False))  # type: ignore[misc]
            time.sleep(
                STEADY_S
            )  # one that is killed again and again is started again ever later, and that is another case
        return found

    def one_network(self) -> list[float]:
        """One of the two cluster networks is cut for everybody."""
        lab, found = self.drill.lab, []
        for _ in range(min(self.runs, 3)):

            def act() -> float:
                began_s = boot_time_s()
                for name in ("node1", "node2"):
                    lab.cut(name, "others", networks=["a"])
                return began_s

            found.append(self.probe(act, settle_s=3.0, online=False))
            lab.heal()
            time.sleep(1.0)
        return found


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=("fast", "default"), default="fast")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--only", default="power,leader,cut,move,crash,service,network")
    options = parser.parse_args()
    own_path()
    wanted = options.only.split(",")
    fast = options.profile == "fast"
    bench = Bench(options.profile, options.runs)
    try:
        print(f"web server's own start: {bench.start_ms:.0f} ms")
        if "power" in wanted:
            target = "target: median <= 1000, worst <= 1600" if fast else "target: median <= 2500"
            bench.say("power loss, owner does not lead the store", bench.power(leader=False), target, beyond_start=True)
        if "leader" in wanted:
            target = "target: median <= 1200, worst <= 1600" if fast else "target: median <= 2500"
            bench.say("power loss, owner leads the store", bench.power(leader=True), target, beyond_start=True)
        if "cut" in wanted:
            bench.say(
                "silent cut of the owner", bench.cut(), "target: as power loss, never both active", beyond_start=True
            )
        if "move" in wanted:
            bench.say("planned move", bench.move(), "target: median <= 100", beyond_start=True)
        if "crash" in wanted:
            bench.say("crash of the web server", bench.crash(), "target: <= 100", beyond_start=True)
        if "service" in wanted:
            bench.say("SIGKILL of the service", bench.kill_service(), "target: 0", beyond_start=False)
        if "network" in wanted:
            bench.say("loss of one of two networks, clients", bench.one_network(), "target: 0", beyond_start=False)
        print(f"proofs of two nodes active at once: {bench.both} (target: 0)")
    finally:
        clear(default_folder(LAB))


if __name__ == "__main__":
    main()
