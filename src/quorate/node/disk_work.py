"""Work on a disk that may be slow or hang, in a thread of its own, so that it hangs nobody else.

Owns: the thread, and the limit after which it counts as silent. Does not know: what is done.
How it works: one piece of work at a time; while one hangs, every further one fails at once, so threads never pile up.
The thread is a daemon: a service that ends does not wait for a dead disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DiskSilent(Exception):
    """The disk has not answered in time; what was asked of it may still be done."""


class DiskWork:
    """One disk's thread. `name` is how errors call it."""

    def __init__(self, name: str, limit_s: float) -> None:
        self._name = name
        self._limit_s = limit_s
        self._busy: asyncio.Future[object] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Do it. Raises DiskSilent, and whatever the work raises."""
        if self._busy is not None and not self._busy.done():
            raise DiskSilent(f"{self._name} does not answer")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._busy = done  # type: ignore[assignment] # only asked whether it is done

        def settle(result: T | None, problem: BaseException | None) -> None:
            if done.done():
                return
            if problem is not None:
                done.set_exception(problem)
            else:
                done.set_result(result)  # type: ignore[arg-type] # what the work returned

        def carry_out() -> None:
            try:
                result, problem = work(), None
            except BaseException as raised:  # noqa: BLE001 - it belongs to whoever asked
                result, problem = None, raised
            try:
                loop.call_soon_threadsafe(settle, result, problem)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

        threading.Thread(target=carry_out, name=self._name, daemon=True).start()
        try:
            return await asyncio.wait_for(asyncio.shield(done), self._limit_s)
        except TimeoutError as late:
            done.add_done_callback(lambda future: future.cancelled() or future.exception())
            raise DiskSilent(f"{self._name} has not answered for {self._limit_s:g} s") from late
