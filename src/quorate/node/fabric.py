"""Which way to every peer: fabric routes moved as soon as heartbeats show a path lost (design §3).

Owns: the choice of network per peer and the routes that follow from it. Does not know: heartbeats; it is told which
networks are alive. Standard library only. A route stays where it is while its network is alive, so that nothing flaps.
"""

from __future__ import annotations

import contextlib

from quorate.adapters.routes import Routes
from quorate.node.process import log


class Fabric:
    """Fabric addresses of one node and the routes to those of its peers."""

    def __init__(self, own_address: str, own_networks: dict[str, str], *, managed: bool) -> None:
        self._own = own_address
        self._routes = Routes() if managed and own_address and own_address not in own_networks.values() else None
        self._ways: dict[int, str] = {}
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

    def update(self, node: int, fabric: str, addresses: dict[str, str], alive: tuple[str, ...]) -> str | None:
        """Route to that peer over a living network; returns the network where the route was moved."""
        if self._routes is None or not fabric:
            return None
        present = self._ways.get(node)
        if present in alive or (present is not None and not alive):
            return None
        choices = [network for network in (*alive, *addresses) if network in addresses]
        for network in choices:
            if network == present:
                continue
            try:
                self._routes.route(fabric, addresses[network], self._own)
            except OSError as problem:
                self._tell(f"route to node {node} over {network}: {problem}")
                continue
            self._ways[node] = network
            return network
        return None
