"""How fast the store port is on real etcd: one line per figure, each with its target.

Run it with the etcd binary in QUORATE_ETCD or PATH. Members sync to disk as in production; their directories lie in the
system's temporary folder, so the figures are those of its disk. Figures are medians in milliseconds.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.records import Put

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "contracts"))
from etcd_members import EtcdMembers, running_members

ROUNDS = 400
TARGETS_MS = {"read": 1.2, "write": 1.7, "write to watch": 2.0}


async def timed(action: Callable[[], Awaitable[object]]) -> list[float]:
    """Milliseconds of each of the rounds, after a tenth as many that do not count."""
    for _ in range(ROUNDS // 10):
        await action()
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        await action()
        times.append((perf_counter() - start) * 1000)
    return times


def report(what: str, times: list[float], target_ms: float | None) -> None:
    """One line."""
    target = f"target {target_ms:.1f} ms" if target_ms is not None else "no target"
    print(f"{what:<44} {median(times):6.2f} ms   p95 {quantiles(times, n=20)[-1]:6.2f} ms   {target}")


async def measure(members: EtcdMembers, first: str, label: str, *, targets: bool) -> None:
    """All figures with `first` as the node's own member."""
    async with Gateway(members.client_urls(first)) as gateway:
        store = EtcdStore(gateway)
        cheap = EtcdStore(gateway, log_reads=False)
        await store.commit([], [Put("/bench/k", b"v" * 200)])

        async def write() -> None:
            await store.commit([], [Put("/bench/k", b"v" * 200)])

        report(f"{label}: read (index)", await timed(lambda: cheap.read(keys=["/bench/k"])), _target("read", targets))
        report(f"{label}: read (log)", await timed(lambda: store.read(keys=["/bench/k"])), _target("read", targets))
        report(f"{label}: write", await timed(write), _target("write", targets))
        start = (await store.read()).position.revision
        async with aclosing(store.watch("/bench/", after_revision=start)) as batches:
            await anext(batches)  # the watch stands

            async def write_and_see() -> None:
                writing = asyncio.create_task(write())
                async for batch in batches:
                    if batch.changes:
                        break
                await writing

            report(f"{label}: write to watch", await timed(write_and_see), _target("write to watch", targets))


async def takeover(members: EtcdMembers, leader: str) -> float:
    """Seconds from the death of the leader to the next acknowledged write."""
    follower = next(name for name in members.names if name != leader)
    async with Gateway([members.client_url(name) for name in members.names if name != leader]) as gateway:
        store = EtcdStore(gateway)
        await store.read()
        members.kill(leader)
        start = perf_counter()
        while True:
            try:
                await store.commit([], [Put(f"/bench/{follower}", b"")], timeout_s=0.3)
            except Exception:  # noqa: BLE001 - whatever the failure, only the next success counts
                await asyncio.sleep(0.01)
            else:
                return perf_counter() - start


def _target(what: str, targets: bool) -> float | None:
    return TARGETS_MS[what] if targets else None


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_members(Path(folder), ["a"], durable=True) as members:
        asyncio.run(measure(members, "a", "one member", targets=True))
    with tempfile.TemporaryDirectory() as folder, running_members(Path(folder), ["a", "b", "c"], durable=True) as three:
        leader = three.leader()
        follower = next(name for name in three.names if name != leader)
        asyncio.run(measure(three, leader, "three members, own is leader", targets=False))
        asyncio.run(measure(three, follower, "three members, own is follower", targets=False))
        print(
            f"{'three members: leader killed to next write':<44} {asyncio.run(takeover(three, leader)) * 1000:6.0f} ms"
        )


if __name__ == "__main__":
    main()
