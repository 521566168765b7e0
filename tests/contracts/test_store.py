"""The contract of the store port, held by the twin and by etcd alike."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import cast

import pytest
from etcd_members import EtcdMembers, running_members
from store_worlds import EtcdWorld, TwinWorld, World
from tcp_proxy import TcpProxy

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.member import EtcdMissing, find_binary
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.records import Absent, Change, Delete, Equals, Guard, Put, Unchanged, WatchBatch, Write
from quorate.ports.store import Compacted, OutcomeUnknown, Store, StoreRefused, StoreUnavailable

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdMembers]:
    try:
        find_binary(os.environ)
    except EtcdMissing as missing:
        pytest.fail(str(missing), pytrace=False)
    with running_members(Path(tmp_path_factory.mktemp("etcd")), ["a"]) as members:
        yield members


@pytest.fixture(params=["twin", pytest.param("etcd", marks=pytest.mark.etcd)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "twin":
        yield TwinWorld()
        return
    members = cast("EtcdMembers", request.getfixturevalue("member"))
    port = int(members.settings["a"].client_listen[0].rpartition(":")[2])
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(TcpProxy(port))
        through = await stack.enter_async_context(Gateway([proxy.url]))
        direct = await stack.enter_async_context(Gateway([members.client_url("a")]))
        yield EtcdWorld(proxy, EtcdStore(through), EtcdStore(direct))


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """Keys of this test alone: the etcd member is shared."""
    return f"/{request.node.name}/"


async def put(store: Store, key: str, value: bytes = b"") -> int:
    return (await store.commit([], [Put(key, value)])).position.revision


async def value_of(store: Store, key: str) -> bytes | None:
    item = (await store.read(keys=[key])).get(key)
    return item.value if item is not None else None


async def changes_until(store: Store, prefix: str, after_revision: int, until: int) -> list[Change]:
    """What a watch sees up to the revision `until`."""
    seen: list[Change] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(watching(store, prefix, after_revision)) as batches:
        async for batch in batches:
            seen.extend(batch.changes)
            if batch.position.revision >= until:
                break
    return seen


async def watching(store: Store, prefix: str, after_revision: int) -> AsyncGenerator[WatchBatch]:
    """The watch as a generator that can be closed, with the promises of every batch checked on the way."""
    revision = after_revision
    async for batch in store.watch(prefix, after_revision=after_revision):
        assert batch.position.revision >= revision
        assert all(revision < change.mod_revision <= batch.position.revision for change in batch.changes)
        assert [c.mod_revision for c in batch.changes] == sorted(c.mod_revision for c in batch.changes)
        revision = batch.position.revision
        yield batch


async def drain(batches: AsyncIterator[WatchBatch]) -> None:
    async for _ in batches:
        pass


# Reads and commits


async def test_a_read_sees_keys_and_prefixes_once_and_sorted(world: World, prefix: str) -> None:
    for name in ("b", "a", "c/1", "c/2", "cc"):
        await put(world.store, prefix + name, name.encode())
    snapshot = await world.store.read(keys=[prefix + "b", prefix + "c/1", prefix + "none"], prefixes=[prefix + "c/"])
    assert [item.key for item in snapshot.items] == [prefix + "b", prefix + "c/1", prefix + "c/2"]
    assert snapshot.get(prefix + "b") is not None
    assert snapshot.get(prefix + "none") is None
    everything = await world.store.read(prefixes=[""])
    assert {prefix + "a", prefix + "cc"} <= {item.key for item in everything.items}


async def test_a_read_of_nothing_tells_the_position(world: World, prefix: str) -> None:
    revision = await put(world.store, prefix + "a")
    snapshot = await world.store.read()
    assert snapshot.items == ()
    assert snapshot.position.revision == revision
    assert snapshot.position.generation == 1


async def test_revisions_count_as_in_etcd(world: World, prefix: str) -> None:
    first = await world.store.commit([], [Put(prefix + "a", b"1"), Put(prefix + "b", b"1")])
    second = await world.store.commit([], [Put(prefix + "a", b"1")])
    assert second.position.revision == first.position.revision + 1
    snapshot = await world.store.read(prefixes=[prefix])
    a, b = snapshot.items
    assert (a.create_revision, a.mod_revision) == (first.position.revision, second.position.revision)
    assert (b.create_revision, b.mod_revision) == (first.position.revision, first.position.revision)
    assert snapshot.position == second.position


async def test_what_changes_nothing_leaves_the_revision(world: World, prefix: str) -> None:
    revision = await put(world.store, prefix + "a")
    nothing: list[tuple[list[Guard], list[Write]]] = [
        ([], [Delete(prefix + "none")]),
        ([], []),
        ([Absent(prefix + "a")], [Put(prefix + "b", b"")]),
    ]
    for guards, writes in nothing:
        answer = await world.store.commit(guards, writes)
        assert answer.position.revision == revision
    assert (await world.store.read()).position.revision == revision


async def test_a_key_deleted_and_written_again_is_created_anew(world: World, prefix: str) -> None:
    await put(world.store, prefix + "a", b"1")
    deleted = await world.store.commit([], [Delete(prefix + "a"), Delete(prefix + "none")])
    assert await value_of(world.store, prefix + "a") is None
    revision = await put(world.store, prefix + "a", b"")
    assert revision == deleted.position.revision + 1
    item = (await world.store.read(keys=[prefix + "a"])).items[0]
    assert (item.create_revision, item.mod_revision, item.value) == (revision, revision, b"")


@pytest.mark.conformance("DB-04")
async def test_all_guards_hold_or_nothing_is_written(world: World, prefix: str) -> None:
    revision = await put(world.store, prefix + "a", b"1")
    held: list[Guard] = [Absent(prefix + "b"), Unchanged(prefix + "a", revision), Equals(prefix + "a", b"1")]
    broken_ones: list[Guard] = [
        Absent(prefix + "a"),
        Unchanged(prefix + "a", revision - 1),
        Equals(prefix + "a", b"2"),
    ]
    for broken in broken_ones:
        answer = await world.store.commit([*held, broken], [Put(prefix + "b", b"")])
        assert not answer.succeeded
        assert [(item.key, item.value) for item in answer.current] == [(prefix + "a", b"1")]
    absent: list[Guard] = [Unchanged(prefix + "none", revision), Equals(prefix + "none", b"")]
    for guard in absent:
        assert not (await world.store.commit([guard], [Put(prefix + "b", b"")])).succeeded
    answer = await world.store.commit(held, [Put(prefix + "b", b"2"), Delete(prefix + "a")])
    assert answer.succeeded
    assert answer.current == ()
    assert [item.key for item in (await world.store.read(prefixes=[prefix])).items] == [prefix + "b"]


async def test_impossible_requests_are_refused(world: World, prefix: str) -> None:
    key = prefix + "a"
    impossible: list[list[Write]] = [
        [Put(key, b"1"), Put(key, b"2")],
        [Put(key, b"1"), Delete(key)],
        [Put("", b"1")],
        [Put(key, b"x" * 1_600_000)],
        [Put(key, b"x" * 3_000_000)],
        [Put(f"{prefix}{number}", b"") for number in range(2049)],
    ]
    for writes in impossible:
        with pytest.raises(StoreRefused):
            await world.store.commit([], writes)
    assert (await world.store.read(prefixes=[prefix])).items == ()
    await world.store.commit([], [Put(f"{prefix}{number}", b"") for number in range(2048)])


async def test_no_increment_is_lost_under_contention(world: World, prefix: str) -> None:
    key = prefix + "counter"
    await put(world.store, key, b"0")

    async def increment(store: Store, times: int) -> None:
        while times:
            item = (await store.read(keys=[key])).items[0]
            new = Put(key, str(int(item.value) + 1).encode())
            times -= (await store.commit([Unchanged(key, item.mod_revision)], [new])).succeeded

    await asyncio.gather(*(increment(store, 8) for store in (world.store, world.other) for _ in range(3)))
    assert await value_of(world.store, key) == b"48"


# Watches


async def test_a_watch_sees_every_change_after_its_revision(world: World, prefix: str) -> None:
    start = await put(world.store, prefix + "before")
    await put(world.store, prefix + "a", b"1")
    await put(world.store, "/elsewhere", b"")
    both = await world.store.commit([], [Put(prefix + "b", b"2"), Delete(prefix + "a")])
    last = await put(world.store, prefix + "b", b"3")
    seen = await changes_until(world.store, prefix, start, last)
    assert [(change.key, change.value, change.mod_revision) for change in seen] == [
        (prefix + "a", b"1", start + 1),
        (prefix + "b", b"2", start + 3),
        (prefix + "a", None, start + 3),
        (prefix + "b", b"3", last),
    ]
    assert [change.create_revision for change in seen] == [start + 1, start + 3, 0, both.position.revision]


async def test_a_watch_sees_what_happens_while_it_runs(world: World, prefix: str) -> None:
    revision = (await world.store.read()).position.revision
    async with asyncio.timeout(PATIENCE_S), aclosing(watching(world.store, prefix, revision)) as batches:
        for number in range(5):
            writing = asyncio.create_task(put(world.other, f"{prefix}{number}"))
            async for batch in batches:
                if batch.changes:
                    break
            assert [change.key for change in batch.changes] == [f"{prefix}{number}"]
            assert batch.position.revision == await writing


async def test_a_quiet_watch_shows_progress(world: World, prefix: str) -> None:
    revision = await put(world.store, prefix + "a")
    async with asyncio.timeout(PATIENCE_S), aclosing(watching(world.store, prefix, revision)) as batches:
        elsewhere = await put(world.other, "/elsewhere")
        async for batch in batches:
            assert batch.changes == ()
            if batch.position.revision >= elsewhere:
                break


async def test_one_transaction_is_one_batch_however_large(world: World, prefix: str) -> None:
    start = (await world.store.read()).position.revision
    writes = [Put(f"{prefix}{number}", b"x" * 10_000) for number in range(120)]
    last = max([(await world.store.commit([], writes)).position for _ in range(4)])  # 5 MB, too much for one piece
    sizes: dict[int, int] = {}
    async with asyncio.timeout(PATIENCE_S), aclosing(watching(world.store, prefix, start)) as batches:
        async for batch in batches:
            for revision in {change.mod_revision for change in batch.changes}:
                assert revision not in sizes
                sizes[revision] = sum(change.mod_revision == revision for change in batch.changes)
            if batch.position >= last:
                break
    assert list(sizes.values()) == [120] * 4


async def test_a_watch_resumes_after_a_dropped_connection(world: World, prefix: str) -> None:
    revision = (await world.store.read()).position.revision
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(watching(world.store, prefix, revision)) as batches:
        for number in range(4):
            last = await put(world.other, f"{prefix}{number}")
            async for batch in batches:
                seen.extend(change.key for change in batch.changes)
                if batch.position.revision >= last:
                    break
            world.cut()
            await put(world.other, f"{prefix}{number}/meanwhile")
            await world.other.commit([], [Delete(f"{prefix}{number}")])
            await world.restore()
        last = await put(world.other, f"{prefix}end")
        async for batch in batches:
            seen.extend(change.key for change in batch.changes)
            if batch.position.revision >= last:
                break
    expected = [f"{prefix}{n}{what}" for n in range(4) for what in ("", "/meanwhile", "")]
    assert seen == [*expected, f"{prefix}end"]


async def test_history_that_is_gone_is_said_to_be_gone(world: World, prefix: str) -> None:
    start = await put(world.store, prefix + "a", b"1")
    middle = (await world.store.commit([], [Delete(prefix + "a")])).position.revision
    last = await put(world.store, prefix + "b", b"2")
    await world.compact(middle)
    with pytest.raises(Compacted) as caught:
        await changes_until(world.store, prefix, start, last)
    assert caught.value.oldest == middle
    assert [change.key for change in await changes_until(world.store, prefix, middle, last)] == [prefix + "b"]
    with pytest.raises(Compacted):
        await world.compact(middle)
    with pytest.raises(StoreRefused):
        await world.compact(last + 100)


async def test_a_watch_cut_off_beyond_history_is_told(world: World, prefix: str) -> None:
    revision = (await world.store.read()).position.revision
    async with asyncio.timeout(PATIENCE_S), aclosing(watching(world.store, prefix, revision)) as batches:
        first = await put(world.other, prefix + "a")
        async for batch in batches:
            if batch.position.revision >= first:
                break
        world.cut()
        await put(world.other, prefix + "b")
        last = await put(world.other, prefix + "b")
        await world.compact(last)
        await world.restore()
        with pytest.raises(Compacted):
            await drain(batches)


# Unknown outcomes


async def test_an_answer_lost_after_the_commit_is_an_unknown_outcome(world: World, prefix: str) -> None:
    await world.store.read()
    world.lose_next_answer()
    with pytest.raises(OutcomeUnknown):
        await world.store.commit([], [Put(prefix + "a", b"1")])
    assert await value_of(world.store, prefix + "a") == b"1"


async def test_a_request_may_execute_after_its_caller_gave_up_and_read(world: World, prefix: str) -> None:
    await world.store.read()
    world.delay_next_execution()
    with pytest.raises(OutcomeUnknown):
        await world.store.commit([Absent(prefix + "a")], [Put(prefix + "a", b"late")], timeout_s=0.2)
    assert await value_of(world.other, prefix + "a") is None
    await world.execute_delayed()
    assert await value_of(world.other, prefix + "a") == b"late"


async def test_consuming_the_guard_settles_an_unknown_outcome(world: World, prefix: str) -> None:
    mark = await put(world.store, prefix + "mark")
    world.delay_next_execution()
    with pytest.raises(OutcomeUnknown):
        await world.store.commit([Unchanged(prefix + "mark", mark)], [Put(prefix + "verdict", b"")], timeout_s=0.2)
    settled = await world.other.commit([Unchanged(prefix + "mark", mark)], [Delete(prefix + "mark")])
    assert settled.succeeded
    await world.execute_delayed()
    assert await value_of(world.other, prefix + "verdict") is None


async def test_a_late_answer_carries_the_position_of_its_execution(world: World, prefix: str) -> None:
    old = await put(world.other, prefix + "a", b"old")
    world.hold_next_answer()
    reading = asyncio.create_task(world.store.read(keys=[prefix + "a"], timeout_s=PATIENCE_S))
    await world.answer_is_held()
    new = await put(world.other, prefix + "a", b"new")
    world.release_answer()
    snapshot = await reading
    assert snapshot.items[0].value == b"old"
    assert old == snapshot.position.revision < new


async def test_an_unreachable_store_is_unavailable(world: World, prefix: str) -> None:
    await world.store.read()
    world.cut()
    with pytest.raises(StoreUnavailable):
        await world.store.read(timeout_s=0.2)
    world.cut()
    with pytest.raises(StoreUnavailable):
        await world.store.commit([], [Put(prefix + "a", b"1")])
    await world.restore()
    assert await value_of(world.store, prefix + "a") is None
