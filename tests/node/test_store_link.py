"""The service's way to the store: one cluster's keys on a shared store, and every failure turned into its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import cast

import pytest

from quorate.core.authority.frame import Answered, CommitRequest, NotExecuted, ReadRequest, Unknown
from quorate.core.authority.timings import FAST
from quorate.model.records import (
    Absent,
    Change,
    Committed,
    Delete,
    Equals,
    Guard,
    KeyValue,
    Position,
    Put,
    Snapshot,
    Unchanged,
    WatchBatch,
    Write,
)
from quorate.node import store_link
from quorate.node.store_link import PrefixedStore, carry_out
from quorate.ports.store import OutcomeUnknown, StoreAlarm, StoreError, StoreRefused, StoreUnavailable
from quorate.ports.store_memory import Fault, MemoryStore
from quorate.wire.lease_page import boot_time_s

READ = ReadRequest("renew", ("member/1",))
HASTY = replace(FAST, store_election_s=0.001)
COMMIT = CommitRequest("mark 2", (Absent("a"),), (Put("a", b"1"),))


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(memory: MemoryStore) -> PrefixedStore:
    return PrefixedStore(memory.client(), "/quorate/c1/")


# ---------------------------------------------------------------- one cluster's keys


async def test_keys_are_relative_for_the_caller_and_whole_in_the_store(
    store: PrefixedStore, memory: MemoryStore
) -> None:
    await store.commit([Absent("a")], [Put("a", b"1"), Put("dir/b", b"2")])
    assert [item.key for item in memory.engine.read(prefixes=[""]).items] == ["/quorate/c1/a", "/quorate/c1/dir/b"]
    assert [item.key for item in (await store.read(keys=["a"], prefixes=["dir/"])).items] == ["a", "dir/b"]
    assert [item.key for item in (await store.read(prefixes=[""])).items] == ["a", "dir/b"]


async def test_another_cluster_s_keys_are_neither_seen_nor_hit(store: PrefixedStore, memory: MemoryStore) -> None:
    other = PrefixedStore(memory.client(), "/quorate/c10/")
    await other.commit([], [Put("a", b"theirs")])
    result = await store.commit([Absent("a")], [Put("a", b"ours")])
    assert result.succeeded
    await store.commit([], [Delete("a")])
    assert (await store.read(prefixes=[""])).items == ()
    (item,) = (await other.read(prefixes=[""])).items
    assert item.value == b"theirs"


@pytest.mark.parametrize("kind", ["absent", "unchanged", "equals"])
async def test_every_kind_of_guard_means_the_prefixed_key(store: PrefixedStore, kind: str) -> None:
    written = await store.commit([], [Put("a", b"1")])
    good: dict[str, Guard] = {
        "absent": Absent("b"),
        "unchanged": Unchanged("a", written.position.revision),
        "equals": Equals("a", b"1"),
    }
    bad: dict[str, Guard] = {
        "absent": Absent("a"),
        "unchanged": Unchanged("a", written.position.revision + 1),
        "equals": Equals("a", b"2"),
    }
    refused = await store.commit([bad[kind]], [Put("c", b"")])
    assert not refused.succeeded
    assert [item.key for item in refused.current] == ["a"]
    assert (await store.commit([good[kind]], [Put("c", b"")])).succeeded


async def test_a_watch_tells_of_this_cluster_alone_and_ends_when_closed(
    store: PrefixedStore, memory: MemoryStore
) -> None:
    client = memory.client()
    watched = PrefixedStore(client, "/quorate/c1/")
    changes: list[Change] = []
    async with aclosing(watched.watch("", after_revision=memory.engine.revision)) as batches:
        await PrefixedStore(memory.client(), "/quorate/c2/").commit([], [Put("x", b"")])
        put = await store.commit([], [Put("a", b"1")])
        await store.commit([], [Delete("a")])
        async for batch in batches:
            changes += batch.changes
            if len(changes) == 2:
                break
    revision = put.position.revision
    assert changes == [Change("a", b"1", revision, revision), Change("a", None, revision + 1)]
    assert client._wakers == set()


# ---------------------------------------------------------------- outcomes


async def test_an_answer_counts_from_before_the_request_was_sent(store: PrefixedStore) -> None:
    before = boot_time_s()
    outcome = await carry_out(store, READ, HASTY)
    assert isinstance(outcome, Answered)
    assert before <= outcome.sent_at <= boot_time_s()
    assert isinstance(outcome.result, Snapshot)
    outcome = await carry_out(store, COMMIT, HASTY)
    assert isinstance(outcome, Answered)
    assert isinstance(outcome.result, Committed)
    assert outcome.result.succeeded


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.UNAVAILABLE, NotExecuted()),
        (Fault.LOST_ANSWER, Unknown()),
        (Fault.LATE_EXECUTION, Unknown()),
        (Fault.NEVER_EXECUTED, Unknown()),
        (Fault.LATE_ANSWER, Unknown()),
        (Fault.ALARM_AFTER_EXECUTION, Unknown()),
    ],
)
async def test_a_commit_that_may_have_executed_is_never_called_not_executed(
    memory: MemoryStore, fault: Fault, expected: object
) -> None:
    client = memory.client()
    client.inject(fault)
    assert await carry_out(PrefixedStore(client, "p/"), COMMIT, HASTY) == expected


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_read_that_went_wrong_changed_nothing(memory: MemoryStore, fault: Fault) -> None:
    client = memory.client()
    client.inject(fault)
    assert await carry_out(PrefixedStore(client, "p/"), READ, HASTY) == NotExecuted()


class Raising:
    """A store that fails in one way; some ways the twin knows only for the whole database."""

    def __init__(self, problem: StoreError) -> None:
        self._problem = problem

    async def read(self, *, keys: Sequence[str] = (), prefixes: Sequence[str] = (), timeout_s: float = 1.0) -> Snapshot:
        raise self._problem

    async def commit(self, guards: Sequence[Guard], writes: Sequence[Write], *, timeout_s: float = 1.0) -> Committed:
        raise self._problem

    def watch(self, prefix: str, *, after_revision: int) -> AsyncIterator[WatchBatch]:
        raise self._problem


@pytest.mark.parametrize(
    ("problem", "commit"),
    [
        (StoreUnavailable("no"), NotExecuted()),
        (OutcomeUnknown("who knows"), Unknown()),
        (StoreRefused("too large"), NotExecuted()),
        (StoreAlarm("NOSPACE"), Unknown()),
        (StoreAlarm("CORRUPT"), Unknown()),
    ],
)
async def test_every_error_of_the_port_has_its_outcome(problem: StoreError, commit: object) -> None:
    assert await carry_out(Raising(problem), COMMIT, HASTY) == commit
    assert await carry_out(Raising(problem), READ, HASTY) == NotExecuted()


@pytest.mark.parametrize("request_", [READ, COMMIT])
@pytest.mark.parametrize("problem", [StoreUnavailable("no"), StoreRefused("no"), StoreAlarm("CORRUPT")])
async def test_what_failed_at_once_is_not_asked_again_at_once(
    monkeypatch: pytest.MonkeyPatch, problem: StoreError, request_: ReadRequest | CommitRequest
) -> None:
    """The loop asks again as soon as it has an outcome: without a pause a store with an alarm would be flooded."""
    monkeypatch.setattr(store_link, "RETRY_PAUSE_S", 3600.0)
    asking = asyncio.create_task(carry_out(Raising(problem), request_, HASTY))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not asking.done()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


def test_positions_pass_unchanged() -> None:
    item = KeyValue("p/a", b"", 2, 3)
    stripped = PrefixedStore(cast("Raising", None), "p/")._items([item])
    assert stripped == (KeyValue("a", b"", 2, 3),)
    assert Position(1, 2) < Position(2, 1)
