"""The lease guard of service addresses, held by the kernel (design §2(b)).

Owns: one netlink socket, and the calls that make, renew, revoke and change the guard.
Does not know: the lease; whoever renews it says for how long. Standard library only: the sentinel loads it.
How it works: `wire.nft` builds atomic batches; the kernel has worked through a batch when `send` returns, so every
call is synchronous and none waits. One renewal moves the end of the lease for all addresses. When nobody renews, the
element times out and the addresses fall silent, whatever has become of every process of ours.

    GuardError
    ├── GuardMissing     a table or set is not there: never installed, or flushed by an administrator; install again
    └── GuardRefused     the kernel refuses (rights, no nf_tables); trying again will not help

The sentinel installs, renews and revokes; hosts protect and unprotect. Tables outlive both.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from typing import Final

from quorate.wire import netlink, nft

DEFAULT_TABLE: Final = "quorate"
_NETLINK_NETFILTER: Final = 12
_RECEIVE_BYTES: Final = 1 << 16


class GuardError(Exception):
    """Root of what a call of the guard raises."""


class GuardMissing(GuardError):
    """A part of the guard is not there."""


class GuardRefused(GuardError):
    """The kernel refuses."""


class LeaseGuard:
    """The guard of the network namespace in which this object is made."""

    def __init__(self, table: str = DEFAULT_TABLE) -> None:
        """Open the socket. Raises GuardRefused."""
        self._table = table
        self._families: tuple[int, ...] = nft.FAMILIES
        """IPv6 is left out where the kernel cannot filter it; then no IPv6 address can be protected."""
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
            self._socket.bind((0, 0))
        except OSError as problem:
            raise GuardRefused(f"no netfilter socket: {problem}") from problem

    def close(self) -> None:
        """Close the socket; the guard stands."""
        self._socket.close()

    def install(self) -> None:
        """Make what is missing; addresses and a running lease that are there stay. Raises GuardRefused."""
        self._commit(nft.installation(self._table, nft.FAMILIES_4))
        try:
            self._commit(nft.installation(self._table, (nft.FAMILY_IP6,)))
        except GuardError:
            self._families = nft.FAMILIES_4

    def renew(self, timeout_ms: int) -> None:
        """Let the guarded addresses answer for so long from now, without a gap. Raises GuardMissing, GuardRefused."""
        if timeout_ms <= 0:
            self.revoke()
            return
        if self._try(nft.renewal(self._table, self._families, timeout_ms)):
            return
        # Nothing to replace: the first renewal, or one that came too late. The two elements may differ by a tick.
        for family in self._families:
            if not self._try(nft.renewal(self._table, (family,), timeout_ms)):
                self._commit([nft.lease_start(self._table, family, timeout_ms)])

    def revoke(self) -> None:
        """Silence all guarded addresses now. Raises GuardMissing where there is no guard, GuardRefused."""
        missing = [family for family in self._families if not self._try([nft.lease_end(self._table, family)])]
        if missing:
            self.protected()  # tells "no lease" from "no guard"

    def protect(self, address: str) -> None:
        """Put an address behind the guard; harmless where it is. Raises GuardMissing, GuardRefused."""
        self._commit([nft.guard_address(self._table, family, address) for family in nft.families_of(address)])

    def unprotect(self, address: str) -> None:
        """Take an address out; harmless where it is not in. Remove the address from the interface first."""
        for family in nft.families_of(address):
            self._try([nft.free_address(self._table, family, address)])

    def protected(self) -> tuple[str, ...]:
        """The addresses behind the guard. Raises GuardMissing, GuardRefused."""
        found: list[str] = []
        for family in (nft.FAMILY_IP, nft.FAMILY_IP6):
            if family in self._families:
                found += self._protected(family)
        return tuple(sorted(found))

    def _protected(self, family: int) -> list[str]:
        found: list[str] = []
        for message in self._exchange(nft.dump_guarded(self._table, family), until_done=True):
            if message.kind == netlink.ERROR and message.error_number:
                raise self._error(message.error_number)
            if message.kind not in (netlink.ERROR, netlink.DONE):
                found += nft.dumped_addresses(message)
        return found

    def remove(self) -> None:
        """Delete the guard with all it holds; addresses answer freely again. Harmless where there is none."""
        for family in nft.FAMILIES:
            self._try([nft.removal(self._table, family)])

    def _try(self, entries: Iterable[nft.Entry]) -> bool:
        """Commit; False where something that should go or be replaced is not there. Raises GuardRefused."""
        try:
            self._commit(entries)
        except GuardMissing:
            return False
        return True

    def _commit(self, entries: Iterable[nft.Entry]) -> None:
        for message in self._exchange(nft.batch(entries), until_done=False):
            if message.kind == netlink.ERROR and message.error_number:
                raise self._error(message.error_number)

    def _exchange(self, data: bytes, *, until_done: bool) -> list[netlink.Message]:
        """Send and take every answer. The kernel answers a batch before `send` returns; a dump comes in parts."""
        self._socket.send(data)
        messages: list[netlink.Message] = []
        while True:
            try:
                messages += netlink.parse(self._socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT))
            except BlockingIOError:
                return messages
            if until_done and messages and messages[-1].kind in (netlink.DONE, netlink.ERROR):
                return messages

    def _error(self, number: int) -> GuardError:
        if number == errno.ENOENT:
            return GuardMissing(f"the lease guard {self._table} is not there, or not whole")
        return GuardRefused(f"the kernel refuses a change of the lease guard: {os.strerror(number)}")
