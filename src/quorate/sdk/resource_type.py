"""What the author of a resource type imports: the base class, and the context handed in.

Owns: `ResourceType`, `Context`, and the errors by which a type says how a call failed.
Does not know: hosts, channels or policy; the host that runs a type calls it, `sdk.testing` stands in for the host in
tests.
How it works: every method is a coroutine, and returning means done. `online` returns when the resource is online. It
may take any time as long as it calls `report_progress` now and then: silence longer than the pending timeout cancels
it and calls `terminate` (spec/04 section 5). Calls of one instance never overlap, with one exception: `terminate` may
come at any time; the host cancels a running `online` or `offline` first and waits for it to unwind, so keep `finally`
blocks short.

A call must not block the event loop: a host runs many resources. One that does for longer than the deadlock limit
costs the host its life and every resource in it.

Errors of a call, and what follows:

    ResourceProblem
    ├── ResourceFailed              this attempt failed; policy restarts or moves
    ├── CannotComeOnlineHere        not on this node for now; policy moves without counting a restart
    └── CannotComeOnlineAnywhere    nowhere for now; policy waits for the administrator
    UnknownVerb                     `control` does not know the verb
    anything else                   taken as ResourceFailed, with the traceback in the log
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol, TypeVar

import msgspec

from quorate.model.properties import PropertyValue
from quorate.model.resource_type import Manifest
from quorate.sdk.facilities import Addresses, Processes

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
LogLevel = Literal["debug", "info", "warning", "error"]
Failure = Literal["general", "embedded", "network_loss"]

Settings = TypeVar("Settings", bound=msgspec.Struct)


class ResourceProblem(Exception):
    """Root of what a type raises on purpose; the text is one plain sentence for the administrator."""


class ResourceFailed(ResourceProblem):
    """The attempt failed; another one, here or elsewhere, may succeed."""


class CannotComeOnlineHere(ResourceProblem):
    """Another attempt on this node is of no use for now (spec/03 section 1, 127)."""


class CannotComeOnlineAnywhere(ResourceProblem):
    """Another attempt on any node is of no use for now (spec/03 section 1, 126)."""


class UnknownVerb(Exception):
    """The type has no such operation."""


class Context(Protocol):
    """What an instance may know and use. Everything else is out of its reach on purpose (spec/04 section 12)."""

    @property
    def resource_id(self) -> str:
        """The id of the resource; never changes."""
        ...

    @property
    def name(self) -> str:
        """The name of the resource as the administrator gave it."""
        ...

    @property
    def token(self) -> int:
        """Assignment number under which the resource runs; only rises. Hand it to what can fence by it."""
        ...

    @property
    def properties(self) -> Mapping[str, PropertyValue]:
        """The private properties, checked against the manifest and completed with its defaults."""
        ...

    @property
    def processes(self) -> Processes:
        """Programs of the resource, contained so that none outlives it."""
        ...

    @property
    def addresses(self) -> Addresses:
        """Service addresses of the resource."""
        ...

    def log(self, text: str, *, level: LogLevel = "info") -> None:
        """One line for the cluster log; cut at 500 characters."""
        ...

    def report_progress(self, detail: str = "") -> None:
        """A sign of life from a pending `online` or `offline`; restarts the pending timeout."""
        ...

    def report_failure(self, kind: Failure, detail: str) -> None:
        """Say at once, from any task, that the resource failed while online.

        *general* and *network_loss* end it: state Failed, then `terminate`. *embedded* leaves it running, policy
        decides (`embedded_failure_action`). A report while it is not online is ignored.
        """
        ...

    def suspect_failure(self, detail: str) -> None:
        """Say at once, from any task, that it may have failed while online: `is_alive` is called now and decides.

        For a type that hears of trouble by itself, without asking (`watches_itself` in its manifest: then `looks_alive`
        is never called). Reported while it comes online, it is checked as soon as it is online; else ignored.
        """
        ...

    def clear_failure(self) -> None:
        """Take an *embedded* failure back: what failed inside works again. Harmless where there is none."""
        ...

    def report_found(self, what: str) -> None:
        """Something of it is active that was not started here: shown in status and told as an event."""
        ...

    def lock(self, reason: str) -> None:
        """It must not be brought online, taken offline or moved now (a migration, a snapshot): requests are refused.

        Failures and lost nodes are handled all the same. The lock ends with `unlock`, or when nothing of it runs any
        more; it is not kept anywhere. Ignored while it is offline (spec/03 §14.1).
        """
        ...

    def unlock(self) -> None:
        """It may be brought online, taken offline and moved again."""
        ...


class ResourceType(ABC):
    """Base of every resource type. One object is one resource on one node, from `open` to `close`."""

    manifest: ClassVar[Manifest]

    def __init__(self, context: Context) -> None:
        self.context = context

    def read_settings(self, kind: type[Settings]) -> Settings:
        """The properties as a typed value; call it in `open` and again in `online`, for they may have changed."""
        return msgspec.convert(dict(self.context.properties), kind)

    async def open(self) -> None:
        """Make ready; the real thing stays offline. Raising means it cannot be managed on this node."""
        return

    async def close(self) -> None:
        """Free everything; the real thing is offline."""
        return

    async def prepare(self) -> None:
        """It may soon come online here: do now what is harmless and saves time then. Errors are only logged."""
        return

    async def probe(self) -> str:
        """What of it is active here already and was not started by this object, in words; empty: nothing, or not known.

        Called before the first `online` under each assignment. It is in the way of a takeover: look here only, and be
        quick; what answers on a network is for `online` to find (`Context.report_found`). Take hold of nothing.
        """
        return ""

    async def adopt(self) -> None:
        """Instead of `online`: take over what `probe` found as it runs. Only for a manifest with `can_adopt`."""
        await self.online()

    async def end_found(self) -> None:
        """End what `probe` found; `online` follows. Raising means that it cannot be ended."""
        return

    @abstractmethod
    async def online(self) -> None:
        """Start it, after clearing away what a crash may have left; return when it works."""

    @abstractmethod
    async def offline(self) -> None:
        """Stop it gracefully; return when it is really stopped."""

    @abstractmethod
    async def terminate(self) -> None:
        """Stop it at once, whatever state it is in. Harmless when it is offline. Return when nothing of it is left."""

    async def renamed(self, former: str) -> None:
        """It has another name (`context.name`); nothing else has changed.

        This and the notices below come after the fact and cannot prevent it: what they raise is only logged. They come
        to every node on which the resource is open, at the latest before it is brought online there; one that happened
        while the type was not loaded is not told.
        """
        del former

    async def leaving_group(self, group: str) -> None:
        """It has left the group of that name; `joining_group` follows. It is offline."""
        del group

    async def joining_group(self, group: str) -> None:
        """It belongs to the group of that name now."""
        del group

    async def dependency_added(self, resource_id: str, name: str) -> None:
        """It depends on that resource too."""
        del resource_id, name

    async def dependency_removed(self, resource_id: str, name: str) -> None:
        """It does not depend on that resource any more; that may be gone."""
        del resource_id, name

    async def deleted(self) -> None:
        """It was deleted and is offline; `close` follows. The last occasion to clean up what it made for itself.

        Told on the node that owned its group; with the characteristic DELETE_REQUIRES_ALL_NODES on every node.
        """
        return

    async def looks_alive(self) -> bool:
        """Quick hint; err on the side of False, which leads to `is_alive` at once."""
        return await self.is_alive()

    @abstractmethod
    async def is_alive(self) -> bool:
        """Thorough verdict; False only if it has definitely failed."""

    async def control(self, verb: str, body: Json) -> Json:
        """One of the type's own operations. Raises UnknownVerb, ResourceProblem."""
        del body
        raise UnknownVerb(verb)
