"""History is forgotten when nobody can need it any more, on real etcd; what is wasted and full is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from etcd_members import EtcdMembers, running_members

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.messages import Status
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.records import Put
from quorate.node.history_keeper import KEEP_S, History, HistoryKeeper, wastes
from quorate.ports.store import Compacted

MIB = 1024**2


def test_what_was_current_long_enough_ago_may_be_forgotten_once() -> None:
    history = History(keep_s=100.0)
    history.seen(10, 0.0)
    history.seen(20, 60.0)
    assert history.due(99.0) is None
    assert history.due(100.0) == 10
    assert history.due(101.0) is None
    history.seen(20, 150.0)
    assert history.due(160.0) == 20
    assert history.due(1000.0) is None


def test_a_file_is_wasteful_when_most_of_it_is_empty_and_that_is_much() -> None:
    assert not wastes(Status(dbSize=60 * MIB, dbSizeInUse=1 * MIB))
    assert not wastes(Status(dbSize=300 * MIB, dbSizeInUse=200 * MIB))
    assert wastes(Status(dbSize=300 * MIB, dbSizeInUse=20 * MIB))


@pytest.fixture
def members(tmp_path: Path) -> Iterator[EtcdMembers]:
    with running_members(tmp_path, ["one"]) as made:
        yield made


@pytest.fixture
async def gateway(members: EtcdMembers) -> AsyncIterator[Gateway]:
    async with Gateway(members.client_urls(members.names[0])) as made:
        yield made


def keeper(gateway: Gateway, store: EtcdStore, revision: list[int], *, leads: bool = True) -> HistoryKeeper:
    return HistoryKeeper(1, store, gateway, lambda: "", lambda: revision[-1], lambda: leads, lambda text: None)


@pytest.mark.etcd
async def test_the_coordinator_forgets_and_the_newest_values_stay(gateway: Gateway) -> None:
    store = EtcdStore(gateway)
    done = [await store.commit([], [Put("/k", str(number).encode())]) for number in range(5)]
    revision = [done[-1].position.revision]
    idle, leading = keeper(gateway, store, revision, leads=False), keeper(gateway, store, revision)
    for one in (idle, leading):
        await one.look(0.0)
    await idle.look(KEEP_S)
    async with aclosing(store.watch("/k", after_revision=1)) as batches:
        assert (await anext(batches)).changes, "history is there"
    await leading.look(KEEP_S)
    with pytest.raises(Compacted):
        async with aclosing(store.watch("/k", after_revision=1)) as batches:
            await anext(batches)
    item = (await store.read(keys=["/k"])).get("/k")
    assert item is not None
    assert item.value == b"4"
    assert leading.problems == ()
