"""A client of the store that never stops writing, and never forgets what it was told.

Owns: numbered keys, and a log on disk of every one that was acknowledged. Runs on a node, as a program of its own, with
the node's own certificate and gateway. A write whose fate is unknown is not asked again: its number is left behind.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.records import Absent, Put
from quorate.node.identity import load_identity, load_replica
from quorate.node.places import Places
from quorate.node.store_link import PrefixedStore, tls_context
from quorate.ports.store import Store, StoreError

PREFIX = "app/fire/"


async def write(store: Store, log: Path) -> None:
    """Write until killed."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in itertools.count(1):
        key = f"{PREFIX}{number:08}"
        try:
            done = await store.commit([Absent(key)], [Put(key, str(number).encode())], timeout_s=1.0)
        except StoreError:
            await asyncio.sleep(0.01)
            continue
        assert done.succeeded, "nobody else writes here, and no number is used twice"
        os.write(descriptor, f"{number}\n".encode())
        os.fsync(descriptor)


async def read(store: Store) -> None:
    """Print every number that is in the database."""
    snapshot = await store.read(prefixes=[PREFIX], timeout_s=5.0)
    assert all(int(item.key.removeprefix(PREFIX)) == int(item.value) for item in snapshot.items)
    print("\n".join(item.value.decode() for item in snapshot.items))


async def main(words: list[str]) -> None:
    """`write LOG` or `read`."""
    places = Places.from_environment()
    identity = load_identity(places)
    assert identity is not None
    nodes = load_replica(places, identity).nodes
    endpoints = [f"https://{spec.fabric_address}:{spec.client_port}" for spec in nodes]
    async with Gateway(endpoints, tls=tls_context(places)) as gateway:
        store = PrefixedStore(EtcdStore(gateway), f"/quorate/{identity.cluster_id}/")
        await (write(store, Path(words[1])) if words[0] == "write" else read(store))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
