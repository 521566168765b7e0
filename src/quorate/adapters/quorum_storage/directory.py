"""Quorum storage in a directory: local, on NFSv4, or on a cluster file system.

Owns: the files `claim` and `lock` in it, and the directory `member` beside them. Does not know: who should claim.

How it works: control is a write lock of an open file description on `lock`. The member's process inherits that
descriptor, so that the lock lasts as long as anything can still write there, and falls with it. On a file system of
this machine the kernel lets it fall at once; on a network the server does so only after the lease of a dead client
(90 s on a usual NFSv4 server), and may do so while a cut-off client still runs. There a claim must have stood still
besides, and a claimant that cannot write ends its member long before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import struct
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from quorate.adapters.quorum_storage import claim_block
from quorate.adapters.quorum_storage.mounts import Mount, mount_of
from quorate.adapters.quorum_storage.worker import Worker
from quorate.model.problems import Problem, error
from quorate.ports.quorum_storage import Claim, ClaimRefused, Evidence, Progress, StorageLost

LOCAL_TYPES: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "tmpfs", "overlay"})
"""File systems of this machine alone: a lock falls with its holder."""
NO_LOCKS: Final = frozenset({"nfs", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.s3fs", "vboxsf", "9p"})
"""Known to keep locks to one machine, or to lose them: NFS before version 4, and what only looks like a file system."""
READ_AGAIN: Final = 5

_FLOCK: Final = struct.Struct("hhqqi4x")


class Directory:
    """Implements `QuorumStorage`."""

    def __init__(self, path: Path, *, limit_s: float, mounted: Callable[[Path], Mount] = mount_of) -> None:
        """`limit_s`: no answer of the file system within that time counts as loss."""
        self.path = path
        self._mounted = mounted
        self.worker = Worker(str(path), limit_s, (claim_block.BadBlock,))

    @property
    def falls_with_holder(self) -> bool:
        """On file systems of this machine only."""
        return self._mounted(self.path).type in LOCAL_TYPES

    async def check(self) -> tuple[Problem, ...]:
        """Whether it is there, can be written, and has locks that keep a second opener out."""
        return await self.worker.run(self._check)

    async def evidence(self) -> Evidence:
        """Claim and lock as they are now. Raises StorageLost."""
        return await self.worker.run(self._evidence)

    async def claim(
        self, cluster: str, node: int, *, stood_still: Claim | None, newest: Progress, known: bool = False
    ) -> Held:
        """Lock, look, and write. Raises ClaimRefused and StorageLost."""
        wanted = Claim(cluster, node, secrets.token_hex(8), 0, Progress())
        taken: list[int] = []
        abandoned = threading.Event()

        def let_go() -> None:
            with contextlib.suppress(IndexError):
                os.close(taken.pop())

        def work() -> Claim:
            claim, lock = self._claim(wanted, stood_still, newest, known=known)
            taken.append(lock)
            if abandoned.is_set():  # whoever asked has gone: nobody else would ever let it go
                let_go()
            return claim

        try:
            return Held(self, await self.worker.run(work), taken.pop())
        except BaseException:
            abandoned.set()
            let_go()
            raise

    # ---------------------------------------------------------------- in the thread

    def _check(self) -> tuple[Problem, ...]:
        where = str(self.path)
        if not self.path.is_dir():
            return (error("quorum_storage_missing", f"{where} is no directory", remedy="make it, or mount it first"),)
        kind = self._mounted(self.path).type
        if kind in NO_LOCKS:
            what = f"{where} lies on {kind}, whose locks do not keep other machines out"
            remedy = "use NFS version 4, a cluster file system, a block device with reservations, or a witness"
            return (error("quorum_storage_without_locks", what, where=where, remedy=remedy),)
        trial = self.path / f".trial-{secrets.token_hex(4)}"
        try:
            first = os.open(trial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            return (error("quorum_storage_not_writable", f"{where}: {problem}", remedy="give this node write access"),)
        second = os.open(trial, os.O_RDWR | os.O_CLOEXEC)
        try:
            if not _lock(first) or _lock(second):
                what = f"{where} has no locks of open file descriptions"
                return (error("quorum_storage_without_locks", what, where=where, remedy="use another storage"),)
        finally:
            os.close(first)
            os.close(second)
            trial.unlink()
        return ()

    def _evidence(self) -> Evidence:
        read = self.read_claim()
        claim, yielded = read if read is not None else (None, False)
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            self.path.stat()  # the storage itself is there
            return Evidence(claim, yielded, locked=False)
        try:
            return Evidence(claim, yielded, locked=_is_locked(descriptor))
        finally:
            os.close(descriptor)

    def _claim(self, wanted: Claim, stood_still: Claim | None, newest: Progress, *, known: bool) -> tuple[Claim, int]:
        if known and self.read_claim() is None:
            raise ClaimRefused(empty_problem(str(self.path)))  # before anything is made there
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            claim = self._claim_under(lock, wanted, stood_still, newest)
        except BaseException:
            os.close(lock)
            raise
        return claim, lock

    def _claim_under(self, lock: int, wanted: Claim, stood_still: Claim | None, newest: Progress) -> Claim:
        if not _lock(lock):
            raise ClaimRefused(self._held())
        read = self.read_claim()
        former, yielded = read if read is not None else (None, True)
        problem = self._objection(wanted, former, newest)
        if problem is None and not yielded and not self.falls_with_holder and former != stood_still:
            problem = self._moved()
        if problem is not None:
            raise ClaimRefused(problem)
        claim = replace(wanted, progress=former.progress if former is not None else Progress())
        self.write_claim(claim, yielded=False)
        (self.path / "member").mkdir(mode=0o700, exist_ok=True)
        return claim

    def _held(self) -> Problem:
        with contextlib.suppress(OSError, claim_block.BadBlock):
            read = self.read_claim()
            if read is not None:
                what = f"node {read[0].node} controls {self.path}"
                return error("quorum_storage_held", what, remedy="that node must yield it, or end")
        return error("quorum_storage_held", f"somebody controls {self.path}", remedy="that process must end")

    def _moved(self) -> Problem:
        what = f"the claim on {self.path} has not been watched standing still"
        return error("quorum_storage_claim_moves", what, remedy="watch it for longer than a lease, then claim again")

    def _objection(self, wanted: Claim, former: Claim | None, newest: Progress) -> Problem | None:
        if former is not None and former.cluster != wanted.cluster:
            what = f"{self.path} belongs to cluster {former.cluster}"
            return error("quorum_storage_foreign", what, remedy="give each cluster a storage of its own")
        if (former.progress if former is not None else Progress()) < newest:
            what = f"{self.path} holds an older copy than this node has seen: {former} where {newest} was reached"
            remedy = "put the newest copy back; a rolled-back snapshot must never be used"
            return error("quorum_storage_older", what, remedy=remedy)
        return None

    def read_claim(self) -> tuple[Claim, bool] | None:
        """The record as it is. Raises OSError and BadBlock."""
        for attempt in range(READ_AGAIN):
            try:
                # Opened anew each time: on NFS that is what makes the newest bytes visible.
                return claim_block.decode((self.path / "claim").read_bytes())
            except FileNotFoundError:
                self.path.stat()
                return None
            except claim_block.BadBlock:
                if attempt == READ_AGAIN - 1:
                    raise
        return None

    def write_claim(self, claim: Claim, *, yielded: bool) -> None:
        """Write it through to the storage. Raises OSError."""
        descriptor = os.open(self.path / "claim", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, claim_block.encode(claim, yielded=yielded), 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def empty_problem(where: str) -> Problem:
    """A storage that should be the cluster's and bears no trace of it."""
    what = f"{where} bears no trace of this cluster"
    remedy = "perhaps it is not mounted; mount it, or put the storage back that the cluster had"
    return error("quorum_storage_empty", what, where=where, remedy=remedy)


class Held:
    """Implements `Control`."""

    def __init__(self, storage: Directory, claim: Claim, lock: int) -> None:
        self._storage = storage
        self._claim = claim
        self._lock = lock
        self._lost = False

    @property
    def data_dir(self) -> str:
        """Of the member."""
        return str(self._storage.path / "member")

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The lock; nothing after it was given up."""
        return (self._lock,) if self._lock >= 0 else ()

    @property
    def claim(self) -> Claim:
        """As it was last written."""
        return self._claim

    async def renew(self, progress: Progress) -> None:
        """Raise the beat. Raises StorageLost."""
        beaten = replace(self._claim, beat=self._claim.beat + 1, progress=max(progress, self._claim.progress))
        await self._write(beaten, yielded=False)
        self._claim = beaten

    async def has_member(self, name: str) -> bool:
        """Look for its folder; where it is not, make sure that the storage itself is. Raises StorageLost."""
        storage, claim = self._storage, self._claim

        def look() -> bool:
            if (storage.path / "member" / name).is_dir():
                return True
            read = storage.read_claim()
            if read is None or read[0].start != claim.start:
                raise StorageLost(f"{storage.path} bears no trace of this claim any more: perhaps it is not mounted")
            return False

        return await storage.worker.run(look)

    async def give_up(self) -> None:
        """Say so on the storage where that can be done, and let the lock go."""
        with contextlib.suppress(StorageLost):
            await self._write(self._claim, yielded=True)
        self._lost = True
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    async def _write(self, claim: Claim, *, yielded: bool) -> None:
        if self._lost:
            raise StorageLost("control of the quorum storage was given up, or lost, before")

        def write() -> None:
            read = self._storage.read_claim()
            if read is None or read[0].start != claim.start or read[1]:
                raise StorageLost("somebody else has claimed the quorum storage")
            self._storage.write_claim(claim, yielded=yielded)

        try:
            await self._storage.worker.run(write)
        except StorageLost:
            self._lost = True
            raise


def _lock(descriptor: int) -> bool:
    """Take the write lock of the whole file for this open file description; whether it was free."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except BlockingIOError:
        return False
    return True


def _is_locked(descriptor: int) -> bool:
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
