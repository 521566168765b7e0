"""Every path to every peer: when it was last heard, how long it takes, what it loses (spec/02 §4.1).

Owns: per peer and network the last heartbeats, round trips, losses, and whether the path is lost. Does not know:
sockets, or what a lost path means to anybody. Standard library only: the sentinel loads it.
How it works: a path is lost when nothing was heard on it for S, and known anew with the next heartbeat. A path that has
just been learned counts as heard until S has passed. Round trips are those of heartbeats: each carries the send time of
the last one that its sender had from us, and how long ago that was (`wire.heartbeat`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from quorate.core.authority.paces import Paces

WINDOW = 64
"""Heartbeats over which loss is told."""
SMOOTHING = 8
"""Each round trip counts for an eighth, as in RFC 6298."""
HISTORY_MOST = 40
"""The longest history that can be asked for (spec/05 §1, RouteHistoryLength)."""


@dataclass(frozen=True, slots=True)
class PathState:
    """One path as its hearer sees it."""

    node: int
    network: str
    heard: bool
    silent_ms: int
    """Since the last heartbeat there; -1 where there was none yet."""
    round_trip_us: int
    """Smoothed; -1 where none was measured yet."""
    expected: int
    """Heartbeats that should have come of late."""
    missing: int
    """Those of them that did not."""
    history: tuple[tuple[int, int], ...] = ()
    """Of a lost path: the last heartbeats heard there, each as serial number and milliseconds before the loss."""


@dataclass(slots=True)
class _Path:
    since: float
    at: float = 0.0
    first_serial: int = 0
    serials: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))
    last: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=HISTORY_MOST))
    round_trip_s: float = -1.0
    lost: bool = False
    history: tuple[tuple[int, int], ...] = ()


class Paths:
    """All paths of one node, which expects and misses heartbeats at the pace that it has towards each peer."""

    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self.history_length = 10
        self._paths: dict[tuple[int, str], _Path] = {}
        self._newest: dict[int, int] = {}
        self._starts: dict[int, int] = {}

    def retime(self, paces: Paces, now: float) -> None:
        """Wait for heartbeats at these paces from now on."""
        if paces != self._paces:
            self._paces = paces
            self.stalled(now)

    def learn(self, peers: dict[int, tuple[str, ...]], now: float) -> None:
        """Know exactly these paths; a new one is given S from now."""
        wanted = {(node, network) for node, networks in peers.items() for network in networks}
        self._paths = {key: self._paths.get(key) or _Path(since=now) for key in sorted(wanted)}

    def heard(self, node: int, network: str, start: int, serial: int, now: float) -> bool:
        """A heartbeat came; `start` tells the sender's runs apart. Tells whether the path was lost until now."""
        path = self._paths.get((node, network))
        if path is None:
            return False
        if self._starts.get(node) != start:
            self._starts[node] = start
            self._newest[node] = 0
            for (other, _), one in self._paths.items():
                if other == node:
                    one.serials.clear()
                    one.first_serial = 0
        path.first_serial = path.first_serial or serial
        path.serials.append(serial)
        path.last.append((serial, now))
        path.at = now
        self._newest[node] = max(self._newest.get(node, 0), serial)
        found, path.lost = path.lost, False
        return found

    def measured(self, node: int, network: str, round_trip_s: float) -> None:
        """A round trip was measured."""
        path = self._paths.get((node, network))
        if path is not None and round_trip_s >= 0:
            old = path.round_trip_s
            path.round_trip_s = round_trip_s if old < 0 else old + (round_trip_s - old) / SMOOTHING

    def look(self, now: float) -> bool:
        """Look at the time; tells whether a path was lost just now."""
        found = False
        for (node, _), path in self._paths.items():
            if not path.lost and now - max(path.at, path.since) >= self._paces.of(node).suspicion_s:
                path.lost = found = True
                kept = list(path.last)[-self.history_length :] if self.history_length else []
                path.history = tuple((serial, round((now - at) * 1000)) for serial, at in kept)
        return found

    def lost(self) -> frozenset[tuple[int, str]]:
        """Paths that are lost, as of the last look."""
        return frozenset(key for key, path in self._paths.items() if path.lost)

    def stalled(self, now: float) -> None:
        """This process stood still: what it did not hear meanwhile proves nothing."""
        for path in self._paths.values():
            path.since = now

    def states(self, now: float) -> tuple[PathState, ...]:
        """Every path, by node and network."""
        found = []
        for (node, network), path in self._paths.items():
            expected, missing = self._losses(node, path, now)
            found.append(
                PathState(
                    node,
                    network,
                    not path.lost,
                    round((now - path.at) * 1000) if path.at else -1,
                    round(path.round_trip_s * 1e6) if path.round_trip_s >= 0 else -1,
                    expected,
                    missing,
                    path.history if path.lost else (),
                )
            )
        return tuple(found)

    def _losses(self, node: int, path: _Path, now: float) -> tuple[int, int]:
        """Heartbeats that should have come of late, and those that did not.

        Known from the numbers that came on any path; where the peer is silent on all of them, from the time.
        """
        heartbeat_s = self._paces.of(node).heartbeat_s
        if not path.serials:
            expected = int((now - path.since) / heartbeat_s)
            return (min(expected, WINDOW), min(expected, WINDOW)) if expected > 1 else (0, 0)
        last_at = max(p.at for (other, _), p in self._paths.items() if other == node)
        overdue = max(0, int((now - last_at) / heartbeat_s) - 1)
        newest = self._newest[node] + overdue
        oldest = max(path.first_serial, newest - WINDOW + 1)
        came = len({serial for serial in path.serials if oldest <= serial <= newest})
        expected = newest - oldest + 1
        return expected, max(0, expected - came)
