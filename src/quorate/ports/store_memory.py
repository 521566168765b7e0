"""The in-memory twin of the store port: callers and faults around a `MemoryEngine`.

Owns: when a request executes, when its answer arrives, which error its caller sees instead, and what watches see.
Does not know: what a transaction means (`store_engine`), or anything of etcd.

How it works: `MemoryStore` is the one database; `store.client(name)` gives each user a `Store` of its own. Faults
come from a queue per client (`client.inject(...)`, one per call) or from a script, a function from the call to a
fault. Nothing here sleeps: what is late stays late until `flush_late()` or `release_answers()` is called, so a test
decides the order of events and the twin is as hostile as real stores are on their worst day (design §4 rule 8).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from quorate.model.records import Committed, Guard, Position, Put, Snapshot, WatchBatch, Write
from quorate.ports.store import OutcomeUnknown, StoreAlarm, StoreError, StoreUnavailable
from quorate.ports.store_engine import MemoryEngine

__all__ = ["Call", "Fault", "MemoryClient", "MemoryEngine", "MemoryStore", "Script"]


class Fault(Enum):
    """What may go wrong with one call. A read that goes wrong is StoreUnavailable in every case."""

    UNAVAILABLE = "not executed, and the caller knows it"
    LOST_ANSWER = "executed at once, the caller gets OutcomeUnknown"
    LATE_ANSWER = "executed at once, the answer waits for release_answers() or the time-out"
    LATE_EXECUTION = "the caller gets OutcomeUnknown, flush_late() executes it"
    NEVER_EXECUTED = "the caller gets OutcomeUnknown, and nothing ever happens"
    ALARM_AFTER_EXECUTION = "executed, yet answered NOSPACE, as etcd does with the write that fills its quota"


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a script sees it before it is executed; a read has neither guards nor writes."""

    client: str
    is_commit: bool
    guards: tuple[Guard, ...] = ()
    writes: tuple[Write, ...] = ()


Script = Callable[[Call], Fault | None]


class MemoryStore:
    """One database in memory and everybody who uses it. Use it from one event loop."""

    def __init__(self, engine: MemoryEngine | None = None, *, script: Script | None = None) -> None:
        self.engine = engine if engine is not None else MemoryEngine()
        self.script = script
        self.alarm: str | None = None
        """NOSPACE refuses every put, CORRUPT refuses everything, as in etcd."""
        self._available = True
        self._late: deque[Call] = deque()
        self._answers: deque[asyncio.Event] = deque()
        self._clients: list[MemoryClient] = []

    def client(self, name: str = "client") -> MemoryClient:
        """A user of this store; scripts see its `name`."""
        client = MemoryClient(self, name)
        self._clients.append(client)
        return client

    @property
    def available(self) -> bool:
        """While False every call raises StoreUnavailable and watches stand still."""
        return self._available

    @available.setter
    def available(self, available: bool) -> None:
        self._available = available
        self.wake()

    @property
    def late_count(self) -> int:
        """How many commits wait for `flush_late`."""
        return len(self._late)

    def flush_late(self) -> tuple[Committed | StoreError, ...]:
        """Execute now what was to execute late, in the order of the calls; the answers reach nobody but you."""
        answers: list[Committed | StoreError] = []
        while self._late:
            call = self._late.popleft()
            try:
                answers.append(self.execute(call))
            except StoreError as error:
                answers.append(error)
        return tuple(answers)

    def release_answers(self) -> None:
        """Let every late answer that is waiting now reach its caller."""
        while self._answers:
            self._answers.popleft().set()

    def compact(self, revision: int) -> None:
        """Compact the history; watches that stand before `revision` end with Compacted."""
        self.engine.compact(revision)
        self.wake()

    def wake(self) -> None:
        """Let watches look again; needed only after using `engine` directly."""
        for client in self._clients:
            client.wake()

    def execute(self, call: Call) -> Committed:
        """Execute one commit now, alarms included."""
        if self.alarm == "CORRUPT" or (self.alarm is not None and any(isinstance(w, Put) for w in call.writes)):
            raise StoreAlarm(self.alarm)
        answer = self.engine.commit(call.guards, call.writes)
        self.wake()
        return answer

    def fault_for(self, call: Call) -> Fault | None:
        """What the script has in mind for this call."""
        return self.script(call) if self.script is not None else None

    def delay(self, call: Call) -> None:
        """Keep a commit for `flush_late`."""
        self._late.append(call)

    async def answer_released(self, timeout_s: float) -> bool:
        """Wait for `release_answers`; False where the time-out comes first."""
        released = asyncio.Event()
        self._answers.append(released)
        try:
            await asyncio.wait_for(released.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


class MemoryClient:
    """One user's `Store` on a `MemoryStore`."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self.name = name
        self._store = store
        self._faults: deque[Fault | None] = deque()
        self._watching = True
        self._wakers: set[asyncio.Event] = set()

    def inject(self, *faults: Fault | None) -> None:
        """Give the next calls of this client these faults, one each; None lets a call pass."""
        self._faults.extend(faults)

    def drop_watches(self) -> None:
        """Cut the watches' connection: they stand still, and miss nothing, until `restore_watches`."""
        self._watching = False

    def restore_watches(self) -> None:
        """Let the watches reconnect and resume where they stood."""
        self._watching = True
        self.wake()

    def wake(self) -> None:
        """Let this client's watches look again."""
        for waker in self._wakers:
            waker.set()

    async def read(self, *, keys: Sequence[str] = (), prefixes: Sequence[str] = (), timeout_s: float = 1.0) -> Snapshot:
        """See `Store.read`."""
        fault = await self._next_fault(Call(self.name, is_commit=False))
        if fault not in {None, Fault.LATE_ANSWER}:
            raise StoreUnavailable("the twin was told so")
        if self._store.alarm == "CORRUPT":
            raise StoreAlarm(self._store.alarm)
        snapshot = self._store.engine.read(keys, prefixes)
        if fault is Fault.LATE_ANSWER and not await self._store.answer_released(timeout_s):
            raise StoreUnavailable("no answer in time")
        await asyncio.sleep(0)  # others may run between execution and answer, as they may with a real store
        return snapshot

    async def commit(self, guards: Sequence[Guard], writes: Sequence[Write], *, timeout_s: float = 1.0) -> Committed:
        """See `Store.commit`."""
        call = Call(self.name, is_commit=True, guards=tuple(guards), writes=tuple(writes))
        fault = await self._next_fault(call)
        match fault:
            case Fault.UNAVAILABLE:
                raise StoreUnavailable("the twin was told so")
            case Fault.NEVER_EXECUTED:
                raise OutcomeUnknown("the request was lost")
            case Fault.LATE_EXECUTION:
                self._store.delay(call)
                raise OutcomeUnknown("the request is on its way")
            case _:
                committed = self._store.execute(call)
        if fault is Fault.LOST_ANSWER:
            raise OutcomeUnknown("the answer was lost")
        if fault is Fault.ALARM_AFTER_EXECUTION:
            raise StoreAlarm("NOSPACE")
        if fault is Fault.LATE_ANSWER and not await self._store.answer_released(timeout_s):
            raise OutcomeUnknown("no answer in time")
        await asyncio.sleep(0)  # as in read
        return committed

    async def watch(self, prefix: str, *, after_revision: int) -> AsyncGenerator[WatchBatch]:
        """See `Store.watch`. An empty batch follows every change of other keys."""
        engine = self._store.engine
        waker = asyncio.Event()
        self._wakers.add(waker)
        position = Position(engine.generation, after_revision)
        try:
            while True:
                waker.clear()
                if self._watching and self._store.available:
                    for batch in engine.changes_after(position.revision, prefix):
                        position = batch.position
                        yield batch
                    if engine.revision > position.revision and not waker.is_set():
                        position = engine.position
                        yield WatchBatch(position, ())
                await waker.wait()
        finally:
            self._wakers.discard(waker)

    async def _next_fault(self, call: Call) -> Fault | None:
        await asyncio.sleep(0)  # a request takes its time to arrive: others may go first
        if not self._store.available:
            return Fault.UNAVAILABLE
        return self._faults.popleft() if self._faults else self._store.fault_for(call)
