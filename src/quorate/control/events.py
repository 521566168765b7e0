"""The event stream of one node: what happened, in order, to be followed and resumed (design §7).

Owns: the bounded ring of events, their ids, and who waits for the next one. Does not know: what makes an event
(`control.chronicle`), or how it travels.
How it works: an id is the run of this service and a rising number. Whoever resumes with an id that the ring still holds
misses nothing; with any other id the first event says `reconnected`: events may be missing, read everything again
(spec/06 A-13). A reader that is slow loses nothing but old events, and is told so in the same way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Final

from quorate.control.chronicle import Chronicle, Happening
from quorate.core.cluster_view import ClusterView
from quorate.model.base import Value

EVENTS_KEPT: Final = 2_000


class Event(Value, frozen=True, kw_only=True):
    """One thing that happened, as this node saw it."""

    id: str
    at: str
    kind: str
    subject: str = ""
    """Name of the object it concerns."""
    what: str = ""
    """A plain sentence."""
    reasons: tuple[str, ...] = ()
    data: dict[str, str | int] = {}


class EventBus:
    """Events of one node; use it from one event loop."""

    def __init__(self, run: str, *, kept: int = EVENTS_KEPT) -> None:
        """`run` tells this life of the service from every other."""
        self._run = run
        self._ring: deque[Event] = deque(maxlen=kept)
        self._last = 0
        self._chronicle = Chronicle()
        self._moved = asyncio.Event()
        self.closed = False

    def observe(self, view: ClusterView, at: str, changed: Iterable[str] | None = None) -> None:
        """The replica changed: tell what that means. `changed` holds the keys; None means everything may have."""
        for happening in self._chronicle.look(view, changed):
            self.publish(at, happening)
        self._wake()

    def publish(self, at: str, happening: Happening) -> None:
        """Something happened."""
        self._last += 1
        self._ring.append(
            Event(
                id=f"{self._run}-{self._last}",
                at=at,
                kind=happening.kind,
                subject=happening.subject,
                what=happening.what,
                reasons=happening.reasons,
                data=happening.data,
            )
        )
        self._wake()

    def close(self) -> None:
        """End every subscription: the service stops."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def moved(self) -> None:
        """Wait until the replica or the stream moves on; look again after that."""
        await self._moved.wait()

    def recent(self, count: int) -> tuple[Event, ...]:
        """The latest events, oldest first."""
        return tuple(self._ring)[-count:] if count else ()

    async def subscribe(self, after: str | None = None) -> AsyncIterator[Event]:
        """Every event after that id; from now on where no id is given. Ends when the bus is closed."""
        at = self._last if after is None else self._number(after)
        while not self.closed:
            oldest = self._last - len(self._ring) + 1
            if at is None or at < oldest - 1:
                at = oldest - 1
                yield Event(
                    id=f"{self._run}-{at}",
                    at="",
                    kind="reconnected",
                    what="events may be missing; read the present state again",
                )
                continue
            pending = [event for event in self._ring if self._number_of(event) > at]
            for event in pending:
                yield event
                at = self._number_of(event)
            if not pending:
                await self._moved.wait()

    def _number(self, event_id: str) -> int | None:
        run, _, number = event_id.rpartition("-")
        if run != self._run or not number.isdigit() or int(number) > self._last:
            return None
        return int(number)

    @staticmethod
    def _number_of(event: Event) -> int:
        return int(event.id.rpartition("-")[2])
