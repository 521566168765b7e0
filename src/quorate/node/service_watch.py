"""Whether the service process must be killed: it shows no life, or has not shown any since it was started (design §2).

Owns: when the service was started and when it last showed life. Does not know: the coordinator's role; that resigns by
`core.authority.lease`, sooner. Standard library only.
"""

from __future__ import annotations

from typing import Final

START_LIMIT_S: Final = 20.0
"""A service that has shown no life so long after its start hangs: reading its files and connecting takes a second."""


class ServiceWatch:
    """One service process at a time. All times are boot-time seconds."""

    def __init__(self, hang_limit_s: float) -> None:
        self._hang_limit_s = hang_limit_s
        self._since = 0.0
        self._limit_s: float | None = None

    def started(self, now: float) -> None:
        """A process was started; it has not shown life yet."""
        self._since, self._limit_s = now, START_LIMIT_S

    def progress(self, now: float) -> None:
        """It lives."""
        if self._limit_s is not None:
            self._since, self._limit_s = now, self._hang_limit_s

    def stalled(self, now: float) -> None:
        """The watcher itself stood still, as on a frozen machine: silence of that time proves nothing."""
        self._since = now

    def gone(self) -> None:
        """It has ended, or is being ended: nothing to watch until the next start."""
        self._limit_s = None

    def deadline(self) -> float | None:
        """When it will have been silent for too long."""
        return self._since + self._limit_s if self._limit_s is not None else None

    def silent_s(self, now: float) -> float | None:
        """How long it has been silent, where that is too long. Told once: then it is taken for gone."""
        if self._limit_s is None or now - self._since < self._limit_s:
            return None
        self.gone()
        return now - self._since
