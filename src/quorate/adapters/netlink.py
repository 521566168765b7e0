"""Addresses and links of this node, by raw netlink (man 7 rtnetlink).

Owns: a route socket for questions and changes, and a second one for news.
Does not know: leases or resources. Standard library only: the sentinel loads it to delete an address alone, and
takeover does not wait for a library of 14 MB to load (docs/decisions/hosts-and-the-kernel.md).
How it works: every change asks for an acknowledgement; the kernel answers before `send` returns. An address is given a
lifetime, after which the kernel removes it; giving it again extends it.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quorate.wire import netlink

_NEW_LINK, _DELETE_LINK, _GET_LINK = 16, 17, 18
_NEW_ADDRESS, _DELETE_ADDRESS, _GET_ADDRESS = 20, 21, 22
_GROUPS: Final = 0x1 | 0x10 | 0x100  # links, IPv4 addresses, IPv6 addresses
_UP, _LOOPBACK, _LOWER_UP = 0x1, 0x8, 0x10000
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_LIFETIME = struct.Struct("=IIII")
_WITHOUT_DETECTION: Final = 0x02
"""IFA_F_NODAD: the kernel's own duplicate detection takes a second in which an IPv6 address does not answer; who adds a
service address has asked the network already, in less."""


@dataclass(frozen=True, slots=True)
class Link:
    """An interface. `carries` means: up, with a carrier."""

    index: int
    name: str
    carries: bool
    loopback: bool
    hardware_address: str = ""


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address on an interface; an IPv6 address in its short form."""

    interface_index: int
    address: str
    prefix_length: int


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """News: an interface changed, or is gone (`carries` False)."""

    index: int
    carries: bool


@dataclass(frozen=True, slots=True)
class AddressGone:
    """News: an address was removed, by whomever."""

    interface_index: int
    address: str


@dataclass(frozen=True, slots=True)
class AddressCame:
    """News: an address was added, or its lifetime prolonged."""

    interface_index: int
    address: str


News = LinkChanged | AddressGone | AddressCame


class RouteSocket:
    """Questions and changes in the network namespace in which this object is made. Raises OSError throughout."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, 0))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def keep_secondaries(self, interface_index: int) -> None:
        """Let other addresses of a subnet stay when the first of it is deleted: the kernel's default takes them along.

        Raises OSError where that setting cannot be made.
        """
        name = socket.if_indextoname(interface_index)
        Path(f"/proc/sys/net/ipv4/conf/{name}/promote_secondaries").write_text("1")

    def add_address(self, address: InterfaceAddress, valid_s: int) -> None:
        """Give the interface this address for so many seconds, or prolong it."""
        value = netlink.address_bytes(address.address)
        # IPv6 chooses among all addresses for what a node sends of its own accord; a deprecated one only serves.
        preferred_s = 0 if ":" in address.address else valid_s
        lifetime = netlink.attribute(6, _LIFETIME.pack(preferred_s, valid_s, 0, 0))
        body = _address_body(address) + netlink.attribute(2, value) + netlink.attribute(1, value) + lifetime
        self._change(_NEW_ADDRESS, netlink.CREATE | netlink.REPLACE, body)

    def delete_address(self, address: InterfaceAddress) -> bool:
        """Take this address away; whether it was there."""
        try:
            body = _address_body(address) + netlink.attribute(2, netlink.address_bytes(address.address))
            self._change(_DELETE_ADDRESS, 0, body)
        except OSError as problem:
            if problem.errno in (errno.EADDRNOTAVAIL, errno.ENODEV):
                return False
            raise
        return True

    def addresses(self) -> list[InterfaceAddress]:
        """All addresses of this node, IPv4 and IPv6."""
        found = []
        for message in self._ask(_GET_ADDRESS, netlink.DUMP, _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
            prefix_length, index = _ADDRESS.unpack_from(message.body)[1::3]
            address = _address_in(message)
            if address:
                found.append(InterfaceAddress(index, address, prefix_length))
        return found

    def links(self) -> list[Link]:
        """All interfaces of this node."""
        messages = self._ask(_GET_LINK, netlink.DUMP, _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
        return [_link(message) for message in messages]

    def _change(self, kind: int, flags: int, body: bytes) -> None:
        self._ask(kind, flags | netlink.ACKNOWLEDGE, body)

    def _ask(self, kind: int, flags: int, body: bytes) -> list[netlink.Message]:
        self._socket.send(netlink.build(kind, flags | netlink.REQUEST, 1, body))
        found: list[netlink.Message] = []
        while True:
            for message in netlink.parse(self._socket.recv(1 << 16)):
                if message.kind == netlink.DONE:
                    return found
                if message.kind == netlink.ERROR:
                    if message.error_number:
                        raise OSError(message.error_number, os.strerror(message.error_number))
                    return found
                found.append(message)


class NewsSocket:
    """Changes of links and addresses as they happen; `fileno` for a loop, `read` when it is readable."""

    def __init__(self, on_news: Callable[[News], None]) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.bind((0, _GROUPS))
        self._socket.setblocking(False)
        self._on_news = on_news

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._socket.fileno()

    def read(self) -> None:
        """Take what is there. What overflowed is lost; health polls find it."""
        try:
            data = self._socket.recv(1 << 16)
        except OSError:
            return
        for message in netlink.parse(data):
            if message.kind in (_NEW_LINK, _DELETE_LINK):
                link = _link(message)
                self._on_news(LinkChanged(link.index, link.carries and message.kind == _NEW_LINK))
            elif message.kind in (_NEW_ADDRESS, _DELETE_ADDRESS):
                address, index = _address_in(message), _ADDRESS.unpack_from(message.body)[4]
                if address:
                    kind = AddressCame if message.kind == _NEW_ADDRESS else AddressGone
                    self._on_news(kind(index, address))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def delete_address(interface_index: int, address: str, prefix_length: int) -> bool:
    """Take an address away with a socket of its own; whether it was there. For the sentinel. Raises OSError."""
    route = RouteSocket()
    try:
        return route.delete_address(InterfaceAddress(interface_index, address, prefix_length))
    finally:
        route.close()


def _address_body(address: InterfaceAddress) -> bytes:
    is_6 = ":" in address.address
    family, flags = (socket.AF_INET6, _WITHOUT_DETECTION) if is_6 else (socket.AF_INET, 0)
    return _ADDRESS.pack(family, address.prefix_length, flags, 0, address.interface_index)


def _address_in(message: netlink.Message) -> str:
    """The address that a message is about; IPv6 has it under another attribute unless it is a point-to-point link."""
    found = netlink.attributes(message.body[_ADDRESS.size :])
    value = found.get(2) or found.get(1)
    return netlink.address_text(value) if value and len(value) in (4, 16) else ""


def _link(message: netlink.Message) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(message.body)
    found = netlink.attributes(message.body[_LINK.size :])
    name, hardware = found.get(3, b"").rstrip(b"\0").decode(), found.get(1, b"").hex(":")
    return Link(index, name, bool(flags & _UP) and bool(flags & _LOWER_UP), bool(flags & _LOOPBACK), hardware)
