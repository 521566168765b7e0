"""The cluster database as plain values and arithmetic: what a store does, without time, network or faults.

Owns: the keys, their revisions, the history of changes, compaction; the meaning of guards and writes.
Does not know: asyncio, callers, faults, or how an answer travels; `store_memory` adds callers and faults, the
simulator adds virtual time.

How it works: one sorted list of keys, one dictionary of items, and one history entry per revision. The counting is
etcd's, because guards and watches lean on it: an empty store stands at revision 1; a transaction that changes
something raises the revision by one, however many keys it changes; one that changes nothing (guards did not hold, no
writes, only deletes of absent keys) leaves it; a key deleted and written again is created anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence

from quorate.model.records import (
    Absent,
    Change,
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
from quorate.ports.store import Compacted, StoreRefused

FIRST_REVISION = 1
"""The revision of a store that was never written, as in etcd."""

MAX_TXN_OPS = 2048
"""Guards, or writes, of one transaction; what `adapters.etcd.member` sets with --max-txn-ops."""

MAX_REQUEST_BYTES = 1_572_864
"""Keys and values of one transaction: etcd's default of 1.5 MiB for a request."""


class MemoryEngine:
    """The whole database. Every method is one atomic step; nothing here waits."""

    def __init__(
        self, *, generation: int = 1, max_txn_ops: int = MAX_TXN_OPS, max_request_bytes: int = MAX_REQUEST_BYTES
    ) -> None:
        self.generation = generation
        """Stands in every position given out; whoever restores or re-forms the store raises it."""
        self.revision = FIRST_REVISION
        self.compacted_revision = 0
        self._max_txn_ops = max_txn_ops
        self._max_request_bytes = max_request_bytes
        self._items: dict[str, KeyValue] = {}
        self._keys: list[str] = []  # sorted, so that a prefix is a slice
        self._history: list[WatchBatch] = []  # one per revision that is still kept, oldest first

    @property
    def position(self) -> Position:
        """Where history ends now."""
        return Position(self.generation, self.revision)

    def read(self, keys: Sequence[str] = (), prefixes: Sequence[str] = ()) -> Snapshot:
        """All items asked for that exist, each once, sorted by key; the prefix "" means everything."""
        wanted = {key for key in keys if key in self._items}
        for prefix in prefixes:
            wanted.update(self._keys_under(prefix))
        return Snapshot(self.position, tuple(self._items[key] for key in sorted(wanted)))

    def commit(self, guards: Sequence[Guard], writes: Sequence[Write]) -> Committed:
        """Make all writes if all guards hold; StoreRefused where etcd would never take the request."""
        self._check_form(guards, writes)
        if not all(self._holds(guard) for guard in guards):
            guarded = self.read(keys=[guard.key for guard in guards])
            return Committed(self.position, succeeded=False, current=guarded.items)
        revision = self.revision + 1
        changes = tuple(change for write in writes if (change := self._apply(write, revision)) is not None)
        if changes:
            self.revision = revision
            self._history.append(WatchBatch(self.position, changes))
        return Committed(self.position, succeeded=True)

    def changes_after(self, revision: int, prefix: str = "") -> tuple[WatchBatch, ...]:
        """What a watch that stands at `revision` has still to see: one batch per revision that touched `prefix`.

        Complete up to `self.position`. Raises Compacted if something after `revision` may be forgotten.
        """
        if revision < self.compacted_revision:
            raise Compacted(self.compacted_revision)
        batches = []
        start = bisect_right(self._history, revision, key=lambda batch: batch.position.revision)
        for batch in self._history[start:]:
            changes = tuple(change for change in batch.changes if change.key.startswith(prefix))
            if changes:
                batches.append(WatchBatch(batch.position, changes))
        return tuple(batches)

    def compact(self, revision: int) -> None:
        """Forget history up to and including `revision`; the items stay. A watch after `revision` still works.

        Raises Compacted where that was done already, StoreRefused for a revision that has not happened yet.
        """
        if revision <= self.compacted_revision:
            raise Compacted(self.compacted_revision)
        if revision > self.revision:
            raise StoreRefused(f"revision {revision} lies in the future, the store stands at {self.revision}")
        self.compacted_revision = revision
        kept = bisect_right(self._history, revision, key=lambda batch: batch.position.revision)
        del self._history[:kept]

    def _keys_under(self, prefix: str) -> list[str]:
        start = bisect_left(self._keys, prefix)
        end = start
        while end < len(self._keys) and self._keys[end].startswith(prefix):
            end += 1
        return self._keys[start:end]

    def _holds(self, guard: Guard) -> bool:
        item = self._items.get(guard.key)
        match guard:
            case Absent():
                return item is None
            case Unchanged(mod_revision=mod_revision):
                return item is not None and item.mod_revision == mod_revision
            case Equals(value=value):
                return item is not None and item.value == value

    def _apply(self, write: Write, revision: int) -> Change | None:
        old = self._items.get(write.key)
        if isinstance(write, Put):
            created = revision if old is None else old.create_revision
            self._items[write.key] = KeyValue(write.key, write.value, created, revision)
            if old is None:
                insort(self._keys, write.key)
            return Change(write.key, write.value, revision, created)
        if old is None:
            return None
        del self._items[write.key]
        del self._keys[bisect_left(self._keys, write.key)]
        return Change(write.key, None, revision)

    def _check_form(self, guards: Sequence[Guard], writes: Sequence[Write]) -> None:
        if max(len(guards), len(writes)) > self._max_txn_ops:
            raise StoreRefused(f"more than {self._max_txn_ops} guards or writes in one transaction")
        if any(not part.key for part in (*guards, *writes)):
            raise StoreRefused("a key is empty")
        put = [write.key for write in writes if isinstance(write, Put)]
        deleted = {write.key for write in writes if not isinstance(write, Put)}
        if len(set(put)) != len(put) or deleted.intersection(put):
            raise StoreRefused("a key is written twice in one transaction")
        size = sum(len(part.key.encode()) for part in (*guards, *writes))
        size += sum(len(part.value) for part in (*guards, *writes) if isinstance(part, Put | Equals))
        if size > self._max_request_bytes:
            raise StoreRefused(f"a transaction of {size} bytes, more than {self._max_request_bytes}")
