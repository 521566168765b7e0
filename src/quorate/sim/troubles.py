"""What was done to each node, told from outside, so that every ending can be judged for its reason (promise 3).

Owns: until when a fault may rightly cost a node its resources, and when a node was last kept from its store, its
service or its sentinel. Does not know: what nodes decide.
How it works: two judgements. In every world, a node that was not kept from the store for a whole lease must not lose
its lease, because it can always renew by reading (rule 3). In a calm world, where one trouble comes at a time, a node
that the trouble does not touch must not end anything at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from quorate.core.authority.timings import Timings

if TYPE_CHECKING:
    from quorate.sim.node import SimNode

AFTERMATH = 4.0
"""A fault may show in endings for this many takeover bounds after it is over."""
RESTART_ROOM_S = 6.0
"""What depends on a failed resource is stopped at the latest so long after it; a channel may delay that."""
ROOM_S = 0.1
"""Besides the lease itself: a read that was begun, answered and told to the sentinel."""


class Troubles:
    """All nodes of a world."""

    def __init__(self, numbers: Iterable[int], timings: Timings) -> None:
        self.now = 0.0
        self._timings = timings
        self._injured_until = dict.fromkeys(numbers, 0.0)
        self._impeded_until = dict.fromkeys(self._injured_until, 0.0)
        self._cut_until = dict.fromkeys(self._injured_until, 0.0)
        self._failed: dict[tuple[str, int], float] = {}

    # ---------------------------------------------------------------- what happens

    def injure(self, nodes: Iterable[int], for_s: float = 0.0) -> None:
        """A fault may cost these nodes their resources, until some time after it is over."""
        until = self.now + for_s + AFTERMATH * self._timings.takeover_bound_s
        for n in nodes:
            self._injured_until[n] = max(self._injured_until[n], until)

    def impede(self, node: int, for_s: float = 0.0) -> None:
        """The node is kept from the store, or its sentinel from what the store says."""
        self._impeded_until[node] = max(self._impeded_until[node], self.now + for_s)

    def cut(self, nodes: Iterable[int]) -> None:
        """Not all other nodes are heard by these, or hear them."""
        for n in nodes:
            self._cut_until[n] = self.now + AFTERMATH * self._timings.takeover_bound_s

    def failed(self, group: str, node: int) -> None:
        """A resource of the group has ended there without being asked."""
        self._failed[group, node] = self.now

    # ---------------------------------------------------------------- judgements

    def injured(self, node: int) -> bool:
        """A fault touches the node, or did so a moment ago."""
        return self.now < self._injured_until[node]

    def had_failed(self, group: str, node: int) -> bool:
        """A resource of the group ended there by itself within the last seconds."""
        at = self._failed.get((group, node))
        return at is not None and self.now - at < RESTART_ROOM_S

    def needless(self, node: SimNode, reason: str) -> bool:
        """Tell whether the node had every means to keep its lease, and ends all the same."""
        n, timings = node.number, self._timings
        served = self.now - self._impeded_until[n]
        if not node.service.ready:
            return False
        match reason:
            case "the lease ran out":
                return served > timings.lease_s + ROOM_S
            case "ordered by the service":
                leaves = node.service.loop is not None and node.service.loop.membership.leaving
                long = 2 * timings.verdict_wait_s + timings.suspicion_s
                return served > long and self.now >= self._cut_until[n] and not leaves
            case _:
                return served > timings.lease_s + ROOM_S
