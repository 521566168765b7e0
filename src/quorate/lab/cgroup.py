"""Control groups, version 2: every process of a machine together, to be counted, frozen and killed at once.

Owns: the few files of the kernel's interface that a lab needs. Does not know: what a machine is.
How it works: freezing and killing need no controller, so nothing in the tree above is changed. Waiting is waiting for
the kernel's own notice in `cgroup.events`.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path
from typing import Final

WAIT_LIMIT_S: Final = 10.0


def find_root() -> Path | None:
    """Where version 2 is mounted and writable; None without."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(place, os.W_OK):
            return Path(place)
    return None


def processes(group: Path) -> list[int]:
    """Process ids in the group and below it."""
    found: list[int] = []
    for folder, _, _ in os.walk(group):
        with contextlib.suppress(OSError):  # it may vanish meanwhile
            found += [int(line) for line in (Path(folder) / "cgroup.procs").read_text().split()]
    return found


def freeze(group: Path, *, frozen: bool) -> None:
    """Stop or resume everything in the group; returns when the kernel says that it is so."""
    (group / "cgroup.freeze").write_text("1" if frozen else "0")
    _wait(group, "frozen", "1" if frozen else "0")


def is_frozen(group: Path) -> bool:
    """Whether the group is stopped."""
    try:
        return (group / "cgroup.freeze").read_text().strip() == "1"
    except FileNotFoundError:
        return False


def kill(group: Path) -> bool:
    """SIGKILL for everything in the group, frozen or not; whether it is empty afterwards."""
    with contextlib.suppress(FileNotFoundError):
        (group / "cgroup.kill").write_text("1")
    return _wait(group, "populated", "0")


def remove(group: Path) -> bool:
    """Kill what is in it, then remove it and all below it; whether it is gone. Gone already is good."""
    if not group.exists():
        return True
    if not kill(group):
        return False
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(folder)  # noqa: PTH106 - os.walk gives strings
    return not group.exists()


def _wait(group: Path, key: str, value: str) -> bool:
    """Until the kernel reports this value; False when it does not within the limit."""
    try:
        events = os.open(group / "cgroup.events", os.O_RDONLY)
    except FileNotFoundError:
        return True
    deadline_s = time.monotonic() + WAIT_LIMIT_S
    try:
        poller = select.poll()
        poller.register(events, select.POLLPRI)
        while True:
            told = dict(line.split() for line in os.pread(events, 4096, 0).decode().splitlines())
            if told.get(key) == value:
                return True
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            poller.poll(left_s * 1000)
    except OSError:  # ENODEV: the group was removed
        return True
    finally:
        os.close(events)
