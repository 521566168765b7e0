"""The processes of one node below the sentinel: started, watched, started again, ended (design §2).

Owns: the table of children by name. Does not know: what they are for. Standard library only.
How it works: a child is forked from the single-threaded sentinel, dies with it (parent-death signal), writes to a log
file, and is watched through a pid handle. A child that ends by itself is started again, at once the first time and
with a growing pause when it keeps ending.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quorate.adapters.process.proc import state_of
from quorate.node.process import log

_PR_SET_PDEATHSIG: Final = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

PAUSE_FIRST_S: Final = 0.05
PAUSE_LIMIT_S: Final = 5.0
STEADY_S: Final = 10.0
"""A child that ran that long has recovered: its next restart is quick again."""

LOG_LIMIT_BYTES: Final = 16 << 20
HOLD_BACK_S: Final = 0.02
START_AGAIN_S: Final = 0.5
STOPPED_LIMIT_S: Final = 10.0
"""A stopped process neither works nor ends; nobody else would ever notice."""


@dataclass(slots=True)
class Child:
    """One process, or the wish for one."""

    name: str
    argv: tuple[str, ...]
    oom_score: int
    pid: int = 0
    handle: int = -1
    started_at: float = 0.0
    start_at: float | None = None
    pause_s: float = 0.0
    stopping: bool = False
    environment: dict[str, str] = field(default_factory=dict)


class Children:
    """All children. `on_started` and `on_ended` get the name; `on_ended` also the wait status."""

    def __init__(
        self,
        folder: Path,
        on_started: Callable[[Child], None],
        on_ended: Callable[[Child, int], None],
        may_start: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`may_start` tells of a child by name whether it may start now; one that may not is asked about again."""
        self._log = folder
        self._on_started = on_started
        self._on_ended = on_ended
        self._may_start = may_start
        self.table: dict[str, Child] = {}
        self._stopped_since: dict[tuple[str, int], float] = {}

    def keep(self, name: str, argv: tuple[str, ...], now: float, *, oom_score: int = 0) -> None:
        """Keep a process of that name running; the same arguments again are harmless."""
        child = self.table.get(name)
        if child is not None and child.argv == argv and not child.stopping:
            return
        if child is not None and child.pid:
            child.argv, child.stopping = argv, False  # takes effect when it next starts
            return
        self.table[name] = Child(name, argv, oom_score, start_at=now)
        self.start_due(now)

    def end(self, name: str, number: int = signal.SIGTERM) -> None:
        """End it and keep it ended."""
        child = self.table.get(name)
        if child is not None:
            child.stopping, child.start_at = True, None
            self.kill(name, number)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal; what ends by it is started again unless it is being ended."""
        child = self.table.get(name)
        if child is not None and child.handle >= 0:
            try:
                signal.pidfd_send_signal(child.handle, number)
            except ProcessLookupError:
                return

    def running(self) -> dict[str, int]:
        """Process ids by name."""
        return {name: child.pid for name, child in self.table.items() if child.pid}

    def deadline(self) -> float | None:
        """When the next child is to be started."""
        return min((c.start_at for c in self.table.values() if c.start_at is not None), default=None)

    def start_due(self, now: float) -> None:
        """Start what is due."""
        for child in self.table.values():
            if child.start_at is not None and now >= child.start_at and not child.pid:
                child.start_at = None if self._may_start(child.name) else now + HOLD_BACK_S
                if child.start_at is None:
                    self._start(child, now)

    def reap(self, name: str, now: float) -> None:
        """The handle of that child became readable: it has ended."""
        child = self.table[name]
        _, status = os.waitpid(child.pid, 0)
        os.close(child.handle)
        child.pid, child.handle = 0, -1
        if not child.stopping:
            steady = now - child.started_at >= STEADY_S
            child.pause_s = 0.0 if steady or child.pause_s == 0.0 else min(child.pause_s * 2, PAUSE_LIMIT_S)
            child.start_at = now + child.pause_s
            child.pause_s = child.pause_s or PAUSE_FIRST_S
        self._on_ended(child, status)

    def stopped(self, now: float) -> list[str]:
        """Children that somebody stopped (SIGSTOP) and that have stood still for `STOPPED_LIMIT_S`, as seen here."""
        still = [item for item in self.running().items() if state_of(item[1]) == "T"]
        self._stopped_since = {item: self._stopped_since.get(item, now) for item in still}
        return [name for (name, _), since in self._stopped_since.items() if now - since >= STOPPED_LIMIT_S]

    def _start(self, child: Child, now: float) -> None:
        path = self._log / f"{child.name}.log"
        try:
            self._log.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
                path.replace(path.with_suffix(".log.1"))
        except OSError as problem:
            log(f"{path}: {problem}")
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as problem:  # no process is left to be had: that must not end those that there are
            log(f"{child.name} cannot be started: {problem}; tried again")
            child.start_at = now + START_AGAIN_S
            return
        if pid == 0:
            self._become(child, path, parent)
        try:
            handle = os.pidfd_open(pid)
        except OSError as problem:
            log(f"{child.name} cannot be watched: {problem}; it is ended and tried again")
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            child.start_at = now + START_AGAIN_S
            return
        child.pid, child.handle, child.started_at = pid, handle, now
        self._on_started(child)

    @staticmethod
    def _become(child: Child, output_path: Path, parent: int) -> None:
        """Runs in the child: never returns."""
        try:
            os.setsid()
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            try:
                output = os.open(output_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            except OSError:  # a process without a log is better than none
                output = os.open(os.devnull, os.O_WRONLY)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            try:
                score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
                os.write(score, str(child.oom_score).encode())
                os.close(score)
            except OSError:
                pass  # not root: the kernel's default stands
            os.execve(child.argv[0], list(child.argv), {**os.environ, **child.environment})  # noqa: S606
        except OSError as problem:
            os.write(2, f"{child.argv[0]}: {problem}\n".encode())
        finally:
            os._exit(127)
