"""The complete order that a service gives its sentinel, put together from everything that its duties ask for.

Owns: whom to acknowledge, to watch and to require (design §4 rules 2, 4, 5, 8 and 11), and when everything must end
(rule 3). Does not know: how any of that came about. Pure: the same picture gives the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.authority.admission import Admissions
from quorate.core.authority.forming import Forming
from quorate.core.authority.frame import Frame, attestation_of, peer_of
from quorate.core.authority.mutations import Mutation
from quorate.core.authority.orders import Order, Peer, Unsettled
from quorate.core.authority.succession import Succession
from quorate.core.authority.suspicion import Suspicions


@dataclass(slots=True)
class Duties:
    """What one node has under way towards others."""

    suspicions: Suspicions
    admissions: Admissions
    forming: Forming
    succession: Succession


def compose(frame: Frame, duties: Duties, *, serial: int, up: bool, leads: bool, leaving: bool) -> Order:
    """Everything the service wants of its sentinel now; `up` and `leads` are this node's standing by the view."""
    view = frame.view
    known = view.coordinator
    epoch = known.record.epoch if known else 0
    leader = known.record.node if known else 0
    held = duties.suspicions.held()
    # Who is said to be off, and lives, clears its mark in the store first: until then its verdict may be on its way.
    held |= {peer_of(k.record) for k in view.members.values() if attestation_of(k.record) is not None}
    others = tuple(peer_of(member.record) for node, member in sorted(view.up().items()) if node != frame.node)
    acknowledge: tuple[Peer, ...] = ()
    watched: tuple[Peer, ...] = ()
    if leads:
        acknowledge = tuple(peer for peer in others if peer not in held)
        watched = others
    elif up or not (duties.forming.holding or duties.forming.unsettled is not None):
        acknowledge = tuple(peer for peer in others if peer.node == leader and peer not in held)
        watched = tuple(peer for peer in others if peer.node == leader)
    complete = known is not None and view.position.revision >= known.revision
    ending = leaving or _must_end(frame)
    unsettled: tuple[Unsettled, ...] = (*duties.suspicions.unsettled(), *duties.admissions.unsettled())
    if duties.forming.unsettled is not None:
        unsettled = (*unsettled, duties.forming.unsettled)
    counted = tuple(peer for peer in duties.admissions.counted(frame) if peer not in others)
    required = (*others, *counted) if leads else ()
    block = complete and view.shuts_store_out({frame.node, *(p.node for p in others)})
    if Mutation.AUTHORITY_BY_ANY_ACK in frame.mutations:
        block = True
    return Order(
        serial=serial,
        incarnation=frame.incarnation,
        up=up,
        epoch=epoch,
        coordinator=leader,
        acknowledge=acknowledge,
        admitting=duties.admissions.asked() if leads else (),
        required=required,
        votes_block=leads and block,
        watched=watched,
        unsettled=unsettled,
        release_role=leader == frame.node and (leaving or duties.succession.resigned_epoch == epoch),
        end_all=ending,
    )


def _must_end(frame: Frame) -> bool:
    """Ordered out, found down, replaced by another life, or evicted: everything ends (rule 3)."""
    me = frame.view.members.get(frame.node)
    if not frame.view.is_listed(frame.node):
        return frame.incarnation != ""
    if me is None or frame.incarnation == "" or frame.report.incarnation != frame.incarnation:
        return False
    record = me.record
    if record.incarnation == frame.incarnation:
        return record.state == "down" or (record.mark is not None and record.mark.kind == "order")
    return frame.report.lease_until > 0.0 and frame.report.ended != frame.incarnation
