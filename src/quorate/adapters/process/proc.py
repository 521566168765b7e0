"""What /proc says of one process.

Owns: the form of /proc/<pid>/stat, whose second field may hold anything, blanks and brackets included. Does not know:
why anybody asks. Standard library only, and little of it: sentinel, process helper and first processes load it.
"""

from __future__ import annotations

from pathlib import Path


def stat_fields(pid: int) -> list[str]:
    """The fields from the third one, the state, on. Raises OSError where there is no such process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def state_of(pid: int) -> str:
    """The state as one letter: T stopped by a signal, Z ended and not asked for yet; empty where there is none."""
    try:
        return stat_fields(pid)[0]
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    """Its parent's number. Raises OSError where there is no such process."""
    return int(stat_fields(pid)[1])


def start_time_ticks(pid: int) -> int:
    """When it was started, in clock ticks since boot: tells it from a later one of the same number. Raises OSError."""
    return int(stat_fields(pid)[19])


def processor_ticks(pid: int) -> int:
    """User and system time so far, in clock ticks. Raises OSError."""
    fields = stat_fields(pid)
    return int(fields[11]) + int(fields[12])
