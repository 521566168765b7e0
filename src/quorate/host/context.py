"""What an instance hands to its type, and what it needs from its host.

Owns: `InstanceContext`, the context of `sdk.resource_type` made real, and the protocol `Desk`.
Does not know: how reports travel. How it works: everything is passed on to the instance or to the desk.
"""

# ruff: noqa: D102 - what replaces a method is documented where the method is declared

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from quorate.host import lives
from quorate.host.calls import CallTable
from quorate.model.properties import PropertyValue
from quorate.sdk.facilities import Addresses, Processes
from quorate.sdk.overriding import override
from quorate.sdk.resource_type import Context, Failure, LogLevel
from quorate.wire.host_channel import FailureKind, Open, State

LOG_TEXT_LIMIT: Final = 500
"""Longest text of a log line (spec/04 section 4)."""


class Owner(Protocol):
    """The instance, as its context sees it."""

    resource_id: str
    spec: Open
    token: int
    properties: Mapping[str, PropertyValue]
    found: str

    def tell(self, event: lives.Event) -> None:
        """Feed an event to the machine."""
        ...


class Desk(Protocol):
    """What an instance needs from its host."""

    calls: CallTable

    def report(self, state: State) -> None:
        """Send to every connection."""
        ...

    def log(self, resource_id: str, level: LogLevel, text: str) -> None:
        """Send to the cluster log."""
        ...

    def facilities(self, owner: Owner) -> tuple[Processes, Addresses]:
        """Those of one resource."""
        ...

    def held(self, resource_id: str, *, held: bool) -> None:
        """Whether anything of the resource may be running."""
        ...

    async def end_by_force(self, resource_id: str) -> None:
        """End everything that the resource took hold of, without its type. Raises OSError where that fails."""
        ...


class InstanceContext(Context):
    """The context of one instance."""

    def __init__(self, owner: Owner, desk: Desk) -> None:
        self._instance = owner
        self._desk = desk
        self._processes, self._addresses = desk.facilities(owner)

    @property
    @override
    def resource_id(self) -> str:
        return self._instance.resource_id

    @property
    @override
    def name(self) -> str:
        return self._instance.spec.name

    @property
    @override
    def token(self) -> int:
        return self._instance.token

    @property
    @override
    def properties(self) -> Mapping[str, PropertyValue]:
        return self._instance.properties

    @property
    @override
    def processes(self) -> Processes:
        return self._processes

    @property
    @override
    def addresses(self) -> Addresses:
        return self._addresses

    @override
    def log(self, text: str, *, level: LogLevel = "info") -> None:
        self._desk.log(self.resource_id, level, text[:LOG_TEXT_LIMIT])

    @override
    def report_progress(self, detail: str = "") -> None:
        self._instance.tell(lives.Progress(detail))

    @override
    def report_failure(self, kind: Failure, detail: str) -> None:
        self._instance.tell(lives.FailureReported(FailureKind(kind), detail))

    @override
    def suspect_failure(self, detail: str) -> None:
        self.log(f"it may have failed: {detail}", level="warning")
        self._instance.tell(lives.Suspected())

    @override
    def clear_failure(self) -> None:
        self._instance.tell(lives.FailureCleared())

    @override
    def report_found(self, what: str) -> None:
        self._instance.found = what[:LOG_TEXT_LIMIT]
        self._desk.log(self.resource_id, "warning", f"active already: {what}"[:LOG_TEXT_LIMIT])

    @override
    def lock(self, reason: str) -> None:
        self._instance.tell(lives.Locked(reason or "locked"))

    @override
    def unlock(self) -> None:
        self._instance.tell(lives.Locked(""))
