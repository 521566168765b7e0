"""What a service writes into an empty database: everything on the very first start, and never again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate.model import keys
from quorate.node.create import Wish, create_cluster
from quorate.node.places import Places
from quorate.node.service import Service
from quorate.node.store_link import PrefixedStore
from quorate.ports.store_memory import MemoryStore


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """Node 1 of a new cluster, on an empty database; only its reading of the store runs."""
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.setenv("QUORATE_ETCD", "/opt/etcd")
    monkeypatch.setenv("HOME", str(tmp_path))
    places = Places(tmp_path)
    create_cluster(places, Wish(name="alpha", node_name="n1", networks={"a": "127.0.1.1/24"}, fabric=False))
    made = Service(places)
    made.store = PrefixedStore(MemoryStore().client(), "p/")
    yield made
    await made.gateway.aclose()


async def schema(service: Service) -> object:
    return (await service.store.read(keys=[keys.SCHEMA])).get(keys.SCHEMA)


async def test_the_first_start_fills_an_empty_database(service: Service) -> None:
    await service.following._nothing_there()
    assert await schema(service) is not None


async def test_a_database_that_is_empty_later_is_told_and_not_filled(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """The store folder of another cluster, or an emptied one: filled, it would be a cluster without its groups."""
    service.places.founded.write_text(service.identity.cluster_id)
    reading = asyncio.create_task(service.following.run())
    try:
        async with asyncio.timeout(20):
            while not (said := capsys.readouterr().err):  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a line in a log wakes nobody
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert json.loads(said)["code"] == "store_foreign_or_emptied"
    assert await schema(service) is None
