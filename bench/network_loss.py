"""How long the store takes no write when one of two cluster networks is cut silently for everybody: one line a profile.

    sudo .venv/bin/python bench/network_loss.py [--profile fast|default] [--runs 5]

The writer is a client of its own on each node in turn, and each network is cut in turn: a route keeps to the one that
is left, so nearly every cut hits the one in use. Target: S + 200 ms (S is the suspicion time of the profile).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from quorate.core.authority.timings import PROFILES
from quorate.lab import store_prober
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import Drill, own_path
from quorate.lab.plan import default_folder
from quorate.lab.prober import boot_time_s

LAB = "network-loss"
BEFORE_S, AFTER_S = 1.5, 3.0


def gap_ms(lab: Lab, writer: str, network: str, record: Path) -> float:
    """Cut that network between all nodes while that node writes; the longest time without an acknowledged write."""
    machine = lab.machine(writer)
    words = (sys.executable, "-m", "quorate.lab.store_prober", str(record), str(BEFORE_S + AFTER_S))
    writing = subprocess.Popen(lab.ground.command(machine, words), env=lab.ground.environment(machine))
    try:
        time.sleep(BEFORE_S)
        began_s = boot_time_s()
        for name in ("node1", "node2"):
            lab.cut(name, "others", networks=[network])
        writing.wait(BEFORE_S + AFTER_S + 10)
    finally:
        writing.kill()
        writing.wait()
        lab.heal()
    return store_prober.longest_gap_ms(record, began_s)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=("fast", "default"), default="fast")
    parser.add_argument("--runs", type=int, default=6)
    options = parser.parse_args()
    own_path()
    folder = default_folder(LAB)
    if folder.exists():
        clear(folder)
    try:
        drill = Drill(Lab.make(LAB, 3, options.profile, namespaces=True), lambda _: None)
        drill.bring_up()
        found = []
        for run in range(options.runs):
            found.append(gap_ms(drill.lab, f"node{1 + run % 3}", "ab"[run % 2], folder / "writes"))
            print(
                f"  run {run + 1}: network {'ab'[run % 2]} cut, writer on node{1 + run % 3}: {found[-1]:.0f} ms",
                flush=True,
            )
            time.sleep(2.0)
        limit_ms = PROFILES[options.profile].suspicion_s * 1000 + 200
        print(
            f"store writes resume after the loss of one network [{options.profile}]: "
            f"median {statistics.median(found):.0f} ms, worst {max(found):.0f} ms, {len(found)} runs "
            f"(target: {limit_ms:.0f})"
        )
    finally:
        clear(folder)


if __name__ == "__main__":
    main()
