"""Exit statuses of every command (docs/reference/exit-statuses.md).

Owns: the numbers. Scripts build on them: a number never changes its meaning.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    """It was carried out and failed, or cannot be carried out now."""
    REFUSED = 2
    """Wrong usage, or the cluster refused it; nothing was changed."""
    PENDING = 3
    """Still under way when the time was over; it goes on."""
    NO_CLUSTER = 4
    """No connection, or there is no cluster here; nothing was sent."""
    UNKNOWN = 5
    """It was sent, and nobody knows what became of it."""
