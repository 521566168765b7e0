"""The service's connections to resource hosts.

Owns: one connection per host, kept and made again; the translation of the core's commands into the host channel and of
host reports into states. Does not know: policy. Which host runs a resource is decided by its specification.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quorate.core.group_run import BringOnline, Command, End, Respecify, TakeOffline
from quorate.model.workload import NO_FLAGS, QUIET, ResourceFlags, ResourceSpec, ResourceState
from quorate.wire import host_channel as channel

SHARED = "shared"
OWN_PREFIX = "own-"
RETRY_S = 0.02

_REASONS = {
    "moved": channel.OfflineReason.MOVE,
    "drained": channel.OfflineReason.MOVE,
    "failback": channel.OfflineReason.MOVE,
    "resource_failed": channel.OfflineReason.FAILOVER,
    "shutdown": channel.OfflineReason.SHUTDOWN,
}

StateSeen = Callable[[str, ResourceState, str, ResourceFlags], None]
ContactLost = Callable[[str], None]
Inventoried = Callable[[str, frozenset[str]], None]
"""Host, and the resources it has, each of which was seen; whatever else belongs to it has ended."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a specification names by id alone: its group, and what it depends on, by id."""

    group: str = ""
    depends_on: Mapping[str, str] = field(default_factory=dict)


NOTHING_AROUND: Final = Surroundings()
Around = Callable[[ResourceSpec], Surroundings]
Logged = Callable[[str, str, str], None]


def host_of(spec: ResourceSpec) -> str:
    """The host in which a resource runs."""
    return own_host_of(spec) if spec.separate_monitor else SHARED


def own_host_of(spec: ResourceSpec) -> str:
    """The host of its own that a resource has, or had before its property was changed."""
    return f"{OWN_PREFIX}{spec.id[:8]}"


class HostLink:
    """One host: connected as long as `run` runs."""

    def __init__(
        self,
        name: str,
        folder: Path,
        seen: StateSeen,
        lost: ContactLost,
        inventoried: Inventoried,
        logged: Logged,
        around: Around = lambda _: NOTHING_AROUND,
    ) -> None:
        self.name = name
        self.present: frozenset[str] = frozenset()
        """Resources of which something runs there, as far as this host has said."""
        self.told = False
        """This host has said what it has, on the present connection."""
        self.former: frozenset[str] = frozenset()
        """The same as of before an inventory, while that is being taken."""
        self._path = folder / f"{name}.sock"
        self._open_there: set[str] = set()
        """Resources that are open there, online or not: what becomes of them is told."""
        self._around = around
        self._seen = seen
        self._lost = lost
        self._inventoried = inventoried
        self._logged = logged
        self._writer: asyncio.StreamWriter | None = None
        self._opened: dict[str, channel.Open] = {}
        self._maintained: set[str] = set()
        """Resources of which this host says that they are in maintenance."""
        self._coming: dict[str, tuple[ResourceState, str] | None] = {}
        """Onlines that the host has not answered yet, with what became of the Open before, where that was refused."""

    async def run(self) -> None:
        """Connect, read, and connect again until cancelled."""
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(self._path)
                await self._read(reader)
            except (OSError, channel.BadFrame):
                pass
            finally:
                self._drop()
            await asyncio.sleep(RETRY_S)

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self.told = False
            self._opened.clear()
            self._coming.clear()
            self._lost(self.name)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = channel.report_decoder()
        while data := await reader.read(1 << 16):
            for report in decoder.feed(data):
                self._take(report)

    def _take(self, report: channel.Report) -> None:
        match report:
            case channel.State(resource_id=resource, state=state) if resource in self._coming and state.value in QUIET:
                pass  # said before the host has read our Online: taken for its answer it would be told as *stopped*
            case channel.State(resource_id=resource, state=state, detail=detail):
                self._coming.pop(resource, None)
                self._note_maintenance(report)
                self.present = self.present - {resource} if state.value in QUIET else self.present | {resource}
                self._seen(resource, state.value, detail, flags_of(report))
            case channel.InventoryReport(states=present):
                self._coming.clear()
                self._opened.clear()  # whatever this host has is what it lists; an Open is repeated where in doubt
                self._open_there = {one.resource_id for one in present}
                self.former, self.present = self.present, _running(present)
                for one in present:
                    self._note_maintenance(one)
                    self._seen(one.resource_id, one.state.value, one.detail, flags_of(one))
                self.told = True
                # Told last: before every state is known a part of a group would look as if it did not run.
                self._inventoried(self.name, frozenset(one.resource_id for one in present))
                self.former = frozenset()
            case channel.CommandRefused(resource_id=resource, command=command, code=code, detail=detail):
                self._logged(resource, "warning", f"{command} refused ({code.value}): {detail}")
                self._refused(resource, command, code, detail)
            case channel.LogRecord(resource_id=resource, level=level, text=text):
                self._logged(resource, level, text)
            case channel.ControlAnswer():
                pass

    def _refused(self, resource: str, command: str, code: channel.RefusalCode, detail: str) -> None:
        here = code in {channel.RefusalCode.TYPE_UNKNOWN, channel.RefusalCode.OPEN_FAILED}
        outcome: tuple[ResourceState, str] = ("cannot_here" if here else "failed", f"{code.value}: {detail}")
        if command == "open":
            self._opened.pop(resource, None)
            if resource not in self._coming and resource in self.present:
                return  # what runs goes on as it is; that was only to tell it of a change
            self._open_there.discard(resource)
            if resource not in self._coming:
                self._seen(resource, *outcome, NO_FLAGS)
            else:
                self._coming[resource] = outcome  # an older instance may still come online by the Online behind it
        elif command == "online":
            outcome = self._coming.pop(resource, None) or outcome
            self.present -= {resource}
            self._seen(resource, *outcome, NO_FLAGS)

    def send(self, command: Command) -> None:
        """Send a command; without a connection it is lost, and the next inventory shows it."""
        match command:
            case BringOnline(spec=spec, token=token):
                self._open(spec)
                if self._writer is not None:
                    self._coming[spec.id] = None
                    self.present |= {spec.id}
                self._write(channel.Online(spec.id, token))
            case Respecify(spec=spec, maintained=maintained):
                self._open(spec, maintained=spec.id in self._maintained if maintained is None else maintained)
            case TakeOffline(resource=resource, token=token, reason=reason):
                self._write(channel.Offline(resource, token, _REASONS.get(reason, channel.OfflineReason.REQUEST)))
            case End(resource=resource, token=token):
                self._write(channel.Terminate(resource, token))

    def end_stray(self, resource: str) -> None:
        """End what this host runs and nobody specifies any more, and forget it."""
        self.close(resource, deleted=True)

    @property
    def open_there(self) -> frozenset[str]:
        """Resources that are open in this host, online or not."""
        return frozenset(self._open_there)

    def close(self, resource: str, *, deleted: bool) -> None:
        """Forget it; `deleted`: and let its type hear that the resource is no more."""
        self._open_there.discard(resource)
        self._opened.pop(resource, None)
        self._write(channel.Close(resource, deleted))

    def delete_unopened(self, spec: ResourceSpec) -> None:
        """Let the type of a resource that is no more hear that, though it was not open here."""
        self._open(spec)
        self.close(spec.id, deleted=True)

    def prepare(self, spec: ResourceSpec) -> None:
        """Hint that the resource may soon come online here."""
        self._open(spec)
        self._write(channel.Prepare(spec.id))

    def _open(self, spec: ResourceSpec, *, maintained: bool = False) -> None:
        wanted = open_message(spec, self._around(spec), maintained=maintained)
        if self._writer is not None and self._opened.get(spec.id) != wanted:
            self._opened[spec.id] = wanted
            self._open_there.add(spec.id)
            self._write(wanted)

    def _note_maintenance(self, state: channel.State) -> None:
        (self._maintained.add if state.maintained else self._maintained.discard)(state.resource_id)

    def _write(self, message: channel.Command) -> None:
        if self._writer is not None:
            self._writer.write(channel.encode(message))


def flags_of(state: channel.State) -> ResourceFlags:
    """What the type says beside the state."""
    embedded = state.detail or "no detail" if state.failure is channel.FailureKind.EMBEDDED else ""
    network = state.failure is channel.FailureKind.NETWORK_LOSS
    return ResourceFlags(
        embedded=embedded,
        locked=state.locked,
        network_failure=network,
        found=state.found,
        maintained=state.maintained,
    )


def _running(states: Iterable[channel.State]) -> frozenset[str]:
    return frozenset(one.resource_id for one in states if one.state.value not in QUIET)


def open_message(
    spec: ResourceSpec, around: Surroundings = NOTHING_AROUND, *, maintained: bool = False
) -> channel.Open:
    """Create the instance of a resource in its host."""
    return channel.Open(
        resource_id=spec.id,
        type_name=spec.type,
        name=spec.name,
        properties=dict(spec.properties),
        looks_alive_poll_interval_ms=spec.looks_alive_poll_interval_ms,
        is_alive_poll_interval_ms=spec.is_alive_poll_interval_ms,
        pending_timeout_ms=spec.pending_timeout_ms,
        deadlock_timeout_ms=spec.deadlock_timeout_ms,
        end_by_force=spec.stop_failure_action == "end",
        already_running_action=spec.already_running_action,
        maintained=maintained,
        group_id=spec.group,
        group=around.group,
        depends_on=dict(around.depends_on),
    )
