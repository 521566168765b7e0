"""From silence to verdict: stop acknowledging, mark, wait, declare down (design §4 rules 5 to 8 and 10).

Owns: what one author does about each peer that it suspects, and the verdicts whose outcome is unknown.
Does not know: who is to be suspected; `membership` calls `pursue` with the peers that are silent, sworn ended, or to be
ordered out, and asks `held` whom the sentinel must not acknowledge.
How it works: one `Pursuit` per peer in one incarnation. Every stage is re-derived from the view and the sentinel's
report on each step, so a lost message or answer delays a pursuit and never corrupts it.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.authority.frame import (
    Answered,
    Frame,
    Outcome,
    attestation_of,
    peer_of,
    put_coordinator,
    put_member,
)
from quorate.core.authority.mutations import Mutation
from quorate.core.authority.orders import Peer, Unsettled
from quorate.core.authority.view import Known
from quorate.model import keys
from quorate.model.membership import Mark, MarkKind, MemberRecord, Proof
from quorate.model.records import Committed, Put, Unchanged

QUIET_AFTER_CLEARING_WAITS = 1.0
"""A peer that cleared its mark but stays unheard is left to the matrix for so long; then it may have died.

It may have been dead even then: its clearing executed late (simulation seed 376). So not longer than the matrix needs.
"""


@dataclass(slots=True)
class Pursuit:
    """What is being done about one peer."""

    peer: Peer
    kind: MarkKind
    silent_since: float | None = None
    """The last sign of life, as far as that can be told; None: it is not for silence."""
    held_by: int = 0
    """Serial of the first order that forbids acknowledging the peer."""
    mark_revision: int = 0
    """Mod revision of the member record with the mark our clock runs for; 0 while there is none."""
    clock: float = 0.0
    adopting: int = 0
    """Mod revision of the standing mark that the request under way adopts; 0 where it creates one."""
    verdict_sent: bool = False
    noted_still: bool = False
    unsettled: Unsettled | None = None


class Suspicions:
    """All pursuits of one author."""

    def __init__(self) -> None:
        self.pursuits: dict[Peer, Pursuit] = {}
        self.cleared_at: dict[Peer, float] = {}
        self._mark_count = 0

    # ---------------------------------------------------------------- questions

    def held(self) -> frozenset[Peer]:
        """Peers that must not be acknowledged."""
        return frozenset(self.pursuits)

    def unsettled(self) -> tuple[Unsettled, ...]:
        """Verdicts that may still execute, or are about to be sent (rule 8)."""
        return tuple(p.unsettled for p in self.pursuits.values() if p.unsettled is not None)

    def unheard_but_alive(self, now: float, frame: Frame, *, suspicions: int = 0) -> frozenset[Peer]:
        """Peers that cleared their mark through the store, so many times their S ago or earlier, and are not heard."""
        limit = QUIET_AFTER_CLEARING_WAITS * frame.timings.verdict_wait_s
        return frozenset(
            peer
            for peer, at in self.cleared_at.items()
            if suspicions * frame.suspicion_s(peer.node) <= now - at < limit
        )

    # ---------------------------------------------------------------- steps

    def adopt(self, unsettled: Unsettled) -> None:
        """Take over from a former service what its sentinel kept (design §2)."""
        pursuit = Pursuit(unsettled.peer, "suspicion", verdict_sent=True, unsettled=unsettled)
        self.pursuits.setdefault(unsettled.peer, pursuit)

    def begin_epoch(self, epoch: int, frame: Frame) -> None:
        """Another epoch: clocks, marks and flags of former ones prove nothing, their verdicts can never execute."""
        for peer, pursuit in list(self.pursuits.items()):
            if pursuit.unsettled is not None and pursuit.unsettled.epoch < epoch:
                frame.note(8, "settled by a later epoch", peer.node)
            if pursuit.unsettled is None or pursuit.unsettled.epoch < epoch:
                del self.pursuits[peer]
        self.cleared_at.clear()

    def start(self, peer: Peer, kind: MarkKind, frame: Frame) -> None:
        """Begin to pursue a peer, or turn a suspicion into an order."""
        pursuit = self.pursuits.get(peer)
        if pursuit is None:
            quicker = frame.suspicion_s(peer.node) < frame.timings.suspicion_s
            frame.note(5, "suspect at a quicker pace" if quicker else "suspect", peer.node)
            heard = frame.heard(peer)
            silent = kind == "suspicion" and (heard is None or heard.silent)
            self.pursuits[peer] = Pursuit(peer, kind, frame.now - frame.suspicion_s(peer.node) if silent else None)
        elif kind == "order":
            pursuit.kind = kind

    def forget_heard(self, frame: Frame, silent: frozenset[Peer]) -> None:
        """Drop what no longer calls for pursuit: peers heard again before a verdict was sent (rule 6)."""
        for peer in list(self.cleared_at):
            if peer not in silent and frame.heard(peer) is not None:
                del self.cleared_at[peer]
        for peer, pursuit in list(self.pursuits.items()):
            known = frame.view.members.get(peer.node)
            if pursuit.unsettled is not None and self._settled_by_view(pursuit.unsettled, frame):
                frame.note(8, "settled by the view", peer.node)
                pursuit.unsettled = None
                pursuit.verdict_sent = False
            if known is None or known.record.state == "down" or peer_of(known.record) != peer:
                if pursuit.unsettled is None:
                    del self.pursuits[peer]
                continue
            back = peer not in silent and pursuit.kind == "suspicion" and not frame.sworn_ended(peer)
            if back and (not pursuit.verdict_sent or Mutation.ACK_DURING_VERDICT in frame.mutations):
                frame.note(6, "heard again", peer.node)
                del self.pursuits[peer]

    @staticmethod
    def _settled_by_view(unsettled: Unsettled, frame: Frame) -> bool:
        return frame.view.is_past(unsettled.guarded_key, unsettled.guarded_revision)

    def held_by_order(self, serial: int, frame: Frame) -> None:
        """Note that the order of that serial is the first to forbid acknowledging the newly suspected."""
        for pursuit in self.pursuits.values():
            if pursuit.held_by == 0:
                pursuit.held_by = serial
                frame.due(frame.now)

    def pursue(self, frame: Frame, silent: frozenset[Peer], *, takeover: bool) -> None:
        """Take the next step of every pursuit; `takeover` where the verdict makes the author coordinator."""
        for pursuit in list(self.pursuits.values()):
            known = frame.view.members.get(pursuit.peer.node)
            if pursuit.unsettled is not None and pursuit.verdict_sent:
                self._settle(pursuit, known, frame, silent, takeover=takeover)
            elif known is not None:
                self._advance(pursuit, known, frame, takeover=takeover)

    def _advance(self, pursuit: Pursuit, known: Known[MemberRecord], frame: Frame, *, takeover: bool) -> None:
        peer = pursuit.peer
        held = 0 < pursuit.held_by <= frame.report.serial
        if not held and Mutation.MARK_BEFORE_HOLDING not in frame.mutations:
            return  # the sentinel has not confirmed that it stopped acknowledging (rule 5)
        attestation = attestation_of(known.record)
        confirmed = attestation is not None and attestation.kind == "confirmed"
        still = not confirmed and self._holds_still(pursuit, frame)
        if frame.sworn_ended(peer) and not still:
            frame.note(10, "ended", peer.node)
            self._verdict(pursuit, known, frame, "ended", takeover=takeover)
            return
        if attestation is not None and not still:
            # Guarded by the very record that carries it: a node that lives and clears its mark in time voids it.
            frame.note(10, attestation.kind, peer.node)
            self._verdict(pursuit, known, frame, attestation.kind, takeover=takeover)
            return
        mark = known.record.mark
        if pursuit.mark_revision and known.revision > pursuit.mark_revision:
            if mark is None:
                frame.note(3, "seen clearing its mark", peer.node)
                self.cleared_at[peer] = frame.now
                if pursuit.kind == "suspicion":
                    del self.pursuits[peer]
                    return
            pursuit.mark_revision, pursuit.clock = 0, 0.0
        if not pursuit.mark_revision:
            self._mark(pursuit, known, frame)
            return
        wait = frame.timings.verdict_wait_s * (0.5 if Mutation.SHORT_WAIT in frame.mutations else 1.0)
        due = pursuit.clock + wait
        if frame.now < due:
            frame.due(due)
            return
        if still:
            return
        frame.note(7, "takeover" if takeover else "verdict", peer.node)
        self._verdict(pursuit, known, frame, "lease_over", takeover=takeover)

    def _holds_still(self, pursuit: Pursuit, frame: Frame) -> bool:
        """Too many nodes were put out of late: nobody is declared down any more unless somebody has looked.

        A node that is back and asks to be admitted is let in; verdicts on their way count as made.
        """
        left = frame.view.expulsions_left
        if left is None or pursuit.peer.node in frame.view.joins or Mutation.IGNORE_RADIUS in frame.mutations:
            return False
        under_way = sum(1 for p in self.pursuits.values() if p.unsettled is not None and p is not pursuit)
        if left > under_way:
            return False
        if not pursuit.noted_still:
            frame.note(7, "holds still", pursuit.peer.node)
        pursuit.noted_still = True
        return True

    def _mark(self, pursuit: Pursuit, known: Known[MemberRecord], frame: Frame) -> None:
        coordinator = frame.view.coordinator
        if coordinator is None:
            return
        record, peer = known.record, pursuit.peer
        guards = (*frame.epoch_guard(coordinator), Unchanged(keys.member(peer.node), known.revision))
        adoptable = record.mark is not None and (record.mark.kind == "order" or pursuit.kind == "suspicion")
        if adoptable:
            if frame.commit(f"mark {peer.node}", guards, ()):
                pursuit.adopting = known.revision
                frame.note(5, "adopt mark", peer.node)
            return
        self._mark_count += 1
        mark = Mark(
            kind=pursuit.kind,
            id=f"{frame.incarnation}.{self._mark_count}",
            author=frame.node,
            epoch=coordinator.record.epoch,
            attestation=attestation_of(record),
            silent_ms=round(1000 * (frame.now - pursuit.silent_since)) if pursuit.silent_since is not None else 0,
        )
        marked = MemberRecord(
            node=record.node, state="up", incarnation=record.incarnation, mark=mark, boot_id=record.boot_id
        )
        if frame.commit(f"mark {peer.node}", guards, (put_member(marked),)):
            pursuit.adopting = 0
            frame.note(5, f"mark {pursuit.kind}", peer.node)

    def _verdict(
        self, pursuit: Pursuit, known: Known[MemberRecord], frame: Frame, proof: Proof, *, takeover: bool
    ) -> None:
        coordinator = frame.view.coordinator
        if coordinator is None:
            return
        peer = pursuit.peer
        down = MemberRecord(
            node=peer.node,
            state="down",
            incarnation=peer.incarnation,
            proof=proof,
            attestation=attestation_of(known.record) if proof in {"fenced", "confirmed"} else None,
            boot_id=known.record.boot_id,
        )
        guards = (*frame.epoch_guard(coordinator), Unchanged(keys.member(peer.node), known.revision))
        writes: tuple[Put, ...] = (put_member(down),)
        if takeover:
            guards = (*guards, *frame.own_guard())
            writes = (*writes, put_coordinator(frame.node, coordinator.record.epoch + 1))
        if frame.commit(f"verdict {peer.node}", guards, writes):
            pursuit.verdict_sent = True
            pursuit.unsettled = Unsettled(
                "takeover" if takeover else "verdict",
                peer,
                coordinator.record.epoch,
                keys.member(peer.node),
                known.revision,
            )

    def _settle(
        self,
        pursuit: Pursuit,
        known: Known[MemberRecord] | None,
        frame: Frame,
        silent: frozenset[Peer],
        *,
        takeover: bool,
    ) -> None:
        """Repeat a verdict of unknown outcome, or consume what it was guarded on (rule 8)."""
        unsettled = pursuit.unsettled
        if unsettled is None or known is None or f"verdict {pursuit.peer.node}" in frame.busy:
            return
        if known.revision < unsettled.guarded_revision:
            return  # our view is behind what the verdict was based on
        gone = pursuit.peer in silent or frame.sworn_ended(pursuit.peer) or pursuit.kind == "order"
        if gone and 0 < pursuit.held_by <= frame.report.serial:
            frame.note(8, "repeat verdict", pursuit.peer.node)
            proof: Proof = "lease_over"
            attestation = attestation_of(known.record)
            if frame.sworn_ended(pursuit.peer):
                proof = "ended"
            elif attestation is not None:
                proof = attestation.kind
            if pursuit.clock or proof != "lease_over":
                self._verdict(pursuit, known, frame, proof, takeover=takeover)
                return
        frame.note(8, "consume verdict", pursuit.peer.node)
        record = known.record
        if not gone:  # the mark of a node that is gone stays: without it others would believe that its node lives
            record = MemberRecord(
                node=record.node, state=record.state, incarnation=record.incarnation, boot_id=record.boot_id
            )
        guards = (Unchanged(keys.member(record.node), known.revision),)
        frame.commit(f"settle {pursuit.peer.node}", guards, (put_member(record),))

    # ---------------------------------------------------------------- answers

    def answered(self, purpose: str, node: int, outcome: Outcome, now: float, mutations: frozenset[Mutation]) -> None:
        """Take the outcome of a request of purpose `mark`, `verdict` or `settle` about `node`."""
        for pursuit in self.pursuits.values():
            if pursuit.peer.node != node:
                continue
            match outcome:
                case Answered(result=Committed() as result):
                    if purpose == "mark" and result.succeeded:
                        self._marked(pursuit, result, now)
                    elif purpose in {"verdict", "settle"}:
                        # executed, or refused because what it was guarded on is gone for good: settled either way
                        pursuit.unsettled, pursuit.verdict_sent = None, False
                        pursuit.mark_revision, pursuit.clock = 0, 0.0
                case _:
                    # even where this attempt did not run, an earlier one may still: the verdict stays unsettled
                    if purpose == "verdict" and Mutation.FORGET_UNKNOWN in mutations:
                        pursuit.unsettled, pursuit.verdict_sent = None, False

    @staticmethod
    def _marked(pursuit: Pursuit, result: Committed, now: float) -> None:
        """The clock of rule 7 starts when the commit of the mark is answered (rule 5)."""
        pursuit.clock = now
        pursuit.mark_revision = pursuit.adopting or result.position.revision
