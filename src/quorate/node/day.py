"""The time by which a coordinator decides: the hour of the cluster's day, and since when nodes are up.

Owns: what this coordinator has seen of every node's life. Does not know: hours and zones (`control.cluster_day`), or
what is decided by them (`core.moment`). A new coordinator begins to count anew, which only delays.
"""

from __future__ import annotations

from quorate.control.cluster_day import moment_of
from quorate.core.cluster_view import ClusterView
from quorate.core.moment import Moment


class Day:
    """What one coordinator has seen of time."""

    def __init__(self) -> None:
        self._lives: dict[int, tuple[str, float]] = {}

    def forget(self) -> None:
        """Count anew."""
        self._lives.clear()

    def moment(self, view: ClusterView, wall_s: float) -> Moment:
        """Now."""
        up = view.authority.up()
        lives = {
            node: known
            if (known := self._lives.get(node)) is not None and known[0] == member.record.incarnation
            else (member.record.incarnation, wall_s)
            for node, member in up.items()
        }
        self._lives = lives
        return moment_of(view, wall_s, {node: since_s for node, (_, since_s) in lives.items()})
