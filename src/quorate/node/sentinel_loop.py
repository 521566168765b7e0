"""The sentinel's pump: datagrams, orders and time in; heartbeats, acknowledgements, reports and endings out.

Owns: when a heartbeat goes out and when a report is due, and the joining of `core.authority.lease` with `core.link`.
Does not know: sockets, processes or the store. `node.sentinel` turns it with a selector, `sim.world` by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quorate.core.authority.lease import EndAll, Lease, LeaseMoved, ServiceHung
from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.orders import Acknowledgement, Heard, Heartbeat, Order, Peer, Renewal, Report
from quorate.core.authority.paces import Paces, between
from quorate.core.authority.timings import Timings
from quorate.core.link import Links

STALLED_BEATS = 1.5
"""A tick is due every heartbeat. One that comes so late means that this process stood still, and what it did not hear
meanwhile proves nothing. Together with one heartbeat on its way this is below S: else a coordinator that stands still
for less than S would suspect everybody (simulation seed 92)."""


CALM_S = 2.0
"""By then every node that can be reached has learned of changed timings."""


@dataclass(frozen=True, slots=True)
class Send:
    """Output: one datagram to a node over a network."""

    node: int
    network: str
    message: Heartbeat | Acknowledgement


Output = Send | Report | EndAll | LeaseMoved | ServiceHung


class SentinelLoop:
    """Everything a sentinel decides. Call a method, then `take` the outputs, then wait until `deadline`."""

    def __init__(
        self,
        node: int,
        timings: Timings,
        *,
        boot_id: str,
        ended: str,
        now: float,
        paces: Paces | None = None,
        mutations: frozenset[Mutation] = NONE,
    ) -> None:
        self.node = node
        self.timings = timings
        """L, G and the hang limit; its heartbeats are those within a subnet."""
        self.paces = paces or Paces(timings.pace)
        """Heartbeat interval and S towards every peer."""
        self._quickest_s = self.paces.quickest_s
        self.lease = Lease(node, timings, now, mutations)
        self.lease.ended = ended
        self.links = Links(self.paces)
        self.peers: Mapping[int, tuple[str, ...]] = {}
        """Nodes and the networks on which to reach them."""
        self.watchdog_s = 0.0
        """Time-out of the watchdog while it is armed; whoever turns this says so."""
        self._wanted = (timings, self.paces)
        self._retime_at = now
        self._boot_id = boot_id
        self._outputs: list[Output] = []
        self._serials: dict[int, int] = {}
        """Of the last heartbeat to each peer: whoever hears fewer of them has lost none for that."""
        self._beats_at: dict[int, float] = {}
        """When each peer is due."""
        self._beat_at = now
        """When somebody is due, or a report."""
        self._ticked_at = now
        self._silent: frozenset[Peer] = frozenset()
        self._service_age_at = now

    # ---------------------------------------------------------------- inputs

    def receive(self, network: str, message: Heartbeat | Acknowledgement, now: float) -> None:
        """Take an authenticated datagram."""
        match message:
            case Heartbeat():
                news = self.links.hear(message, network, now)
                before = self.lease.order.epoch
                self.lease.learn_epoch(message)
                answer = self.lease.hears(message, now)
                if answer is not None:
                    self._outputs.append(Send(message.sender.node, network, answer))
                if news or self.lease.order.epoch != before:
                    self._report(now)
            case Acknowledgement():
                first = self.lease.acknowledged_since(message.sender) == 0.0
                acting = self.lease.acting(now)
                self._outputs += self.lease.acknowledged(message, now)
                if (first and self.lease.acknowledged_since(message.sender)) or acting != self.lease.acting(now):
                    self._report(now)

    def retime(self, timings: Timings, now: float, paces: Paces | None = None) -> None:
        """Beat and wait with these timings and paces; L and G are as before (`core.authority.timings.in_force`).

        Nodes learn of a change one after the other. So at first, of every pair, the shorter interval and the longer
        silence hold, and the rest when everybody has learned: nobody is suspected because of what was set.
        """
        wanted = (timings, paces or Paces(timings.pace))
        if wanted == self._wanted:
            return
        self._wanted, self._retime_at = wanted, now + CALM_S
        self._use(self.timings.at(self.timings.pace.mildest(timings.pace)), between(self.paces, wanted[1]), now)

    def _use(self, timings: Timings, paces: Paces, now: float) -> None:
        self.timings = self.lease.timings = timings
        self.paces, self._quickest_s = paces, paces.quickest_s
        self.links.use(paces)
        self._beat(now)

    def order(self, order: Order, now: float) -> None:
        """Follow an order of the service and confirm it."""
        asked, up = self.lease.order.admitting, self.lease.order.up
        self._outputs += self.lease.follow(order, now)
        self.links.watch(self.lease.order.watched, now)
        current = self.lease.order
        if set(current.admitting) - set(asked) or (current.up and not up):
            self._beat(now)  # ask for acknowledgement, or ask for the first lease, at once
        self._report(now)

    def renewal(self, renewal: Renewal, now: float) -> None:
        """Take a proof of authority from an answered store access."""
        acting = self.lease.acting(now)
        self._outputs += self.lease.renew(renewal, now)
        if acting != self.lease.acting(now):
            self._report(now)
            self._beat(now)

    def progress(self, now: float) -> None:
        """Note that the service lives."""
        self._service_age_at = now
        self.lease.progress(now)

    def all_ended(self, incarnation: str, now: float) -> None:
        """Everything of that incarnation is certainly ended."""
        self._outputs += self.lease.all_ended(incarnation, now)
        self.links.watch(self.lease.order.watched, now)
        self._beat(now)
        self._report(now)

    def stopping(self, now: float) -> None:
        """The service is being stopped: give the role up at once (rule 12)."""
        self.lease.release_role()
        self._beat(now)
        self._report(now)

    def tick(self, now: float) -> None:
        """Look at the time."""
        if (self.timings, self.paces) != self._wanted and now >= self._retime_at:
            self._use(*self._wanted, now)
        if now - self._ticked_at > STALLED_BEATS * self._quickest_s:
            self.links.stalled(now)
        self._ticked_at = now
        released = self.lease.released_epoch
        effects = self.lease.tick(now)
        self._outputs += effects
        silent = frozenset(self.links.silent(now))
        if now >= self._beat_at:
            self._beat(now, due_only=True)
            self._report(now)
        elif silent != self._silent or effects:
            self._report(now)
        if self.lease.released_epoch != released:
            self._beat(now)
        self._silent = silent

    def deadline(self) -> float:
        """When `tick` must be called, at the latest."""
        due = [self._beat_at]
        for when in (self.lease.deadline(), self.links.deadline(self._ticked_at)):
            if when is not None:
                due.append(when)
        return min(due)

    def take(self) -> list[Output]:
        """Hand over and forget the outputs gathered so far."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # ---------------------------------------------------------------- outputs

    def _beat(self, now: float, *, due_only: bool = False) -> None:
        """Send to every peer, or to those whose time has come."""
        peers = [node for node in self.peers if node != self.node]
        due = [node for node in peers if not due_only or self._beats_at.get(node, 0.0) <= now]
        made: dict[int, Heartbeat] = {}
        newest = max(self._serials.values(), default=0)
        for node in due:
            serial = self._serials[node] = self._serials.get(node, newest) + 1
            self._beats_at[node] = now + self.paces.of(node).heartbeat_s
            beat = made[serial] = made.get(serial) or self._heartbeat(serial, now)
            self._outputs += [Send(node, network, beat) for network in self.peers[node]]
        # A tick, and a report, come once in the shortest interval, whoever is due.
        self._beat_at = min((self._beats_at[node] for node in peers), default=now + self._quickest_s)
        self._beat_at = min(self._beat_at, now + self._quickest_s)

    def _heartbeat(self, serial: int, now: float) -> Heartbeat:
        order, lease = self.lease.order, self.lease
        heard = self.links.heard_nodes(now)
        mutual = {
            beat.sender.node
            for beat, at in self.links.sights()
            if now - at < self.paces.of(beat.sender.node).suspicion_s and self.node in beat.heard
        }
        return Heartbeat(
            sender=Peer(self.node, order.incarnation),
            epoch=order.epoch,
            sent_at=now,
            serial=serial,
            up=order.up and not lease.forsworn,
            acting=lease.acting(now),
            heard=tuple(sorted(heard)),
            mutual=tuple(sorted(mutual)),
            ended=lease.ended,
            released_epoch=lease.released_epoch,
            service_age_ms=int((now - self._service_age_at) * 1000),
            boot_id=self._boot_id,
        )

    def _report(self, now: float, *, with_order: bool = False) -> None:
        heard = tuple(
            Heard(
                peer=beat.sender,
                epoch=beat.epoch,
                up=beat.up,
                acting=beat.acting,
                silent=now - at >= (limit_s := self.paces.of(beat.sender.node).suspicion_s),
                heard=beat.heard,
                mutual=beat.mutual,
                ended=beat.ended,
                released_epoch=beat.released_epoch,
                acknowledged=self.lease.acknowledged_since(beat.sender) > now - limit_s,
                boot_id=beat.boot_id,
            )
            for beat, at in self.links.sights()
        )
        lease = self.lease
        self._outputs.append(
            Report(
                serial=lease.order.serial,
                now=now,
                incarnation=lease.order.incarnation,
                lease_until=lease.lease_until,
                ended=lease.ended,
                released_epoch=lease.released_epoch,
                acting=lease.acting(now),
                heard=heard,
                silent=self.links.silent(now),
                unsettled=lease.order.unsettled,
                watchdog_s=self.watchdog_s,
                order=lease.order if with_order else None,
            )
        )

    def report_now(self, now: float) -> None:
        """Report at once to a service that has just connected, with the order that its predecessor left."""
        self._report(now, with_order=True)
