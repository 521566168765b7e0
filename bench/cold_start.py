"""Joining, and starting from no power at all, on real nodes; one line a figure.

    sudo .venv/bin/python bench/cold_start.py [--profile fast|default] [--runs 5]

Join: from the start of a node that has its identity until the database says it is up; two other nodes are idle.
Cold start: all three get power at once; until the group answers, less the web server's own start.
"""

from __future__ import annotations

import argparse
import statistics
import time

from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import PROGRAM, TARGET, Drill, own_path
from quorate.lab.plan import default_folder
from quorate.lab.prober import boot_time_s
from quorate.lab.probing import probing

LAB = "bench-cold"


def joins(drill: Drill, runs: int) -> list[float]:
    """Seconds until node3 is up again after it was stopped cleanly."""
    found = []
    for _ in range(runs):
        drill.cli(3, "node", "stop", "node3", "--wait")
        drill.lab.power_off(3)
        drill.lab.power_on(3, program=None)
        time.sleep(1.0)
        began_s = boot_time_s()
        drill.lab.recipe(lambda _: None, PROGRAM).run(drill.lab.machine(3))
        drill.until("node3 is up", lambda: _state(drill, "node3") == "up", eager=True)
        found.append(boot_time_s() - began_s)  # with the command that asks: some 0.3 s
        drill.until("all vote", lambda: drill.all_vote(3), 60.0)
    return found


def _state(drill: Drill, name: str) -> str:
    nodes = drill.ask("node", "list")["nodes"]
    assert isinstance(nodes, list)
    return next((str(node["state"]) for node in nodes if node["name"] == name), "")


def cold(drill: Drill, runs: int, start_s: float) -> list[float]:
    """Seconds from power to the first answer of the group."""
    found = []
    for _ in range(runs):
        for machine in drill.lab.plan.node_machines:
            drill.lab.power_off(machine.name)
        time.sleep(2.0)
        drill.record_path.unlink(missing_ok=True)
        with probing(drill.lab, TARGET, drill.record_path):
            began_s = boot_time_s()
            for machine in drill.lab.plan.node_machines:
                drill.lab.power_on(machine.name, program=PROGRAM)
            drill.until("the group answers", lambda: bool(drill.answering()), 60.0)
            found.append(boot_time_s() - began_s - start_s)
        drill.until("all vote", lambda: drill.all_vote(3), 60.0)
        time.sleep(1.0)
    return found


def say(name: str, profile: str, values: list[float], target: str) -> None:
    """One line."""
    print(
        f"{name} [{profile}]: median {statistics.median(values):.2f} s, worst {max(values):.2f} s, "
        f"{len(values)} runs ({target})",
        flush=True,
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=("fast", "default"), default="fast")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    own_path()
    folder = default_folder(LAB)
    if folder.exists():
        clear(folder)
    drill = Drill(Lab.make(LAB, 3, options.profile, namespaces=True), lambda _: None)
    try:
        drill.bring_up()
        drill.make_group(failback=False)
        start_s = drill.server_start_ms() / 1000
        say("join of a node to an idle cluster", options.profile, joins(drill, options.runs), "target: <= 1.5 s")
        values = cold(drill, options.runs, start_s)
        say("cold start of three nodes to the group online", options.profile, values, "target: <= 4 s")
    finally:
        clear(folder)


if __name__ == "__main__":
    main()
