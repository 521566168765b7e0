"""Admitting nodes (design §4 rule 11).

Owns: admissions under way and those of unknown outcome. Does not know: who may join for other reasons than authority
(tokens, names and versions are checked where the request is written).
How it works: a candidate is asked to acknowledge; when it does it is counted, and only when the sentinel has
confirmed that it counts it does the admission go out. It stays counted until the outcome is settled.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.authority.frame import Answered, Frame, Outcome, put_member
from quorate.core.authority.mutations import Mutation
from quorate.core.authority.orders import Peer, Unsettled
from quorate.core.authority.view import Known
from quorate.model import keys
from quorate.model.membership import JoinRequest, MemberRecord
from quorate.model.records import Absent, Committed, Delete, Guard, Unchanged


@dataclass(slots=True)
class Candidate:
    """One node on its way in."""

    peer: Peer
    counted_by: int = 0
    """Serial of the first order that counts the candidate; 0 while it is not counted."""
    counting: bool = False
    unsettled: Unsettled | None = None


class Admissions:
    """All admissions of one coordinator."""

    def __init__(self) -> None:
        self.candidates: dict[Peer, Candidate] = {}

    def asked(self) -> tuple[Peer, ...]:
        """Candidates that get our heartbeats and are asked to acknowledge."""
        return tuple(self.candidates)

    def counted(self, frame: Frame) -> tuple[Peer, ...]:
        """Candidates that count under rule 4 although they are not recorded up."""
        if Mutation.ADMIT_UNCOUNTED in frame.mutations:
            return ()
        return tuple(c.peer for c in self.candidates.values() if c.counting or c.unsettled is not None)

    def unsettled(self) -> tuple[Unsettled, ...]:
        """Admissions that may still execute."""
        return tuple(c.unsettled for c in self.candidates.values() if c.unsettled is not None)

    def adopt(self, unsettled: Unsettled) -> None:
        """Take over from a former service what its sentinel kept."""
        self.candidates.setdefault(unsettled.peer, Candidate(unsettled.peer, unsettled=unsettled))

    def counted_by_order(self, serial: int, frame: Frame) -> None:
        """Note that the order of that serial is the first to count the newly counted."""
        for candidate in self.candidates.values():
            if candidate.counting and candidate.counted_by == 0:
                candidate.counted_by = serial
                frame.due(frame.now)

    def step(self, frame: Frame) -> None:
        """Take the next step of every admission, by the join requests in the view."""
        view = frame.view
        wanted = {
            Peer(node, known.record.incarnation): known
            for node, known in view.joins.items()
            if view.is_listed(node) and (node not in view.barred or self._may_be_in(node))
        }
        for peer, known in wanted.items():
            member = view.members.get(peer.node)
            if member is not None and member.record.state == "up":
                continue  # its former life must end first; `membership` pursues that
            self.candidates.setdefault(peer, Candidate(peer))
            self._advance(self.candidates[peer], known, frame)
        for peer, candidate in list(self.candidates.items()):
            unsettled = candidate.unsettled
            if unsettled is not None and view.is_past(unsettled.guarded_key, unsettled.guarded_revision):
                frame.note(8, "admission settled by the view", peer.node)
                candidate.unsettled = None
            if candidate.unsettled is None and (peer not in wanted or self._in(peer, frame)):
                del self.candidates[peer]

    def _may_be_in(self, node: int) -> bool:
        """An admission of that node may still execute: it is pursued, whatever was said of the node since (rule 8)."""
        return any(peer.node == node and c.unsettled is not None for peer, c in self.candidates.items())

    @staticmethod
    def _in(peer: Peer, frame: Frame) -> bool:
        member = frame.view.members.get(peer.node)
        return member is not None and member.record.state == "up"

    def _advance(self, candidate: Candidate, known: Known[JoinRequest], frame: Frame) -> None:
        heard = frame.heard(candidate.peer)
        answers = heard is not None and heard.acknowledged and not heard.silent
        if not answers:
            if candidate.unsettled is not None:
                self._withdraw(candidate, known, frame)
            else:
                candidate.counting, candidate.counted_by = False, 0
            return
        candidate.counting = True
        counted = 0 < candidate.counted_by <= frame.report.serial
        if counted or Mutation.ADMIT_UNCOUNTED in frame.mutations:
            self._admit(candidate, known, frame)

    def _admit(self, candidate: Candidate, known: Known[JoinRequest], frame: Frame) -> None:
        coordinator = frame.view.coordinator
        if coordinator is None:
            return
        node = candidate.peer.node
        member = frame.view.members.get(node)
        place: Guard = Unchanged(keys.member(node), member.revision) if member else Absent(keys.member(node))
        admitted = MemberRecord(
            node=node, state="up", incarnation=candidate.peer.incarnation, boot_id=known.record.boot_id
        )
        guards = (*frame.epoch_guard(coordinator), Unchanged(keys.join(node), known.revision), place)
        guards += frame.view.listing(node)
        if frame.commit(f"admit {node}", guards, (put_member(admitted), Delete(keys.join(node)))):
            frame.note(11, "repeat admission" if candidate.unsettled else "admit", node)
            candidate.unsettled = Unsettled(
                "admission", candidate.peer, coordinator.record.epoch, keys.join(node), known.revision
            )

    @staticmethod
    def _withdraw(candidate: Candidate, known: Known[JoinRequest], frame: Frame) -> None:
        """Consume the join request, so that an admission of unknown outcome can never execute (rule 8)."""
        node = candidate.peer.node
        if f"admit {node}" not in frame.busy and frame.commit(
            f"withdraw {node}", (Unchanged(keys.join(node), known.revision),), (Delete(keys.join(node)),)
        ):
            frame.note(8, "consume join request", node)

    def answered(self, purpose: str, node: int, outcome: Outcome, mutations: frozenset[Mutation]) -> None:
        """Take the outcome of a request of purpose `admit` or `withdraw` about `node`."""
        for candidate in self.candidates.values():
            if candidate.peer.node != node:
                continue
            settled = isinstance(outcome, Answered) and isinstance(outcome.result, Committed)
            if settled or (purpose == "admit" and Mutation.FORGET_UNKNOWN in mutations):
                candidate.unsettled = None
                candidate.counting, candidate.counted_by = False, 0
