"""What a witness host does for one cluster: run its member, make it, wait, or say that its data are lost (design §3).

Owns: that decision. Does not know: processes, files, networks. Pure.

How it works: a list of members comes from any node and may be old. So data that are there are always run, unless a list
shows at this witness's address a member that never ran and that this witness has never seen: only a removal of the
former one makes room for it. A member that ran once and whose data are gone is never started empty: the votes it gave
would be given twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedMember:
    """The member at this witness's address, as some node lists it."""

    id: int
    started: bool
    learner: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Run the member on its data."""

    id: int


@dataclass(frozen=True, slots=True)
class Create:
    """Make the data of a new member and run it; put those of the `former` one aside, 0 where there is none."""

    id: int
    former: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to run: the cluster has given this witness no member."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The member ran, and its data are gone: the cluster must remove it and give a new one."""

    id: int


Decision = Run | Create | Wait | Lost


def witness_decision(listed: Iterable[ListedMember], kept: int, made: frozenset[int]) -> Decision:
    """What to do now.

    `listed` are the members at this address in all lists that could be had, `kept` the member whose data are here (0:
    none), `made` every member that was ever made here.
    """
    seen = tuple(listed)
    fresh = [m.id for m in seen if m.learner and not m.started and m.id not in made]
    if fresh:
        return Create(fresh[0], former=kept)
    if kept:
        return Run(kept)
    return Lost(seen[0].id) if seen else Wait()
