"""ARP packets as bytes (RFC 826), and the two that a service address needs (RFC 5227).

Owns: the layout. Does not know: sockets or time. How it works: fixed layout of 42 bytes, Ethernet and IPv4 only.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from quorate.wire.netlink import address_bytes, address_text

ETHER_TYPE: Final = 0x0806
BROADCAST: Final = b"\xff" * 6
REQUEST: Final = 1
REPLY: Final = 2

_FRAME = struct.Struct(">6s6sHHHBBH6s4s6s4s")


@dataclass(frozen=True, slots=True)
class ArpPacket:
    """What a packet says."""

    operation: int
    sender_hardware: bytes
    sender_address: str
    target_hardware: bytes
    target_address: str


def probe(hardware: bytes, address: str) -> bytes:
    """Ask who has the address, without claiming it: the sender's address is zero (RFC 5227 section 1.1)."""
    return _build(ArpPacket(REQUEST, hardware, "0.0.0.0", bytes(6), address))  # noqa: S104 - no address, not all


def announcement(hardware: bytes, address: str, operation: int = REQUEST) -> bytes:
    """Claim the address (RFC 5227 section 1.1).

    Some neighbours heed only the request form, some only the reply form.
    """
    return _build(ArpPacket(operation, hardware, address, bytes(6) if operation == REQUEST else BROADCAST, address))


def parse(frame: bytes) -> ArpPacket | None:
    """What the frame says, or None where it is not ARP for IPv4 over Ethernet."""
    if len(frame) < _FRAME.size:
        return None
    fields = _FRAME.unpack_from(frame)
    if fields[2:7] != (ETHER_TYPE, 1, 0x0800, 6, 4):
        return None
    return ArpPacket(fields[7], fields[8], address_text(fields[9]), fields[10], address_text(fields[11]))


def announcements(hardware: bytes, address: str) -> tuple[bytes, ...]:
    """Both forms of an announcement."""
    return announcement(hardware, address, REQUEST), announcement(hardware, address, REPLY)


def claim(frame: bytes, hardware: bytes, address: str) -> bytes | None:
    """The hardware address of another machine that claims the address with this frame, or probes for it too."""
    packet = parse(frame)
    if packet is None or packet.sender_hardware == hardware:
        return None
    probes_too = packet.sender_address == "0.0.0.0" and packet.target_address == address  # noqa: S104
    return packet.sender_hardware if packet.sender_address == address or probes_too else None


def hardware_text(hardware: bytes) -> str:
    """A hardware address as people write it."""
    return hardware.hex(":")


def _build(packet: ArpPacket) -> bytes:
    return _FRAME.pack(
        BROADCAST,
        packet.sender_hardware,
        ETHER_TYPE,
        1,
        0x0800,
        6,
        4,
        packet.operation,
        packet.sender_hardware,
        address_bytes(packet.sender_address),
        packet.target_hardware,
        address_bytes(packet.target_address),
    )
