"""Asking the network whether an address is free, and telling it where the address now is (RFC 5227, RFC 4861).

Owns: a packet socket for the length of a probe, or of an announcement.
Does not know: leases; whoever announces asks before every packet whether it still may (a packet socket passes by the
guard).
How it works: a probe sends PROBES questions spread over its limit and listens for anybody who claims the address, or
probes for it too, from another hardware address. The RFC waits for seconds; a failover cannot, so the limit is a
setting, and silence is a strong hint, not a proof. The proof that nobody else holds the address is the lease. What the
packets look like is that of ARP for IPv4, of neighbour discovery for IPv6 (`wire.arp`, `wire.ndp`).
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from quorate.wire import arp, ndp

PROBES: Final = 3
ANNOUNCE_AFTER_S: Final = (0.0, 0.1, 0.5, 1.0, 2.0)
"""When to announce: neighbours and switches may miss the first ones while a port comes up."""

_FRAME_BYTES: Final = 128
_ATTACH_FILTER: Final = 26
"""SO_ATTACH_FILTER, which the socket module does not name."""


async def probe(interface_name: str, address: str, limit_ms: int) -> str | None:
    """The hardware address of whoever has the address, or None. Raises OSError (rights, no such interface).

    Returns early when somebody answers, else after the limit. An interface without hardware addresses answers None
    at once.
    """
    opened = _open(interface_name, address)
    if opened is None:
        return None
    packets, hardware = opened
    loop = asyncio.get_running_loop()
    with _closing(packets):
        question = _protocol(address).probe(hardware, address)
        end_s = loop.time() + limit_ms / 1000
        for number in range(1, PROBES + 1):
            packets.send(question)
            wait_s = end_s - loop.time() - (PROBES - number) * limit_ms / 1000 / PROBES
            try:
                async with asyncio.timeout(max(wait_s, 0)):
                    return await _first_claim(packets, hardware, address)
            except TimeoutError:
                continue
    return None


async def announce(interface_name: str, address: str, may_announce: Callable[[], bool]) -> None:
    """Announce at each of ANNOUNCE_AFTER_S, as long as `may_announce` says so."""
    opened = _open(interface_name, address)
    if opened is None:
        return
    packets, hardware = opened
    with _closing(packets):
        passed_s = 0.0
        for after_s in ANNOUNCE_AFTER_S:
            if after_s > passed_s:
                await asyncio.sleep(after_s - passed_s)
                passed_s = after_s
            if not may_announce():
                return
            for packet in _protocol(address).announcements(hardware, address):
                packets.send(packet)


def _protocol(address: str) -> ModuleType:
    return ndp if ":" in address else arp


def _open(interface_name: str, address: str) -> tuple[socket.socket, bytes] | None:
    """A packet socket on the interface and its hardware address; None where it has none."""
    # Without a protocol until it is bound: else the kernel first hears all interfaces, and waits to be let off them.
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        if ":" in address:
            _hear_discovery_alone(packets)
        packets.bind((interface_name, _protocol(address).ETHER_TYPE))
        packets.setblocking(False)
        hardware = packets.getsockname()[4]
    except BaseException:
        packets.close()
        raise
    if len(hardware) != 6 or not any(hardware):
        _close(packets)
        return None
    return packets, hardware


@contextmanager
def _closing(packets: socket.socket) -> Iterator[None]:
    try:
        yield
    finally:
        _close(packets)


def _close(packets: socket.socket) -> None:
    """Close in a thread: the kernel waits until no packet is on its way to the socket (10 to 30 ms measured)."""
    threading.Thread(target=packets.close, name="close packet socket", daemon=True).start()


def _hear_discovery_alone(packets: socket.socket) -> None:
    """Let the kernel drop all IPv6 but solicitations and advertisements: the rest is not ours to read."""
    code = b"".join(
        struct.pack("=HBBI", *step)
        for step in (
            (0x30, 0, 0, 20),  # next header
            (0x15, 0, 4, 58),  # ICMPv6
            (0x30, 0, 0, 54),  # its type
            (0x15, 1, 0, 135),
            (0x15, 0, 1, 136),
            (0x06, 0, 0, _FRAME_BYTES),
            (0x06, 0, 0, 0),
        )
    )
    kept = ctypes.create_string_buffer(code)
    packets.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HL", len(code) // 8, ctypes.addressof(kept)))


async def _first_claim(packets: socket.socket, hardware: bytes, address: str) -> str:
    loop = asyncio.get_running_loop()
    while True:
        claimant = _protocol(address).claim(await loop.sock_recv(packets, _FRAME_BYTES), hardware, address)
        if claimant is not None:
            return arp.hardware_text(claimant)
