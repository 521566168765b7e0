"""Quorum storage on a shared block device with SCSI-3 persistent reservations.

Owns: which key means control, and the order of reservation and mount. Does not know: how commands reach the device, or
how a file system is mounted (`Medium`).

How it works: every claimant registers a key of its own and takes the reservation *write exclusive, registrants only*;
the key's last bits are its beat, raised by registering anew. A challenger that has watched the same key stand still
preempts it: from then on the device itself refuses what the former holder still sends, so a takeover is safe even if
that holder only slept. The file system is mounted after the reservation is held and unmounted before it is given back.
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from quorate.adapters.quorum_storage import claim_block
from quorate.adapters.quorum_storage.claim_key import BEATS, STARTS, ClaimKey, cluster_tag
from quorate.adapters.quorum_storage.scsi.commands import TYPE, Conflict, ScsiProblem
from quorate.adapters.quorum_storage.scsi.reservations import Reservations
from quorate.adapters.quorum_storage.worker import Worker
from quorate.model.problems import Problem, error
from quorate.ports.quorum_storage import Claim, ClaimRefused, Evidence, Progress, StorageLost

_REMEDY: Final = "wait until its holder yields it, or has stood still for longer than a lease"


class Medium(Protocol):
    """The file system on the device. Methods may take long and raise OSError."""

    def attach(self) -> str:
        """Mount it; the folder. Harmless where that is done already."""
        ...

    def detach(self) -> None:
        """Unmount it. Harmless where it is not mounted."""
        ...

    def read_progress(self) -> bytes:
        """The progress record, empty where there is none."""
        ...

    def write_progress(self, block: bytes) -> None:
        """Replace the progress record, through to the device."""
        ...


@dataclass(frozen=True, slots=True)
class _Seen:
    key: ClaimKey | None
    kind: int


class BlockDevice:
    """Implements `QuorumStorage`. Its evidence shows neither cluster nor progress; a claim looks at both."""

    falls_with_holder = False

    def __init__(self, reservations: Reservations, medium: Medium, *, limit_s: float) -> None:
        self._reservations = reservations
        self.medium = medium
        self.worker = Worker("quorum device", limit_s, (ScsiProblem, claim_block.BadBlock))

    async def check(self) -> tuple[Problem, ...]:
        """Whether the device knows reservations."""
        try:
            await self.worker.run(self._look)
        except StorageLost as problem:
            what = f"the device has no persistent reservations: {problem}"
            remedy = "use a shared device with SCSI-3 persistent reservations, a directory, or a witness"
            return (error("quorum_storage_without_reservations", what, remedy=remedy),)
        return ()

    async def evidence(self) -> Evidence:
        """Who holds the reservation. Raises StorageLost."""
        seen = await self.worker.run(self._look)
        claim = _claim_of(seen.key) if seen.key is not None else None
        return Evidence(claim, yielded=False, locked=False)

    async def claim(
        self, cluster: str, node: int, *, stood_still: Claim | None, newest: Progress, known: bool = False
    ) -> Held:
        """Register, reserve or preempt, mount, look. Raises ClaimRefused and StorageLost."""
        key = ClaimKey(cluster_tag(cluster), node, secrets.randbelow(STARTS), secrets.randbelow(BEATS))
        seen = await self.worker.run(self._look)
        if seen.key is not None and seen.key.cluster != key.cluster:
            what = "the device carries the reservation of another cluster"
            remedy = "give each cluster a device of its own"
            raise ClaimRefused(error("quorum_storage_foreign", what, remedy=remedy))
        if seen.key is not None and (stood_still is None or _claim_of(seen.key) != stood_still):
            what = f"node {seen.key.node} holds the reservation of the device"
            raise ClaimRefused(error("quorum_storage_claim_moves", what, remedy=_REMEDY))
        try:
            await self.worker.run(lambda: self._take(key, seen.key))
        except _Beaten as problem:
            raise ClaimRefused(error("quorum_storage_held", str(problem), remedy=_REMEDY)) from problem
        try:
            return await self._open(key, cluster, newest, known=known)
        except BaseException:
            with contextlib.suppress(StorageLost):
                await self.worker.run(lambda: self.let_go(key))
            raise

    async def _open(self, key: ClaimKey, cluster: str, newest: Progress, *, known: bool) -> Held:
        folder = await self.worker.run(self.medium.attach)
        block = await self.worker.run(self.medium.read_progress)
        read = claim_block.decode(block) if block else None
        if read is not None and read[0].cluster != cluster:
            what = f"the device belongs to cluster {read[0].cluster}"
            remedy = "give each cluster a device of its own"
            raise ClaimRefused(error("quorum_storage_foreign", what, remedy=remedy))
        if read is None and known:
            what = "the file system on the device bears no trace of this cluster"
            remedy = "put the device back that the cluster had"
            raise ClaimRefused(error("quorum_storage_empty", what, remedy=remedy))
        reached = read[0].progress if read is not None else Progress()
        if reached < newest:
            what = f"the device holds an older copy ({reached}) than this node has seen ({newest})"
            remedy = "put the newest copy back; a rolled-back snapshot must never be used"
            raise ClaimRefused(error("quorum_storage_older", what, remedy=remedy))
        claim = Claim(cluster, key.node, f"{key.start:x}", key.beat, reached)
        await self.worker.run(lambda: self.medium.write_progress(claim_block.encode(claim, yielded=False)))
        return Held(self, key, claim, folder)

    # ---------------------------------------------------------------- in a thread

    def _look(self) -> _Seen:
        held = self._reservations.reservation()
        return _Seen(ClaimKey.of(held.key) if held.key else None, held.type)

    def _take(self, key: ClaimKey, former: ClaimKey | None) -> None:
        self._reservations.register(key.number)
        try:
            if self._reservations.reservation().key == key.number:
                return  # it was ours under a former key: registering anew keeps it
            if former is None:
                self._reservations.reserve(key.number)
            else:
                self._reservations.preempt(key.number, former.number)
        except Conflict as problem:
            self._reservations.register(0)
            raise _Beaten("another node was quicker") from problem
        held = self._reservations.reservation()
        if held.key != key.number or held.type != TYPE:
            self._reservations.register(0)
            raise _Beaten("another node was quicker")

    def beat(self, key: ClaimKey) -> None:
        """Register under the next key. Raises Conflict where somebody has preempted this one."""
        self._reservations.change_key(key.number, key.beaten().number)

    def let_go(self, key: ClaimKey) -> None:
        """Unmount first: afterwards the device refuses what would still be written."""
        self.medium.detach()
        with contextlib.suppress(Conflict):
            self._reservations.release(key.number)
            self._reservations.change_key(key.number, 0)


class _Beaten(Exception):
    """Somebody else took the reservation in between."""


class Held:
    """Implements `Control`."""

    descriptors: tuple[int, ...] = ()

    def __init__(self, device: BlockDevice, key: ClaimKey, claim: Claim, folder: str) -> None:
        self._device = device
        self._key = key
        self._lost = False
        self.claim = claim
        self.data_dir = f"{folder}/member"

    async def renew(self, progress: Progress) -> None:
        """Raise the beat, and note the progress where it has risen. Raises StorageLost."""
        if self._lost:
            raise StorageLost("control of the quorum device was given up, or lost, before")
        reached = max(progress, self.claim.progress)
        key = self._key.beaten()
        claim = Claim(self.claim.cluster, self.claim.node, self.claim.start, key.beat, reached)

        def work() -> None:
            self._device.beat(self._key)
            if reached != self.claim.progress:
                self._device.medium.write_progress(claim_block.encode(claim, yielded=False))

        try:
            await self._device.worker.run(work)
        except StorageLost:
            self._lost = True
            raise
        self._key, self.claim = key, claim

    async def has_member(self, name: str) -> bool:
        """Look for its folder; where it is not, make sure that the file system itself is. Raises StorageLost."""

        def look() -> bool:
            if (Path(self.data_dir) / name).is_dir():
                return True
            if not self._device.medium.read_progress():
                raise StorageLost("the file system of the quorum device is not mounted any more")
            return False

        return await self._device.worker.run(look)

    async def give_up(self) -> None:
        """Unmount and release; harmless where control is lost."""
        self._lost = True
        key = self._key
        with contextlib.suppress(StorageLost):
            await self._device.worker.run(lambda: self._device.let_go(key))


def _claim_of(key: ClaimKey) -> Claim:
    return Claim("", key.node, f"{key.start:x}", key.beat, Progress())
