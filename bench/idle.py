"""What an idle node costs: memory and processor time of its processes, at the default profile, one line a figure.

sudo .venv/bin/python bench/idle.py [--seconds 20]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from quorate.adapters.process.proc import processor_ticks
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import Drill, own_path
from quorate.lab.ground import processes_by_role
from quorate.lab.plan import default_folder

LAB = "idle"


def resident_mb(pid: int) -> float:
    """VmRSS in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    """User and system time so far."""
    return processor_ticks(pid) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Bring three idle nodes up and look at node 2, which is neither coordinator nor first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--profile", choices=("fast", "default"), default="default")
    options = parser.parse_args()
    own_path()
    folder = default_folder(LAB)
    if folder.exists():
        clear(folder)
    try:
        drill = Drill(Lab.make(LAB, 3, options.profile, namespaces=True), lambda _: None)
        drill.bring_up()
        drill.make_group()
        time.sleep(3.0)
        for name, what in (("node1", "coordinator"), ("node2", "owner of a group"), ("node3", "idle")):
            pids = drill.lab.ground.processes(drill.lab.machine(name))
            roles = processes_by_role(pids)
            counted = [pid for found in roles.values() for pid in found]
            helpers = [p for p in pids if b"quorate.adapters.process.helper" in Path(f"/proc/{p}/cmdline").read_bytes()]
            counted += [pid for pid in helpers if pid not in counted]
            before = sum(cpu_s(pid) for pid in counted)
            began = time.monotonic()
            time.sleep(options.seconds)
            spent = (sum(cpu_s(pid) for pid in counted) - before) / (time.monotonic() - began) * 100
            total = sum(resident_mb(pid) for pid in counted)
            sentinel = sum(resident_mb(pid) for pid in roles.get("sentinel", []))
            print(f"{name} ({what}) resident [{options.profile}]: {total:.0f} MB (target: <= 180)")
            print(f"{name} ({what}) processor [{options.profile}]: {spent:.1f} % of one core (target: <= 6)")
            print(f"{name} ({what}) sentinel resident: {sentinel:.1f} MB (target: <= 20)", flush=True)
    finally:
        clear(folder)


if __name__ == "__main__":
    main()
