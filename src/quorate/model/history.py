"""What a change replaced: former and new values of specifications, kept beside its audit record (decision 0072).

Owns: the form of that record and of what is shown of it. Does not know: which keys are specifications
(`control.specifications`), or when a record is written.
How it works: values are kept as plain JSON objects with the defaults left out, as the store has them. A large record
is packed, because it goes into the transaction that makes the change and that transaction is bounded.
"""

from __future__ import annotations

import zlib
from typing import Any, Final, Literal

from quorate.model.base import Damaged, Value, decode, encode

PACKED_FROM_BYTES: Final = 16 << 10
VALUES_MOST_BYTES: Final = 300 << 10
"""Of a packed record; beyond it the values are left out, and the record says so."""

Plain = dict[str, Any]


class Edit(Value, frozen=True, kw_only=True):
    """One key that a change wrote. None: it was not there, or is not there any more. Secrets are left out."""

    key: str
    before: Plain | None = None
    after: Plain | None = None


class PastValues(Value, frozen=True, kw_only=True):
    """What one change replaced; its key is that of the audit record."""

    edits: tuple[Edit, ...] = ()
    packed: bytes = b""
    """The edits, compressed, where they are many."""
    left_out: int = 0
    """So many edits are too large to be kept."""


class HistoryFloor(Value, frozen=True, kw_only=True):
    """How far history was forgotten: nothing at or below this revision of the store can be told any more."""

    revision: int


def pack(edits: tuple[Edit, ...]) -> PastValues:
    """The record of these edits."""
    plain = encode(edits)
    if len(plain) < PACKED_FROM_BYTES:
        return PastValues(edits=edits)
    packed = zlib.compress(plain)
    return PastValues(left_out=len(edits)) if len(packed) > VALUES_MOST_BYTES else PastValues(packed=packed)


def unpack(record: PastValues, where: str) -> tuple[Edit, ...]:
    """The edits of a record. Raises Damaged."""
    if not record.packed:
        return record.edits
    try:
        plain = zlib.decompress(record.packed)
    except zlib.error as problem:
        raise Damaged(where, str(problem)) from problem
    return decode(plain, tuple[Edit, ...], where)


Action = Literal["added", "changed", "removed"]


class FieldChange(Value, frozen=True, kw_only=True):
    """One field, such as `properties.command_line`; null where it had no value, or has none."""

    field: str
    before: Any = None
    after: Any = None


class ObjectChange(Value, frozen=True, kw_only=True):
    """One object, with every field that differs."""

    action: Action
    kind: str
    name: str
    key: str
    fields: tuple[FieldChange, ...] = ()


class PastChangeView(Value, frozen=True, kw_only=True):
    """One change with former and new values. `revision` is the store's, at which it was made."""

    id: str
    revision: int
    at: str
    author: str
    reason: str
    what: str
    detail: str
    objects: tuple[ObjectChange, ...]
    values_kept: bool
    """False where the change concerned no specification, or its values were too many to be kept."""


class Difference(Value, frozen=True, kw_only=True):
    """The configuration at one revision against that at another."""

    since: int
    until: int
    objects: tuple[ObjectChange, ...]
    incomplete: tuple[str, ...] = ()
    """Changes in between whose values are not kept."""


class RevertWish(Value, frozen=True, kw_only=True):
    """How a change shall be taken back."""

    force: bool = False
    """Also where later changes touched the same fields: those are lost."""
