"""A process that a file names and that nobody of the cluster has started: found, recognised, ended.

Owns: the reading of such a file, and the certainty that it is the same program. Does not know: resources.
How it works: the process is pinned by a handle before its command is read, so that neither check nor signal can hit
another that has got its number since. A file left by a program that ran in a namespace of its own names a number of
that namespace; what has that number here is another program, and is left alone.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quorate.sdk.resource_type import ResourceFailed

LOOK_S: Final = 0.05
KILL_LIMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class StrayProcess:
    """One process, pinned by the handle `handle` until it is closed."""

    pid: int
    program: str
    handle: int

    def close(self) -> None:
        """Let go of it."""
        os.close(self.handle)

    async def end(self, first: signal.Signals, grace_s: float) -> None:
        """Ask it to end, kill it after the grace. Raises ResourceFailed where it is still there after that."""
        try:
            for number, limit_s in ((first, grace_s), (signal.SIGKILL, KILL_LIMIT_S)):
                signal.pidfd_send_signal(self.handle, number)
                if await self._gone(limit_s):
                    return
        except ProcessLookupError:
            return
        except PermissionError as problem:
            raise ResourceFailed(f"process {self.pid} ({self.program}) cannot be ended: {problem}") from problem
        finally:
            self.close()
        raise ResourceFailed(f"process {self.pid} ({self.program}) does not end")

    async def _gone(self, limit_s: float) -> bool:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + limit_s
        while not select.select([self.handle], [], [], 0)[0]:
            if loop.time() >= end_s:
                return False
            await asyncio.sleep(LOOK_S)
        return True


def find_stray(pid_file: str, program: str) -> StrayProcess | None:
    """The process that the file names, where it runs that program; None where anything is in doubt."""
    try:
        pid = int(Path(pid_file).read_text().split()[0])
        handle = os.pidfd_open(pid)
    except (OSError, ValueError, IndexError, OverflowError):
        return None
    name = os.path.basename(program)  # noqa: PTH119 - a word of a command line, no path of ours
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:2]
    except OSError:
        words = []
    # The second word too: a script stands behind its interpreter.
    if name in {os.path.basename(os.fsdecode(word)) for word in words}:  # noqa: PTH119
        return StrayProcess(pid, name, handle)
    os.close(handle)
    return None
