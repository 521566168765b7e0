"""What service and sentinel tell each other, and what sentinels tell each other.

Owns: `Order` (service to sentinel, complete and repeatable), `Renewal`, `Report` (sentinel to service), `Heartbeat` and
`Acknowledgement` (sentinel to sentinel). Does not know: sockets, bytes (`wire`), or what anyone decides.
How it works: an order states everything that the service wants; the sentinel echoes the serial of the order it
follows. A lost or late message is healed by the next one. Only plain values: the sentinel stays small.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Peer(NamedTuple):
    """A node in one of its lives: an incarnation is a life of a node in the cluster and is never reused.

    A named tuple, because it is the key of everything that is looked up for every datagram.
    """

    node: int
    incarnation: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A transaction whose outcome is unknown and that may still execute (rule 8).

    It belongs to the sentinel as much as to the service, because it must outlive the service.
    `guarded_revision` is the mod revision of the key whose change settles it.
    """

    kind: str  # "verdict" | "admission" | "takeover"
    peer: Peer
    epoch: int
    guarded_key: str
    guarded_revision: int


@dataclass(frozen=True, slots=True)
class Order:
    """Everything the service wants of the sentinel, at once."""

    serial: int
    incarnation: str = ""
    """This node's incarnation; empty before the first join."""
    up: bool = False
    """The database says: this incarnation is a member that is up. Only then is a lease granted."""
    epoch: int = 0
    coordinator: int = 0
    acknowledge: tuple[Peer, ...] = ()
    """Whose heartbeats may be acknowledged: all who are up, not suspected and settled (rules 2, 5, 8)."""
    admitting: tuple[Peer, ...] = ()
    """Nodes being admitted: they get our heartbeats and are asked to acknowledge (rule 11)."""
    required: tuple[Peer, ...] = ()
    """Who must acknowledge the coordinator while the store is silent (rule 4): all that are or may be up."""
    votes_block: bool = False
    """No store majority exists without a node that is up (rule 4)."""
    watched: tuple[Peer, ...] = ()
    """Peers whose silence matters: those recorded up."""
    unsettled: tuple[Unsettled, ...] = ()
    release_role: bool = False
    """Swear that the role of `epoch` is given up (rule 12), as on a clean stop."""
    end_all: bool = False
    """End every resource of this incarnation and swear it ended (rules 3 and 10)."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """An answered store access that proves authority from `since` (the time its request was sent, rule 1)."""

    incarnation: str
    epoch: int
    """The epoch in which this node is proved coordinator; 0 where only membership is proved."""
    since: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One datagram per peer and network."""

    sender: Peer
    epoch: int
    sent_at: float
    serial: int
    up: bool = False
    acting: bool = False
    """The sender holds the role of `epoch`, by its own knowledge."""
    heard: tuple[int, ...] = ()
    """Nodes the sender hears (its row of the matrix)."""
    mutual: tuple[int, ...] = ()
    """Nodes the sender hears and that say they hear the sender."""
    ended: str = ""
    """Oath: every resource of that incarnation of the sender is ended, none will be renewed (rule 10)."""
    released_epoch: int = 0
    """Oath: the role of this epoch and of all before it is given up (rule 12)."""
    service_age_ms: int = 0
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Answer to one heartbeat: `sent_at` and `serial` are the heartbeat's own."""

    sender: Peer
    to: Peer
    epoch: int
    sent_at: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sentinel knows of one peer from its heartbeats."""

    peer: Peer
    epoch: int
    up: bool
    acting: bool
    silent: bool
    """No heartbeat of this incarnation for S on any network."""
    heard: tuple[int, ...] = ()
    mutual: tuple[int, ...] = ()
    ended: str = ""
    released_epoch: int = 0
    acknowledged: bool = False
    """It acknowledged a heartbeat of ours, in this epoch, sent within the last S."""
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The sentinel's whole knowledge, sent on every change and every heartbeat interval."""

    serial: int
    """Serial of the order that is being followed; whatever it forbids has stopped (rule 5)."""
    now: float
    incarnation: str
    lease_until: float
    ended: str
    released_epoch: int
    acting: bool
    heard: tuple[Heard, ...] = ()
    silent: tuple[Peer, ...] = ()
    """Watched peers not heard for S."""
    unsettled: tuple[Unsettled, ...] = field(default=())
    watchdog_s: float = 0.0
    """Time-out of the watchdog that is armed; 0.0 where none is."""
    order: Order | None = None
    """The order being followed; only in the first report to a service that has just connected."""
