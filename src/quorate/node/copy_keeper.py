"""A copy of the cluster database on this node's disk, readable while the node is down (decision 0075).

Owns: when it is taken and where it lies. Does not know: its form; it is a backup archive like others, with checksums.
A copy that is newer than the database is evidence, and is put aside: a read of a revision is never followed by one of
an older one, unless the database itself was put back.
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

from quorate.adapters.backup_files import read_backup, write_backup
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.backup import BackupArchive, BackupManifest
from quorate.model.base import Damaged
from quorate.model.problems import Problem, Refused, error, warning
from quorate.model.records import Snapshot
from quorate.node.disk_work import DiskSilent, DiskWork
from quorate.ports.store import Store, StoreError
from quorate.wire.backup_archive import read_archive

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
        self.gone_back: Problem | None = None
        """The database is older than what this node has read of it before; None where that is not so, or not known."""
        self._aside: tuple[Path, BackupManifest] | None = None
        self._compared = False
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
        await self._look_aside()
        if self._view.cluster is None or self._view.position.revision <= self._taken:
            return
        snapshot = await self._store.read(prefixes=keys.REPLICA, timeout_s=READ_LIMIT_S)
        archive = await self._pack(snapshot)
        await self._compare(archive.manifest)
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

    async def _compare(self, now: BackupManifest) -> None:
        """Whether what a former service of this node kept is newer than the database; once, before it is replaced."""
        if self._compared:
            return
        try:
            self._aside = await self._disk.run(lambda: _put_aside(self._path, now))
        except (DiskSilent, OSError) as problem:
            self._log(f"the former copy of the database cannot be compared: {problem}")
            return
        self._compared = True
        if self._aside is not None:
            self.gone_back = _gone_back(*self._aside)
            self._log(self.gone_back.what)

    async def _look_aside(self) -> None:
        """Somebody who has settled it removes the file."""
        if self._aside is not None:
            with contextlib.suppress(DiskSilent, OSError):
                if not await self._disk.run(self._aside[0].exists):
                    self._aside = self.gone_back = None


def _put_aside(path: Path, now: BackupManifest) -> tuple[Path, BackupManifest] | None:
    """Keep the copy under another name where it is newer than the database; the newest of all that are kept so."""
    former = _manifest(path)
    if former is not None and _is_older(now, former):
        path.rename(path.with_name(_name_aside(path, f"{former.generation}.{former.revision}")))
    kept = [(one, found) for one in path.parent.glob(_name_aside(path, "*")) if (found := _manifest(one)) is not None]
    ours = [(one, found) for one, found in kept if found.cluster_id == now.cluster_id]
    return max(ours, key=lambda one: (one[1].generation, one[1].revision), default=None)


def _manifest(path: Path) -> BackupManifest | None:
    with contextlib.suppress(Refused, Damaged):  # a copy that is not there or damaged says nothing
        return read_archive(read_backup(path), str(path)).manifest
    return None


def _is_older(now: BackupManifest, former: BackupManifest) -> bool:
    """In another cluster, or after a generation has begun, revisions say nothing."""
    same = (now.cluster_id, now.generation) == (former.cluster_id, former.generation)
    return same and now.revision < former.revision


def _name_aside(path: Path, position: str) -> str:
    return f"{path.stem}-r{position}{path.suffix}"


def _gone_back(kept: Path, former: BackupManifest) -> Problem:
    what = f"the database was put back to an older state: this node had read it at revision {former.revision},"
    what += f" {former.at}, and found it older later; changes that were acknowledged may be lost"
    remedy = f"see which: quorate cluster restore {kept} --preview; remove that file when it is settled"
    return error("database_went_back", what, where="store", remedy=remedy)
