"""Fabric addresses and the routes to them, over raw netlink (design §3, peer addresses).

Owns: one route socket; an address on loopback, and per peer one host route that is replaced in one step.
Does not know: which path is best. Standard library only: the sentinel loads it.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final

from quorate.wire import netlink

_NEW_ADDRESS: Final = 20
_DELETE_ADDRESS: Final = 21
_NEW_ROUTE: Final = 24
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_MAIN_TABLE: Final = 254
_PROTOCOL_STATIC: Final = 4
_UNICAST: Final = 1
_DESTINATION, _GATEWAY, _PREFERRED_SOURCE, _VIA = 1, 5, 7, 18
_FAMILY = struct.Struct("=H")
_HARMLESS: Final = frozenset({0, errno.EEXIST, errno.EADDRNOTAVAIL})
"""What is there already, or gone already."""
_LOCAL, _ADDRESS_ATTRIBUTE = 2, 1


class Routes:
    """Changes in the network namespace in which this object is made. Raises OSError throughout."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, 0))

    def close(self) -> None:
        """Close the socket; addresses and routes stay."""
        self._socket.close()

    def own(self, address: str) -> None:
        """Give loopback this address; harmless where it has it."""
        value = netlink.address_bytes(address)
        body = (
            _ADDRESS.pack(socket.AF_INET, 32, 0, 0, socket.if_nametoindex("lo"))
            + netlink.attribute(_LOCAL, value)
            + netlink.attribute(_ADDRESS_ATTRIBUTE, value)
        )
        self._change(_NEW_ADDRESS, netlink.CREATE | netlink.REPLACE, body)

    def disown(self, address: str) -> None:
        """Take the address from loopback; harmless where it is not there."""
        body = (
            _ADDRESS.pack(socket.AF_INET, 32, 0, 0, socket.if_nametoindex("lo"))
            + netlink.attribute(_LOCAL, netlink.address_bytes(address))
        )  # fmt: skip
        self._change(_DELETE_ADDRESS, 0, body)

    def route(self, address: str, gateway: str, source: str) -> None:
        """Reach `address` over `gateway` from now on, whatever way it went before."""
        body = (
            _ROUTE.pack(socket.AF_INET, 32, 0, 0, _MAIN_TABLE, _PROTOCOL_STATIC, 0, _UNICAST, 0)
            + netlink.attribute(_DESTINATION, netlink.address_bytes(address))
            + _next_hop(gateway)
            + netlink.attribute(_PREFERRED_SOURCE, netlink.address_bytes(source))
        )
        self._change(_NEW_ROUTE, netlink.CREATE | netlink.REPLACE, body)

    def _change(self, kind: int, flags: int, body: bytes) -> None:
        self._socket.send(netlink.build(kind, flags | netlink.REQUEST | netlink.ACKNOWLEDGE, 1, body))
        for message in netlink.parse(self._socket.recv(1 << 14)):
            if message.kind == netlink.ERROR and message.error_number not in _HARMLESS:
                raise OSError(message.error_number, os.strerror(message.error_number))


def _next_hop(gateway: str) -> bytes:
    """An IPv4 destination may be reached over an IPv6 neighbour (RFC 5549; Linux 5.2): fabric over IPv6 networks."""
    value = netlink.address_bytes(gateway)
    if ":" not in gateway:
        return netlink.attribute(_GATEWAY, value)
    return netlink.attribute(_VIA, _FAMILY.pack(socket.AF_INET6) + value)
