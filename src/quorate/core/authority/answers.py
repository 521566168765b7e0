"""What an answer of the store teaches: newer records, and proofs of authority (design §4 rules 3, 4 and 9).

Owns: the adoption of answers in the order of revisions, and the renewals that they prove. Pure functions.
"""

from __future__ import annotations

from quorate.core.authority.frame import Answered, ReadRequest, Request
from quorate.core.authority.mutations import Mutation
from quorate.core.authority.orders import Renewal
from quorate.core.authority.view import AuthorityView
from quorate.model import keys
from quorate.model.base import decode
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.records import Committed, Delete, Put, Snapshot


def adopt(request: Request, result: Snapshot | Committed, view: AuthorityView, mutations: frozenset[Mutation]) -> None:
    """Adopt what an answer shows, in the order of revisions (rule 9)."""
    any_order = Mutation.ADOPT_OLD in mutations
    if isinstance(result, Snapshot):
        for item in result.items:
            view.note(item.key, item.value, item.mod_revision, any_order=any_order)
    elif not result.succeeded:
        for item in result.current:
            view.note(item.key, item.value, item.mod_revision, any_order=any_order)
    elif not isinstance(request, ReadRequest):
        for write in request.writes:
            match write:
                case Put(key=key, value=value):
                    view.note(key, value, result.position.revision)
                case Delete(key=key):
                    view.note(key, None, result.position.revision)


def proof(
    node: int, incarnation: str, request: Request, outcome: Answered, now: float, mutations: frozenset[Mutation]
) -> Renewal | None:
    """The authority that an answered `renew` or `clear` of this node proves, from when it was sent; None where none.

    A clearing proves the life whose record it wrote, which need not be the present one.
    """
    since = now if Mutation.LEASE_FROM_RECEIPT in mutations else outcome.sent_at
    key = keys.member(node)
    match outcome.result:
        case Committed(succeeded=succeeded):
            if not succeeded or isinstance(request, ReadRequest):
                return None
            written = [w for w in request.writes if isinstance(w, Put) and w.key == key]
            return Renewal(decode(written[0].value, MemberRecord, key).incarnation, 0, since) if written else None
        case Snapshot() as snapshot:
            mine, lead = snapshot.get(key), snapshot.get(keys.COORDINATOR)
            if mine is None:
                return None
            record = decode(mine.value, MemberRecord, key)
            marked = record.mark is not None and Mutation.KEEP_MARK_ON_RENEWAL not in mutations
            if record.state != "up" or record.incarnation != incarnation or marked:
                return None
            leads = decode(lead.value, CoordinatorRecord, keys.COORDINATOR) if lead else None
            return Renewal(incarnation, leads.epoch if leads and leads.node == node else 0, since)
