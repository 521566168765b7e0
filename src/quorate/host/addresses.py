"""Service addresses made real: what a type sees as `context.addresses`, and what the host does for all of them.

Owns: the addresses this host holds, their kernel lifetimes, the news that one is lost, and the order *lease,
sentinel, guard, then the interface* in which an address is taken hold of.
Does not know: types or channels. `host.facilities` does the same for programs.
How it works: an address gets ADDRESS_LIFETIME_S; the keeper's thread prolongs it while the lease holds, so that a
blocked loop does not cost an address, and the kernel removes it some seconds after this process has died or hangs as
a whole. Long before that, at the end of the lease, the guard has silenced it.
"""

# ruff: noqa: D102 - what replaces a method is documented where the method is declared

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import threading
from collections.abc import Callable
from typing import Final, assert_never

from quorate.adapters import neighbours
from quorate.adapters.guard import GuardError, LeaseGuard
from quorate.adapters.netlink import (
    AddressCame,
    AddressGone,
    InterfaceAddress,
    Link,
    LinkChanged,
    News,
    NewsSocket,
    RouteSocket,
)
from quorate.host.holdings import HoldingsClient
from quorate.sdk.facilities import Addresses, HoldRefused, NoInterface, ServiceAddress
from quorate.sdk.overriding import override
from quorate.wire.holdings import AddressHolding

ADDRESS_LIFETIME_S: Final = 10
"""Kernel lifetime of an address:

several times the longest lease (wide: 5 s), or a healthy one would be lost in a stall.
"""

PROLONG_INTERVAL_S: Final = 2.0


class AddressBook:
    """All addresses of one host. Sockets are opened on first use: most hosts hold no address."""

    def __init__(self, guard_table: str | None) -> None:
        self._guard_table = guard_table
        self._guard: LeaseGuard | None = None
        self._route: RouteSocket | None = None
        self._news: NewsSocket | None = None
        self._held: dict[InterfaceAddress, Callable[[str], None]] = {}
        self._lock = threading.Lock()  # the keeper must not prolong what the loop is just deleting
        self._prolonged_s = 0.0

    def links(self) -> list[Link]:
        """Interfaces of this node."""
        with self._lock:
            return self._routes().links()

    def addresses(self) -> list[InterfaceAddress]:
        """Addresses of this node."""
        with self._lock:
            return self._routes().addresses()

    def protect(self, address: str) -> None:
        """Put it behind the guard. Raises HoldRefused."""
        if self._guard_table is None:
            return
        try:
            if self._guard is None:
                self._guard = LeaseGuard(self._guard_table)
            self._guard.protect(address)
        except GuardError as problem:
            raise HoldRefused(str(problem)) from problem

    def add(self, address: InterfaceAddress, on_loss: Callable[[str], None]) -> None:
        """Give it to the interface and watch it. Raises OSError."""
        if self._news is None:
            self._news = NewsSocket(self._hear)
            asyncio.get_running_loop().add_reader(self._news.fileno(), self._news.read)
        with self._lock:
            with contextlib.suppress(OSError):  # IPv4 alone needs it; else they are found lost, and come online anew
                self._routes().keep_secondaries(address.interface_index)
            self._routes().add_address(address, ADDRESS_LIFETIME_S)
            self._held[address] = on_loss

    def remove(self, address: InterfaceAddress) -> None:
        """Take it from the interface, then out of the guard. Raises OSError."""
        with self._lock:
            self._held.pop(address, None)
            self._routes().delete_address(address)
        if self._guard is not None:
            with contextlib.suppress(GuardError):
                self._guard.unprotect(address.address)

    def holds(self, address: InterfaceAddress) -> bool:
        """Whether this host has it on an interface."""
        return address in self._held

    def refresh(self, now_s: float, lease_holds: bool) -> None:
        """Prolong lifetimes; called in the keeper's thread."""
        if not lease_holds or not self._held or now_s < self._prolonged_s + PROLONG_INTERVAL_S:
            return
        self._prolonged_s = now_s
        with self._lock:
            for address in list(self._held):
                with contextlib.suppress(OSError):  # the interface may be gone; health polls find it
                    self._routes().add_address(address, ADDRESS_LIFETIME_S)

    def close(self) -> None:
        """Close the sockets."""
        if self._news is not None:
            asyncio.get_running_loop().remove_reader(self._news.fileno())
            self._news.close()
        for opened in (self._route, self._guard):
            if opened is not None:
                opened.close()

    def _routes(self) -> RouteSocket:
        if self._route is None:
            self._route = RouteSocket()
        return self._route

    def _hear(self, news: News) -> None:
        for address, on_loss in list(self._held.items()):
            match news:
                case LinkChanged(index, carries):
                    if index == address.interface_index and not carries:
                        on_loss("its interface has lost the link")
                case AddressGone(index, gone):
                    if index == address.interface_index and gone == address.address:
                        with self._lock:
                            self._held.pop(address, None)
                        on_loss("somebody removed it from its interface")
                case AddressCame():
                    pass
                case _ as unreachable:
                    assert_never(unreachable)


class HostedAddresses(Addresses):
    """The addresses of one resource."""

    def __init__(
        self, resource_id: str, book: AddressBook, holdings: HoldingsClient, lease_holds: Callable[[], bool]
    ) -> None:
        self._resource_id = resource_id
        self._book = book
        self._holdings = holdings
        self._lease_holds = lease_holds
        self._registered: dict[ServiceAddress, AddressHolding] = {}
        self._announcements: dict[ServiceAddress, asyncio.Task[None]] = {}

    @override
    def place(self, address: str, prefix_length: int, network: str) -> ServiceAddress:
        address = str(ipaddress.ip_address(address))  # as the kernel tells it
        links = {link.index: link for link in self._book.links()}
        chosen = self._choose(links, address, prefix_length, network)
        if chosen is None:
            wanted = f"network {network}" if network else f"the subnet of {address}/{prefix_length}"
            raise NoInterface(f"no interface of this node is on {wanted}")
        if not chosen.carries:
            raise NoInterface(f"interface {chosen.name} has no link")
        return ServiceAddress(address, prefix_length, chosen.index, chosen.name)

    @override
    async def protect(self, address: ServiceAddress) -> None:
        if not self._lease_holds():
            raise HoldRefused("this node's lease is over")
        holding = AddressHolding(address.interface_index, address.address, address.prefix_length)
        await self._holdings.register(self._resource_id, holding)
        self._registered[address] = holding
        self._book.protect(address.address)

    @override
    async def probe(self, address: ServiceAddress, limit_ms: int) -> str | None:
        try:
            return await neighbours.probe(address.interface_name, address.address, limit_ms)
        except OSError as problem:
            raise NoInterface(f"{address.interface_name} cannot be asked: {problem}") from problem

    @override
    async def add(self, address: ServiceAddress, on_loss: Callable[[str], None]) -> None:
        if address not in self._registered:
            raise HoldRefused("the address is not protected")
        if not self._lease_holds():
            raise HoldRefused("this node's lease ended meanwhile")
        try:
            self._book.add(_on_interface(address), on_loss)
        except OSError as problem:
            raise NoInterface(f"{address.interface_name} does not take {address.address}: {problem}") from problem

    @override
    def announce(self, address: ServiceAddress) -> None:
        def may_announce() -> bool:
            # A packet socket passes by the guard, so the lease is looked at before every packet.
            return self._lease_holds() and self._book.holds(_on_interface(address))

        self._stop_announcing(address)
        work = _announce(address, may_announce)
        self._announcements[address] = asyncio.create_task(work, name=f"announce {address.address}")

    @override
    async def remove(self, address: ServiceAddress) -> None:
        self._stop_announcing(address)
        self._book.remove(_on_interface(address))
        holding = self._registered.pop(address, None)
        if holding is not None:
            await self._holdings.release(self._resource_id, holding)

    async def end_all(self) -> None:
        """Take every address of the resource away. Raises OSError where the kernel does not."""
        for address in list(self._registered):
            await self.remove(address)

    @override
    def present(self, address: ServiceAddress) -> bool:
        return _on_interface(address) in self._book.addresses()

    @override
    def link_up(self, address: ServiceAddress) -> bool:
        return any(link.index == address.interface_index and link.carries for link in self._book.links())

    def _choose(self, links: dict[int, Link], address: str, prefix_length: int, network: str) -> Link | None:
        """The interface of that name; else one with an address of its own in the network, the longest prefix first."""
        named = next((link for link in links.values() if link.name == network), None)
        if named is not None:
            return named
        try:
            subnet = ipaddress.ip_network(network or f"{address}/{prefix_length}", strict=False)
        except ValueError:
            return None
        own = [
            entry
            for entry in self._book.addresses()
            if entry.address != address and ipaddress.ip_address(entry.address) in subnet
        ]
        own.sort(key=lambda entry: (not links[entry.interface_index].carries, -entry.prefix_length))
        return links[own[0].interface_index] if own else None

    def _stop_announcing(self, address: ServiceAddress) -> None:
        announcement = self._announcements.pop(address, None)
        if announcement is not None:
            announcement.cancel()


async def _announce(address: ServiceAddress, may_announce: Callable[[], bool]) -> None:
    with contextlib.suppress(OSError):  # the link may go down meanwhile; the address is then reported lost
        await neighbours.announce(address.interface_name, address.address, may_announce)


def _on_interface(address: ServiceAddress) -> InterfaceAddress:
    return InterfaceAddress(address.interface_index, address.address, address.prefix_length)
