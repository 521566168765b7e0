"""A witness's ways to the nodes' fabric addresses.

Owns: one route per node, moved to the node's next address when the present one leads nowhere. Does not know:
heartbeats; a witness has none, so a way is tried by connecting. Where this machine may not set routes, or the fabric
address is the node's only one, nothing is done.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

from quorate.adapters.routes import Routes
from quorate.model.witness import WitnessedNode
from quorate.node.process import log

CONNECT_LIMIT_S: Final = 0.5


class WitnessRoutes:
    """Routes of one witness for one cluster."""

    def __init__(self, own_address: str) -> None:
        self._own = own_address
        self._routes: Routes | None = None
        self._tried: dict[int, int] = {}
        self._problem = ""

    def close(self) -> None:
        """Close the socket; routes stay."""
        if self._routes is not None:
            self._routes.close()

    async def keep(self, nodes: Iterable[WitnessedNode]) -> None:
        """Try every way that needs a route, and turn those that lead nowhere."""
        routed = [node for node in nodes if node.fabric_address not in node.addresses.values()]
        answers = await asyncio.gather(*(_answers(node) for node in routed))
        for node, answered in zip(routed, answers, strict=True):
            if not answered:
                self._turn(node)

    def _turn(self, node: WitnessedNode) -> None:
        ways = list(node.addresses.values())
        for _ in ways:
            number = self._tried.get(node.node, -1) + 1
            self._tried[node.node] = number
            try:
                self._routes = self._routes or Routes()
                self._routes.route(node.fabric_address, ways[number % len(ways)], self._own)
            except OSError as problem:
                self._tell(f"route to {node.name} by {ways[number % len(ways)]}: {problem}")
                continue
            return

    def _tell(self, problem: str) -> None:
        if problem != self._problem:
            log(problem, "witness")
        self._problem = problem


async def _answers(node: WitnessedNode) -> bool:
    try:
        async with asyncio.timeout(CONNECT_LIMIT_S):
            _, writer = await asyncio.open_connection(node.fabric_address, node.peer_port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
