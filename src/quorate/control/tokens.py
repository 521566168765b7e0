"""The command that makes a join token (design §8).

Owns: what a token says and how long it may live. Does not know: how it is used up; `control.enrolment` does.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from quorate.control.change import Change, Occasion, audited, guard, put
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.enrolment import TokenRecord
from quorate.model.problems import Refused, error
from quorate.wire.join_token import JoinToken, encode_token, secret_hash

TOKEN_HOURS: Final = 24
TOKEN_HOURS_MOST: Final = 24 * 30


class TokenWish(Value, frozen=True, kw_only=True):
    """How long the token shall live, and whether it is for a witness instead of a node."""

    hours: int = TOKEN_HOURS
    witness: bool = False


class NewToken(Value, frozen=True, kw_only=True):
    """Answer to `token create`. The word is shown once and kept nowhere."""

    token: str
    expires_at: str
    id: str


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
    short = secret_hash(secret)[:12]
    expires_at = dt.datetime.fromtimestamp(expires_s, dt.UTC).isoformat()
    change = Change((guard(key, None),), (put(key, record),), NewToken(token=word, expires_at=expires_at, id=short))
    return audited(change, occasion, verb="create", kind="token", object_id=short, object_name="")
