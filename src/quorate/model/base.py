"""The one door to msgspec: how values become JSON and come back.

Owns: `Value`, the base of every stored or transmitted value, and `encode`/`decode`.
Does not know: what any value means. Unknown fields are dropped on decoding; the store keeps one object a key, and a
newer version raises the functional level before it writes fields that an older one would lose.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of frozen values with JSON form."""


T = TypeVar("T")


class Damaged(ValueError):
    """Bytes that are not the value they should be; `where` names the key or file."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where


V = TypeVar("V", bound=Value)


def replace(value: V, **changes: object) -> V:
    """The value with some fields changed."""
    return msgspec.structs.replace(value, **changes)


def encode(value: object) -> bytes:
    """JSON bytes of a value; equal values give equal bytes."""
    return msgspec.json.encode(value)


def decode(data: bytes, kind: type[T], where: str = "value") -> T:
    """The value of `kind` in `data`. Raises Damaged."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise Damaged(where, str(error)) from error
