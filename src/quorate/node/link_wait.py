"""A node that starts waits, bounded, until its links are up before it forms a cluster (decision 0067).

Owns: which of this node's own addresses are there on a card with a carrier, the wait, and its end. Does not know: what
forming demands beyond that (`core.authority.forming`), which then listens for the suspicion time on links that work.
How it works: switches and bonds bring a link up many seconds after the machine; a node that hears nobody because of
that must not take that for being alone. Joining is not held off: to be admitted a node must be heard anyway.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections.abc import Callable, Mapping
from typing import Final

from quorate.adapters.netlink import RouteSocket
from quorate.model.problems import Problem, warning

LOOK_S: Final = 0.2


class LinkWait:
    """The wait of one start. `ready` is called once, when forming is held off no longer."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        limit_s: float,
        working: Callable[[], frozenset[str] | None],
        ready: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self.missing: tuple[str, ...] = ()
        """Networks that are waited for now."""
        self._addresses = addresses
        self._limit_s = limit_s
        self._working = working
        self._ready = ready
        self._log = log

    @property
    def problem(self) -> Problem | None:
        """What an administrator should know while it waits."""
        if not self.missing:
            return None
        names = ", ".join(self.missing)
        what = f"this node forms no cluster yet: its links to {names} are not up"
        remedy = f"plug the cables in; it waits {self._limit_s:g} s after its start at most (link_wait_s in node.toml)"
        return warning("node_waits_for_links", what, where="network", remedy=remedy)

    def look(self) -> bool:
        """Whether every network can be used by now; what cannot be told is not waited for."""
        there = self._working() if self._limit_s else None
        self.missing = () if there is None else missing(self._addresses, there)
        return not self.missing

    async def run(self) -> None:
        """Wait for the links, or for the end of the time."""
        if not self.look():
            self._log(f"no cluster is formed before links are up, for {self._limit_s:g} s: {', '.join(self.missing)}")
            for _ in range(math.ceil(self._limit_s / LOOK_S)):
                await asyncio.sleep(min(LOOK_S, self._limit_s))
                if self.look():
                    self._log("all links are up")
                    break
            else:
                self._log(f"it goes on without {', '.join(self.missing)}")
                self.missing = ()
        self._ready()


def missing(addresses: Mapping[str, str], there: frozenset[str]) -> tuple[str, ...]:
    """Names of the networks whose address of this node is not among those that can be used."""
    return tuple(sorted(name for name, text in addresses.items() if not _usable(text, there)))


def _usable(text: str, there: frozenset[str]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True  # what is no address never comes up
    return address.is_loopback or str(address) in there


def working_addresses() -> frozenset[str] | None:
    """Addresses of this machine on cards that have a carrier; None where the kernel does not tell."""
    try:
        route = RouteSocket()
    except OSError:
        return None
    try:
        carrying = {link.index for link in route.links() if link.carries}
        return frozenset(a.address for a in route.addresses() if a.interface_index in carrying)
    except OSError:
        return None
    finally:
        route.close()
