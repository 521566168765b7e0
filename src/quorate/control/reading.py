"""What looking needs of a node, and a picture of it that a thread may look at for as long as it likes.

Owns: the `Reading` protocol, and `pictured`. Does not know: any view.
How it works: the replica changes only in the service's loop. Views of everything take a second or two in a large
cluster, which the loop must not lose: it copies the replica, which takes a hundredth of that, and a thread works on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from quorate.core.cluster_view import ClusterView
    from quorate.model.problems import Problem

V = TypeVar("V")


class Reading(Protocol):
    """One node, as those see it who only look. Views are made from the replica."""

    @property
    def node(self) -> int:
        """This node's number."""
        ...

    @property
    def view(self) -> ClusterView:
        """The replica; for reading only."""
        ...

    def replica_age_s(self) -> float:
        """How long ago the replica was last known to be complete."""
        ...

    def store_problems(self) -> tuple[Problem, ...]:
        """What members of the store complain of: no space, damaged data."""
        ...

    def votes_waiting(self) -> str:
        """Why a change of votes that is due is not made, as far as this node knows; empty where nothing waits."""
        ...

    def wall_time_s(self) -> float:
        """Seconds since 1970: for the expiry of tokens and for ids, never for authority."""
        ...

    def processes(self) -> Mapping[str, int]:
        """Process ids of this node by what they are."""
        ...


async def in_a_thread(look: Callable[[Reading], V], reading: Reading) -> V:
    """What that look at the node as it is now finds, found without the loop. Raises what the look raises."""
    return await asyncio.to_thread(look, pictured(reading))


def pictured(reading: Reading) -> Reading:
    """The node as it is now: a copy that nobody changes. To be called where the node may be read."""
    return _Picture(
        node=reading.node,
        view=reading.view.imagine(()),
        _replica_age_s=reading.replica_age_s(),
        _store_problems=reading.store_problems(),
        _votes_waiting=reading.votes_waiting(),
        _wall_time_s=reading.wall_time_s(),
        _processes=dict(reading.processes()),
    )


@dataclass(frozen=True, slots=True)
class _Picture:
    node: int
    view: ClusterView
    _replica_age_s: float
    _store_problems: tuple[Problem, ...]
    _votes_waiting: str
    _wall_time_s: float
    _processes: Mapping[str, int]

    def replica_age_s(self) -> float:
        return self._replica_age_s

    def store_problems(self) -> tuple[Problem, ...]:
        return self._store_problems

    def votes_waiting(self) -> str:
        return self._votes_waiting

    def wall_time_s(self) -> float:
        return self._wall_time_s

    def processes(self) -> Mapping[str, int]:
        return self._processes
