"""The time by which policies are decided: the wall clock of the node that decides.

Owns: what a decision may know of time. Does not know: clocks. Authority never goes by any of this (design §4); delays,
windows and periods of administrators do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment: `wall_s` in seconds, the hour of the cluster's day, and when the next hour begins."""

    wall_s: float
    hour: int = 0
    next_hour_s: float = 0.0
    up_since_s: Mapping[int, float] = field(default_factory=dict)
    """Wall time from which on the decider has seen each node up in its present life."""
