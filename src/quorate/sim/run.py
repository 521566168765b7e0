"""Running one seed and judging it; what a failure prints is the command that replays it.

Owns: `Result` and the judgement (violations, progress, promise 3). Does not know: how seeds are spread over processes.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from quorate.sim.checkers import Violation
from quorate.sim.options import Options
from quorate.sim.world import World


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one world. `problem` is empty where every promise held."""

    seed: int
    problem: str
    fired: Counter[tuple[int, str]]
    virtual_s: float
    real_s: float
    log: tuple[str, ...] = ()


def run(options: Options, *, trace: bool = False) -> Result:
    """Run one world to its end and judge it."""
    world = World(options)
    world.tracing = trace
    began = time.perf_counter()
    try:
        world.run()
        problem = judge(world)
    except Violation as violation:
        problem = str(violation)
    spent = time.perf_counter() - began
    return Result(options.seed, problem, world.fired, world.now, spent, tuple(world.log))


def judge(world: World) -> str:
    """What is wrong at the end: no progress, or healthy resources ended by the store's troubles alone."""
    stuck = world.stuck()
    if stuck:
        return "progress: " + "; ".join(stuck)
    limit_s = world.options.recovery_limit_s
    owed_at = world.disturbed_until + limit_s
    if owed_at <= world.now and not 0.0 < world.recovered_at <= owed_at:
        return (
            f"progress: last disturbed at {world.disturbed_until:.3f} s, everything online only at"
            f" {world.recovered_at:.3f} s, which is more than {limit_s:.3f} s later"
        )
    if world.checker.needless:
        return "needless outage: " + "; ".join(world.checker.needless[:3])
    return ""


def replay_command(seed: int, *, storage: bool = False) -> str:
    """The one command that replays a seed."""
    return f"quorate sim --seed {seed} --trace{' --storage' if storage else ''}"
