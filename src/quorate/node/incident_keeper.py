"""Incidents, followed on every node and written into the cluster database by the one that leads (promise 5).

Owns: the book's turn of the watch, the guarded writing, and how many records are kept. Does not know: what an incident
is (`core.incidents`).
How it works: every node follows the same database, so each finds the same incidents under the same ids. Whoever leads
when one ends writes it; where that node was the one that was lost, or has no time, the next leader has it too. A
record is written once: its key must be absent. Nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.core.incidents.book import IncidentBook
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.incident import order_of
from quorate.model.records import Absent, Delete, Put, Unchanged, Write
from quorate.ports.store import Store, StoreError

KEPT: Final = 100
TICK_S: Final = 1.0
AGAIN_S: Final = 5.0


class IncidentKeeper:
    """The incidents of one observer, and their writing while it leads."""

    def __init__(
        self,
        node: int,
        view: ClusterView,
        store: Store,
        leads: Callable[[], bool],
        now_s: Callable[[], float],
        wall_s: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._node = node
        self._view = view
        self._store = store
        self._leads = leads
        self._now_s = now_s
        self._wall_s = wall_s
        self._log = log
        self._book = IncidentBook()
        self._moved = asyncio.Event()

    def changed(self, changed: Iterable[str] | None) -> None:
        """The replica changed; None: everything may have."""
        self._look(changed)
        if self._book.under_way or self._book.ended:
            self._moved.set()

    async def run(self) -> None:
        """Write what is over, and look at what is under way once a second."""
        while True:
            await self._moved.wait()
            try:
                await self.write()
                pause_s = TICK_S
            except StoreError as problem:
                self._log(f"an incident is not written yet: {problem}")
                pause_s = AGAIN_S
            if self._book.under_way or self._book.ended:
                await asyncio.sleep(pause_s)
                self._look(())
            else:
                self._moved.clear()

    def _look(self, changed: Iterable[str] | None) -> None:
        try:
            self._book.look(self._view, changed, self._now_s(), self._wall_s())
        except Exception as fault:  # noqa: BLE001 - what is told of failures must not be one: the service goes on
            self._log(f"what happened cannot be told: {fault!r}")

    async def write(self) -> None:
        """Write what is over, if this node leads. Raises StoreError."""
        coordinator = self._view.authority.coordinator
        for incident in tuple(self._book.ended.values()):
            if coordinator is None or not self._leads():
                return
            key = keys.INCIDENT + incident.id
            made = replace(incident, recorded_by=self._node)
            writes: list[Write] = [Put(key, encode(made)), *(Delete(keys.INCIDENT + old) for old in self._spare())]
            guards = (Unchanged(keys.COORDINATOR, coordinator.revision), Absent(key))
            if (await self._store.commit(guards, writes)).succeeded:
                self._log(incident.sentence)

    def _spare(self) -> list[str]:
        """The oldest records, where there is no room for one more."""
        known = [entry.record for entry in self._view.incidents.values()]
        known.sort(key=lambda incident: order_of(incident.id))
        return [incident.id for incident in known[: max(0, len(known) + 1 - KEPT)]]
