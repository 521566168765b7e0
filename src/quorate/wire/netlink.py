"""Netlink messages as bytes: headers, attributes, answers (man 7 netlink).

Owns: the framing that all netlink families share. Does not know: sockets, or any family; `wire.nft` and
`adapters.netlink` add theirs. Standard library only: the sentinel loads it.
How it works: a message is a header of 16 bytes and a body; attributes are length, kind and value, padded to four bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

REQUEST: Final = 0x1
ACKNOWLEDGE: Final = 0x4
DUMP: Final = 0x300
REPLACE: Final = 0x100
EXCLUSIVE: Final = 0x200
CREATE: Final = 0x400
APPEND: Final = 0x800

ERROR: Final = 2
DONE: Final = 3

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR_NUMBER = struct.Struct("=i")
_NESTED: Final = 0x8000
_KIND_MASK: Final = 0x3FFF


@dataclass(frozen=True, slots=True)
class Message:
    """One message as received."""

    kind: int
    flags: int
    sequence: int
    body: bytes

    @property
    def error_number(self) -> int:
        """The positive error number of an ERROR message; 0 is an acknowledgement."""
        return -int(_ERROR_NUMBER.unpack_from(self.body)[0])


def build(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """One message; the kernel needs no sender."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body + _padding(len(body))


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + _padding(len(value))


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | _NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """A string attribute, ended by a zero."""
    return attribute(kind, value.encode() + b"\0")


def parse(data: bytes) -> list[Message]:
    """The messages in one datagram; what does not fit is left out."""
    messages: list[Message] = []
    start = 0
    while start + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, start)
        if length < _HEADER.size or start + length > len(data):
            break
        messages.append(Message(kind, flags, sequence, data[start + _HEADER.size : start + length]))
        start += (length + 3) & ~3
    return messages


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by kind; of a repeated kind the last one."""
    return dict(attribute_list(data))


def attribute_list(data: bytes) -> list[tuple[int, bytes]]:
    """Attributes in order."""
    found: list[tuple[int, bytes]] = []
    start = 0
    while start + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size or start + length > len(data):
            break
        found.append((kind & _KIND_MASK, data[start + _ATTRIBUTE.size : start + length]))
        start += (length + 3) & ~3
    return found


def address_bytes(address: str) -> bytes:
    """An IPv4 address as four bytes, an IPv6 address as sixteen. Raises ValueError."""
    if ":" in address:
        return _bytes6(address)
    value = bytes(int(part) for part in address.split("."))
    if len(value) != 4:
        raise ValueError(f"{address} is not an IPv4 address")
    return value


def address_text(value: bytes) -> str:
    """Four bytes as an IPv4 address, sixteen as an IPv6 address in its one short form (RFC 5952)."""
    if len(value) == 4:
        return ".".join(str(byte) for byte in value)
    groups = [f"{value[at] << 8 | value[at + 1]:x}" for at in range(0, 16, 2)]
    runs = [
        (length, -at) for at in range(8) for length in range(2, 9 - at) if groups[at : at + length] == ["0"] * length
    ]
    if not runs:
        return ":".join(groups)
    length, start = max(runs)
    return f"{':'.join(groups[:-start])}::{':'.join(groups[-start + length :])}"


def _bytes6(address: str) -> bytes:
    head, shortened, tail = address.partition("::")
    before, after = ([int(group, 16) for group in part.split(":") if part] for part in (head, tail))
    groups = [*before, *[0] * (8 - len(before) - len(after)), *after] if shortened else before
    if len(groups) != 8 or "::" in tail or max(groups) > 0xFFFF or min(groups) < 0:
        raise ValueError(f"{address} is not an IPv6 address")
    return struct.pack(">8H", *groups)


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
