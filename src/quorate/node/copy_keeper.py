"""A copy of the cluster database on this node's disk, readable while the node is down (decision 0075).

Owns: when it is taken and where it lies. Does not know: its form; it is a backup archive like others, with checksums.
How it works: at most every `PAUSE_S`, and only where the store has changed since, everything that a replica holds is
read once and written beside the former copy, which stays until the new one is whole and flushed. A disk that is full or
hangs costs the copy and nothing else; `problem` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from quorate.adapters.backup_files import write_backup
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.backup import BackupArchive
from quorate.model.problems import Problem, Refused, warning
from quorate.model.records import Snapshot
from quorate.node.disk_work import DiskSilent, DiskWork
from quorate.ports.store import Store, StoreError

FIRST_S: Final = 5.0
PAUSE_S: Final = 30.0
DISK_LIMIT_S: Final = 30.0
READ_LIMIT_S: Final = 10.0


class CopyKeeper:
    """Keeps one node's copy. `pack` makes an archive of what was read."""

    def __init__(
        self,
        path: Path,
        view: ClusterView,
        store: Store,
        pack: Callable[[Snapshot], Awaitable[BackupArchive]],
        log: Callable[[str], None],
    ) -> None:
        self.problem: Problem | None = None
        """Why the last copy could not be written; None where it was."""
        self._path = path
        self._view = view
        self._store = store
        self._pack = pack
        self._log = log
        self._taken = 0
        self._disk = DiskWork(f"the disk of {path}", DISK_LIMIT_S)

    async def run(self) -> None:
        """Take a copy now and then."""
        await asyncio.sleep(FIRST_S)
        for partial in self._path.parent.glob(f".{self._path.name}.*.partial"):
            with contextlib.suppress(OSError):  # a former service died over it
                partial.unlink()
        while True:
            with contextlib.suppress(StoreError):  # the store in trouble is told elsewhere; the former copy stays
                await self.look()
            await asyncio.sleep(PAUSE_S)

    async def look(self) -> None:
        """Take a copy where something has changed. Raises StoreError."""
        if self._view.cluster is None or self._view.position.revision <= self._taken:
            return
        snapshot = await self._store.read(prefixes=keys.REPLICA, timeout_s=READ_LIMIT_S)
        archive = await self._pack(snapshot)
        try:
            await self._disk.run(lambda: write_backup(self._path, archive.manifest, archive.archive))
        except (Refused, DiskSilent, OSError) as problem:
            if self.problem is None:
                self._log(f"the local copy of the database cannot be written: {problem}")
            remedy = "free space there and see that the disk answers; nothing else of the node depends on it"
            what = f"this node's copy of the database is not renewed: {problem}"
            self.problem = warning("copy_not_written", what, where=str(self._path), remedy=remedy)
            return
        self.problem = None
        self._taken = snapshot.position.revision
