"""What a use case may see and use of the node it runs on.

Owns: the `Context` protocol; the service implements it, tests have a twin of it. Does not know: any use case.
"""

from __future__ import annotations

from typing import Protocol

from quorate.control.enrolment import Signer
from quorate.control.events import EventBus
from quorate.control.reading import Reading
from quorate.control.types import TypeCatalogue
from quorate.core.authority.orders import Report
from quorate.core.authority.timings import Timings
from quorate.core.paths import PathState
from quorate.model.problems import Problem
from quorate.model.quorum import StorageKind
from quorate.ports.fencing import FenceAgents
from quorate.ports.store import Store


class Context(Reading, Protocol):
    """One node, as its faces see it. Reads come from the replica, changes go to the store."""

    @property
    def store(self) -> Store:
        """The cluster database, keys relative to the cluster's prefix."""
        ...

    @property
    def events(self) -> EventBus:
        """The event stream; it is told of every change of the replica."""
        ...

    @property
    def timings(self) -> Timings:
        """The timings in force."""
        ...

    @property
    def signer(self) -> Signer:
        """The authorities' keys."""
        ...

    @property
    def types(self) -> TypeCatalogue:
        """The resource types of this node."""
        ...

    @property
    def agents(self) -> FenceAgents:
        """The fence agents of this machine."""
        ...

    def report(self) -> Report | None:
        """The sentinel's latest report; None where there is none yet."""
        ...

    def paths(self) -> tuple[PathState, ...]:
        """Every path to another node, as this node's sentinel last told."""
        ...

    def leads(self) -> bool:
        """Whether this node acts as coordinator."""
        ...

    async def check_storage(self, kind: StorageKind, path: str) -> tuple[Problem, ...]:
        """Everything that makes a quorum storage unfit as this node reaches it; disturbs nobody."""
        ...

    @property
    def prevents_quorum(self) -> bool:
        """This node was started so that it never forms a cluster (PreventQuorum)."""
        ...

    def wall_time(self) -> str:
        """UTC in RFC 3339, for people and records."""
        ...

    def entropy(self, count_bytes: int) -> bytes:
        """Unpredictable bytes."""
        ...

    async def stop_node(self) -> None:
        """Begin the clean stop of this node; returns at once."""
        ...
