"""Neighbour discovery as bytes (RFC 4861), and what a service address of IPv6 needs of it (RFC 4862, RFC 9131).

Owns: the layout, with Ethernet and IPv6 headers and the checksum. Does not know: sockets or time; `wire.arp` is its
counterpart for IPv4. How it works: a probe is a solicitation from the unspecified address to the solicited-node group;
an announcement is an unsolicited advertisement to all nodes that overrides what they remember.
"""

from __future__ import annotations

import struct
from typing import Final

from quorate.wire.netlink import address_bytes

ETHER_TYPE: Final = 0x86DD
_ICMPV6: Final = 58
_SOLICITATION, _ADVERTISEMENT = 135, 136
_OVERRIDE: Final = 0x2000_0000
_TARGET_HARDWARE: Final = b"\x02\x01"
_HOP_LIMIT: Final = 255
"""Nothing that a router has forwarded can have it: whoever speaks is on this link."""

_ETHERNET = struct.Struct(">6s6sH")
_HEADER = struct.Struct(">IHBB16s16s")
_MESSAGE = struct.Struct(">BBHI16s")
_BODY_AT: Final = _ETHERNET.size + _HEADER.size
_UNSPECIFIED: Final = bytes(16)
_ALL_NODES: Final = address_bytes("ff02::1")


def probe(hardware: bytes, address: str) -> bytes:
    """Ask who has the address, without claiming it (RFC 4862 section 5.4.2)."""
    target = address_bytes(address)
    group = address_bytes("ff02::1:ff00:0")[:13] + target[13:]
    return _build(hardware, _UNSPECIFIED, group, _MESSAGE.pack(_SOLICITATION, 0, 0, 0, target))


def announcements(hardware: bytes, address: str) -> tuple[bytes, ...]:
    """Tell all nodes where the address is now (RFC 4861 section 7.2.6)."""
    target = address_bytes(address)
    body = _MESSAGE.pack(_ADVERTISEMENT, 0, 0, _OVERRIDE, target) + _TARGET_HARDWARE + hardware
    return (_build(hardware, target, _ALL_NODES, body),)


def claim(frame: bytes, hardware: bytes, address: str) -> bytes | None:
    """The hardware address of another machine that claims the address with this frame, or probes for it too."""
    if len(frame) < _BODY_AT + _MESSAGE.size:
        return None
    _, sender, ether_type = _ETHERNET.unpack_from(frame)
    _, _, protocol, hop_limit, source, _ = _HEADER.unpack_from(frame, _ETHERNET.size)
    kind, _, _, _, target = _MESSAGE.unpack_from(frame, _BODY_AT)
    if ether_type != ETHER_TYPE or protocol != _ICMPV6 or hop_limit != _HOP_LIMIT or sender == hardware:
        return None
    claims = kind == _ADVERTISEMENT or (kind == _SOLICITATION and source == _UNSPECIFIED)
    return bytes(sender) if claims and target == address_bytes(address) else None


def _build(hardware: bytes, source: bytes, destination: bytes, body: bytes) -> bytes:
    pseudo = source + destination + struct.pack(">II", len(body), _ICMPV6)
    summed = body[:2] + struct.pack(">H", _checksum(pseudo + body)) + body[4:]
    header = _HEADER.pack(6 << 28, len(body), _ICMPV6, _HOP_LIMIT, source, destination)
    return _ETHERNET.pack(b"\x33\x33" + destination[12:], hardware, ETHER_TYPE) + header + summed


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
