"""Join tokens: making, listing and revoking them (design §8).

Owns: what a token says, how long it may live, and how its record is shown. Does not know: how it is used up;
`control.enrolment` does. How it works: the database has a token under the hash of its secret; its id is the beginning
of that hash, by which nobody can join. The replica does not hold tokens: they are read when asked for.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.context import Context
from quorate.control.executor import unreadable
from quorate.control.names import unknown
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Damaged, Value, decode
from quorate.model.enrolment import TokenRecord
from quorate.model.problems import Refused, error
from quorate.model.records import KeyValue
from quorate.ports.store import StoreAlarm, StoreUnavailable
from quorate.wire.join_token import JoinToken, encode_token, secret_hash

TOKEN_HOURS: Final = 24
TOKEN_HOURS_MOST: Final = 24 * 30
ID_LETTERS: Final = 12
TokenState = Literal["open", "used", "expired", "revoked", "damaged"]


class TokenWish(Value, frozen=True, kw_only=True):
    """How long the token shall live, and whether it is for a witness instead of a node."""

    hours: int = TOKEN_HOURS
    witness: bool = False


class NewToken(Value, frozen=True, kw_only=True):
    """Answer to `token create`. The word is shown once and kept nowhere."""

    token: str
    expires_at: str
    id: str


class TokenView(Value, frozen=True, kw_only=True):
    """A token without its secret, which is kept nowhere."""

    id: str
    state: TokenState
    """*open*: a machine can join by it; *damaged*: its record cannot be read, so nobody can."""
    use: str = ""
    """What a machine becomes by it: node or witness."""
    created_at: str = ""
    author: str = ""
    expires_at: str = ""
    used_at: str = ""
    node: str = ""
    """Which node used it; its number where it is gone."""
    revoked_at: str = ""
    revoked_by: str = ""


class TokenList(Value, frozen=True, kw_only=True):
    """All tokens that are remembered, the newest first."""

    tokens: tuple[TokenView, ...]


def create_token(
    view: ClusterView, occasion: Occasion, wish: TokenWish, *, fingerprint: bytes, secret: bytes
) -> Change[NewToken]:
    """Make a token for one machine, naming every node where it may knock."""
    hours = wish.hours
    if not 1 <= hours <= TOKEN_HOURS_MOST:
        raise Refused(
            [
                error(
                    "token_hours",
                    f"a token cannot live for {hours} hours",
                    where="hours",
                    remedy=f"give 1 to {TOKEN_HOURS_MOST}",
                )
            ]
        )
    expires_s = int(occasion.at_s) + hours * 3600
    # One address of every node first, then the rest: the list may be cut.
    rows = [[(a, known.record.api_port) for a in known.record.addresses.values()] for known in view.nodes.values()]
    endpoints = [row[rank] for rank in range(max(map(len, rows), default=0)) for row in rows if rank < len(row)]
    word = encode_token(JoinToken(tuple(endpoints), fingerprint, secret, expires_s))
    key = keys.TOKEN + secret_hash(secret)
    use: Literal["node", "witness"] = "witness" if wish.witness else "node"
    record = TokenRecord(created_at=occasion.at, expires_s=expires_s, use=use, author=occasion.author)
    short = secret_hash(secret)[:ID_LETTERS]
    expires_at = _moment(expires_s)
    change = Change((guard(key, None),), (put(key, record),), NewToken(token=word, expires_at=expires_at, id=short))
    return audited(change, occasion, verb="create", kind="token", object_id=short, object_name="")


async def list_tokens(context: Context) -> TokenList:
    """Every token that is remembered. Raises CannotNow."""
    shown = [_view(context.view, item, context.wall_time_s()) for item in await _stored(context)]
    return TokenList(tokens=tuple(sorted(shown, key=lambda token: (token.created_at, token.id), reverse=True)))


async def stored_key(context: Context, id_begins: str) -> str:
    """Where the one token is kept whose id begins so. Raises Refused and CannotNow."""
    names = {item.key.removeprefix(keys.TOKEN)[:ID_LETTERS]: item.key for item in await _stored(context)}
    found = [key for name, key in names.items() if id_begins and name.startswith(id_begins.lower())]
    if len(found) > 1:
        what = f"{len(found)} tokens begin with {id_begins!r}"
        raise Refused([error("token_ambiguous", what, where="token", remedy="give more of the id")])
    if not found:
        raise Refused([unknown("token", id_begins, names, "token")])
    return found[0]


def revoke_token(view: ClusterView, stored: KeyValue | None, occasion: Occasion) -> Change[Done]:
    """Nobody joins by this token any more. One that was used has done its work: the node is what can be evicted."""
    if stored is None:
        remedy = "quorate token list shows those that are remembered"
        raise Refused([error("token_unknown", "the token is gone", where="token", remedy=remedy)])
    short = stored.key.removeprefix(keys.TOKEN)[:ID_LETTERS]
    done = Done(id=short, name=short)
    record = _record(stored)
    if record is None:
        what = f"the record of token {short} cannot be read: nobody can join by it"
        raise Refused([error("record_damaged", what, where="token", remedy="nothing is needed")])
    if record.used_by:
        who = _node_name(view, record) or "a witness"
        remedy = f"to take the machine out again: quorate node evict {who}" if record.node else "choose another witness"
        raise Refused(
            [error("token_used", f"{who} joined by token {short} at {record.used_at}", where="token", remedy=remedy)]
        )
    if record.revoked_at or record.expires_s < occasion.at_s:
        return unchanged(altered(done, changed=False))
    revoked = altered(record, revoked_by=occasion.author, revoked_at=occasion.at)
    change = Change((guard(stored.key, stored.mod_revision),), (put(stored.key, revoked),), done)
    return audited(change, occasion, verb="revoke", kind="token", object_id=short, object_name="")


async def _stored(context: Context) -> tuple[KeyValue, ...]:
    try:
        return (await context.store.read(prefixes=(keys.TOKEN,))).items
    except (StoreUnavailable, StoreAlarm) as problem:
        raise unreadable(problem) from problem


def _record(item: KeyValue) -> TokenRecord | None:
    try:
        return decode(item.value, TokenRecord, item.key)
    except Damaged:
        return None


def _view(view: ClusterView, item: KeyValue, now_s: float) -> TokenView:
    short = item.key.removeprefix(keys.TOKEN)[:ID_LETTERS]
    record = _record(item)
    if record is None:
        return TokenView(id=short, state="damaged")
    state: TokenState = "expired" if record.expires_s < now_s else "open"
    if record.revoked_at:
        state = "revoked"
    if record.used_by:
        state = "used"
    return TokenView(
        id=short,
        state=state,
        use=record.use,
        created_at=record.created_at,
        author=record.author,
        expires_at=_moment(record.expires_s),
        used_at=record.used_at,
        node=_node_name(view, record),
        revoked_at=record.revoked_at,
        revoked_by=record.revoked_by,
    )


def _node_name(view: ClusterView, record: TokenRecord) -> str:
    known = view.nodes.get(record.node)
    return known.record.name if known else str(record.node or "")


def _moment(wall_s: float) -> str:
    return dt.datetime.fromtimestamp(wall_s, dt.UTC).isoformat()
