"""What a node reports of its own member of the store (decision 0077).

Owns: the form of that fact. Does not know: how a member is looked at (`node.member_watch`), or what is made of it.
"""

from __future__ import annotations

from quorate.model.base import Value


class MemberFact(Value, frozen=True, kw_only=True):
    """The member of a node, as that node sees it in this life of it."""

    node: int
    incarnation: str
    fails: bool = False
    """It has a vote and does not serve: it ends again and again, or is silent, while the others serve."""
    detail: str = ""
    """The line of its log that says most."""
    disagrees: str = ""
    """Its data differ from another member's, and no majority says who is right."""
    slow_ms: int = 0
    """How long the disk takes to make a write durable, where that is too long; 0: it is not."""
