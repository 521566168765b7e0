"""The in-memory twin of quorum storage: one storage, and each node's way to it.

Owns: what is on the storage, who holds its lock, and what goes wrong. Does not know: votes or members.
How it works: `MemoryStorage` is the one storage; `reach(node)` gives each node its `QuorumStorage`. A test, or the
simulator, cuts a way (`reachable`), lets a dead node's lock stay for a while (`falls_with_holder` False, until `drop`),
and keeps and restores older copies. Nothing here waits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from quorate.model.problems import Problem, error
from quorate.ports.quorum_storage import Claim, ClaimRefused, Evidence, Progress, StorageLost


@dataclass
class MemoryStorage:
    """One storage and everybody who can reach it."""

    falls_with_holder: bool = True
    claim: Claim | None = None
    yielded: bool = False
    holder: str = ""
    """The `start` of the claim under whose lock processes can still write."""
    cut_off: set[int] = field(default_factory=set)
    """Nodes for which it does not answer."""
    members: set[str] = field(default_factory=set)
    """Names of the members whose data are on it."""
    starts: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def reach(self, node: int) -> MemoryWay:
        """That node's way to it."""
        return MemoryWay(self, node)

    def drop(self, node: int) -> None:
        """The lock of that node's processes falls: they are dead, or the server has forgotten them."""
        if self.claim is not None and self.claim.node == node:
            self.holder = ""

    def copy(self) -> tuple[Claim | None, bool]:
        """A snapshot, to be put back later."""
        return self.claim, self.yielded

    def put_back(self, snapshot: tuple[Claim | None, bool]) -> None:
        """Roll back."""
        self.claim, self.yielded = snapshot


class MemoryWay:
    """Implements `QuorumStorage` for one node."""

    def __init__(self, storage: MemoryStorage, node: int) -> None:
        self.storage = storage
        self.node = node

    @property
    def falls_with_holder(self) -> bool:
        """As the storage is set."""
        return self.storage.falls_with_holder

    def answer(self) -> None:
        """Raise StorageLost where this node is cut off."""
        if self.node in self.storage.cut_off:
            raise StorageLost("the storage does not answer")

    async def check(self) -> tuple[Problem, ...]:
        """Fit wherever it answers."""
        self.answer()
        return ()

    async def evidence(self) -> Evidence:
        """As it is."""
        self.answer()
        storage = self.storage
        return Evidence(storage.claim, storage.claim is not None and storage.yielded, locked=bool(storage.holder))

    async def claim(
        self, cluster: str, node: int, *, stood_still: Claim | None, newest: Progress, known: bool = False
    ) -> MemoryControl:
        """Take control, or say why not."""
        self.answer()
        storage, former = self.storage, self.storage.claim
        remedy = "wait, or ask the administrator"
        if storage.holder:
            raise ClaimRefused(error("quorum_storage_held", "somebody controls the storage", remedy=remedy))
        if former is not None and former.cluster != cluster:
            raise ClaimRefused(error("quorum_storage_foreign", "it belongs to another cluster", remedy=remedy))
        if former is None and known:
            raise ClaimRefused(error("quorum_storage_empty", "it bears no trace of this cluster", remedy=remedy))
        progress = former.progress if former is not None else Progress()
        if progress < newest:
            raise ClaimRefused(error("quorum_storage_older", "it holds an older copy", remedy=remedy))
        if former is not None and not storage.yielded and not storage.falls_with_holder and former != stood_still:
            raise ClaimRefused(error("quorum_storage_claim_moves", "the claim still moves", remedy=remedy))
        storage.claim = Claim(cluster, node, f"start-{next(storage.starts)}", 0, progress)
        storage.yielded, storage.holder = False, storage.claim.start
        return MemoryControl(self, storage.claim)


class MemoryControl:
    """Implements `Control`."""

    def __init__(self, way: MemoryWay, claim: Claim) -> None:
        self._way = way
        self._lost = False
        self.claim = claim
        self.data_dir = "/nowhere/member"
        self.descriptors: tuple[int, ...] = ()

    async def renew(self, progress: Progress) -> None:
        """Raise the beat. Raises StorageLost."""
        if not self._owns():
            self._lost = True
            raise StorageLost("control is lost")
        self.claim = replace(self.claim, beat=self.claim.beat + 1, progress=max(progress, self.claim.progress))
        self._way.storage.claim = self.claim

    async def has_member(self, name: str) -> bool:
        """As the storage is. Raises StorageLost."""
        if not self._owns():
            raise StorageLost("control is lost")
        return name in self._way.storage.members

    async def give_up(self) -> None:
        """Let go."""
        storage = self._way.storage
        if self._owns():
            storage.yielded = True
        self._lost = True
        if storage.holder == self.claim.start:
            storage.holder = ""

    def _owns(self) -> bool:
        storage = self._way.storage
        mine = storage.claim is not None and storage.claim.start == self.claim.start and not storage.yielded
        return mine and not self._lost and self._way.node not in storage.cut_off
