"""A client of the store that writes without pause and notes when each write was acknowledged.

Owns: one key, overwritten again and again, and a record of boot times. Does not know: labs; it runs on a node, as a
program of its own with the node's own certificate, and ends by itself after the time it was given.

    python -m quorate.lab.store_prober <record> <seconds>
"""

from __future__ import annotations

import asyncio
import sys
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

KEY: Final = "app/store-prober"
PAUSE_S: Final = 0.005
LIMIT_S: Final = 0.25
"""One write is given up after that, as a service would, and the next one is tried."""


async def write(record: Path, seconds: float) -> None:
    """Write for so long; one line per acknowledgement."""
    places = Places.from_environment()
    identity = load_identity(places)
    if identity is None:
        raise SystemExit("this machine is not a node")
    # Its own member first, as the service does (design §3).
    nodes = sorted(load_replica(places, identity).nodes, key=lambda spec: (spec.node != identity.node, spec.node))
    until_s = boot_time_s() + seconds
    async with Gateway(
        [f"https://{spec.fabric_address}:{spec.client_port}" for spec in nodes], tls=tls_context(places)
    ) as gateway:
        store = PrefixedStore(EtcdStore(gateway), f"/quorate/{identity.cluster_id}/")
        with record.open("w", buffering=1) as lines:
            while boot_time_s() < until_s:
                try:
                    await store.commit([], [Put(KEY, b"")], timeout_s=LIMIT_S)
                except StoreError:
                    continue
                lines.write(f"{boot_time_s():.6f}\n")
                await asyncio.sleep(PAUSE_S)


def longest_gap_ms(record: Path, since_s: float) -> float:
    """The longest time without an acknowledgement that ended after `since_s`, a boot time."""
    times = [float(line) for line in record.read_text().splitlines()]
    return max((later - earlier) * 1000 for earlier, later in pairwise(times) if later > since_s)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), float(sys.argv[2])))
