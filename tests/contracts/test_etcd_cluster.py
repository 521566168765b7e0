"""The store on several real members: crashes, pauses, learners, alarms, certificates."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from etcd_members import EtcdMembers, running_members
from etcd_pki import certificates, client_context

from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.member import EtcdMissing, find_binary
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.records import Absent, Delete, Put
from quorate.ports.store import OutcomeUnknown, StoreAlarm, StoreUnavailable

pytestmark = pytest.mark.etcd

PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def binary() -> None:
    try:
        find_binary(os.environ)
    except EtcdMissing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[EtcdMembers]:
    with running_members(tmp_path, ["a", "b", "c"]) as members:
        yield members


async def write_once(store: EtcdStore, key: str) -> None:
    """Until it is known that the key was written, by whichever attempt."""
    while True:
        try:
            await store.commit([Absent(key)], [Put(key, b"")])
        except (StoreUnavailable, OutcomeUnknown):
            await asyncio.sleep(0.02)
        else:
            return  # written now, or by an attempt whose answer was lost


async def fill(store: EtcdStore) -> None:
    while True:
        await store.commit([], [Put("/k", b"x" * 300_000)])


async def until_leaderless(gateway: Gateway, url: str) -> None:
    while (await gateway.status(url)).leader:  # noqa: ASYNC110 - a member does not tell when it loses its leader
        await asyncio.sleep(0.02)


async def watched_keys(store: EtcdStore, prefix: str, after_revision: int, last: str) -> list[str]:
    seen: list[str] = []
    async with aclosing(store.watch(prefix, after_revision=after_revision)) as batches:
        async for batch in batches:
            seen.extend(change.key for change in batch.changes)
            if last in seen:
                break
    return seen


async def test_acknowledged_writes_survive_crashes_and_watches_miss_nothing(three: EtcdMembers) -> None:
    keys = [f"/k/{number:02}" for number in range(60)]
    leader = three.leader()
    follower = next(name for name in three.names if name != leader)
    async with (
        asyncio.timeout(PATIENCE_S),
        Gateway(three.client_urls(follower)) as gateway,
        Gateway(three.client_urls(leader)) as other,
    ):
        store, observer = EtcdStore(gateway), EtcdStore(other)
        start = (await store.read()).position.revision
        watches = [asyncio.create_task(watched_keys(one, "/k/", start, keys[-1])) for one in (store, observer)]
        for number, key in enumerate(keys):
            if number in {10, 35}:
                three.kill(follower if number == 10 else leader)
            if number in {25, 50}:
                three.start(follower if number == 25 else leader)
                three.wait_ready()
            await write_once(store, key)
        for seen in await asyncio.gather(*watches):
            assert seen == keys
    for name in three.names:
        async with Gateway([three.client_url(name)]) as gateway:
            snapshot = await EtcdStore(gateway).read(prefixes=["/k/"], timeout_s=PATIENCE_S)
            assert [item.key for item in snapshot.items] == keys


async def test_a_paused_own_member_is_passed_by(three: EtcdMembers) -> None:
    own = next(name for name in three.names if name != three.leader())
    async with asyncio.timeout(PATIENCE_S), Gateway(three.client_urls(own)) as gateway:
        store = EtcdStore(gateway)
        start = (await store.read()).position.revision
        async with aclosing(store.watch("/k/", after_revision=start)) as batches:
            await anext(batches)
            three.pause(own)
            assert (await store.read(timeout_s=PATIENCE_S)).position.revision == start
            await write_once(store, "/k/1")
            async for batch in batches:
                if batch.changes:
                    break
            assert [change.key for change in batch.changes] == ["/k/1"]
        three.resume(own)


async def test_after_a_write_without_an_answer_the_next_one_goes_elsewhere(three: EtcdMembers) -> None:
    own = next(name for name in three.names if name != three.leader())
    async with asyncio.timeout(PATIENCE_S), Gateway(three.client_urls(own)) as gateway:
        store = EtcdStore(gateway)
        three.pause(own)
        with pytest.raises(OutcomeUnknown):
            await store.commit([Absent("/k/1")], [Put("/k/1", b"")])
        await write_once(store, "/k/2")
        three.resume(own)


async def test_without_a_majority_nothing_is_executed_and_nothing_is_read(three: EtcdMembers) -> None:
    survivor = three.leader()
    for name in [name for name in three.names if name != survivor]:
        three.kill(name)
    async with asyncio.timeout(PATIENCE_S), Gateway([three.client_url(survivor)]) as gateway:
        store = EtcdStore(gateway)
        with pytest.raises(StoreUnavailable):
            await store.read(timeout_s=0.5)
        await until_leaderless(gateway, three.client_url(survivor))
        with pytest.raises(StoreUnavailable):  # no leader: proved before the proposal
            await store.commit([], [Put("/k", b"")])


async def test_a_learner_refuses_and_the_next_endpoint_answers(tmp_path: Path) -> None:
    with running_members(tmp_path, ["a"]) as members:
        async with asyncio.timeout(PATIENCE_S), Gateway([members.client_url("a")]) as gateway:
            unborn = await gateway.add_member(["http://127.0.0.1:1"], learner=True)
            assert [member.name for member in await gateway.remove_member(unborn.member.id)] == ["a"]
            settings = members.join("b")
            added = await gateway.add_member([f"http://{settings.peer_advertise[0]}"], learner=True)
            assert added.member.isLearner
            members.start("b")
            members.wait_ready("b")
            async with Gateway(members.client_urls("b")) as learner_first:
                store = EtcdStore(learner_first)
                await store.commit([], [Put("/k", b"1")])
                assert (await store.read(keys=["/k"])).items[0].value == b"1"
            promoted = await gateway.promote_member(added.member.id)
            assert not any(member.isLearner for member in promoted)
            assert {member.name for member in await gateway.members()} == {"a", "b"}


async def test_a_full_store_is_an_alarm_and_can_be_freed(tmp_path: Path) -> None:
    with running_members(tmp_path, ["a"], quota_bytes=2 * 1024**2) as members:
        url = members.client_url("a")
        async with asyncio.timeout(PATIENCE_S), Gateway([url]) as gateway:
            store = EtcdStore(gateway)
            with pytest.raises(StoreAlarm) as caught:
                await fill(store)
            assert caught.value.name == "NOSPACE"
            alarms = await gateway.alarms()
            assert [alarm.alarm for alarm in alarms] == ["NOSPACE"]
            position = (await store.read(keys=["/k"])).position  # reads go on, through the log too
            await store.commit([], [Delete("/k")])  # and so do deletions
            await store.compact(position.revision)
            await gateway.defragment(url)
            await gateway.withdraw_alarm(alarms[0].memberID, "NOSPACE")
            await store.commit([], [Put("/k", b"again")])


async def test_only_holders_of_a_certificate_get_in(tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    with running_members(tmp_path, ["a", "b", "c"], tls=tls) as members:
        async with (
            asyncio.timeout(PATIENCE_S),
            Gateway(members.client_urls(), tls=client_context(tls)) as gateway,
            Gateway(members.client_urls(), tls=client_context(tls, certificate=False)) as stranger,
        ):
            store = EtcdStore(gateway)
            committed = await store.commit([], [Put("/k", b"1")])
            assert (await store.read(keys=["/k"])).position == committed.position
            async with aclosing(store.watch("/", after_revision=1)) as batches:
                assert [change.key for change in (await anext(batches)).changes] == ["/k"]
            with pytest.raises((StoreUnavailable, OutcomeUnknown)):
                await EtcdStore(stranger).commit([], [Put("/k", b"2")])
            assert (await store.read()).position == committed.position
    with pytest.raises(ValueError, match="TLS"):
        Gateway(["https://127.0.0.1:1"])
