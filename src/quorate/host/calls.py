"""The calls into resource types that are running now, as the keeper's thread sees them.

Owns: the table of running calls with their limits. Does not know what a call does or what follows when it overstays.
How it works: the loop's thread enters and leaves, the keeper's thread looks; a dict whose values are replaced whole
needs no lock for that.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from quorate.wire.lease_page import boot_time_s


@dataclass(frozen=True, slots=True)
class RunningCall:
    """One call: since when, and by when it must end (None: a pending call, which lives by its signs of progress)."""

    resource_id: str
    call: str
    since_s: float
    limit_s: float
    ends_by_s: float | None


class CallTable:
    """All running calls of one host."""

    def __init__(self) -> None:
        self._calls: dict[int, RunningCall] = {}
        self._numbers = itertools.count()

    @contextmanager
    def running(self, resource_id: str, call: str, limit_s: float, *, pending: bool = False) -> Iterator[None]:
        """Enter a call for the length of the block."""
        now_s = boot_time_s()
        number = next(self._numbers)
        self._calls[number] = RunningCall(resource_id, call, now_s, limit_s, None if pending else now_s + limit_s)
        try:
            yield
        finally:
            del self._calls[number]

    def cancelled(self, resource_id: str) -> None:
        """The pending calls of that resource have been cancelled and must now end within their limit."""
        now_s = boot_time_s()
        for number, call in list(self._calls.items()):
            if call.resource_id == resource_id and call.ends_by_s is None:
                self._calls[number] = replace(call, ends_by_s=now_s + call.limit_s)

    def overdue(self, now_s: float) -> RunningCall | None:
        """A call that has overstayed."""
        calls = list(self._calls.values())
        return next((call for call in calls if call.ends_by_s is not None and now_s > call.ends_by_s), None)

    def longest(self) -> RunningCall | None:
        """The call that has run longest; the likely offender when the loop itself stands still."""
        return min(list(self._calls.values()), key=lambda call: call.since_s, default=None)

    def shortest_limit_s(self) -> float | None:
        """The strictest limit among the running calls."""
        return min((call.limit_s for call in list(self._calls.values())), default=None)
