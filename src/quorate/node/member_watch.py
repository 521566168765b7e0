"""Looks after this node's own member of the store, and tells the cluster where it does not serve (decision 0077).

Owns: the looks, and the fact that is written. Does not know: what follows (`control.status`, `control.rebuilding`).
How it works: the store serves on while one member fails, so the fact can be written through the others. It is guarded
by this node's membership and by what it replaces (rule 14), and written only where it changes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quorate.adapters.etcd.errors import GatewayError, NoAnswer, NotSent
from quorate.adapters.etcd.gateway import Gateway
from quorate.core.cluster_view import ClusterView
from quorate.core.member_health import MemberHealth, durations, telling_line
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.records import Absent, Guard, Put, Unchanged
from quorate.model.store_member import MemberFact
from quorate.ports.store import Store, StoreError

LOOK_S: Final = 2.0
MEASURE_EVERY: Final = 15
"""Looks between two measurements of the disk."""
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
        log_file: Path,
        now: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._node = node
        self._view = view
        self._store = store
        self._gateway = gateway
        self._endpoint = endpoint
        self._log_file = log_file
        self._now = now
        self._log = log
        self._health = MemberHealth()
        self._looks = 0

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
        else:
            try:
                await self._gateway.status(endpoint)
                self._health.looked(self._now(), answered=True)
                await self._measure(endpoint)
            except (NotSent, NoAnswer):
                self._health.looked(self._now(), answered=False)
            except GatewayError:
                self._health.looked(self._now(), answered=True)  # it refuses, for want of a leader say: it is there
        await self._tell(bool(endpoint) and self._health.fails(self._now()))

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
        fact = MemberFact(
            node=self._node,
            incarnation=member.record.incarnation,
            fails=fails,
            detail=detail,
            slow_ms=0 if fails else self._health.slow_ms,
        )
        if known is not None and known.record == fact:
            return
        if known is None and not (fact.fails or fact.slow_ms):
            return  # nothing to say, and nothing was said
        key = keys.fact_store(self._node)
        guards: list[Guard] = [
            Unchanged(keys.member(self._node), member.revision),
            Absent(key) if known is None else Unchanged(key, known.revision),
        ]
        if fails:
            self._log(f"this node's member does not serve: {detail or 'it does not answer'}")
        await self._store.commit(guards, [Put(key, encode(fact))])


def _tail(path: Path) -> list[str]:
    """The end of a log; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
