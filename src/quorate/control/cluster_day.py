"""A moment of the cluster's day: the hour by which windows count.

Owns: the reading of the cluster's time zone. Does not know: what is decided by it (`core.moment`), or since when nodes
are up: only the coordinator has seen that (`node.day`). A face that says what would be decided counts nodes as having
come up just now, so it tells of a wait for a stable node where the coordinator may know that it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def moment_of(view: ClusterView, wall_s: float, up_since_s: Mapping[int, float]) -> Moment:
    """That moment of the cluster's day."""
    zone = zone_of(view.cluster.record.time_zone if view.cluster is not None else "")
    local = datetime.fromtimestamp(wall_s, UTC).astimezone(zone)
    left = timedelta(hours=1) - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return Moment(wall_s, local.hour, wall_s + left.total_seconds(), up_since_s)
