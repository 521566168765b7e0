"""Scheduled backups, made by the node that leads (decision 0074).

Owns: making them in time, keeping their number, and writing down what came of it. Does not know: what is due
(`core.backup_schedule`), or what goes into one (`control.backup`).
How it works: looks every few seconds while it leads. The standing is one record, guarded by what it replaces and by the
coordinator's record, so two nodes that both believe to lead write it once. The file is written first: a
standing that says "made" names a whole file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from quorate.adapters.backup_files import write_backup
from quorate.adapters.scheduled_backups import remove_surplus, scheduled_name
from quorate.core.backup_schedule import is_due
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.backup import BackupArchive, BackupStanding
from quorate.model.base import encode, replace
from quorate.model.nodes import ClusterSpec
from quorate.model.records import Absent, Guard, Put, Unchanged
from quorate.node.disk_work import DiskSilent, DiskWork
from quorate.ports.store import Store, StoreError

LOOK_S: Final = 5.0
DISK_LIMIT_S: Final = 60.0


class BackupKeeper:
    """The schedule, as this node keeps it while it leads. `take` makes an archive; it may raise any Exception."""

    def __init__(
        self,
        node: int,
        view: ClusterView,
        store: Store,
        leads: Callable[[], bool],
        take: Callable[[], Awaitable[BackupArchive]],
        wall_s: Callable[[], float],
        wall: Callable[[], str],
        log: Callable[[str], None],
    ) -> None:
        self._node = node
        self._view = view
        self._store = store
        self._leads = leads
        self._take = take
        self._wall_s = wall_s
        self._wall = wall
        self._log = log
        self._disk = DiskWork("the folder of scheduled backups", DISK_LIMIT_S)

    async def run(self) -> None:
        """Look now and then."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StoreError as problem:
                self._log(f"the standing of scheduled backups is not written: {problem}")

    async def look(self) -> None:
        """Make a backup where one is due. Raises StoreError."""
        known, coordinator = self._view.cluster, self._view.authority.coordinator
        if known is None or coordinator is None or not self._leads():
            return
        former = self._view.backup
        standing = former.record if former is not None else BackupStanding()
        now_s = self._wall_s()
        if not is_due(known.record, standing, now_s):
            return
        made = await self._make(known.record, standing, now_s)
        guards: list[Guard] = [
            Unchanged(keys.COORDINATOR, coordinator.revision),
            Absent(keys.BACKUP) if former is None else Unchanged(keys.BACKUP, former.revision),
        ]
        await self._store.commit(guards, [Put(keys.BACKUP, encode(made))])

    async def _make(self, cluster: ClusterSpec, standing: BackupStanding, now_s: float) -> BackupStanding:
        folder = Path(cluster.backup_folder)
        try:
            archive = await self._take()
            path = await self._disk.run(lambda: _write(folder, archive))
        except Exception as problem:  # noqa: BLE001 - a schedule that fails ends nothing else, and says so
            return self._failed(standing, now_s, problem)
        manifest = archive.manifest
        self._log(f"scheduled backup: {path}")
        try:
            await self._disk.run(lambda: remove_surplus(folder, cluster.id, cluster.backup_keep, now_s))
        except (DiskSilent, OSError) as problem:
            self._log(f"old scheduled backups in {folder} cannot be removed: {problem}")
        return BackupStanding(
            tried_at_s=now_s,
            at_s=now_s,
            at=manifest.at,
            node=node_name(self._view, self._node),
            path=str(path),
            revision=manifest.revision,
            size_bytes=len(archive.archive),
        )

    def _failed(self, standing: BackupStanding, now_s: float, problem: Exception) -> BackupStanding:
        self._log(f"scheduled backup failed: {problem}")
        problems = getattr(problem, "problems", ())
        return replace(
            standing,
            tried_at_s=now_s,
            failures=standing.failures + 1,
            problem=str(problem) or type(problem).__name__,
            problem_at=self._wall(),
            problem_node=node_name(self._view, self._node),
            remedy=problems[0].remedy if problems else "",
        )


def _write(folder: Path, archive: BackupArchive) -> Path:
    """Whole or not at all. Raises Refused."""
    return write_backup(folder / scheduled_name(archive.manifest), archive.manifest, archive.archive)
