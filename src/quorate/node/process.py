"""What the sentinel asks of the kernel for itself, and where it writes.

Owns: memory locking, scheduling, the out-of-memory score, being alone, and one plain line per event.
Standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_MCL_CURRENT: Final = 1
_MCL_FUTURE: Final = 2
_MCL_ONFAULT: Final = 4

OPEN_FILES_LIMIT: Final = 65536
"""One handle per process that resources hold, and a connection per host and service; children inherit it."""

ASK_AGAIN_S: Final = 0.05
"""Between looks at a lock that another holds: a lock with a limit has no call of its own."""


def log(text: str, who: str = "sentinel") -> None:
    """Write one line for people: UTC time, who says it, and text."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    try:
        sys.stderr.write(f"{stamp}Z {who}: {text}\n")
        sys.stderr.flush()
    except OSError:
        pass  # a full disk, or a terminal that has gone, must not end the node


def hold_alone(path: Path, limit_s: float) -> bool:
    """Be the only one who holds that file until this process ends, however it ends; False where another stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # closed by the kernel, at our end
    deadline_s = time.monotonic() + limit_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline_s:
                os.close(descriptor)
                return False
            time.sleep(ASK_AGAIN_S)
        else:
            return True


def is_held(path: Path) -> bool:
    """Whether a process holds that file alone now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def harden(*, lock_memory: bool, realtime_priority: int) -> None:
    """Lock memory on fault, ask for real-time scheduling, be the last to be killed for memory, and have handles enough.

    Says what failed.
    """
    if lock_memory and ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        log("memory cannot be locked (needs CAP_IPC_LOCK); a swapped-out sentinel may lose its lease")
    if realtime_priority > 0:
        try:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(min(realtime_priority, 99)))
        except OSError:
            log("no real-time priority (needs CAP_SYS_NICE); a busy machine may delay heartbeats")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPEN_FILES_LIMIT)), hard))
    try:
        Path("/proc/self/oom_score_adj").write_text("-1000")
    except OSError:
        log("the out-of-memory score cannot be lowered (needs CAP_SYS_RESOURCE)")
