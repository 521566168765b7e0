"""Renewing this node's own authority through the store (design §4 rules 3 and 4).

Owns: when a read is needed because acknowledgements are missing, and clearing a suspicion. Does not know: what an
answer proves (`answers`), or the lease itself, which is the sentinel's (`lease`).
"""

from __future__ import annotations

from quorate.core.authority.frame import Frame, put_member
from quorate.core.authority.mutations import Mutation
from quorate.model import keys
from quorate.model.membership import MemberRecord
from quorate.model.records import Unchanged


def renew(frame: Frame, *, leads: bool) -> None:
    """Renew through the store where acknowledgements are missing, clearing a suspicion (rule 3)."""
    me = frame.view.members[frame.node]
    mark = me.record.mark
    if mark is not None and mark.kind == "order":
        return
    if mark is not None and frame.now - frame.report.now >= frame.suspicion_s(mark.author):
        # This node's sentinel stands still: it holds nothing by what would be proved here. To clear the mark for it
        # would only keep others from taking over (a stopped sentinel beside a living service: 2 s and more).
        return
    if mark is not None and Mutation.KEEP_MARK_ON_RENEWAL not in frame.mutations:
        guards = (Unchanged(keys.member(frame.node), me.revision),)
        if frame.commit("clear", guards, (put_member(_unmarked(me.record)),)):
            frame.note(3, "clear own mark", frame.node, f"set by node {mark.author}")
        return
    coordinator = frame.view.coordinator
    # Who leads needs everybody's acknowledgements, and waits for the slowest; all others need the coordinator's alone.
    timings = frame.timings if leads or coordinator is None else frame.timings_with(coordinator.record.node)
    lease_until = frame.report.lease_until
    missing = lease_until - frame.now < timings.renew_margin_s or (leads and not frame.report.acting)
    if missing and frame.read("renew", (keys.member(frame.node), keys.COORDINATOR)):
        frame.note(4 if leads else 3, "renew by reading", frame.node)
    frame.due(max(frame.now + timings.heartbeat_s / 2, lease_until - timings.renew_margin_s))


def _unmarked(record: MemberRecord) -> MemberRecord:
    return MemberRecord(node=record.node, state=record.state, incarnation=record.incarnation, boot_id=record.boot_id)
