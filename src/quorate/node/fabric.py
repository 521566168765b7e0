"""Which way to every peer: fabric routes moved as soon as heartbeats show a path lost (design §3).

Owns: the choice of network per peer and the routes that follow from it. Does not know: heartbeats; it is told which
networks are alive. Standard library only.
How it works: the living network of the lowest metric is used. A route stays where it is while its network is alive, and
goes back to a better one only when that has been alive for a while, so that nothing flaps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final

from quorate.adapters.routes import Routes
from quorate.node.process import log

BETTER_AFTER_S: Final = 5.0
"""How long a network of lower metric must have been alive before a route goes back to it."""


class Fabric:
    """Fabric addresses of one node and the routes to those of its peers."""

    def __init__(self, own_address: str, own_networks: dict[str, str], *, managed: bool) -> None:
        self._own = own_address
        self._routes = Routes() if managed and own_address and own_address not in own_networks.values() else None
        self._ways: dict[int, str] = {}
        self._better_since: dict[int, tuple[str, float]] = {}
        self.metrics: Mapping[str, int] = {}
        """Per network; the lowest is used first. One that is not named is as good as any."""
        self._problem = ""
        if self._routes is not None:
            try:
                self._routes.own(own_address)
            except OSError as problem:
                self._tell(f"fabric address {own_address}: {problem}")

    def repeat(self, fabrics: dict[int, str], addresses: dict[int, dict[str, str]]) -> None:
        """Put own address and routes where they should be: the kernel drops both with an interface, and says nothing.

        `fabrics` are the fabric addresses by node, `addresses` those of its networks.
        """
        if self._routes is None:
            return
        try:
            self._routes.own(self._own)
            for node, network in self._ways.items():
                if fabrics.get(node) and network in addresses.get(node, {}):
                    self._routes.route(fabrics[node], addresses[node][network], self._own)
        except OSError as problem:
            self._tell(f"routes of the fabric: {problem}")
        else:
            self._problem = ""

    def _tell(self, problem: str) -> None:
        """Once, not at every attempt."""
        if problem != self._problem:
            log(problem)
        self._problem = problem

    def close(self) -> None:
        """The node has ended cleanly: its own address goes; routes to others mean nothing without it."""
        if self._routes is not None:
            with contextlib.suppress(OSError):
                self._routes.disown(self._own)
            self._routes.close()

    def update(
        self, node: int, fabric: str, addresses: dict[str, str], alive: tuple[str, ...], now: float
    ) -> str | None:
        """Route to that peer over the best living network; returns the network where the route was moved."""
        if self._routes is None or not fabric:
            return None
        present = self._ways.get(node)
        if present not in addresses:
            present = None  # the nodes speak over that network no more: its role was changed, or it was renamed
        alive = tuple(network for network in alive if network in addresses)
        if present is not None and not alive:
            return None
        ranked = sorted(alive, key=lambda network: self.metrics.get(network, 0))  # equal ones stay: the freshest first
        if present in alive and not self._is_better(node, ranked[0], present, now):
            return None
        for network in (*ranked, *addresses):
            if network == present:
                continue
            try:
                self._routes.route(fabric, addresses[network], self._own)
            except OSError as problem:
                self._tell(f"route to node {node} over {network}: {problem}")
                continue
            self._ways[node] = network
            self._better_since.pop(node, None)
            return network
        return None

    def _is_better(self, node: int, best: str, present: str | None, now: float) -> bool:
        """Whether another network is to be preferred to a living one, and has been for a while."""
        if present is None or self.metrics.get(best, 0) >= self.metrics.get(present, 0):
            self._better_since.pop(node, None)
            return False
        network, since = self._better_since.get(node, ("", 0.0))
        if network != best:
            self._better_since[node] = (best, now)
            return False
        return now - since >= BETTER_AFTER_S
