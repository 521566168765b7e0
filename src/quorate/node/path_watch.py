"""When the service is told of the paths to the peers: at once when one is lost or back, else every second.

Owns: that rhythm, and one line of log for every path lost or back, with the last heartbeats of a lost one (spec/02
§4.1, rule 3). Does not know: how a path is measured (`core.paths`). Standard library only.
"""

from __future__ import annotations

from typing import Final

from quorate.core.paths import Paths, PathState
from quorate.node.process import log
from quorate.wire import sentinel_channel as channel

TELL_S: Final = 1.0


class PathWatch:
    """The telling about the paths of one sentinel."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._lost: frozenset[tuple[int, str]] = frozenset()
        self._tell_at = 0.0

    def tell_again(self) -> None:
        """A service has just connected: it knows nothing."""
        self._tell_at = 0.0

    def news(self, now: float) -> channel.Paths | None:
        """What the service is told now; None where it knows enough."""
        self._paths.look(now)
        lost = self._paths.lost()
        if lost == self._lost and now < self._tell_at:
            return None
        self._tell_at = now + TELL_S
        states = self._paths.states(now)
        if lost != self._lost:
            for state in states:
                self._log(state, was_lost=(state.node, state.network) in self._lost)
            self._lost = lost
        return channel.Paths(states)

    @staticmethod
    def _log(state: PathState, *, was_lost: bool) -> None:
        if state.heard and was_lost:
            log(f"node {state.node} is heard again over network {state.network}")
        elif not state.heard and not was_lost:
            last = ", ".join(f"no {serial} {ago} ms ago" for serial, ago in state.history) or "none were ever heard"
            log(f"node {state.node} is not heard over network {state.network}; last heartbeats: {last}")
