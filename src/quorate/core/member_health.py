"""Whether a node's member of the store does its work, and how fast its disk is (decision 0077).

Owns: the judgement from looks, and which line of a log says most. Pure. Does not know: etcd's interfaces or files.
Data are compared as of one revision: replicas of one log hold the same then, or one of them is damaged.
How it works: a member that has answered nothing for `SILENT_S` fails; a start takes less. Disks are judged by the mean
of a window between two looks at etcd's own counters, two windows in a row, so that one slow moment is no news.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

SILENT_S: Final = 8.0
SLOW_MS: Final = 100
"""A write that takes longer to become durable makes every change slow, and elections likely."""
STEP_MS: Final = 50
"""Figures are told in such steps: every other one would be a new record."""
WRITES_LEAST: Final = 5
"""Of a window that says something."""
_DETAIL_LIMIT: Final = 240

_TELLING: Final = re.compile(
    r"no space left|read-only file system|input/output error|permission denied|corrupt|checksum|crc mismatch|"
    r"invalid database|panic:|fatal|unexpected fault|file size too small|failed to (?:open|recover|read)|\bEOF\b",
    re.IGNORECASE,
)


class MemberHealth:
    """What is known of one member. Times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._served_at: float | None = None
        self._writes: tuple[float, int] | None = None
        self._slow_windows = 0
        self.slow_ms = 0
        """0 where the disk is fast enough, or nothing is known."""

    def looked(self, now: float, *, answered: bool) -> None:
        """The member was asked."""
        if answered or self._served_at is None:
            self._served_at = now

    def forget(self) -> None:
        """There is no member to be looked at."""
        self._served_at, self._writes, self._slow_windows, self.slow_ms = None, None, 0, 0

    def fails(self, now: float) -> bool:
        """It has been asked for a while and has not answered."""
        return self._served_at is not None and now - self._served_at >= SILENT_S

    def measured(self, total_s: float, writes: int) -> None:
        """The member's own counters: so much time for so many durable writes since it started."""
        before, self._writes = self._writes, (total_s, writes)
        if before is None or writes - before[1] < WRITES_LEAST or total_s < before[0]:
            return  # too few to say anything, or it was started anew
        mean_ms = (total_s - before[0]) / (writes - before[1]) * 1000
        self._slow_windows = self._slow_windows + 1 if mean_ms >= SLOW_MS else 0
        self.slow_ms = round(mean_ms / STEP_MS) * STEP_MS if self._slow_windows >= 2 else 0


def judge(own: str, others: Mapping[str, str], voters: int) -> tuple[bool, str]:
    """Whether the own data are to be distrusted, and what is to be said. `others`: digests by name of their voter.

    A majority of all voters that agrees is right: what was acknowledged, a majority has. Without one nobody knows.
    """
    if 2 * (1 + sum(digest == own for digest in others.values())) > voters:
        return False, ""  # whoever differs is told by itself
    differing = sorted(name for name, digest in others.items() if digest != own)
    if not differing:
        return False, ""
    for digest in set(others.values()) - {own}:
        agreed = sorted(name for name, theirs in others.items() if theirs == digest)
        if 2 * len(agreed) > voters:
            return True, f"its data differ from those of {', '.join(agreed)}, which agree"
    return False, f"its data differ from those of {', '.join(differing)}; no majority says who is right"


def telling_line(lines: Iterable[str]) -> str:
    """The newest line that names a cause; else the newest that says anything."""
    kept = [line.strip() for line in lines if line.strip()]
    found = next((line for line in reversed(kept) if _TELLING.search(line)), "")
    return _words(found)[:_DETAIL_LIMIT]


def _words(line: str) -> str:
    """Message and error of a line in JSON; any other as it is."""
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, dict):
        return line
    parts = [str(said[name]) for name in ("msg", "error") if said.get(name)]
    return ": ".join(parts) or line


def durations(metrics: str) -> tuple[float, int] | None:
    """Total time and number of durable writes, from etcd's metrics; None where they are not there."""
    found: dict[str, float] = {}
    for line in metrics.splitlines():
        name, _, value = line.partition(" ")
        if name in {"etcd_disk_wal_fsync_duration_seconds_sum", "etcd_disk_wal_fsync_duration_seconds_count"}:
            try:
                found[name.rpartition("_")[2]] = float(value)
            except ValueError:
                return None
    return (found["sum"], int(found["count"])) if {"sum", "count"} <= found.keys() else None
