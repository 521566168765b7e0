"""The sentinel's half of authority: may this node run resources, may it act as coordinator, whom may it acknowledge.

Owns: the lease, the coordinator's authority, the oaths *ended* and *role released*, and the stop-acknowledging flags.
Does not know: the store, sockets, processes. It is told of answered store accesses (`Renewal`), of the service's
wishes (`Order`) and of its sister machines (`Heartbeat`, `Acknowledgement`), and returns effects.
How it works: every proof of authority is turned into an end time, counted from the moment its request was sent
(rule 1). Nothing ever shortens a lease but an order or an oath; when it runs out everything ends, and the sentinel
swears so and refuses every later renewal of that incarnation (rule 10). Rules are those of design §4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.orders import Acknowledgement, Heartbeat, Order, Peer, Renewal
from quorate.core.authority.timings import Timings


@dataclass(frozen=True, slots=True)
class EndAll:
    """Effect: end every resource of that incarnation now, then call `all_ended`."""

    incarnation: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeaseMoved:
    """Effect: resources may run until `until` (boot time); tell the lease page, the address guard, the watchdog."""

    incarnation: str
    until: float


@dataclass(frozen=True, slots=True)
class ServiceHung:
    """Effect: the service has shown no progress for the hang limit."""

    age_s: float


Effect = EndAll | LeaseMoved | ServiceHung


class Lease:
    """Authority of one node, as its sentinel holds it. All times are boot-time seconds of this node."""

    def __init__(self, node: int, timings: Timings, now: float, mutations: frozenset[Mutation] = NONE) -> None:
        self.node = node
        self.timings = timings
        self.order = Order(serial=0)
        self.lease_until = 0.0
        self.ended = ""
        self.released_epoch = 0
        self._store_role_until = 0.0
        self._acknowledged_at: dict[Peer, float] = {}
        self._by_all_under: Order | None = None
        self._by_all = 0.0
        self._ending = ""
        self._waiting_order: Order | None = None
        self._progress_at = now
        self._hung = False
        self._mutations = mutations

    # ---------------------------------------------------------------- what is so

    def held(self, now: float) -> bool:
        """Resources of the present incarnation may run at `now` (rule 1)."""
        return now < self.lease_until and not self.forsworn

    def safe(self, now: float) -> bool:
        """Nothing runs that may not: the lease holds, or all is certainly ended, or this life never had one."""
        return self.held(now) or self.lease_until == 0.0 or self.ended == self.order.incarnation

    def acting(self, now: float) -> bool:
        """Tell whether this node may act as coordinator at `now` (rule 4)."""
        return self._has_role and now < self._role_until()

    def acting_by_all(self, now: float) -> bool:
        """Tell whether the role is held by everybody's acknowledgements alone, without the store (rule 4)."""
        return self.acting(now) and now >= self._store_role_until

    def acknowledged_since(self, peer: Peer) -> float:
        """When the last heartbeat was sent that `peer` acknowledged in this epoch; 0.0 if never."""
        return self._acknowledged_at.get(peer, 0.0)

    @property
    def forsworn(self) -> bool:
        """Nothing of the present incarnation may run any more, whatever arrives later (rule 10)."""
        incarnation = self.order.incarnation
        return incarnation == "" or incarnation in (self.ended, self._ending)

    @property
    def _has_role(self) -> bool:
        order = self.order
        released = self.released_epoch if Mutation.ACT_AFTER_RELEASE not in self._mutations else 0
        return order.coordinator == self.node and order.up and order.epoch > released and not self.forsworn

    def _role_until(self) -> float:
        """End of the coordinator's authority: by the store, or by every node that is up (rule 4)."""
        since = self._acknowledged_by_all()
        by_all = since + self.timings.lease_s if since > 0.0 else 0.0
        return max(self._store_role_until, by_all)

    def _acknowledged_by_all(self) -> float:
        """Since when everybody who must has acknowledged; 0.0 where that counts for nothing (rule 4).

        Kept until the order changes, or whoever acknowledged longest ago does so again: this is asked several times for
        every datagram.
        """
        order = self.order
        if self._by_all_under is not order:
            self._by_all_under, self._by_all = order, 0.0
            if order.votes_block and order.required:
                times = [self._acknowledged_at.get(peer, 0.0) for peer in order.required]
                self._by_all = max(times) if Mutation.AUTHORITY_BY_ANY_ACK in self._mutations else min(times)
        return self._by_all

    def deadline(self) -> float | None:
        """When `tick` must be called next, at the latest."""
        due = self._progress_at + self.timings.hang_limit_s if not self._hung else None
        if self.lease_until > 0.0 and not self.forsworn:
            due = self.lease_until if due is None else min(due, self.lease_until)
        return due

    # ---------------------------------------------------------------- what happens

    def follow(self, order: Order, now: float) -> tuple[Effect, ...]:
        """Follow an order of the service. A new incarnation is taken up only when the former one is ended."""
        self._progress(now)
        former = self.order.incarnation
        if order.incarnation == "" and former != "":
            return ()  # a service that does not know this node's life yet has nothing to say about it
        if order.incarnation != former and self.lease_until > 0.0 and former != self.ended:
            self._waiting_order = order
            return self._end("the service asks for a new incarnation", now)
        if order.epoch < self.order.epoch:  # learned from a coordinator's heartbeat; the service is behind
            order = self._as_of_epoch(order, self.order.epoch, self.order.coordinator, self.order.acknowledge)
        if order.incarnation != former:
            self.lease_until = 0.0
            self._store_role_until = 0.0
        if order.epoch != self.order.epoch:
            self._acknowledged_at.clear()
            self._by_all_under = None
            self._store_role_until = 0.0
        self.order = order
        if order.release_role:
            self.released_epoch = max(self.released_epoch, order.epoch)
        if order.end_all and not self.forsworn:
            return self._end("ordered by the service", now)
        return self._renewed(now)

    def renew(self, renewal: Renewal, now: float) -> tuple[Effect, ...]:
        """An answered read or transaction on our own record, sent at `renewal.since` (rules 3 and 4)."""
        self._progress(now)
        if self.forsworn or renewal.incarnation != self.order.incarnation or not self.order.up:
            return ()
        until = renewal.since + self.timings.lease_s
        if renewal.epoch and renewal.epoch == self.order.epoch:
            self._store_role_until = max(self._store_role_until, until)
        return self._extend(until, now)

    def learn_epoch(self, heartbeat: Heartbeat) -> None:
        """Follow an acting coordinator of a later epoch although the service has not said so yet.

        Needed by rule 12: the successor must be able to renew this node's lease while its service hangs. Safe: who
        acts has seen its epoch committed, so every transaction guarded by an earlier epoch can no longer execute.
        """
        if heartbeat.acting and heartbeat.epoch > self.order.epoch and self.order.up and not self.forsworn:
            sender = heartbeat.sender
            self.order = self._as_of_epoch(self.order, heartbeat.epoch, sender.node, (sender,))
            self._acknowledged_at.clear()
            self._by_all_under = None
            self._store_role_until = 0.0

    @staticmethod
    def _as_of_epoch(order: Order, epoch: int, coordinator: int, acknowledge: tuple[Peer, ...]) -> Order:
        return replace(
            order,
            epoch=epoch,
            coordinator=coordinator,
            acknowledge=acknowledge,
            admitting=(),
            required=(),
            votes_block=False,
            unsettled=(),
        )

    def progress(self, now: float) -> None:
        """The service has shown life."""
        self._progress(now)

    def hears(self, heartbeat: Heartbeat, now: float) -> Acknowledgement | None:
        """Acknowledge a heartbeat, or stay silent (rule 2 for the coordinator, rule 4 for the others)."""
        order = self.order
        sender = heartbeat.sender
        if heartbeat.epoch != order.epoch or sender not in order.acknowledge:
            return None
        if order.coordinator == self.node and Mutation.ACK_WITHOUT_AUTHORITY in self._mutations:
            return Acknowledgement(Peer(self.node, order.incarnation), sender, order.epoch, heartbeat.sent_at)
        if self.forsworn:
            return None
        if order.coordinator == self.node:
            if not self.acting(now):
                return None
        elif sender.node != order.coordinator:
            return None
        return Acknowledgement(Peer(self.node, order.incarnation), sender, order.epoch, heartbeat.sent_at)

    def acknowledged(self, answer: Acknowledgement, now: float) -> tuple[Effect, ...]:
        """Take an acknowledgement of one of our heartbeats."""
        order = self.order
        if (
            answer.to != Peer(self.node, order.incarnation)
            or answer.epoch != order.epoch
            or answer.sent_at > now
            or self.forsworn
        ):
            return ()
        if order.coordinator == self.node:
            known = self._acknowledged_at.get(answer.sender, 0.0)
            self._acknowledged_at[answer.sender] = max(known, answer.sent_at)
            if known <= self._by_all or Mutation.AUTHORITY_BY_ANY_ACK in self._mutations:
                self._by_all_under = None
            return self._renewed(now)
        if answer.sender.node == order.coordinator and order.up:
            since = now if Mutation.LEASE_FROM_RECEIPT in self._mutations else answer.sent_at
            return self._extend(since + self.timings.lease_s, now)
        return ()

    def all_ended(self, incarnation: str, now: float) -> tuple[Effect, ...]:
        """Everything of that incarnation is certainly ended: from now on the sentinel swears it."""
        self.ended = incarnation
        if self._ending == incarnation:
            self._ending = ""
        waiting, self._waiting_order = self._waiting_order, None
        return self.follow(waiting, now) if waiting is not None else ()

    def tick(self, now: float) -> tuple[Effect, ...]:
        """Look at the time: has the lease run out, has the service been silent for too long (rule 12)."""
        effects: list[Effect] = []
        if self.lease_until > 0.0 and not self.forsworn and now >= self.lease_until:
            effects += self._end("the lease ran out", now)
        age = now - self._progress_at
        if age >= self.timings.hang_limit_s and not self._hung:
            self._hung = True
            if self.order.coordinator == self.node:
                self.released_epoch = max(self.released_epoch, self.order.epoch)
            effects.append(ServiceHung(age))
        return tuple(effects)

    def release_role(self) -> None:
        """Give the role of the present epoch up for good (rule 12), as when the service is being stopped."""
        if self.order.coordinator == self.node:
            self.released_epoch = max(self.released_epoch, self.order.epoch)

    def end(self, reason: str, now: float) -> tuple[Effect, ...]:
        """End everything of the present incarnation, for good."""
        return () if self.forsworn else self._end(reason, now)

    # ---------------------------------------------------------------- how

    def _progress(self, now: float) -> None:
        self._progress_at = now
        self._hung = False

    def _renewed(self, now: float) -> tuple[Effect, ...]:
        """A coordinator holds its own lease by its authority (rule 4)."""
        return self._extend(self._role_until(), now) if self._has_role else ()

    def _extend(self, until: float, now: float) -> tuple[Effect, ...]:
        if until <= self.lease_until or until <= now:
            return ()
        self.lease_until = until
        return (LeaseMoved(self.order.incarnation, until),)

    def _end(self, reason: str, now: float) -> tuple[Effect, ...]:
        self._ending = self.order.incarnation
        if Mutation.OATH_BEFORE_END in self._mutations:
            self.ended = self.order.incarnation
        self.lease_until = min(self.lease_until, now) if self.lease_until > 0.0 else now
        return (EndAll(self.order.incarnation, reason),)
