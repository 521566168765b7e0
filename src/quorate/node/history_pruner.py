"""Old audit records, what they replaced, and spent tokens are forgotten by the node that leads (decision 0073).

Owns: the reading and the guarded deletions. Does not know: what may go (`core.pruning`).
How it works: once an hour while it leads. Audit record and former values go in one transaction with the floor that
says how far history was forgotten, guarded by the coordinator's record; one that fails is tried at the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.core.pruning import Entry, forgettable, spent_tokens
from quorate.model import keys
from quorate.model.base import Damaged, decode, encode
from quorate.model.enrolment import TokenRecord
from quorate.model.history import HistoryFloor
from quorate.model.records import Delete, Put, Snapshot, Unchanged, Write
from quorate.ports.store import Store, StoreError

FIRST_S: Final = 120.0
LOOK_S: Final = 3600.0
READ_LIMIT_S: Final = 15.0
BATCH: Final = 400
"""Records of one transaction; two deletions each."""


class HistoryPruner:
    """The forgetting, as this node does it while it leads."""

    def __init__(
        self,
        view: ClusterView,
        store: Store,
        leads: Callable[[], bool],
        wall_s: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._view = view
        self._store = store
        self._leads = leads
        self._wall_s = wall_s
        self._log = log

    async def run(self) -> None:
        """Look once an hour."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.look()
            except StoreError as problem:
                self._log(f"old history is not forgotten yet: {problem}")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Forget what is old or too much. Raises StoreError."""
        known, coordinator = self._view.cluster, self._view.authority.coordinator
        if known is None or coordinator is None or not self._leads():
            return
        guard, cluster = Unchanged(keys.COORDINATOR, coordinator.revision), known.record
        snapshot = await self._store.read(prefixes=(keys.AUDIT, keys.TOKEN), timeout_s=READ_LIMIT_S)
        gone = forgettable(
            (
                Entry(item.key.removeprefix(keys.AUDIT), item.mod_revision)
                for item in snapshot.items
                if item.key.startswith(keys.AUDIT)
            ),
            self._wall_s(),
            keep_days=cluster.history_keep_days,
            keep_number=cluster.history_keep_number,
        )
        for first in range(0, len(gone), BATCH):
            part = gone[first : first + BATCH]
            writes: list[Write] = [Delete(prefix + entry.id) for entry in part for prefix in (keys.AUDIT, keys.PAST)]
            writes.append(Put(keys.HISTORY_FLOOR, encode(HistoryFloor(revision=part[-1].revision))))
            if not (await self._store.commit([guard], writes)).succeeded:
                return
        spent = spent_tokens(
            _tokens(snapshot),
            self._wall_s(),
            keep_days=cluster.token_keep_days,
            keep_number=cluster.token_keep_number,
        )
        for first in range(0, len(spent), BATCH):
            await self._store.commit([guard], [Delete(key) for key in spent[first : first + BATCH]])
        if gone or spent:
            self._log(f"forgotten: {len(gone)} records of history, {len(spent)} tokens")


def _tokens(snapshot: Snapshot) -> list[tuple[str, TokenRecord]]:
    """The tokens that can be read; a damaged one is left for a person to look at."""
    found = []
    for item in snapshot.items:
        if item.key.startswith(keys.TOKEN):
            try:
                found.append((item.key, decode(item.value, TokenRecord, item.key)))
            except Damaged:
                continue
    return found
