"""`./demo`: the main job of a failover cluster, shown on real nodes as a readable timeline.

Owns: the steps, what is printed of each, and the verdict. Every outage quoted is the prober's, never this program's.
Exit status 0 only if every promise held.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from quorate.lab import history, record
from quorate.lab.cluster import Lab, can_use_namespaces, clear
from quorate.lab.drill import GROUP, TARGET, Drill, own_path
from quorate.lab.ground import processes_by_role
from quorate.lab.plan import LabError, default_folder
from quorate.lab.prober import boot_time_s
from quorate.lab.probing import probing

SLACK_MS = 1000.0
"""Beyond the published takeover bound: commits, the server's own start, and a machine that does everything at once."""

LAB = "demo"


class Demo:
    """One run."""

    def __init__(self, profile: str) -> None:
        self.began = time.monotonic()
        self.broken: list[str] = []
        self.drill = Drill(Lab.make(LAB, 3, profile, namespaces=True), self.say)
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
        told = self.drill.cli(self._living(), "explain", "group", GROUP).strip().splitlines()
        until = next((number for number, line in enumerate(told) if line.startswith("Nodes")), len(told))
        return [line for line in told[:until] if line.strip()]

    def _living(self) -> str:
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
        self.say(f"three nodes are up; a silent node is taken over within {self.bound_ms - SLACK_MS:.0f} ms plus start")
        drill.make_group()
        self.say(f"group {GROUP} is online: a web server on its own address {TARGET}")
        with probing(drill.lab, TARGET, drill.record_path):
            self._steps()
        probes = record.read(drill.record_path)
        both = record.both_active(probes)
        print()
        self.say(f"{len(probes)} probes in all")
        self.promise("never two nodes answering at once", held=not both)

    def _steps(self) -> None:
        drill, lab = self.drill, self.drill.lab
        first = drill.owner().name
        self.step(f"{first}, the owner, loses power", lambda: lab.power_off(first), limit_ms=self.bound_ms)
        self.step(
            f"{first} returns; it rejoins, and the group fails back", lambda: self._return(first), limit_ms=SLACK_MS
        )
        self.step(
            "a planned move to node3", lambda: self._cli("group", "move", GROUP, "--to", "node3"), limit_ms=SLACK_MS
        )
        self.step("node3 is drained", lambda: self._cli("node", "drain", "node3"), limit_ms=SLACK_MS)
        self._cli("node", "resume", "node3")
        owner = drill.owner()
        self.step(f"the web server on {owner.name} crashes", self._crash, limit_ms=SLACK_MS)
        self.step(
            f"SIGKILL for the service process of {owner.name} alone",
            lambda: lab.kill(owner.name, ["service"]),
            limit_ms=0.0,
            changes=False,
        )
        self.step(
            f"SIGKILL for sentinel, service and host of {owner.name} at once",
            lambda: lab.kill(owner.name, ["sentinel", "service", "host"]),
            limit_ms=self.bound_ms,
        )
        self.promise(f"nothing of the group is left on {owner.name}", held=not self._server_runs(owner.name))

    def leave_whole(self) -> None:
        """Start the node whose processes were killed last, as systemd would, and wait for its vote."""
        lab = self.drill.lab
        for machine in lab.plan.node_machines:
            if not processes_by_role(lab.ground.processes(machine)):
                lab.recipe(lambda _: None, (sys.executable, "-m", "quorate")).run(machine)
        self.drill.until("three nodes vote again", lambda: self.drill.all_vote(3), 60.0)

    def _server_runs(self, name: str) -> bool:
        try:
            self.drill.server_pid(self.drill.lab.machine(name))
        except LabError:
            return False
        return True

    def _cli(self, *words: str) -> float:
        began_s = boot_time_s()
        self.drill.cli(self._living(), *words)
        return began_s

    def _return(self, name: str) -> float:
        self.drill.lab.power_on(name, program=(sys.executable, "-m", "quorate"))
        before = boot_time_s()
        self.drill.until(f"the group answers from {name} again", lambda: self.drill.answering() == name, 30.0)
        return before

    def _crash(self) -> float:
        pid = self.drill.server_pid(self.drill.owner())
        began_s = boot_time_s()
        os.kill(pid, signal.SIGKILL)
        return began_s


def _interrupted(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)  # which clears the lab up on its way


def main() -> int:
    """Run the demo; its exit status."""
    parser = argparse.ArgumentParser(description="Quorate shows its main job on three real nodes.")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--profile", choices=("fast", "default"), default="fast", help="timing of the cluster")
    options = parser.parse_args()
    own_path()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    if not can_use_namespaces():
        print("The demo needs root for network namespaces: run it with sudo.", file=sys.stderr)
        return 2
    folder: Path = default_folder(LAB)
    if folder.exists():
        clear(folder)
    demo = None
    try:
        demo = Demo(options.profile)
        demo.run()
        if options.keep:
            demo.leave_whole()
    except LabError as problem:
        print(f"the demo cannot go on: {problem}", file=sys.stderr)
        if demo is not None:
            demo.broken.append(str(problem))
    except BaseException:
        clear(folder)
        raise
    if not options.keep:
        clear(folder)
    if demo is None or demo.broken:
        print(f"\nNOT every promise held: {demo.broken if demo else 'no lab'}")
        return 1
    print("\nEvery promise held.")
    if options.keep:
        print(
            "\nThe cluster is still running. Try:\n"
            "  .venv/bin/quorate lab exec 1 -- quorate cluster status\n"
            "  .venv/bin/quorate lab exec 1 -- quorate explain group web\n"
            "  .venv/bin/quorate lab power-off 2\n"
            "  .venv/bin/quorate lab down"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
