"""`cluster status` with 64 nodes and 10,000 groups: how long it takes, and how long the service's loop stands still.

Prints one line a figure, with its target. The loop decides and renews: what anybody looks at must not keep it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from placement_speed import GROUPS, NODES, World
from quorate.control.reading import in_a_thread
from quorate.control.status import cluster_status
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Problem

STATUS_S, STILL_S = 3.0, 0.200
TICK_S = 0.001


@dataclass(frozen=True, slots=True)
class _Node:
    """What looking needs of a node."""

    view: ClusterView
    node: int = 1

    def replica_age_s(self) -> float:
        return 0.0

    def store_problems(self) -> tuple[Problem, ...]:
        return ()

    def votes_waiting(self) -> str:
        return ""

    def wall_time_s(self) -> float:
        return 1_800_000_000.0

    def processes(self) -> Mapping[str, int]:
        return {}


class _Stills:
    """The longest time in which the loop did not come round."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        last_s = time.perf_counter()
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.perf_counter()
            self.longest_s, last_s = max(self.longest_s, now_s - last_s), now_s


async def measure(view: ClusterView) -> tuple[float, float]:
    """The time of one status, and the longest standstill in it."""
    stills = _Stills()
    watching = asyncio.create_task(stills.watch())
    await asyncio.sleep(10 * TICK_S)
    stills.longest_s, began_s = 0.0, time.perf_counter()
    status = await in_a_thread(cluster_status, _Node(view))
    taken_s = time.perf_counter() - began_s
    await asyncio.sleep(10 * TICK_S)
    watching.cancel()
    assert len(status.groups) == GROUPS
    return taken_s, stills.longest_s


def main() -> int:
    """Measure it three times; the worst of each counts."""
    world = World()
    world.write([(keys.SPEC_CLUSTER, encode(ClusterSpec(name="c", id="c")))])
    runs = [asyncio.run(measure(world.view)) for _ in range(3)]
    taken_s, still_s = max(taken for taken, _ in runs), max(still for _, still in runs)
    shape = f"{NODES} nodes, {GROUPS} groups"
    print(f"cluster status, {shape}: {taken_s:.2f} s (target {STATUS_S} s)")
    print(f"the loop stands still meanwhile for {still_s * 1000:.0f} ms at most (target {STILL_S * 1000:.0f} ms)")
    return int(taken_s > STATUS_S or still_s > STILL_S)


if __name__ == "__main__":
    sys.exit(main())
