"""The kernel's part in the end of a lease: service addresses answer only while it is renewed (design §2 b).

Owns: whether there is a guard, its renewal with the lease, its removal at the end. Does not know: leases; it is told
until when one is held. A guard that fails is told in the log; the lease ends resources without it, a moment later.
Standard library and netlink only: the sentinel loads it.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

from quorate.adapters.guard import GuardError, GuardMissing, LeaseGuard
from quorate.node.endings import Holdings
from quorate.node.process import log
from quorate.wire.holdings import AddressHolding
from quorate.wire.lease_page import boot_time_s

TABLE: Final = "quorate"


class AddressGuard:
    """The guard of one node; without root, or where it is not wanted, it does nothing."""

    def __init__(self, holdings: Holdings, *, wanted: bool) -> None:
        self._holdings = holdings
        self._guard: LeaseGuard | None = None
        if not wanted or os.geteuid() != 0:
            return
        try:
            guard = LeaseGuard(TABLE)
            guard.install()
        except (GuardError, OSError) as problem:
            log(f"address guard is off: {problem}")
            return
        self._guard = guard

    @property
    def table(self) -> str:
        """Name of its tables, for hosts that put addresses behind it; empty where there is no guard."""
        return TABLE if self._guard is not None else ""

    def renew(self, until: float) -> None:
        """Let protected addresses answer until then (boot time), and put the guard back where somebody removed it."""
        left_ms = int((until - boot_time_s()) * 1000)
        if self._guard is None or left_ms <= 0:
            return
        try:
            try:
                self._guard.renew(left_ms)
            except GuardMissing:
                self._guard.install()
                for held in self._holdings.held:
                    if isinstance(held, AddressHolding):
                        self._guard.protect(held.address)
                self._guard.renew(left_ms)
        except (GuardError, OSError) as problem:
            log(f"address guard: {problem}")

    def revoke(self) -> None:
        """Silence every protected address now."""
        if self._guard is not None:
            with contextlib.suppress(GuardError, OSError):
                self._guard.revoke()

    def close(self) -> None:
        """Take the guard away where nothing is protected any more."""
        if self._guard is None:
            return
        with contextlib.suppress(GuardError, OSError):
            if not self._guard.protected():
                self._guard.remove()
        self._guard.close()
