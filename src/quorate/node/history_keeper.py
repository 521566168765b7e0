"""Keeps the store small: history that nobody needs is forgotten, freed space goes back, alarms are told (design §3).

Owns: which history may go and when, the defragmentation of this node's member, and what members complain of.
Does not know: what is stored. How it works: the coordinator alone forgets history, and only what has been history for
`KEEP_S`: a watch that broke off can be resumed for that long, one that is older reads everything anew. Each node looks
after the file of its own member, in a minute of its own, and never while that member leads: it answers nothing then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.member import QUOTA_BYTES
from quorate.adapters.etcd.messages import Status
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.problems import Problem, error
from quorate.ports.store import StoreError
from quorate.wire.lease_page import boot_time_s

LOOK_S: Final = 60.0
KEEP_S: Final = 600.0
WASTE_LIMIT_BYTES: Final = 64 * 1024**2
NODES_LIMIT: Final = 64
FREE_PART: Final = 0.9
"""An alarm about space is withdrawn below this part of the quota."""


class History:
    """Which revisions are old enough to be forgotten."""

    def __init__(self, keep_s: float = KEEP_S) -> None:
        self._keep_s = keep_s
        self._seen: deque[tuple[float, int]] = deque()
        self._forgotten = 0

    def seen(self, revision: int, now: float) -> None:
        """The store has come this far."""
        if not self._seen or revision > self._seen[-1][1]:
            self._seen.append((now, revision))

    def due(self, now: float) -> int | None:
        """Everything up to this revision was replaced, or stood already, `keep_s` ago; None where nothing is new."""
        found = None
        while self._seen and now - self._seen[0][0] >= self._keep_s:
            found = self._seen.popleft()[1]
        if found is None or found <= self._forgotten:
            return None
        self._forgotten = found
        return found


def wastes(status: Status) -> bool:
    """More than half of a large file holds nothing."""
    waste = status.dbSize - status.dbSizeInUse
    return waste > WASTE_LIMIT_BYTES and 2 * waste > status.dbSize


class HistoryKeeper:
    """The housekeeping of one node.

    `endpoint` is that of its own member, empty where it has none; `revision` is how far the replica has come.
    """

    def __init__(
        self,
        node: int,
        store: EtcdStore,
        gateway: Gateway,
        endpoint: Callable[[], str],
        revision: Callable[[], int],
        leads: Callable[[], bool],
        log: Callable[[str], None],
    ) -> None:
        self.problems: tuple[Problem, ...] = ()
        """What members complain of, as seen at the last look."""
        self._node = node
        self._store = store
        self._gateway = gateway
        self._endpoint = endpoint
        self._revision = revision
        self._leads = leads
        self._log = log
        self._history = History()
        self._looks = 0

    async def run(self) -> None:
        """Look once a minute."""
        while True:
            try:
                await self.look(boot_time_s())
            except (GatewayError, StoreError) as problem:
                self._log(f"housekeeping of the store is put off: {problem}")
            await asyncio.sleep(LOOK_S)

    async def look(self, now: float) -> None:
        """Forget, give back, and ask for alarms, each where it is due. Raises GatewayError and StoreError."""
        self._looks += 1
        self._history.seen(self._revision(), now)
        due = self._history.due(now)
        if due is not None and self._leads():
            await self._store.compact(due)
        await self._tidy()
        await self._ask_alarms()

    async def _tidy(self) -> None:
        endpoint = self._endpoint()
        if not endpoint or self._looks % NODES_LIMIT != self._node % NODES_LIMIT:
            return
        status = await self._gateway.status(endpoint)
        if wastes(status) and status.leader not in {0, status.header.member_id}:
            self._log(f"the store's file holds {status.dbSize - status.dbSizeInUse} bytes of nothing: defragmented")
            await self._gateway.defragment(endpoint)

    async def _ask_alarms(self) -> None:
        alarms = await self._gateway.alarms()
        if not alarms:
            self.problems = ()
            return
        found = []
        names = {member.id: member.name for member in await self._gateway.members()}
        for alarm in alarms:
            name = names.get(alarm.memberID, f"{alarm.memberID:x}")
            if alarm.alarm == "NOSPACE":
                if self._leads() and await self._has_space():
                    await self._gateway.withdraw_alarm(alarm.memberID, alarm.alarm)
                    continue
                remedy = "free space on its disk; history is forgotten by itself, and the alarm withdrawn then"
                found.append(error("store_no_space", f"member {name} of the store is full", remedy=remedy))
            elif alarm.alarm == "CORRUPT":
                remedy = "stop that node, keep its data directory for study, and let it join anew"
                found.append(error("store_corrupt", f"member {name} of the store has damaged data", remedy=remedy))
        self.problems = tuple(found)

    async def _has_space(self) -> bool:
        for endpoint in self._gateway.in_order():
            if (await self._gateway.status(endpoint)).dbSize > FREE_PART * QUOTA_BYTES:
                return False
        return True
