"""The cluster database as the rest of the system sees it (design §3).

Owns: the `Store` protocol and its errors. The in-memory twin is `ports.store_memory`; etcd is `adapters.etcd`.
Does not know: how many members there are, where they run, or who leads.

Errors, drawn as a tree; whose move it is and whether trying again helps stands beside each:

    StoreError
    ├── StoreUnavailable    nothing was executed; try again later
    ├── OutcomeUnknown      a commit may have executed, may still execute, or never will; read to find out,
    │                       but mind that it may execute after that read (design §4 rule 8)
    ├── Compacted           a watch asked for a revision that is gone; read everything again, then watch
    ├── StoreRefused        the store will never accept this request (too large, wrong form); our move
    └── StoreAlarm          the store protects itself (NOSPACE, CORRUPT); the operator's move
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from quorate.model.records import Committed, Guard, Snapshot, WatchBatch, Write


class StoreError(Exception):
    """Root of everything a store call may raise."""


class StoreUnavailable(StoreError):
    """The request was certainly not executed."""


class OutcomeUnknown(StoreError):
    """The commit may have been executed, or may still be."""


class Compacted(StoreError):
    """The revision asked for has been compacted away; `oldest` is the first one still there."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"history before revision {oldest} is gone")
        self.oldest = oldest


class StoreRefused(StoreError):
    """The request can never be accepted as it is."""


class StoreAlarm(StoreError):
    """The store has raised an alarm; `name` is NOSPACE or CORRUPT."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the store has raised the alarm {name}")
        self.name = name


class Store(Protocol):
    """Linearizable reads, guarded transactions, and watches from a revision."""

    async def read(self, *, keys: Sequence[str] = (), prefixes: Sequence[str] = (), timeout_s: float = 1.0) -> Snapshot:
        """Read keys and whole prefixes linearizably, all as of one position.

        Raises StoreUnavailable (also when `timeout_s` passes; a read changes nothing), StoreAlarm.
        """
        ...

    async def commit(self, guards: Sequence[Guard], writes: Sequence[Write], *, timeout_s: float = 1.0) -> Committed:
        """Make all writes if all guards hold, else none; either way one atomic step.

        Raises StoreUnavailable (certainly not executed), OutcomeUnknown (time-out or lost answer after the request
        was sent), StoreRefused, StoreAlarm. Never repeats a request by itself.
        """
        ...

    def watch(self, prefix: str, *, after_revision: int) -> AsyncIterator[WatchBatch]:
        """Every change of keys under `prefix` made after `after_revision`, in order, without gap or repetition.

        Reconnects by itself and resumes where it stood. Raises Compacted where it cannot. Yields an empty batch
        now and then as a sign of progress.
        """
        ...
