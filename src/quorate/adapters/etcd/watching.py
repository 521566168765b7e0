"""Where one watch stands, and what each message of its stream adds to that.

Owns: the promise of a watch: in order, nothing missing, nothing twice, no revision split across batches.
Does not know: connections or endpoints; `store` opens streams, feeds their messages in, and begins anew after a break.

How it works: the standing is the revision up to which everything was seen. Events at or below it are dropped, whoever
sends them (a member that was restored from a snapshot may repeat old ones). Fragments are collected until the last one.
The header of a message with events carries the store's revision at that time, which may lie ahead of events still to
come, so only the last event moves the standing; a progress note is sent in line with events and may move it alone.

Where a stream begins: just after the standing, if nothing has happened since; etcd then delivers without delay. If
something has happened, one revision earlier: etcd before 3.4.36 and 3.5.18 can lose a deletion made at the very
revision that was both compacted and asked for, and asking for one we have seen makes that harmless.
"""

from __future__ import annotations

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.messages import Event, WatchCreate, WatchResponse
from quorate.model.records import Change, Position, WatchBatch
from quorate.ports.store import Compacted


class WatchBroken(GatewayError):
    """The stream is of no more use; the watch goes on with another one, elsewhere unless `same_endpoint`."""

    def __init__(self, reason: str, *, same_endpoint: bool = False) -> None:
        super().__init__(reason)
        self.same_endpoint = same_endpoint


class Standing:
    """One watch of `prefix` that has seen everything up to `revision`."""

    def __init__(self, prefix: str, *, generation: int, after_revision: int, lag_limit_s: float) -> None:
        self.revision = after_revision
        self._prefix = prefix
        self._generation = generation
        self._lag_limit_s = lag_limit_s
        self._events: list[Event] = []
        self._from_before = False
        self._behind: tuple[int, float] | None = None

    def begin(self) -> WatchCreate:
        """The request that goes on from here on a new stream."""
        self._events.clear()
        self._behind = None
        first = self.revision if self._from_before else self.revision + 1
        return WatchCreate(
            key=encode_key(self._prefix) or b"\0",
            range_end=range_end(self._prefix),
            start_revision=max(first, 1),  # 0 would mean "from now on"
            progress_notify=True,
            fragment=True,
        )

    def take(self, message: WatchResponse) -> WatchBatch | None:
        """What this message adds; None where nothing is complete yet.

        Raises Compacted where history is gone, WatchBroken where the stream must be opened anew.
        """
        if message.compact_revision:
            raise Compacted(message.compact_revision)
        if message.canceled:
            raise WatchBroken(message.cancel_reason or "etcd cancelled the watch")
        if message.created:
            self._created(message.header.revision)
            return None
        self._events.extend(message.events)
        if message.fragment:
            return None
        if not self._events:
            return self._progress(message.header.revision)
        fresh = [event for event in self._events if event.kv.mod_revision > self.revision]
        self._events.clear()
        if not fresh:
            return None
        self.revision = max(event.kv.mod_revision for event in fresh)
        return WatchBatch(Position(self._generation, self.revision), tuple(_change(event) for event in fresh))

    def check_lag(self, noted_revision: int, now: float) -> None:
        """Compare with the highest revision known from reads; WatchBroken where the watch stays behind it too long."""
        if self._behind is not None and self.revision >= self._behind[0]:
            self._behind = None
        if self._behind is None and noted_revision > self.revision:
            self._behind = (noted_revision, now)
        if self._behind is not None and now - self._behind[1] > self._lag_limit_s:
            raise WatchBroken(f"the watch stands at {self.revision}, reads at {noted_revision}")

    def _created(self, store_revision: int) -> None:
        if store_revision > self.revision > 0 and not self._from_before:
            self._from_before = True
            raise WatchBroken("something has happened since: begin one revision earlier", same_endpoint=True)
        self._from_before = False

    def _progress(self, revision: int) -> WatchBatch | None:
        if revision < self.revision:
            return None  # a member that lags; it says nothing about what we have seen elsewhere
        self.revision = revision
        return WatchBatch(Position(self._generation, revision), ())


def encode_key(key: str) -> bytes:
    """A key as etcd holds it; keys of others that are no UTF-8 pass through unharmed."""
    return key.encode("utf-8", "surrogateescape")


def decode_key(key: bytes) -> str:
    """The inverse of `encode_key`."""
    return key.decode("utf-8", "surrogateescape")


def range_end(prefix: str) -> bytes:
    """The end of the range of all keys that begin with `prefix`; etcd reads a single zero byte as "no end"."""
    first = encode_key(prefix)
    return first[:-1] + bytes([first[-1] + 1]) if first else b"\0"  # no byte of UTF-8 is 0xFF


def _change(event: Event) -> Change:
    kept = event.kv
    value = kept.value if event.type == "PUT" else None
    return Change(decode_key(kept.key), value, kept.mod_revision, kept.create_revision)
