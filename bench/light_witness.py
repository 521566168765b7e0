"""Two nodes and a light witness on a share: one of them loses power; one line a figure.

    sudo .venv/bin/python bench/light_witness.py [--profile fast|default] [--runs 5]

Real nodes, the prober's record; the web server's own start is subtracted. There is no target: a light witness stands
still longer than a quorum storage does, and how much longer is what an administrator wants to know.
"""

from __future__ import annotations

import argparse
import statistics
import time

from quorate.lab import record
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import PROGRAM, TARGET, Drill, own_path
from quorate.lab.plan import LabError, default_folder
from quorate.lab.probing import probing

LAB = "bench-light"


def settled(drill: Drill) -> bool:
    """Either node may go on alone."""
    try:
        shown = drill.ask("quorum", "show")
    except LabError:
        return False
    return bool(shown["settled"]) and shown["further_losses"] == 1


def measure(profile: str, runs: int, *, owner: bool) -> tuple[list[float], int]:
    """Outages in milliseconds beyond the server's own start, and probes that two nodes answered."""
    folder = default_folder(LAB)
    if folder.exists():
        clear(folder)
    drill = Drill(Lab.make(LAB, 2, profile, namespaces=True, quorum="share"), lambda _: None)
    found: list[float] = []
    both = 0
    try:
        drill.bring_up()
        drill.make_group(failback=False)
        start_ms = drill.server_start_ms()
        for _ in range(runs):
            home = drill.owner().name
            victim = home if owner else next(m.name for m in drill.lab.plan.node_machines if m.name != home)
            time.sleep(1.0)
            drill.record_path.unlink(missing_ok=True)
            with probing(drill.lab, TARGET, drill.record_path):
                time.sleep(0.3)
                began_s = drill.lab.power_off(victim)
                if owner:
                    drill.wait_online(began_s)
                else:
                    time.sleep(6.0)
                time.sleep(0.5)
            probes = record.read(drill.record_path)
            both += len(record.both_active(probes))
            found.append(max(0.0, record.longest_ms(probes) - start_ms))
            drill.lab.power_on(victim, program=PROGRAM)
            drill.until("either may go on alone", lambda: settled(drill), 60.0)
    finally:
        clear(folder)
    return found, both


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=("fast", "default"), default="fast")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    own_path()
    for name, owner in (("owner of the group loses power", True), ("the other node loses power", False)):
        values, both = measure(options.profile, options.runs, owner=owner)
        print(
            f"{name} [{options.profile}]: median {statistics.median(values):.0f} ms, worst {max(values):.0f} ms, "
            f"{len(values)} runs (no target); probes answered by two nodes at once: {both} (target: 0)",
            flush=True,
        )


if __name__ == "__main__":
    main()
