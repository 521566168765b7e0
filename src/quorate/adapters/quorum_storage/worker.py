"""Work on storage that may hang, in one thread, so that it hangs nobody else.

Owns: the thread, and the limit after which an answer counts as lost. Does not know: what is done.
While one piece of work hangs every further one fails at once: the storage does not answer, and threads do not pile up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from quorate.ports.quorum_storage import StorageLost

T = TypeVar("T")


class Worker:
    """The thread of one storage. `name` is how errors call the storage."""

    def __init__(self, name: str, limit_s: float, failures: tuple[type[Exception], ...]) -> None:
        """`failures` are what work may raise beside OSError where the storage is to blame."""
        self._name = name
        self._limit_s = limit_s
        self._failures: tuple[type[Exception], ...] = (OSError, *failures)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="quorum-storage")
        self._hangs: Callable[[], bool] = lambda: False

    async def run(self, work: Callable[[], T]) -> T:
        """Do it. Raises StorageLost where it fails or takes too long; whatever else it raises comes through."""
        if self._hangs():
            raise StorageLost(f"{self._name} does not answer")
        task = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            return await asyncio.wait_for(asyncio.shield(task), self._limit_s)
        except TimeoutError as problem:
            self._hangs = lambda: not task.done()
            task.add_done_callback(_forget)
            raise StorageLost(f"{self._name} has not answered for {self._limit_s:g} s") from problem
        except self._failures as problem:
            raise StorageLost(f"{self._name}: {problem}") from problem


def _forget(late: asyncio.Future[T]) -> None:
    """Whoever asked has gone; what became of it is seen at the next look."""
    if not late.cancelled():
        late.exception()
