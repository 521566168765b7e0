"""A light witness on any share that can be mounted: SMB, NFS of any version, a synchronised folder it is not.

Owns: the folders in which records lie, one for each cluster. Does not know: what records mean. Needs no locks.

How it works: a cluster's folder is made with its first swap, never the share itself: a share that is missing is lost,
not empty. In it generation n is a folder `generation-n` with one file in it. It is made under another name and renamed:
a folder cannot be renamed onto one that has something in it, so exactly one of those who would write the next
generation does. The highest generation is the record. A listing may be old where a share keeps copies of it; then the
rename fails. Former generations are removed, but for the last few.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Final

from quorate.adapters.quorum_storage.worker import Worker
from quorate.model.base import Damaged, decode, encode
from quorate.model.light_witness import LightRecord
from quorate.model.problems import Problem, error
from quorate.ports.light_witness import WitnessLost
from quorate.ports.quorum_storage import StorageLost

PREFIX: Final = "generation-"
KEPT: Final = 8
"""Generations that stay; more than can be swapped while a share shows an old listing."""


class Share:
    """Implements `LightWitness`."""

    def __init__(self, share: Path, cluster: str, *, limit_s: float) -> None:
        """`limit_s`: no answer of the file system within that time counts as lost."""
        self._share = share
        self._path = share / f"quorate-{cluster}"
        self._worker = Worker(str(share), limit_s, (Damaged,))

    async def check(self) -> tuple[Problem, ...]:
        """Whether it is there, can be written, and keeps a second writer of one generation out."""
        try:
            return await self._worker.run(self._check)
        except StorageLost as lost:
            remedy = "see that the share is mounted and that this node may write there"
            return (error("witness_share_unusable", str(lost), where="share", remedy=remedy),)

    async def read(self) -> LightRecord | None:
        """The record of the highest generation. Raises WitnessLost."""
        try:
            return await self._worker.run(self._read)
        except StorageLost as lost:
            raise WitnessLost(str(lost)) from lost

    async def swap(self, expected: LightRecord | None, wanted: LightRecord) -> bool:
        """Make the next generation, if nobody has. Raises WitnessLost."""
        try:
            return await self._worker.run(lambda: self._swap(expected, wanted))
        except StorageLost as lost:
            raise WitnessLost(str(lost)) from lost

    # ---------------------------------------------------------------- in the thread

    def _check(self) -> tuple[Problem, ...]:
        if not self._share.is_dir():
            what = f"{self._share} is no directory"
            return (error("witness_share_missing", what, where="share", remedy="make it, or mount the share first"),)
        trial = self._share / f".trial-{secrets.token_hex(4)}"
        try:
            first, second = trial / "first", trial / "second"
            for folder in (first, second):
                folder.mkdir(parents=True)
                (folder / "record").write_bytes(b"trial")
            first.rename(trial / "one")
            try:
                second.rename(trial / "one")
            except OSError:
                return ()
            what = f"{self._share} lets two writers make one generation"
            return (error("witness_share_unfit", what, where="share", remedy="use another share"),)
        finally:
            shutil.rmtree(trial, ignore_errors=True)

    def _generations(self) -> list[int]:
        try:
            names = [entry.name for entry in os.scandir(self._path) if entry.name.startswith(PREFIX)]
        except FileNotFoundError:
            self._share.stat()  # raises where it is the share that is missing
            return []
        return sorted(int(number) for name in names if (number := name.removeprefix(PREFIX)).isdigit())

    def _read(self) -> LightRecord | None:
        found = self._generations()
        if not found:
            return None
        path = self._folder(found[-1]) / "record"
        return decode(path.read_bytes(), LightRecord, str(path))

    def _swap(self, expected: LightRecord | None, wanted: LightRecord) -> bool:
        if self._read() != expected:
            return False
        if not self._path.is_dir():
            self._path.mkdir(exist_ok=True)
            _sync(self._share)
        made = self._path / f".new-{secrets.token_hex(8)}"
        made.mkdir()
        try:
            _write_through(made / "record", encode(wanted))
            try:
                made.rename(self._folder(wanted.generation))
            except OSError:
                if self._folder(wanted.generation).is_dir():
                    return self._read() == wanted  # a rename that was sent twice fails the second time
                raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
        _sync(self._path)
        for generation in self._generations()[:-KEPT]:
            shutil.rmtree(self._folder(generation), ignore_errors=True)
        return True

    def _folder(self, generation: int) -> Path:
        return self._path / f"{PREFIX}{generation}"


def _write_through(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Where the file system has something to say about folders; some have not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
