"""The time by which a coordinator decides: the hour of the cluster's day, and since when nodes are up.

Owns: the reading of the cluster's time zone, and what this coordinator has seen of every node's life.
Does not know: what is decided by it (`core.moment`). A new coordinator begins to count anew, which only delays.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quorate.core.cluster_view import ClusterView
from quorate.core.moment import Moment


def zone_of(name: str) -> tzinfo | None:
    """The zone of that name; None, which is the machine's own, where there is none such."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def moment_of(view: ClusterView, wall_s: float, up_since_s: dict[int, float]) -> Moment:
    """That moment of the cluster's day."""
    zone = zone_of(view.cluster.record.time_zone if view.cluster is not None else "")
    local = datetime.fromtimestamp(wall_s, UTC).astimezone(zone)
    left = timedelta(hours=1) - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return Moment(wall_s, local.hour, wall_s + left.total_seconds(), up_since_s)


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
