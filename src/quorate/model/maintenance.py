"""That the cluster lets something alone for a while: who said so, why, and until when (decision 0084)."""

from __future__ import annotations

from quorate.model.base import Value


class Maintenance(Value, frozen=True, kw_only=True):
    """Somebody works here by hand: the cluster neither restarts, moves nor starts by itself what it concerns."""

    author: str
    reason: str = ""
    since: str = ""
    """Wall time, for people."""
    until_s: float = 0.0
    """Wall time at which it ends by itself, in seconds; 0: it does not."""

    def over(self, wall_s: float) -> bool:
        """Its time has passed."""
        return 0 < self.until_s <= wall_s


class ResourceMaintenance(Maintenance, frozen=True, kw_only=True):
    """Somebody works on one resource by hand: its health checks do not fail it (spec/03 §14.2, decision 0110)."""

    number: int
    """The assignment under which it holds: under any other, after a move or the owner's restart, it means nothing."""
