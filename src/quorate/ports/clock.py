"""The only doors to time and chance.

Owns: the `Clock` protocol. The system's is `adapters.clock`; the simulator has its own in `sim`.
Times are seconds on a clock that runs on through suspend (boot time). No wall clock is ever compared.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Boot time, wall time for people, and entropy."""

    def now(self) -> float:
        """Seconds since boot, suspend included; only differences mean anything."""
        ...

    def wall_time(self) -> str:
        """UTC in RFC 3339 with milliseconds, for people and records; never compared."""
        ...

    def entropy(self, count_bytes: int) -> bytes:
        """Unpredictable bytes."""
        ...
