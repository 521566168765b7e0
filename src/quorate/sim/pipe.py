"""One direction of a local stream: messages in order, delayed, waiting while their reader does not run.

Owns: what was sent and not yet read. Does not know: what is said, or who else is connected.
How it works: as a Unix socket. Nothing is lost out of the middle; a connection that breaks loses what is still in it
(`clear`), and a full buffer refuses the newest, as `node.service_desk.ServiceDesk.tell` does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from quorate.sim.node import ProcessName, SimNode

M = TypeVar("M")

BACKLOG = 150
"""Messages a socket's buffer holds: some 200 kB of reports of 1.4 kB."""


class Pipe(Generic[M]):
    """From one process of a node to another."""

    def __init__(self, node: SimNode, reader: ProcessName, take: Callable[[M], None]) -> None:
        self.stalled_until = 0.0
        """Nothing is read before (the fault of a channel that delays)."""
        self._node = node
        self._reader: ProcessName = reader
        self._take = take
        self._waiting: deque[tuple[float, M]] = deque()
        self._generation = 0
        self._due = False

    def clear(self) -> None:
        """The connection is gone, and what was in it."""
        self._waiting.clear()
        self._generation += 1
        self._due = False

    @property
    def flows(self) -> bool:
        """The reader reads what comes as it comes."""
        return self._node.world.now >= self.stalled_until and self._node.running(self._reader)

    @property
    def waits(self) -> bool:
        """Something was not read yet."""
        return bool(self._waiting)

    def last(self) -> M | None:
        """The newest message that was not read yet."""
        return self._waiting[-1][1] if self._waiting else None

    def replace_last(self, message: M) -> None:
        """Put a message in the place of the newest that was not read yet."""
        self._waiting[-1] = (self._waiting[-1][0], message)

    def send(self, message: M) -> None:
        """Write; it arrives after what was written before it."""
        if len(self._waiting) >= BACKLOG:
            return
        world = self._node.world
        arrival = world.now + world.chance.uniform(0.2, 1.0) * world.options.channel_delay_s
        if self._waiting:
            arrival = max(arrival, self._waiting[-1][0])
        self._waiting.append((arrival, message))
        self._schedule(arrival)

    def _schedule(self, when: float) -> None:
        if self._due:
            return
        self._due = True
        generation = self._generation

        def drain() -> None:
            if generation == self._generation:
                self._due = False
                self._drain()

        self._node.world.at(when, drain)

    def _drain(self) -> None:
        world, waiting, generation = self._node.world, self._waiting, self._generation
        while waiting:
            ready = max(waiting[0][0], self.stalled_until)
            if ready > world.now or not self._node.running(self._reader):
                self._schedule(max(ready, self._node.resumes_at(self._reader)))
                return
            self._take(waiting.popleft()[1])
            if generation != self._generation:
                return
