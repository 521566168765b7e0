"""The service's way to the store: endpoints, the cluster's prefix, and the carrying out of one request.

Owns: `PrefixedStore`, a store port whose keys are relative to one cluster, and `carry_out`, which turns what the port
raises into outcomes. Does not know: what requests are for.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Final

from quorate.core.authority.frame import Answered, CommitRequest, NotExecuted, Outcome, ReadRequest, Unknown
from quorate.core.authority.timings import Timings
from quorate.model.records import (
    Absent,
    Change,
    Committed,
    Delete,
    Equals,
    Guard,
    KeyValue,
    Put,
    Snapshot,
    Unchanged,
    WatchBatch,
    Write,
)
from quorate.node.places import Places
from quorate.ports.store import OutcomeUnknown, Store, StoreAlarm, StoreError
from quorate.wire.lease_page import boot_time_s

MANY_ITEMS = 5000
RETRY_PAUSE_S = 0.02
"""After a request that failed at once: the loop asks again at once, and must not spin."""


class PrefixedStore:
    """The store port for one cluster's keys."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    async def read(self, *, keys: Sequence[str] = (), prefixes: Sequence[str] = (), timeout_s: float = 1.0) -> Snapshot:
        """As the port."""
        snapshot = await self._store.read(
            keys=[self._prefix + key for key in keys],
            prefixes=[self._prefix + prefix for prefix in prefixes],
            timeout_s=timeout_s,
        )
        if len(snapshot.items) > MANY_ITEMS:  # the whole database: the service must go on showing progress
            return Snapshot(snapshot.position, await asyncio.to_thread(self._items, snapshot.items))
        return Snapshot(snapshot.position, self._items(snapshot.items))

    async def commit(self, guards: Sequence[Guard], writes: Sequence[Write], *, timeout_s: float = 1.0) -> Committed:
        """As the port."""
        result = await self._store.commit(
            [self._guard(guard) for guard in guards], [self._write(write) for write in writes], timeout_s=timeout_s
        )
        return Committed(result.position, result.succeeded, self._items(result.current))

    async def watch(self, prefix: str, *, after_revision: int) -> AsyncGenerator[WatchBatch]:
        """As the port."""
        batches = self._store.watch(self._prefix + prefix, after_revision=after_revision)
        try:
            async for batch in batches:
                yield WatchBatch(batch.position, tuple(self._change(change) for change in batch.changes))
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()  # whoever closes this watch ends the connection below it too

    def _change(self, change: Change) -> Change:
        key = change.key.removeprefix(self._prefix)
        return Change(key, change.value, change.mod_revision, change.create_revision)

    def _items(self, items: Iterable[KeyValue]) -> tuple[KeyValue, ...]:
        return tuple(
            KeyValue(item.key.removeprefix(self._prefix), item.value, item.create_revision, item.mod_revision)
            for item in items
        )

    def _guard(self, guard: Guard) -> Guard:
        match guard:
            case Absent(key=key):
                return Absent(self._prefix + key)
            case Unchanged(key=key, mod_revision=revision):
                return Unchanged(self._prefix + key, revision)
            case Equals(key=key, value=value):
                return Equals(self._prefix + key, value)

    def _write(self, write: Write) -> Write:
        match write:
            case Put(key=key, value=value):
                return Put(self._prefix + key, value)
            case Delete(key=key):
                return Delete(self._prefix + key)


WRITE_S: Final = 0.002
"""For every further write of a transaction: all groups of a lost node go in one, just when the machine is busiest."""


async def carry_out(store: Store, request: ReadRequest | CommitRequest, timings: Timings) -> Outcome:
    """Carry out a request of the loop; what failed at once is told after a short pause."""
    sent_at = boot_time_s()  # before anything is sent: renewals count from here (rule 1)
    try:
        if isinstance(request, ReadRequest):
            return Answered(sent_at, await store.read(keys=request.keys, timeout_s=timings.store_read_limit_s))
        limit_s = timings.store_commit_limit_s + WRITE_S * (len(request.writes) - 1)
        return Answered(sent_at, await store.commit(request.guards, request.writes, timeout_s=limit_s))
    except OutcomeUnknown:
        return Unknown() if isinstance(request, CommitRequest) else NotExecuted()
    except StoreError as problem:
        await asyncio.sleep(RETRY_PAUSE_S)
        # etcd raises NOSPACE on the very write that filled the quota, and has executed it
        unknown = isinstance(problem, StoreAlarm) and isinstance(request, CommitRequest)
        return Unknown() if unknown else NotExecuted()


def tls_context(places: Places) -> ssl.SSLContext:
    """Our certificate, and trust in the node authority alone."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(places.pki / "node-ca.pem"))
    context.load_cert_chain(places.pki / "node.pem", places.pki / "node.key")
    return context
