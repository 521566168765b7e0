"""Where a watch stands after each message, which errors prove what, and the twin's own misfortunes."""

from __future__ import annotations

import pytest

from quorate.adapters.etcd.errors import NoAnswer, NotSent, Refused
from quorate.adapters.etcd.messages import Event, Header, StoredKey, WatchResponse
from quorate.adapters.etcd.watching import Standing, WatchBroken, range_end
from quorate.model.records import Put
from quorate.ports.store import Compacted, OutcomeUnknown, StoreAlarm, StoreUnavailable
from quorate.ports.store_memory import Call, Fault, MemoryStore

PUT = [Put("/k", b"")]


def standing(after_revision: int = 10) -> Standing:
    return Standing("/k/", generation=1, after_revision=after_revision, lag_limit_s=2.0)


def created(revision: int) -> WatchResponse:
    return WatchResponse(header=Header(revision=revision), created=True)


def events(*revisions: int, header: int = 99, fragment: bool = False) -> WatchResponse:
    kept = tuple(Event(StoredKey(b"/k/%d" % revision, b"", revision, revision)) for revision in revisions)
    return WatchResponse(header=Header(revision=header), events=kept, fragment=fragment)


def test_a_stream_begins_after_the_standing_unless_something_has_happened() -> None:
    watch = standing()
    assert watch.begin().start_revision == 11
    assert watch.take(created(10)) is None
    with pytest.raises(WatchBroken) as broken:
        watch.take(created(12))
    assert broken.value.same_endpoint
    assert watch.begin().start_revision == 10
    assert watch.take(created(12)) is None
    assert standing(0).begin().start_revision == 1


def test_only_events_of_a_message_with_events_move_the_standing() -> None:
    watch = standing()
    batch = watch.take(events(11, 12, header=99))
    assert batch is not None
    assert (batch.position.revision, watch.revision) == (12, 12)


def test_repeated_events_are_dropped_and_old_progress_means_nothing() -> None:
    watch = standing()
    assert watch.take(events(9, 10)) is None
    batch = watch.take(events(10, 11))
    assert batch is not None
    assert [change.mod_revision for change in batch.changes] == [11]
    assert watch.take(events(header=8)) is None
    progress = watch.take(events(header=20))
    assert progress is not None
    assert (progress.changes, progress.position.revision) == ((), 20)


def test_fragments_are_one_batch_and_a_broken_stream_forgets_them() -> None:
    watch = standing()
    assert watch.take(events(11, 12, fragment=True)) is None
    assert watch.begin().start_revision == 11
    assert watch.take(events(11, 12, fragment=True)) is None
    batch = watch.take(events(12, 13))
    assert batch is not None
    assert [change.mod_revision for change in batch.changes] == [11, 12, 12, 13]


def test_the_end_of_a_watch_says_why() -> None:
    with pytest.raises(Compacted) as compacted:
        standing().take(WatchResponse(canceled=True, compact_revision=50))
    assert compacted.value.oldest == 50
    with pytest.raises(WatchBroken, match="no leader"):
        standing().take(WatchResponse(canceled=True, cancel_reason="etcdserver: no leader"))


def test_a_watch_that_stays_behind_what_reads_have_shown_is_broken() -> None:
    watch = standing()
    watch.check_lag(10, now=0.0)
    watch.check_lag(15, now=1.0)
    watch.take(events(15))
    watch.check_lag(16, now=3.5)  # it has moved past 15; behind 16 only since now
    watch.check_lag(17, now=5.4)
    with pytest.raises(WatchBroken):
        watch.check_lag(17, now=5.6)


def test_a_prefix_ends_where_the_next_key_begins() -> None:
    assert range_end("/a/") == b"/a0"
    assert range_end("") == b"\0"
    assert range_end("\u00e9") > "\u00e9\uffff".encode()


@pytest.mark.parametrize(
    ("code", "message", "proof"),
    [
        (14, "etcdserver: no leader", True),
        (14, "etcdserver: rpc not supported for learner", True),
        (9, "etcdserver: rpc not supported for learner", True),
        (2, "raft proposal dropped", True),
        (8, "etcdserver: too many requests", True),
        (14, "etcdserver: leader changed", False),
        (14, "etcdserver: request timed out", False),
        (14, "etcdserver: request timed out, possibly due to previous leader failure", False),
        (14, "etcdserver: server stopped", False),
        (14, "transport is closing", False),
        (1, "etcdserver: request cancelled", False),
    ],
)
def test_what_proves_that_nothing_was_executed(code: int, message: str, *, proof: bool) -> None:
    refused = Refused(code, message)
    assert refused.proves_not_executed == proof
    assert not refused.is_final


def test_a_request_never_sent_is_proof_and_silence_is_none() -> None:
    assert NotSent().proves_not_executed
    assert not NoAnswer().proves_not_executed
    assert Refused(8, "etcdserver: mvcc: database space exceeded").alarm == "NOSPACE"
    assert Refused(15, "etcdserver: corrupt cluster").alarm == "CORRUPT"
    assert Refused(3, "etcdserver: request is too large").blames_request


async def test_the_twin_suffers_what_it_is_told() -> None:
    store = MemoryStore()
    client = store.client("n1")
    client.inject(Fault.NEVER_EXECUTED, Fault.UNAVAILABLE, Fault.LATE_ANSWER, Fault.ALARM_AFTER_EXECUTION)
    with pytest.raises(OutcomeUnknown):
        await client.commit([], PUT)
    with pytest.raises(StoreUnavailable):
        await client.commit([], PUT)
    assert store.engine.revision == 1
    with pytest.raises(OutcomeUnknown):
        await client.commit([], PUT, timeout_s=0.01)
    with pytest.raises(StoreAlarm):
        await client.commit([], PUT)
    assert store.engine.revision == 3


async def test_a_script_sees_each_call_and_names_its_fault() -> None:
    seen: list[Call] = []

    def script(call: Call) -> Fault | None:
        seen.append(call)
        return Fault.LATE_EXECUTION if call.is_commit else None

    store = MemoryStore(script=script)
    client = store.client("n1")
    with pytest.raises(OutcomeUnknown):
        await client.commit([], PUT)
    assert (await client.read(keys=["/k"])).items == ()
    assert [(call.client, call.is_commit, call.writes) for call in seen] == [
        ("n1", True, tuple(PUT)),
        ("n1", False, ()),
    ]
    assert store.late_count == 1
    (late,) = store.flush_late()
    assert not isinstance(late, Exception)
    assert late.succeeded
    assert (await client.read(keys=["/k"])).items[0].mod_revision == 2


async def test_an_alarm_of_the_twin_stops_puts_and_a_store_that_is_away_stops_everything() -> None:
    store = MemoryStore()
    client = store.client()
    store.alarm = "NOSPACE"
    with pytest.raises(StoreAlarm):
        await client.commit([], PUT)
    await client.read()
    store.alarm = "CORRUPT"
    with pytest.raises(StoreAlarm):
        await client.read()
    store.available = False
    with pytest.raises(StoreUnavailable):
        await client.read()
