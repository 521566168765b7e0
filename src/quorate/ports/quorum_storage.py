"""The storage on which the quorum resource's member keeps its data, and who controls it (design §3).

Owns: the `QuorumStorage` protocol and its values. Adapters: `adapters.quorum_storage`; twin: `quorum_storage_memory`.
Does not know: votes, membership, or when to claim and to yield.

How it works: at most one *claimant* controls the storage. Its claim carries a beat that it must raise at least once
per lease L; a claimant that cannot raise it ends its member and yields. A challenger looks at the evidence again and
again; where the lock falls with its holder it may claim as soon as the lock has fallen, elsewhere only after it has
watched the same beat stand still for longer than L, on its own clock. The claim also carries how far the member had
come, so that an older copy of the storage, as a rolled-back snapshot, is told from the newest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from quorate.model.problems import Problem


@dataclass(frozen=True, slots=True, order=True)
class Progress:
    """How far the member had come: later is greater."""

    term: int = 0
    index: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """Who controls the storage, as written on it. `beat` rises with every renewal and is never used twice."""

    cluster: str
    node: int
    start: str
    """Random, new for every claim: two claims of one node differ."""
    beat: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a challenger can see without touching anything."""

    claim: Claim | None
    """The latest claim, None where there is none; where the storage cannot show them, cluster and progress are empty.

    A challenger compares claims that it saw itself, never the claimant's own with one that it saw.
    """
    yielded: bool
    """The claimant has let go by itself."""
    locked: bool
    """A living holder keeps others out, whatever the claim says; only its end can change that."""


class StorageLost(Exception):
    """The storage does not answer, or somebody else controls it: the member on it must end now."""


class ClaimRefused(Exception):
    """The storage cannot be claimed now; `problem` says why and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


class Control(Protocol):
    """Held from a successful claim until it is yielded or lost."""

    @property
    def data_dir(self) -> str:
        """Absolute path where the member keeps its data, usable while control is held."""
        ...

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Descriptors that every process that writes there must inherit: the lock falls with the last of them."""
        ...

    @property
    def claim(self) -> Claim:
        """As it was last written."""
        ...

    async def renew(self, progress: Progress) -> None:
        """Raise the beat. Raises StorageLost."""
        ...

    async def has_member(self, name: str) -> bool:
        """Whether the data of that member are there, in the folder of that name below `data_dir`.

        False is said only of a storage that is there itself and still this claim's: a storage that went away has not
        lost its data. Raises StorageLost.
        """
        ...

    async def give_up(self) -> None:
        """Let go; the member must have ended before. Harmless where control is lost already."""
        ...


class QuorumStorage(Protocol):
    """One storage, as one node reaches it."""

    @property
    def falls_with_holder(self) -> bool:
        """The lock falls at once when its last holder dies; else a claim must be watched standing still."""
        ...

    async def check(self) -> tuple[Problem, ...]:
        """Everything that makes this storage unfit, found without disturbing a claimant."""
        ...

    async def evidence(self) -> Evidence:
        """What is to be seen now. Raises StorageLost where the storage does not answer."""
        ...

    async def claim(
        self, cluster: str, node: int, *, stood_still: Claim | None, newest: Progress, known: bool = False
    ) -> Control:
        """Take control.

        `known`: this storage has been the cluster's before. One that bears no trace of it is refused then: it is
        another one, or an empty folder where it should be mounted.

        `stood_still` is the claim that the caller has watched for longer than a lease, None where it relies on the
        lock having fallen or on there being no claim. `newest` is the furthest progress that the caller knows of.
        Raises ClaimRefused (somebody holds it, the claim has moved, it belongs to another cluster, to none where
        it is `known`, or it is an older copy than `newest`) and StorageLost.
        """
        ...
