"""A long soak: every process of a node killed or stopped, alone and in pairs, on every kind of node.

    sudo .venv/bin/python bench/drills.py [--profile fast|default] [--nodes owner,coordinator,third] [--only TEXT]
                                          [--count N] [--keep] [--two-nodes]

Three nodes in namespaces, one group, the prober outside, the process lists of all machines watched. Each drill kills
(SIGKILL) or stops (SIGSTOP) one process or two of one node, lets what was stopped run on after a while, and then holds:

- the group was never active on two nodes, by both witnesses;
- clients missed it no longer than the design allows for just these processes (`allowed_ms`): not at all where the
  processes are not those that hold or end resources;
- the node is up and votes again by itself. A killed sentinel is started again, as systemd would.

With `--two-nodes`: two nodes and a quorum storage; all drills are on the node that has the group *and* the storage, and
its keeper and the quorum resource's member are among the processes.

It ends with a table of all drills, and status 1 if anything was broken. A whole run has 96 drills, some 12 minutes.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quorate.core.authority.timings import PROFILES
from quorate.lab import ground, record
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import GROUP, PROGRAM, TARGET, Drill, own_path
from quorate.lab.ground import ROLES
from quorate.lab.plan import LabError, default_folder
from quorate.lab.prober import boot_time_s
from quorate.lab.probing import probing
from quorate.lab.process_watch import ProcessWatch

LAB: Final = "drills"
KINDS: Final = ("owner", "coordinator", "third")
OF_THE_STORAGE: Final = ("keeper", "quorum")
SLACK_MS: Final = 1000.0
"""Beyond the published takeover bound: commits, the server's own start, and a machine that does everything at once."""
START_MS: Final = 2500.0
"""For host and service to start anew on a busy machine, and for what they bring online."""
UNFAILED_MS: Final = 150.0
BACK_LIMIT_S: Final = 30.0

Hurt = tuple[str, str]
"""Role, and what is done to it: `kill` or `stop`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One drill and what became of it."""

    kind: str
    what: str
    outage_ms: float
    allowed_ms: float
    back_s: float
    broken: tuple[str, ...]

    def line(self) -> str:
        """One line of the table."""
        verdict = "held" if not self.broken else "BROKEN: " + "; ".join(self.broken)
        words = f"{self.kind:<12} {self.what:<28} {self.outage_ms:>7.0f} {self.allowed_ms:>8.0f} {self.back_s:>7.1f}"
        return f"{words}  {verdict}"


HEADING: Final = f"{'node':<12} {'what':<28} {'out ms':>7} {'allowed':>8} {'back s':>7}  verdict"


def hurts(*, storage: bool) -> Iterator[tuple[Hurt, ...]]:
    """Every process alone, then every pair, killed or stopped."""
    roles = [role for role in ROLES if storage or role not in OF_THE_STORAGE]
    for role in roles:
        for how in ("kill", "stop"):
            yield ((role, how),)
    for one, other in itertools.combinations(roles, 2):
        for first, second in itertools.product(("kill", "stop"), repeat=2):
            yield ((one, first), (other, second))


def allowed_ms(kind: str, hurt: Sequence[Hurt], bound_ms: float, hang_ms: float) -> float:
    """What the design allows clients to miss. Only the owner's host and sentinel hold or end what clients see."""
    if kind != "owner":
        return record.THRESHOLD_MS
    if any(role == "sentinel" for role, _ in hurt):
        return bound_ms + SLACK_MS
    if ("host", "kill") in hurt:
        return START_MS + (hang_ms if ("service", "stop") in hurt else 0.0)
    return record.THRESHOLD_MS


class Soak:
    """One lab, and one drill after the other."""

    def __init__(self, profile: str, *, two: bool) -> None:
        self.folder = default_folder(LAB)
        if self.folder.exists():
            clear(self.folder)
        made = Lab.make(LAB, 2 if two else 3, profile, namespaces=True, quorum="directory" if two else "")
        self.drill = Drill(made, lambda _: None)
        self.lab = self.drill.lab
        self.drill.bring_up()
        self.drill.make_group(failback=False)  # a move home would be an outage by wish
        bound_s = self.drill.ask("cluster", "status")["takeover_bound_s"]
        assert isinstance(bound_s, float)
        self.bound_ms = bound_s * 1000
        self.hang_ms = PROFILES[profile].hang_limit_s * 1000
        self.hold_s = 2 * max(bound_s, PROFILES[profile].hang_limit_s)

    def is_whole(self) -> bool:
        """Every node is up and votes, as each of them says, and the group is online."""
        try:
            for machine in self.lab.plan.node_machines:
                if "sentinel" not in ground.processes_by_role(self.lab.ground.processes(machine)):
                    self.lab.recipe(lambda _: None, PROGRAM).run(machine)
            status = self.drill.ask("cluster", "status")
            group = self.drill.ask("group", "show", GROUP)
        except LabError:
            return False
        store, nodes = status["store"], status["nodes"]
        assert isinstance(store, dict)
        assert isinstance(nodes, list)
        up = all(node["state"] == "up" for node in nodes)
        return up and len(store["voters_up"]) == self.drill.voters and group["state"] == "online"

    def place(self) -> dict[str, str]:
        """Have owner and coordinator on two nodes; which node is which."""
        self.drill.until("the cluster is whole", self.is_whole, BACK_LIMIT_S)
        names = [machine.name for machine in self.lab.plan.node_machines]
        if len(names) == 2:
            holder = str(self.drill.ask("quorum", "show")["holder"])
            if self.drill.owner().name != holder:
                self.drill.cli(1, "group", "move", GROUP, "--to", holder, "--wait")
            return {"owner": holder}
        coordinator = str(self.drill.ask("cluster", "status")["coordinator"])
        if self.drill.owner().name == coordinator:
            other = next(name for name in names if name != coordinator)
            self.drill.cli(1, "group", "move", GROUP, "--to", other, "--wait")
        owner = self.drill.owner().name
        (third,) = {*names} - {owner, coordinator}
        return {"owner": owner, "coordinator": coordinator, "third": third}

    def run(self, kind: str, hurt: tuple[Hurt, ...]) -> Row:
        """One drill."""
        node = self.place()[kind]
        path = self.drill.record_path
        path.unlink(missing_ok=True)
        watch, broken = ProcessWatch(self.lab), []
        with probing(self.lab, TARGET, path), watch.running():
            time.sleep(0.3)
            began_s = self._hurt(node, hurt)
            time.sleep(self.hold_s)
            if any(how == "stop" for _, how in hurt):
                self.lab.resume(node)
            try:
                self.drill.until(f"{node} is back", self.is_whole, BACK_LIMIT_S)
            except LabError as problem:
                broken.append(str(problem))
            back_s = boot_time_s() - began_s - self.hold_s
            time.sleep(0.3)
        probes = record.read(path)
        # A gap in which no question failed is a busy machine, unless it is a long one.
        gaps = [gap for gap in record.outages(probes) if gap.failed or gap.length_ms > UNFAILED_MS]
        outage_ms = max((gap.length_ms for gap in gaps), default=0.0)
        allowed = allowed_ms(kind, hurt, self.bound_ms, self.hang_ms)
        if both := record.both_active(probes):
            broken.append(f"answered on two nodes: {both[:2]}")
        if watch.twice:
            broken.append(f"processes on two nodes: {watch.twice[:2]}")
        if outage_ms > allowed:
            broken.append(f"clients missed it for {outage_ms:.0f} ms")
        if not probes[-1].ok:
            broken.append("the group does not answer")
        return Row(kind, what(hurt), outage_ms, allowed, back_s, tuple(broken))

    def _hurt(self, node: str, hurt: tuple[Hurt, ...]) -> float:
        """All processes are found before the first one is hurt."""
        by_role = ground.processes_by_role(self.lab.ground.processes(self.lab.machine(node)))
        began_s = boot_time_s()
        for role, how in hurt:
            (ground.kill if how == "kill" else ground.stop)(by_role[role])
        return began_s


def what(hurt: Sequence[Hurt]) -> str:
    """In words."""
    return ", ".join(f"{how} {role}" for role, how in hurt)


def main() -> int:
    """Run what was asked for; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description="Kill and stop everything, and see what clients see.")
    parser.add_argument("--profile", choices=("fast", "default"), default="fast")
    parser.add_argument("--nodes", default=",".join(KINDS), help="on which nodes")
    parser.add_argument("--only", default="", help="only drills whose words hold this text, such as 'stop etcd'")
    parser.add_argument("--count", type=int, default=0, help="at most so many drills, spread over all; 0 means all")
    parser.add_argument("--two-nodes", action="store_true", help="two nodes and a quorum storage")
    parser.add_argument("--keep", action="store_true", help="leave the lab there")
    options = parser.parse_args()
    own_path()
    kinds = ["owner"] if options.two_nodes else options.nodes.split(",")
    every = tuple(hurts(storage=options.two_nodes))
    wanted = [(kind, hurt) for kind in kinds for hurt in every if options.only in what(hurt)]
    if options.count:
        wanted = wanted[:: max(1, len(wanted) // options.count)][: options.count]
    rows: list[Row] = []
    folder: Path = default_folder(LAB)
    try:
        soak = Soak(options.profile, two=options.two_nodes)
        for number, (kind, hurt) in enumerate(wanted, 1):
            row = soak.run(kind, hurt)
            rows.append(row)
            print(f"{number:>3}/{len(wanted)}  {row.line()}", flush=True)
    except LabError as problem:
        print(f"the soak cannot go on: {problem}", file=sys.stderr)
        return 1
    finally:
        print(f"\n{HEADING}\n" + "\n".join(row.line() for row in rows), flush=True)
        if not options.keep:
            clear(folder)
    broken = [row for row in rows if row.broken]
    print(f"\n{len(rows)} drills with profile {options.profile}: {len(rows) - len(broken)} held, {len(broken)} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
