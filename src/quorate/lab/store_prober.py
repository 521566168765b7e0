"""A client of the store that writes without pause and notes when each write was acknowledged.

Owns: numbered keys, each written once, and a record of boot times and numbers. Does not know: labs; it runs on a node,
as a program of its own with the node's own certificate, and ends by itself after the time it was given.

    python -m quorate.lab.store_prober <record> <seconds>
    python -m quorate.lab.store_prober <record> missing      # numbers that were acknowledged and are not there
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.records import Put
from quorate.node.identity import load_identity, load_replica
from quorate.node.places import Places
from quorate.node.store_link import PrefixedStore, tls_context
from quorate.ports.store import StoreError
from quorate.wire.lease_page import boot_time_s

KEYS: Final = "app/store-prober/"
PAUSE_S: Final = 0.005
READ_LIMIT_S: Final = 10.0
LIMIT_S: Final = 0.25
"""One write is given up after that, as a service would, and the next one is tried."""


async def write(record: Path, seconds: float) -> None:
    """Write for so long; one line per acknowledgement."""
    until_s = boot_time_s() + seconds
    number = 0
    async with _store() as store:
        with record.open("w", buffering=1) as lines:
            while boot_time_s() < until_s:
                number += 1
                try:
                    await store.commit([], [Put(f"{KEYS}{record.stem}/{number}", b"")], timeout_s=LIMIT_S)
                except StoreError:
                    continue
                lines.write(f"{boot_time_s():.6f} {number}\n")
                await asyncio.sleep(PAUSE_S)


async def missing(record: Path) -> list[int]:
    """Numbers of writes that were acknowledged and are not in the store."""
    prefix = f"{KEYS}{record.stem}/"
    lines = (await asyncio.to_thread(record.read_text)).splitlines()  # first: a writer may still be at work
    async with _store() as store:
        snapshot = await store.read(prefixes=[prefix], timeout_s=READ_LIMIT_S)
    there = {int(item.key.removeprefix(prefix)) for item in snapshot.items}
    return sorted({int(line.split()[1]) for line in lines} - there)


@contextlib.asynccontextmanager
async def _store() -> AsyncIterator[PrefixedStore]:
    places = Places.from_environment()
    identity = load_identity(places)
    if identity is None:
        raise SystemExit("this machine is not a node")
    # Its own member first, as the service does (design §3).
    nodes = sorted(load_replica(places, identity).nodes, key=lambda spec: (spec.node != identity.node, spec.node))
    async with Gateway(
        [f"https://{spec.fabric_address}:{spec.client_port}" for spec in nodes], tls=tls_context(places)
    ) as gateway:
        yield PrefixedStore(EtcdStore(gateway), f"/quorate/{identity.cluster_id}/")


def longest_gap_ms(record: Path, since_s: float) -> float:
    """The longest time without an acknowledgement that ended after `since_s`, a boot time."""
    times = [float(line.split()[0]) for line in record.read_text().splitlines()]
    return max((later - earlier) * 1000 for earlier, later in pairwise(times) if later > since_s)


if __name__ == "__main__":
    if sys.argv[2] == "missing":
        print(*asyncio.run(missing(Path(sys.argv[1]))))
    else:
        asyncio.run(write(Path(sys.argv[1]), float(sys.argv[2])))
