"""Sixty-four simulated nodes: how soon a membership change settles, and what a heartbeat round costs the leader.

    .venv/bin/python bench/many_nodes.py [--profile fast|default] [--nodes 64]

A change is settled when the database says so and every living node's replica has it. The work is real time spent in the
coordinator's sentinel and service per heartbeat interval, on this machine, while nothing changes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from quorate.core.authority.timings import PROFILES
from quorate.sim.node import SimNode
from quorate.sim.options import Options
from quorate.sim.world import World

LOOK_S = 0.005
QUIET_S = 1.0


def settled(world: World, gone: int) -> Callable[[], bool]:
    """Every living node knows that this one is down (or up, where it lives)."""

    def look() -> bool:
        want = "up" if world.nodes[gone].powered else "down"
        for number, node in world.nodes.items():
            loop = node.service.loop
            if not node.powered or loop is None:
                if number != gone:
                    return False
                continue
            known = loop.view.authority.members.get(gone)
            if known is None or known.record.state != want:
                return False
        return True

    return look


def until(world: World, holds: Callable[[], bool], limit_s: float = 60.0) -> float:
    """Virtual seconds until it holds."""
    began = world.now
    while not holds():
        world.run(until=world.now + LOOK_S)
        if world.now - began > limit_s:
            raise SystemExit(f"not settled after {limit_s} virtual seconds")
    return world.now - began


class Meter:
    """Real time spent in the loops of one node's sentinel and service."""

    def __init__(self, node: SimNode) -> None:
        self.spent_s = 0.0
        self._depth = 0
        assert node.sentinel.loop is not None
        # The simulator's own work, as the queue of datagrams under way, is no part of it.
        for name in ("receive", "tick", "order", "renewal", "progress", "deadline", "take"):
            setattr(node.sentinel.loop, name, self._timed(getattr(node.sentinel.loop, name)))
        node.service.pump = self._timed(node.service.pump)  # type: ignore[assignment, method-assign]

    def _timed(self, work: Callable[..., object]) -> Callable[..., object]:
        def timed(*args: object) -> object:
            self._depth += 1
            began = time.perf_counter()
            try:
                return work(*args)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.spent_s += time.perf_counter() - began

        return timed


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=("fast", "default"), default="fast")
    parser.add_argument("--nodes", type=int, default=64)
    options = parser.parse_args()
    timings = PROFILES[options.profile]
    world = World(Options(seed=1, nodes=options.nodes, groups=8, timings=timings, quiet_after_s=1e6, end_s=1e6))
    everyone = [settled(world, number) for number in world.nodes]
    until(world, lambda: all(look() for look in everyone), 120.0)
    leader = next(iter(world.checker.acting))
    meter = Meter(world.nodes[leader])
    world.run(until=world.now + QUIET_S)
    a_round_ms = meter.spent_s / (QUIET_S / timings.heartbeat_s) * 1000
    print(
        f"coordinator's work per heartbeat round, {options.nodes} nodes [{options.profile}]: {a_round_ms:.1f} ms"
        " (target: <= 5)",
        flush=True,
    )
    victim = max(number for number in world.nodes if number != leader)
    world.power_off(world.nodes[victim])
    print(
        f"a silent node is out, {options.nodes} nodes [{options.profile}]: "
        f"{until(world, settled(world, victim)):.2f} virtual s (target: <= 2)",
        flush=True,
    )
    world.power_on(world.nodes[victim])
    back_s = until(world, settled(world, victim))
    print(
        f"a node is back in, {options.nodes} nodes [{options.profile}]: {back_s:.2f} virtual s"
        " (target: <= 2, with its own start)",
        flush=True,
    )


if __name__ == "__main__":
    main()
