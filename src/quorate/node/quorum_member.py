"""The quorum resource's member as a process: started under the storage's lock, ended, missed.

Owns: the process. Does not know: when it should run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from quorate.wire.lease_page import boot_time_s
from quorate.wire.quorum_channel import DATA_FOLDER


class QuorumMember:
    """At most one process at a time. `ended` is called when it has ended, however."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._started_at = 0.0
        self.ran_s = 0.0
        """How long the last one ran."""

    @property
    def running(self) -> bool:
        """It has been started and has not ended."""
        return self._process is not None

    async def start(self, argv: tuple[str, ...], folder: Path, descriptors: tuple[int, ...]) -> None:
        """Start it; it inherits the descriptors and dies with this process."""
        words = [word.replace(DATA_FOLDER, str(folder)) for word in argv]
        self._started_at = boot_time_s()
        self._process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", "--", *words, stdin=asyncio.subprocess.DEVNULL, pass_fds=descriptors
        )
        self._watch = asyncio.create_task(self._wait(self._process), name="quorum member")

    async def end(self, *, limit_s: float) -> None:
        """End it, by force after the limit; returns when it has ended. Harmless where none runs."""
        process, watch = self._process, self._watch
        if process is None or watch is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if limit_s > 0:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limit_s):
                        await asyncio.shield(watch)
            if self._process is process:
                process.kill()
        await watch

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self.ran_s = boot_time_s() - self._started_at
        self._process = None
        self._ended()
