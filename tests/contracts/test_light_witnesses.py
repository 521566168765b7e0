"""What every light witness promises: the twin, a folder, a bucket, a container (design §3, decisions 0035 and 0036)."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from object_servers import Kind, ObjectServers, running_servers, write_credentials
from tcp_proxy import TcpProxy

from quorate.adapters.quorum_storage.light_witnesses import open_light_witness
from quorate.adapters.quorum_storage.witness_share import KEPT, Share
from quorate.model.light_witness import BOTH, LightRecord
from quorate.ports.light_witness import LightWitness, WitnessLost
from quorate.ports.light_witness_memory import MemoryWitness


class World(Protocol):
    def way(self, node: int) -> LightWitness: ...

    def take_away(self) -> None: ...


class Twin:
    def __init__(self) -> None:
        self.witness = MemoryWitness()

    def way(self, node: int) -> LightWitness:
        return self.witness.reach(node)

    def take_away(self) -> None:
        self.witness.cut_off |= {1, 2}


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()

    def way(self, node: int) -> LightWitness:
        del node
        return Share(self.path, "c-1", limit_s=20.0)

    def take_away(self) -> None:
        shutil.move(self.path, self.path.with_name("away"))


class Objects:
    def __init__(self, kind: Kind, address: str, proxy: TcpProxy, credentials: Path) -> None:
        self.kind = kind
        self.address = address
        self.proxy = proxy
        self.credentials = credentials

    def way(self, node: int) -> LightWitness:
        del node
        return open_light_witness(self.kind, self.address, "c-1", credentials=self.credentials, limit_s=20.0)

    def take_away(self) -> None:
        self.proxy.cut()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServers]:
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


REAL = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("s3", "azure")]


@pytest.fixture(params=["twin", "share", *REAL])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    match request.param:
        case "twin":
            yield Twin()
        case "share":
            yield Folder(tmp_path / "share")
        case kind:
            servers: ObjectServers = request.getfixturevalue("servers")
            async with TcpProxy(servers.port(kind)) as proxy:
                address = servers.address(kind, secrets.token_hex(4), port=proxy.port)
                yield Objects(kind, address, proxy, write_credentials(tmp_path / "light-witness.toml"))


def record(generation: int, holder: int, claim: str = "x") -> LightRecord:
    return LightRecord(cluster="c-1", generation=generation, holder=holder, claim=claim)


async def test_a_new_witness_has_no_record(world: World) -> None:
    assert await world.way(1).check() == ()
    assert await world.way(1).read() is None


async def test_what_was_swapped_in_is_read_by_everybody(world: World) -> None:
    assert await world.way(1).swap(None, record(1, 1))
    assert await world.way(2).read() == record(1, 1)
    assert await world.way(2).swap(record(1, 1), record(2, BOTH))
    assert await world.way(1).read() == record(2, BOTH)


async def test_who_expects_another_record_changes_nothing(world: World) -> None:
    assert await world.way(1).swap(None, record(1, BOTH))
    assert not await world.way(2).swap(None, record(1, 2))
    assert not await world.way(2).swap(record(1, 2), record(2, 2))
    assert not await world.way(2).swap(record(1, BOTH, "y"), record(2, 2))
    assert await world.way(1).read() == record(1, BOTH)


async def test_of_many_who_swap_at_once_one_wins_each_time(world: World) -> None:
    current: LightRecord | None = None
    for generation in range(1, 12):
        wanted = [record(generation, node, f"{node}-{generation}") for node in (1, 2, 3, 4)]
        won = await asyncio.gather(*(world.way(r.holder).swap(current, r) for r in wanted))
        assert sum(won) == 1
        current = wanted[won.index(True)]
        assert await world.way(1).read() == current


async def test_a_witness_that_has_gone_is_lost(world: World) -> None:
    assert await world.way(1).swap(None, record(1, BOTH))
    way = world.way(1)
    world.take_away()
    with pytest.raises(WitnessLost):
        await way.read()
    with pytest.raises(WitnessLost):
        await way.swap(record(1, BOTH), record(2, 1))


async def test_a_lost_answer_is_settled_by_reading_ones_own_claim() -> None:
    twin = MemoryWitness(record=record(1, BOTH), lose_answers={1})
    with pytest.raises(WitnessLost):
        await twin.reach(1).swap(record(1, BOTH), record(2, 1, "mine"))
    assert await twin.reach(1).read() == record(2, 1, "mine")


async def test_a_share_keeps_a_few_generations_and_no_rests(tmp_path: Path) -> None:
    way = Share(tmp_path, "c-1", limit_s=20.0)
    current: LightRecord | None = None
    for generation in range(1, 3 * KEPT):
        wanted = record(generation, BOTH)
        assert await way.swap(current, wanted)
        current = wanted
    assert sum(1 for _ in os.scandir(tmp_path / "quorate-c-1")) == KEPT


async def test_damage_is_told(tmp_path: Path) -> None:
    way = Share(tmp_path, "c-1", limit_s=20.0)
    await way.swap(None, record(1, BOTH))
    (tmp_path / "quorate-c-1" / "generation-1" / "record").write_bytes(b"{")
    with pytest.raises(WitnessLost, match="generation-1"):
        await way.read()


async def test_a_place_that_cannot_be_a_witness_is_refused(tmp_path: Path) -> None:
    assert [p.code for p in await Share(tmp_path / "nowhere", "c-1", limit_s=20.0).check()] == ["witness_share_missing"]
    (tmp_path / "file").write_text("x")
    assert [p.code for p in await Share(tmp_path / "file", "c-1", limit_s=20.0).check()] == ["witness_share_missing"]
