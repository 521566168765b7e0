"""The channel between a node's sentinel and its service: it greets, delays, and breaks (design §2).

Owns: the connection and both of its directions. Does not know: what either side makes of a message.
How it works: as `node.service_desk` and `node.sentinel_link`. Only the first report of a connection carries the order
that a former service left; a service whose connection breaks ends; what a service wrote before it ended is still read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.core.authority.orders import Order, Renewal, Report
from quorate.sim.pipe import Pipe

if TYPE_CHECKING:
    from quorate.sim.node import SimNode


class Channel:
    """One node's channel."""

    def __init__(self, node: SimNode) -> None:
        self.connected = False
        self._node = node
        self._up: Pipe[Report] = Pipe(node, "service", self._reported)
        self._down: Pipe[Order | Renewal | None] = Pipe(node, "sentinel", self._obeyed)

    def connect(self) -> None:
        """A service connects; it takes the place of a former one and is greeted."""
        sentinel = self._node.sentinel
        if sentinel.loop is None:
            return
        self._up.clear()
        self._down.clear()
        self.connected = True
        sentinel.loop.report_now(self._node.clock())
        sentinel.pump()

    def service_ended(self) -> None:
        """The service's end is closed: nobody reads reports, but what it wrote is still there."""
        self._up.clear()
        self.connected = False

    def end(self) -> None:
        """The sentinel's end is closed, or the node has no power."""
        self._up.clear()
        self._down.clear()
        self._up.stalled_until = self._down.stalled_until = 0.0
        self.connected = False

    def stall(self, until: float) -> None:
        """Nothing is read in either direction until then; nothing is lost."""
        self._node.world.troubles.impede(self._node.number, until - self._node.world.now)
        self._up.stalled_until = self._down.stalled_until = until

    # ---------------------------------------------------------------- messages

    def report(self, report: Report) -> None:
        """The sentinel reports. Reports on the way to a service that reads are as good as their newest."""
        if not self.connected:
            return
        last = self._up.last()
        if last is not None and last.order is None and report.order is None and self._up.flows:
            self._up.replace_last(report)
        else:
            self._up.send(report)

    def tell(self, message: Order | Renewal | None) -> None:
        """The service sends an order, a renewal or mere progress (None)."""
        if self.connected and not (message is None and self._down.waits):
            self._down.send(message)

    def _reported(self, report: Report) -> None:
        self._node.service.take_report(report)

    def _obeyed(self, message: Order | Renewal | None) -> None:
        self._node.sentinel.obey(message)
