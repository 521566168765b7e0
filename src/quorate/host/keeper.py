"""A thread beside the loop that ends the host when the loop cannot be trusted to.

Owns: watching the lease page (design §2(a)), the table of running calls and the loop itself (spec/04 section 1.1);
the exit of the process when one of them demands it.
Does not know: resources or channels. It tells the loop through one callback, and acts alone only when that does not
help.
How it works: it wakes at the end of the lease and at least every NAP_LIMIT_S. When the lease under which something
was started is over it tells the loop, which ends that; if any of it is still held END_LIMIT later, it ends the process,
and the kernel ends every contained process with it. When a call overstays, or the loop itself does not answer for as
long as the strictest running call may last, it writes the stacks of all threads to standard error, names the offender
in a file beside the socket, and ends the process.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quorate.host.calls import CallTable, RunningCall
from quorate.wire.host_channel import EXIT_DEADLOCK, EXIT_LEASE_OVER
from quorate.wire.lease_page import LeaseReader, boot_time_s

NAP_LIMIT_S: Final = 0.05
"""The longest sleep: the lease may be revoked at any time, and sleeping does not count time spent suspended."""

PING_INTERVAL_S: Final = 0.5


class Keeper:
    """The thread. `on_lease_over` is called in the loop with the resources that must end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        calls: CallTable,
        lease: LeaseReader | None,
        end_limit_s: float,
        offender_path: Path,
        on_lease_over: Callable[[frozenset[str]], None],
    ) -> None:
        self._loop = loop
        self._calls = calls
        self._lease = lease
        self._end_limit_s = end_limit_s
        self._offender_path = offender_path
        self._on_lease_over = on_lease_over
        self._started_under: dict[str, int] = {}
        """What would have to be gone at the end of the lease, and the incarnation under which each was started."""
        self.chores: list[Callable[[float, bool], None]] = []
        """Called in this thread at every round with the time and whether the lease holds; must be quick."""
        self._lease_held = True
        self._over: frozenset[str] = frozenset()
        self._over_since_s = 0.0
        self._ping_sent_s: float | None = None
        self._ping_answered_s = boot_time_s()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; the loop may still be running."""
        self._stop.set()
        self._thread.join()

    def lease_holds(self) -> bool:
        """Whether anything may be brought online or taken hold of now."""
        return self._lease is None or self._lease.read().holds_at(boot_time_s())

    def hold(self, resource_id: str) -> None:
        """This resource must be gone at the end of the lease under which it starts now."""
        if resource_id not in self._started_under:
            # Noted here, not at the thread's next round: by then the lease may be another incarnation's.
            self._started_under[resource_id] = 0 if self._lease is None else self._lease.read().incarnation_hash

    def let_go(self, resource_id: str) -> None:
        """Nothing of this resource is left that would have to be gone."""
        self._started_under.pop(resource_id, None)

    def _run(self) -> None:
        nap_s = 0.0
        while not self._stop.wait(nap_s):
            now_s = boot_time_s()
            nap_s = min(NAP_LIMIT_S, self.check_lease(now_s))
            self._check_calls(now_s)
            self._check_loop(now_s)
            for chore in self.chores:
                chore(now_s, self._lease_held)

    def check_lease(self, now_s: float) -> float:
        """See to the lease; seconds until it ends, as far as known now. The thread does it, at every round."""
        if self._lease is None:
            return NAP_LIMIT_S
        lease = self._lease.read()
        started = self._started_under.copy()
        # What runs belongs to the incarnation under which it was started; a new one starts with nothing (design §4
        # rule 3).
        holds = lease.holds_at(now_s)
        over = frozenset(one for one, under in started.items() if not holds or under != lease.incarnation_hash)
        self._lease_held = holds and not over
        if not over:
            self._over = over
            return max(lease.lease_until_s - now_s, 0.001) if started else NAP_LIMIT_S
        if not self._over:
            self._over_since_s = now_s
        if over - self._over:
            self._tell(lambda: self._on_lease_over(over))
        self._over = over
        if now_s > self._over_since_s + self._end_limit_s:
            _end(EXIT_LEASE_OVER, lambda: _say(f"lease over, still held: {', '.join(sorted(over))}"))
        return 0.005

    def _check_calls(self, now_s: float) -> None:
        overdue = self._calls.overdue(now_s)
        if overdue is not None:
            self._deadlock(overdue, now_s)

    def _check_loop(self, now_s: float) -> None:
        if self._ping_sent_s is None:
            if now_s >= self._ping_answered_s + PING_INTERVAL_S:
                self._ping_sent_s = now_s
                self._tell(self._answer_ping)
            return
        limit_s = self._calls.shortest_limit_s()
        offender = self._calls.longest()
        if limit_s is not None and offender is not None and now_s > self._ping_sent_s + limit_s:
            self._deadlock(offender, now_s)

    def _answer_ping(self) -> None:
        self._ping_answered_s = boot_time_s()
        self._ping_sent_s = None

    def _tell(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            self._stop.set()  # the loop is closed: the host is ending

    def _deadlock(self, offender: RunningCall, now_s: float) -> None:
        """Say who it was, then end the process."""
        lasted_s = round(now_s - offender.since_s, 3)
        named = {"resource_id": offender.resource_id, "call": offender.call, "lasted_s": lasted_s}

        def tell() -> None:
            self._offender_path.write_text(json.dumps(named))
            _say(f"deadlock: {named}")
            faulthandler.dump_traceback(file=sys.stderr, all_threads=True)

        _end(EXIT_DEADLOCK, tell)


def _say(text: str) -> None:
    print(f"quorate host: {text}", file=sys.stderr, flush=True)  # noqa: T201 - it has no other voice any more


def _end(code: int, tell: Callable[[], None]) -> None:
    """End this process, whatever becomes of its last words: a full disk must not keep it alive."""
    try:
        tell()
    finally:
        os._exit(code)
