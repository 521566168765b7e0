"""What of history and tokens may be forgotten: what is old, and what is too many (decision 0073).

Owns: that choice. Pure. Does not know: the store, or who carries it out (`node.database_keeper`).
How it works: the order is that of the store's revisions; an age is read from the record's id, which is a ULID. Nothing
younger than `YOUNGEST_S` goes, however many there are: a change whose outcome is unknown is settled by finding its
record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from quorate.model.enrolment import TokenRecord

YOUNGEST_S: Final = 600.0
DAY_S: Final = 86_400.0

_CROCKFORD: Final = {letter: value for value, letter in enumerate("0123456789ABCDEFGHJKMNPQRSTVWXYZ")}
_TIME_LETTERS: Final = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of history: its id, and the revision of the store at which it was written."""

    id: str
    revision: int


def born_s(ulid: str) -> float | None:
    """Seconds since 1970 at which an id was made; None where it is no ULID."""
    values = [_CROCKFORD.get(letter) for letter in ulid[:_TIME_LETTERS]]
    if len(values) < _TIME_LETTERS or None in values:
        return None
    number = 0
    for value in values:
        number = number << 5 | (value or 0)
    return number / 1000


def forgettable(entries: Iterable[Entry], now_s: float, *, keep_days: int, keep_number: int) -> tuple[Entry, ...]:
    """The oldest records, each of them too old or one too many; never one that is followed by one that stays."""
    ordered = sorted(entries, key=lambda entry: entry.revision)
    surplus = len(ordered) - keep_number
    found = list[Entry]()
    for rank, entry in enumerate(ordered):
        born = born_s(entry.id)
        age_s = now_s - born if born is not None else None
        if age_s is not None and age_s < YOUNGEST_S:
            break
        if rank >= surplus and (age_s is None or age_s < keep_days * DAY_S):
            break
        found.append(entry)
    return tuple(found)


def spent_tokens(
    tokens: Iterable[tuple[str, TokenRecord]], now_s: float, *, keep_days: int, keep_number: int
) -> tuple[str, ...]:
    """Keys of tokens that expired long ago, or whose like are too many.

    A used one stays until it expires: the machine that used it may ask again.
    """
    expired = sorted(
        ((record.expires_s, key) for key, record in tokens if record.expires_s < now_s - YOUNGEST_S), reverse=True
    )
    return tuple(
        key
        for rank, (expired_s, key) in enumerate(expired)
        if rank >= keep_number or now_s - expired_s > keep_days * DAY_S
    )
