"""Looks after this node's own member of the store, and tells the cluster where it does not serve (decision 0077).

Owns: the looks, the comparison of its data with the others', and the fact that is written. Does not know: what follows
from that (`control.status`, `control.rebuilding`).
How it works: the store serves on while one member fails, so the fact can be written through the others. It is guarded
by this node's membership and by what it replaces (rule 14), and written only where it changes. A member that was
started in the life of this service is not trusted before its data were compared: etcd reads what lies on the disk, and
does not notice a value that has changed there. Until then this node asks the others first, as far as it hears any.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from quorate.adapters.etcd.errors import GatewayError, NoAnswer, NotSent
from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.process.proc import start_time_ticks
from quorate.core.cluster_view import ClusterView
from quorate.core.member_health import MemberHealth, durations, judge, telling_line
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.records import Absent, Guard, Put, Unchanged
from quorate.model.store_member import MemberFact
from quorate.ports.store import Store, StoreError

LOOK_S: Final = 2.0
MEASURE_EVERY: Final = 15
"""Looks between two measurements of the disk."""
CHECK_S: Final = 900.0
CHECK_SOON_S: Final = 10.0
"""Where there was nobody to compare with, or something differed."""
FRESH_S: Final = 2.0
"""A process that is so little older than this service was started with it."""
TAIL_BYTES: Final = 64 << 10


class MemberWatch:
    """One node's eye on its member. `endpoint` is empty where the node has none."""

    def __init__(
        self,
        node: int,
        view: ClusterView,
        store: Store,
        gateway: Gateway,
        endpoint: Callable[[], str],
        others: Callable[[], Mapping[str, str]],
        trusting: Callable[[], None],
        prefix: str,
        log_file: Path,
        now: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._node = node
        self._view = view
        self._store = store
        self._gateway = gateway
        self._endpoint = endpoint
        self._others = others
        self._trusting = trusting
        self._prefix = prefix
        self._log_file = log_file
        self._now = now
        self._log = log
        self._health = MemberHealth()
        self._looks = 0
        self.trusted = True
        """Its data were compared since it started, or it has been running since before this service."""
        self._pid = 0
        self._began_s = now()
        self._check_at = self._began_s + CHECK_SOON_S
        self._differs = ""
        self._disagrees = ""

    async def run(self) -> None:
        """Look now and then."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StoreError:
                continue  # the store in trouble is told elsewhere; the fact follows

    async def look(self) -> None:
        """Ask the member, and write what differs. Raises StoreError."""
        endpoint = self._endpoint()
        if not endpoint:
            self._health.forget()
            self._differs, self._disagrees = "", ""
        else:
            try:
                await self._gateway.status(endpoint)
                self._health.looked(self._now(), answered=True)
                if self._now() >= self._check_at:
                    await self._compare(endpoint)
                await self._measure(endpoint)
            except (NotSent, NoAnswer):
                self._health.looked(self._now(), answered=False)
            except GatewayError:
                self._health.looked(self._now(), answered=True)  # it refuses, for want of a leader say: it is there
        await self._tell(bool(endpoint) and (self._health.fails(self._now()) or bool(self._differs)))

    def process(self, pid: int) -> None:
        """The number of the member's process, as the sentinel tells it; 0 where none runs."""
        if pid in {0, self._pid}:
            return
        fresh = bool(self._pid) or _age_s(pid, self._now()) < self._now() - self._began_s + FRESH_S
        self._pid = pid
        if fresh:
            self._differs, self._disagrees, self._check_at = "", "", self._now()
            self._trust(False)

    def _trust(self, trusted: bool) -> None:
        if trusted != self.trusted:
            self.trusted = trusted
            self._trusting()

    async def _compare(self, endpoint: str) -> None:
        """Compare what this member has with what the others have, as of one revision."""
        revision = self._view.position.revision
        if not revision:
            return
        own = await self._gateway.digest(endpoint, self._prefix, revision)
        others: dict[str, str] = {}
        for name, url in self._others().items():
            try:
                others[name] = await self._gateway.digest(url, self._prefix, revision)
            except GatewayError:
                continue  # it is down, or has not come so far
        distrusted, what = judge(own, others, len(self._view.authority.voters))
        self._differs, self._disagrees = (what, "") if distrusted else ("", what)
        self._trust(not what)
        self._check_at = self._now() + (CHECK_S if others and not what else CHECK_SOON_S)

    async def _measure(self, endpoint: str) -> None:
        self._looks += 1
        if self._looks % MEASURE_EVERY == 1:
            found = durations(await self._gateway.metrics(endpoint))
            if found is not None:
                self._health.measured(*found)

    async def _tell(self, fails: bool) -> None:
        member, known = self._view.authority.up().get(self._node), self._view.store_members.get(self._node)
        if member is None:
            return
        if known is not None and known.record.fails and fails:
            detail = known.record.detail  # as it was first told: a log goes on, and its last line changes
        else:
            detail = telling_line(await asyncio.to_thread(_tail, self._log_file)) if fails else ""
            detail = self._differs or detail
        fact = MemberFact(
            node=self._node,
            incarnation=member.record.incarnation,
            fails=fails,
            detail=detail,
            disagrees="" if fails else self._disagrees,
            slow_ms=0 if fails else self._health.slow_ms,
        )
        if known is not None and known.record == fact:
            return
        if known is None and not (fact.fails or fact.slow_ms or fact.disagrees):
            return  # nothing to say, and nothing was said
        key = keys.fact_store(self._node)
        guards: list[Guard] = [
            Unchanged(keys.member(self._node), member.revision),
            Absent(key) if known is None else Unchanged(key, known.revision),
        ]
        if fails:
            self._log(f"this node's member does not serve: {detail or 'it does not answer'}")
        await self._store.commit(guards, [Put(key, encode(fact))])


def _age_s(pid: int, now: float) -> float:
    """How long a process has run, on the boot-time clock; nothing where it has ended."""
    try:
        return now - start_time_ticks(pid) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def _tail(path: Path) -> list[str]:
    """The end of a log; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
