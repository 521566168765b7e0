"""One step of the service's half of authority: what it sees, and what it gathers.

Owns: requests to the store and their outcomes, the notes that say which rule fired and why, and `Frame`, the workbench
that the machines of this package share during one step. Does not know: how requests are carried out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.orders import Heard, Peer, Report
from quorate.core.authority.paces import Paces
from quorate.core.authority.timings import Timings
from quorate.core.authority.view import AuthorityView, Known
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.membership import Attestation, CoordinatorRecord, MemberRecord
from quorate.model.records import Committed, Guard, Put, Snapshot, Unchanged, Write


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read keys linearizably; one request of a purpose is under way at a time."""

    purpose: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """Commit writes if all guards hold."""

    purpose: str
    guards: tuple[Guard, ...]
    writes: tuple[Write, ...]


Request = ReadRequest | CommitRequest


@dataclass(frozen=True, slots=True)
class Answered:
    """The store answered."""

    sent_at: float
    result: Snapshot | Committed


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """The request was certainly not executed."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may have been executed, or may still be (rule 8)."""


Outcome = Answered | NotExecuted | Unknown


@dataclass(frozen=True, slots=True)
class Note:
    """A rule fired: number, branch, the node concerned, and a sentence's worth of detail."""

    rule: int
    branch: str
    node: int = 0
    detail: str = ""


@dataclass(slots=True)
class Frame:
    """Workbench of one step. `requests`, `notes` and `deadlines` are gathered; the rest is read only."""

    node: int
    timings: Timings
    now: float
    view: AuthorityView
    report: Report
    incarnation: str
    busy: frozenset[str] = frozenset()
    mutations: frozenset[Mutation] = NONE
    requests: list[Request] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    oaths: frozenset[tuple[int, str]] | None = None
    paces: Paces | None = None
    """Towards every other node; `timings` has the slowest of them. None: all are alike."""

    def commit(self, purpose: str, guards: tuple[Guard, ...], writes: tuple[Write, ...]) -> bool:
        """Ask for a transaction unless one of that purpose is under way; tells whether it was asked for."""
        if purpose in self.busy or any(request.purpose == purpose for request in self.requests):
            return False
        self.requests.append(CommitRequest(purpose, guards, writes))
        return True

    def read(self, purpose: str, wanted: tuple[str, ...]) -> bool:
        """Ask for a read unless one of that purpose is under way; tells whether it was asked for."""
        if purpose in self.busy:
            return False
        self.requests.append(ReadRequest(purpose, wanted))
        return True

    def note(self, rule: int, branch: str, node: int = 0, detail: str = "") -> None:
        """Record that a rule fired."""
        self.notes.append(Note(rule, branch, node, detail))

    def suspicion_s(self, node: int) -> float:
        """S between this node and that one (rule 5)."""
        return self.timings.suspicion_s if self.paces is None else self.paces.of(node).suspicion_s

    def timings_with(self, node: int) -> Timings:
        """The timings between this node and that one."""
        return self.timings if self.paces is None else self.timings.at(self.paces.of(node))

    def due(self, when: float) -> None:
        """Ask for another step at `when`."""
        self.deadlines.append(when)

    def heard(self, peer: Peer) -> Heard | None:
        """What the sentinel knows of that peer in that incarnation."""
        return next((heard for heard in self.report.heard if heard.peer == peer), None)

    def heard_node(self, node: int) -> Heard | None:
        """What the sentinel knows of that node, whatever its incarnation."""
        return next((heard for heard in self.report.heard if heard.peer.node == node), None)

    def sworn_ended(self, peer: Peer) -> bool:
        """Tell whether the peer's sentinel swears that this incarnation is ended (rule 10)."""
        if peer.node == self.node:
            return self.report.ended == peer.incarnation
        if self.oaths is None:  # looked through once a step, and asked for every peer
            self.oaths = frozenset((h.peer.node, h.ended) for h in self.report.heard if h.ended and not h.silent)
        return (peer.node, peer.incarnation) in self.oaths

    def epoch_guard(self, known: Known[CoordinatorRecord]) -> tuple[Guard, ...]:
        """Guard a write by the epoch (rule 14)."""
        return () if Mutation.UNGUARDED in self.mutations else (Unchanged(keys.COORDINATOR, known.revision),)

    def own_guard(self) -> tuple[Guard, ...]:
        """Guard a write by this node being up, in this incarnation, unmarked; empty where the view says otherwise."""
        me = self.view.members.get(self.node)
        return (Unchanged(keys.member(self.node), me.revision),) if me else ()


def attestation_of(record: MemberRecord) -> Attestation | None:
    """What was said about the node being off, as long as the mark stands on which it was said (rule 10)."""
    return record.mark.attestation if record.state == "up" and record.mark is not None else None


def put_member(record: MemberRecord) -> Put:
    """Write a membership record."""
    return Put(keys.member(record.node), encode(record))


def put_coordinator(node: int, epoch: int) -> Put:
    """Write the coordinator record."""
    return Put(keys.COORDINATOR, encode(CoordinatorRecord(node=node, epoch=epoch)))


def peer_of(record: MemberRecord) -> Peer:
    """The node in the life that the record tells of."""
    return Peer(record.node, record.incarnation)
