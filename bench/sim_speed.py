"""How fast virtual time passes for a simulated cluster of five nodes: one line per figure, with its target.

Figures are virtual seconds in one second of processor time of one core, so that busy neighbours do not count. Quiet is
a cluster without faults, injured are worlds drawn from seeds as `quorate sim` draws them, each to its end.
"""

from __future__ import annotations

from time import process_time

from quorate.core.authority.timings import PROFILES
from quorate.sim.drawing import draw
from quorate.sim.options import Options
from quorate.sim.run import run

NODES = 5
SEEDS = range(8)
QUIET_S = 30.0
TARGET = 20


def speed(worlds: list[Options]) -> float:
    """Virtual seconds in one second of processor time, all worlds together."""
    began = process_time()
    virtual_s = 0.0
    for options in worlds:
        result = run(options)
        if result.problem:
            print(f"seed {options.seed}: {result.problem}")
        virtual_s += result.virtual_s
    return virtual_s / (process_time() - began)


def main() -> None:
    speed([Options(seed=0, nodes=NODES, end_s=2.0)])  # everything is loaded and warm
    for name in ("default", "fast"):
        quiet = Options(seed=1, nodes=NODES, timings=PROFILES[name], end_s=QUIET_S)
        print(f"quiet, profile {name}: {speed([quiet]):.0f} virtual seconds a second (target at least {TARGET})")
    injured = [draw(seed, nodes=NODES) for seed in SEEDS]
    print(f"injured, {len(injured)} seeds: {speed(injured):.0f} virtual seconds a second (target at least {TARGET})")


if __name__ == "__main__":
    main()
