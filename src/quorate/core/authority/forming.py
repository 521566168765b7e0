"""Forming: a starting node that hears no coordinator takes the role (design §4 rule 13).

Owns: the wait for a coordinator's voice, the mark on the recorded coordinator, the conditions, the forming commit.
Does not know: joining, which goes on beside it; hearing a coordinator at any time ends an attempt.
How it works: like a pursuit of one peer, except that its author is not a member, and that the commit is guarded by
every membership record it was decided on.
"""

from __future__ import annotations

from quorate.core.authority.frame import Answered, Frame, Outcome, attestation_of, peer_of, put_coordinator, put_member
from quorate.core.authority.mutations import Mutation
from quorate.core.authority.orders import Peer, Unsettled
from quorate.core.authority.suspicion import QUIET_AFTER_CLEARING_WAITS
from quorate.core.authority.view import Known
from quorate.model import keys
from quorate.model.membership import Mark, MemberRecord, Proof
from quorate.model.records import Absent, Committed, Delete, Guard, Unchanged, Write


class Forming:
    """One starting node's attempt to form the cluster."""

    def __init__(self, now: float) -> None:
        self.quiet_since = now
        self._marked: Peer | None = None
        """Whom the clock runs for; another recorded coordinator needs a mark and a clock of its own."""
        self._mark_revision = 0
        self._adopting = 0
        self._clock = 0.0
        self._left_alone_until = 0.0
        self._count = 0
        self._noted_waiting = False
        self.holding = False
        """From the first wish to mark or form this node acknowledges nobody (rules 5 and 13)."""
        self.held_by = 0
        """Serial of the first order that says so; nothing is sent before the sentinel has confirmed it."""
        self.unsettled: Unsettled | None = None
        """A forming commit that may still execute; while it stands this node acknowledges nobody (rule 8)."""

    def reset(self, now: float) -> None:
        """Begin again, as when a coordinator was heard."""
        self.quiet_since, self._mark_revision, self._clock = now, 0, 0.0
        self.holding, self.held_by = False, 0

    def held_by_order(self, serial: int, frame: Frame) -> None:
        """Note that the order of that serial is the first under which nobody is acknowledged."""
        if self.holding and self.held_by == 0:
            self.held_by = serial
            frame.due(frame.now)

    def step(self, frame: Frame, boot_id: str) -> None:
        """Take the next step towards forming, if forming is allowed now."""
        view, now = frame.view, frame.now
        coordinator = view.coordinator
        self._settle(frame)
        leading = [h for h in frame.report.heard if h.acting and not h.silent and h.epoch >= view.epoch]
        if leading:
            self.reset(now)
            return
        quiet_until = self.quiet_since + frame.timings.suspicion_s
        if now < quiet_until or now < self._left_alone_until:
            frame.due(max(quiet_until, self._left_alone_until))
            return
        self.holding = True
        if not 0 < self.held_by <= frame.report.serial:
            return
        if coordinator is None:
            self._commit(frame, None, "", boot_id, "first forming")
            return
        old = view.members.get(coordinator.record.node)
        if old is None or old.record.state == "down":
            if self._allowed(frame, old=None):
                self._commit(frame, None, "", boot_id, "nobody to wait for")
            return
        attestation = attestation_of(old.record)
        looked = attestation is not None and attestation.kind == "confirmed"
        if view.expulsions_left == 0 and not looked and old.record.node not in (frame.node, *view.joins):
            return  # too many were put out of late: somebody has to look first (`core.blast_radius`)
        proof: Proof = attestation.kind if attestation is not None else ""
        if frame.sworn_ended(peer_of(old.record)):
            proof = "ended"
        allowed = self._allowed(frame, old=old)
        if not proof and not allowed:
            if not self._noted_waiting:
                self._noted_waiting = True
                frame.note(13, "must wait to be admitted", frame.node)
            return
        if proof:
            self._commit(frame, old, proof, boot_id, "proof")
            return
        if Mutation.FORM_REGARDLESS in frame.mutations:
            self._commit(frame, old, "lease_over", boot_id, "regardless")
            return
        self._mark_and_wait(frame, old, boot_id)

    def _settle(self, frame: Frame) -> None:
        """Consume what a forming commit of unknown outcome was guarded on (rule 8).

        The record is written as it is: its new revision is enough. Without its mark it would look as if its node had
        cleared that and lived, and every starting node would leave it alone for a while.
        """
        unsettled = self.unsettled
        if unsettled is None or "form" in frame.busy:
            return
        if frame.view.is_past(unsettled.guarded_key, unsettled.guarded_revision):
            frame.note(8, "forming settled by the view", unsettled.peer.node)
            self.unsettled = None
            return
        known = frame.view.members.get(unsettled.peer.node)
        if known is not None and unsettled.guarded_key == keys.member(unsettled.peer.node):
            guards = (Unchanged(unsettled.guarded_key, known.revision),)
            if frame.commit("settle form", guards, (put_member(known.record),)):
                frame.note(8, "consume forming", known.record.node)

    @staticmethod
    def _allowed(frame: Frame, old: Known[MemberRecord] | None) -> str:
        """Which of the conditions of rule 13 holds; empty where none does."""
        up = frame.view.up()
        if Mutation.FORM_REGARDLESS in frame.mutations:
            return "regardless"
        if frame.node in up:
            return "own record says up"
        if set(up) <= ({old.record.node} if old else set()):
            return "only the coordinator is up"
        return "" if frame.view.votes_block(up) else "too few votes to block"

    def _mark_and_wait(self, frame: Frame, old: Known[MemberRecord], boot_id: str) -> None:
        if self._marked != peer_of(old.record):
            self._marked, self._mark_revision, self._clock = peer_of(old.record), 0, 0.0
        if self._mark_revision and old.revision > self._mark_revision:
            if old.record.mark is None:
                # the recorded coordinator lives and reaches the store; leave it alone for a while
                self._left_alone_until = frame.now + QUIET_AFTER_CLEARING_WAITS * frame.timings.verdict_wait_s
            self._mark_revision, self._clock = 0, 0.0
            frame.due(self._left_alone_until)
            return
        if not self._mark_revision:
            self._mark(frame, old)
            return
        wait = frame.timings.verdict_wait_s * (0.5 if Mutation.SHORT_WAIT in frame.mutations else 1.0)
        if frame.now < self._clock + wait:
            frame.due(self._clock + wait)
            return
        self._commit(frame, old, "lease_over", boot_id, self._allowed(frame, old))

    def _mark(self, frame: Frame, old: Known[MemberRecord]) -> None:
        coordinator = frame.view.coordinator
        if coordinator is None:
            return
        guards = (*frame.epoch_guard(coordinator), Unchanged(keys.member(old.record.node), old.revision))
        if old.record.mark is not None:
            if frame.commit(f"form mark {old.record.incarnation}", guards, ()):
                self._adopting = old.revision
            return
        self._count += 1
        record = old.record
        mark = Mark(
            kind="suspicion",
            id=f"{frame.incarnation}.f{self._count}",
            author=frame.node,
            epoch=coordinator.record.epoch,
        )
        marked = MemberRecord(
            node=record.node, state="up", incarnation=record.incarnation, mark=mark, boot_id=record.boot_id
        )
        if frame.commit(f"form mark {old.record.incarnation}", guards, (put_member(marked),)):
            self._adopting = 0

    def _commit(self, frame: Frame, old: Known[MemberRecord] | None, proof: Proof, boot_id: str, why: str) -> None:
        view = frame.view
        coordinator = view.coordinator
        guards: list[Guard] = []
        if coordinator is None:
            guards.append(Absent(keys.COORDINATOR))
        else:
            guards.append(Unchanged(keys.COORDINATOR, coordinator.revision))
        guards += [Unchanged(keys.member(node), known.revision) for node, known in view.members.items()]
        if frame.node not in view.members:
            guards.append(Absent(keys.member(frame.node)))
        guards += view.listing(frame.node)
        me = MemberRecord(node=frame.node, state="up", incarnation=frame.incarnation, boot_id=boot_id)
        writes: list[Write] = [
            put_member(me),
            put_coordinator(frame.node, view.epoch + 1),
            Delete(keys.join(frame.node)),
        ]
        if old is not None and old.record.node != frame.node:
            record = old.record
            down = MemberRecord(
                node=record.node,
                state="down",
                incarnation=record.incarnation,
                proof=proof,
                attestation=attestation_of(record) if proof in {"fenced", "confirmed"} else None,
                boot_id=record.boot_id,
            )
            writes.append(put_member(down))
        if not frame.commit("form", tuple(guards), tuple(writes)):
            return
        frame.note(13, why, frame.node)
        if old is not None:
            self.unsettled = Unsettled(
                "forming", peer_of(old.record), view.epoch, keys.member(old.record.node), old.revision
            )

    def answered(self, purpose: str, subject: str, outcome: Outcome, now: float) -> None:
        """Take the outcome of the mark, the forming commit or its settlement; clocks start when answered (rule 5)."""
        match outcome:
            case Answered(result=Committed() as result) if purpose == "mark":
                if result.succeeded and self._marked is not None and self._marked.incarnation == subject:
                    self._clock = now
                    self._mark_revision = self._adopting or result.position.revision
            case Answered():
                self.unsettled = None
            case _:
                pass
