"""The store port on etcd.

Owns: the translation of reads, guards and writes into etcd transactions, of etcd's errors into the port's, and watches
that outlive their connections.
Does not know: which members exist or why; it is given a gateway. Nor what any key means.

How it works. A commit is one Txn whose failure branch reads the guarded keys. It is sent once: another endpoint is
asked only after proof that nothing was executed (`errors`), and whatever is not proved is OutcomeUnknown. A read is one
Txn of ranges, repeated within its time-out.

Reads go through the log by default. etcd's cheaper way (ReadIndex) returned stale values after a paused process or a
change of leader in every release before 3.4.42, 3.5.28 and 3.6.9 (its issue 20418), and a lease renewed by a stale read
is two owners (design §4 rule 3). A Txn with a write in the branch that is never taken is proposed like any other
write, so its answer is as good as a commit's; it costs one log entry and leaves the revision alone.
`log_reads=False` is for releases that `member.index_reads_trusted` names.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from quorate.adapters.etcd.errors import GatewayError, Refused
from quorate.adapters.etcd.gateway import ATTEMPT_S, RETRY_PAUSE_S, Gateway
from quorate.adapters.etcd.messages import (
    Compare,
    DeleteRangeRequest,
    PutRequest,
    RangeRequest,
    RequestOp,
    StoredKey,
    TxnRequest,
    TxnResponse,
)
from quorate.adapters.etcd.watching import Standing, WatchBroken, decode_key, encode_key, range_end
from quorate.model.records import (
    Absent,
    Committed,
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
from quorate.ports.store import (
    Compacted,
    OutcomeUnknown,
    StoreAlarm,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)

WATCH_SILENCE_S = 1.0
"""A watch stream without any message for so long is opened anew elsewhere: several of the progress notes that
`member.PROGRESS_INTERVAL_MS` asks for."""

WATCH_LAG_S = 2.0
"""A watch that talks and yet stays behind what reads have shown for so long is opened anew elsewhere."""

_NEVER_WRITTEN = RequestOp(request_delete_range=DeleteRangeRequest(b"\xff"))
"""Makes a Txn of reads one that etcd proposes; stands in a branch that is not taken, on a key that is no UTF-8."""


ATTEMPT_PART = 0.4
"""Of the time that a read has, what one endpoint is given: two can be asked before it is over."""


class EtcdStore:
    """`Store` on one etcd cluster.

    `generation` is that of the store's present forming; whoever restores or re-forms it builds a new EtcdStore. The
    gateway stays its owner's to close.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        generation: int = 1,
        log_reads: bool = True,
        watch_silence_s: float = WATCH_SILENCE_S,
        watch_lag_s: float = WATCH_LAG_S,
    ) -> None:
        self.generation = generation
        self._gateway = gateway
        self._unless_read = (_NEVER_WRITTEN,) if log_reads else ()
        self._watch_silence_s = watch_silence_s
        self._watch_lag_s = watch_lag_s
        self._noted_revision = 0

    def note_position(self, position: Position) -> None:
        """Tell the watches how far the store is known to be, for instance from another node's heartbeat.

        Own reads and commits are noted by themselves; positions of other generations are ignored.
        """
        if position.generation == self.generation:
            self._noted_revision = max(self._noted_revision, position.revision)

    async def read(self, *, keys: Sequence[str] = (), prefixes: Sequence[str] = (), timeout_s: float = 1.0) -> Snapshot:
        """See `Store.read`."""
        request = TxnRequest(
            success=(*(_read_key(key) for key in keys), *(_read_prefix(prefix) for prefix in prefixes)),
            failure=self._unless_read,
        )
        try:
            # What may be much is not asked in slices that are too short for it: who has time gives each endpoint some.
            attempt_s = max(ATTEMPT_S, ATTEMPT_PART * timeout_s)
            answer = await self._gateway.txn(request, timeout_s=timeout_s, repeatable=True, attempt_s=attempt_s)
        except GatewayError as error:
            raise _store_error(error, otherwise=StoreUnavailable) from error
        position = self._position_of(answer)
        if sum(len(part.response_range.kvs) for part in answer.responses if part.response_range) > MANY_ITEMS:
            return Snapshot(position, await asyncio.to_thread(_items, answer))
        return Snapshot(position, _items(answer))

    async def commit(self, guards: Sequence[Guard], writes: Sequence[Write], *, timeout_s: float = 1.0) -> Committed:
        """See `Store.commit`.

        StoreAlarm NOSPACE does not prove that nothing was executed: etcd gives this answer also to the very write
        that fills its quota, after executing it. Nothing executes later, though: a read tells.
        """
        request = TxnRequest(
            compare=tuple(_compare(guard) for guard in guards),
            success=tuple(_write(write) for write in writes),
            failure=tuple(_read_key(key) for key in sorted({guard.key for guard in guards})),
        )
        try:
            answer = await self._gateway.txn(request, timeout_s=timeout_s, repeatable=False)
        except GatewayError as error:
            raise _store_error(error, otherwise=OutcomeUnknown) from error
        position = self._position_of(answer)
        return Committed(position, answer.succeeded, () if answer.succeeded else _items(answer))

    async def watch(self, prefix: str, *, after_revision: int) -> AsyncGenerator[WatchBatch]:
        """See `Store.watch`. Raises Compacted also where only one revision could be missing."""
        standing = Standing(
            prefix, generation=self.generation, after_revision=after_revision, lag_limit_s=self._watch_lag_s
        )
        while True:
            endpoint = self._gateway.in_order()[0]
            try:
                async with aclosing(self._one_stream(endpoint, standing)) as batches:
                    async for batch in batches:
                        yield batch
            except WatchBroken as error:
                if not error.same_endpoint:
                    self._gateway.avoid(endpoint)
            except GatewayError:
                self._gateway.avoid(endpoint)
                await asyncio.sleep(RETRY_PAUSE_S)

    async def compact(self, revision: int) -> None:
        """Forget history up to `revision`; watches that stand before it end with Compacted.

        Raises Compacted where that was done already, else as `commit`.
        """
        try:
            await self._gateway.compact(revision)
        except Refused as error:
            if "has been compacted" in error.message:
                raise Compacted(revision) from error
            raise _store_error(error, otherwise=OutcomeUnknown) from error
        except GatewayError as error:
            raise _store_error(error, otherwise=OutcomeUnknown) from error

    async def _one_stream(self, endpoint: str, standing: Standing) -> AsyncGenerator[WatchBatch]:
        now = asyncio.get_running_loop().time
        messages = self._gateway.watch(endpoint, standing.begin(), silence_s=self._watch_silence_s)
        async with aclosing(messages):
            async for message in messages:
                batch = standing.take(message)
                if batch is not None:
                    self.note_position(batch.position)
                    yield batch
                standing.check_lag(self._noted_revision, now())

    def _position_of(self, answer: TxnResponse) -> Position:
        position = Position(self.generation, answer.header.revision)
        self.note_position(position)
        return position


def _read_key(key: str) -> RequestOp:
    return RequestOp(request_range=RangeRequest(encode_key(key)))


def _read_prefix(prefix: str) -> RequestOp:
    return RequestOp(request_range=RangeRequest(encode_key(prefix) or b"\0", range_end(prefix)))


def _write(write: Write) -> RequestOp:
    if isinstance(write, Put):
        return RequestOp(request_put=PutRequest(encode_key(write.key), write.value))
    return RequestOp(request_delete_range=DeleteRangeRequest(encode_key(write.key)))


def _compare(guard: Guard) -> Compare:
    key = encode_key(guard.key)
    match guard:
        case Absent():
            return Compare(key, "CREATE", create_revision=0)
        case Unchanged(mod_revision=mod_revision):
            return Compare(key, "MOD", mod_revision=mod_revision)
        case Equals(value=value):
            return Compare(key, "VALUE", value=value)


MANY_ITEMS = 5000
"""Beyond so many keys an answer is turned into values by a thread."""


def _items(answer: TxnResponse) -> tuple[KeyValue, ...]:
    """Every key of every range, once, sorted by key: keys and prefixes of one read may overlap."""
    found: dict[str, KeyValue] = {}
    for response in answer.responses:
        if response.response_range is not None:
            for stored in response.response_range.kvs:
                item = _item(stored)
                found[item.key] = item
    return tuple(found[key] for key in sorted(found))


def _item(stored: StoredKey) -> KeyValue:
    return KeyValue(decode_key(stored.key), stored.value, stored.create_revision, stored.mod_revision)


def _store_error(error: GatewayError, *, otherwise: type[StoreError]) -> StoreError:
    """The port's name for what happened; `otherwise` where nothing is proved."""
    if isinstance(error, Refused):
        if error.alarm is not None:
            return StoreAlarm(error.alarm)
        if error.blames_request:
            return StoreRefused(error.message)
    if error.proves_not_executed:
        return StoreUnavailable(str(error))
    return otherwise(str(error))
