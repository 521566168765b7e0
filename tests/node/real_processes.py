"""Real processes for tests of the sentinel's parts: small programs, waited for by handle, ended whatever happens.

Owns: a selector that is turned until something is so, within a limit that only a failing test reaches.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from quorate.adapters.process.proc import state_of

LIMIT_S = 20.0
"""Only a test that fails waits that long."""

SLEEPS = (sys.executable, "-c", "import signal; signal.pause()")
"""A program that does nothing until it is killed."""


def turn_until(selector: selectors.BaseSelector, so: Callable[[], bool]) -> None:
    """Let callbacks of the selector run until it is so."""
    deadline = time.monotonic() + LIMIT_S
    while not so():
        left = deadline - time.monotonic()
        assert left > 0, "nothing of the kind happened"
        for key, _ in selector.select(min(left, 0.05)):
            key.data()


def wait_until(so: Callable[[], bool]) -> None:
    """Until it is so; for what no descriptor tells of."""
    with selectors.DefaultSelector() as nothing:
        turn_until(nothing, so)


def gone(pid: int) -> bool:
    """No process of that number runs, a zombie apart."""
    return state_of(pid) in {"", "Z", "X"}


@contextmanager
def forked(*argv: str, session: bool = True) -> Iterator[int]:
    """A program of its own session; killed and reaped on the way out."""
    pid = os.posix_spawn(argv[0], argv, dict(os.environ), setsid=session)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
