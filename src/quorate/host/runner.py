"""A resource host: commands in, resource types run, reports out; and the order in which it starts and stops.

Owns: the instances of this host, the highest token seen for each resource, and every long-lived part of the process.
Does not know: groups, dependencies or policy. It carries out what it is told, as long as the lease holds.
How it works: the server hands over commands; tokens are checked here, for all connections alike; each instance runs
its own machine. When the last service disconnects everything goes on. When the lease is over every instance is ended
at once, and nothing comes online until there is one again. On SIGTERM everything is ended, then the host exits with
0.

Order of starting: process helper, keeper, server. Order of stopping: server refuses, instances ended, helper (and
with it whatever was left), keeper, server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

from quorate.adapters.process.launcher import Launcher
from quorate.host import lives
from quorate.host.addresses import AddressBook, HostedAddresses
from quorate.host.calls import CallTable
from quorate.host.context import Owner
from quorate.host.facilities import HostedProcesses
from quorate.host.holdings import HoldingsClient
from quorate.host.instance import Instance
from quorate.host.keeper import Keeper
from quorate.host.server import Connection, Server
from quorate.model.problems import Refused
from quorate.model.resource_type import complete_properties
from quorate.resources import UnknownType, find_type
from quorate.sdk.facilities import Addresses, Processes
from quorate.sdk.resource_type import LogLevel
from quorate.wire import host_channel as channel
from quorate.wire.host_channel import EXIT_HELPER
from quorate.wire.lease_page import LeaseReader, boot_time_s

HELPER_SLACK_S: Final = 0.01
"""What the host has to end programs in an orderly way is over before its helper kills them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """The command line of a host. None stands for `-`: without."""

    name: str
    socket: Path
    lease: Path | None
    holdings: Path | None
    guard: str | None
    end_limit_s: float


class Runner:
    """One host."""

    def __init__(self, settings: HostSettings) -> None:
        """Start the process helper. Raises OSError, BadLeasePage."""
        self._settings = settings
        self.calls = CallTable()
        self._instances: dict[str, Instance] = {}
        self._facilities: dict[str, tuple[HostedProcesses, HostedAddresses]] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._waiting: dict[str, channel.Online] = {}
        """Onlines that wait for an `open`: they will be carried out, so an inventory must not pass them over."""
        self._highest_tokens: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._launcher = Launcher(settings.lease, settings.end_limit_s + HELPER_SLACK_S)
        self._holdings = HoldingsClient(settings.name, settings.holdings)
        self._keeper = Keeper(
            asyncio.get_running_loop(),
            self.calls,
            LeaseReader(settings.lease) if settings.lease is not None else None,
            settings.end_limit_s,
            settings.socket.with_suffix(".offender"),
            self._lease_over,
        )
        self._addresses = AddressBook(settings.guard)
        self._keeper.chores.append(self._addresses.refresh)
        self._server = Server(self.inventory, self._command)

    async def run(self) -> None:
        """Serve until SIGTERM. Raises OSError where the socket cannot be had."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        self._keeper.start()
        self._launcher.watch(_helper_died)
        try:
            await self._server.start(self._settings.socket)
            await self._stopping.wait()
            for instance in self._instances.values():
                instance.tell(lives.EndWanted("the host is being stopped"))
            for instance in list(self._instances.values()):
                await instance.standing_still.wait()
        finally:
            self._launcher.close()
            self._keeper.stop()
            await self._server.stop(self._settings.socket)
            await self._holdings.close()
            self._addresses.close()

    def inventory(self) -> channel.InventoryReport:
        """Every instance as it stands."""
        return channel.InventoryReport(
            host=self._settings.name,
            pid=os.getpid(),
            states=(
                *(instance.state() for instance in self._instances.values()),
                *(_waits(command) for command in self._waiting.values() if command.resource_id not in self._instances),
            ),
            highest_tokens=dict(self._highest_tokens),
            containment="pid_namespace" if os.geteuid() == 0 else "process_group",
        )

    # What instances ask for (instance.Desk) --------------------------------------------------------------------------

    def report(self, state: channel.State) -> None:
        """Send to every connection."""
        self._server.broadcast(state)

    def log(self, resource_id: str, level: LogLevel, text: str) -> None:
        """Send to the cluster log."""
        self._server.broadcast(channel.LogRecord(resource_id, level, text, boot_time_s()))

    def held(self, resource_id: str, *, held: bool) -> None:
        """Tell the keeper what would have to be gone at the end of the lease."""
        (self._keeper.hold if held else self._keeper.let_go)(resource_id)

    def facilities(self, owner: Owner) -> tuple[Processes, Addresses]:
        """Those of one resource."""
        resource_id = owner.resource_id

        def surroundings() -> dict[str, str]:
            return {
                "QUORATE_TOKEN": str(owner.token),
                "QUORATE_RESOURCE": resource_id,
                "QUORATE_RESOURCE_NAME": owner.spec.name,
            }

        def log_output(line: str) -> None:
            self.log(resource_id, "info", line[:500])

        lease_holds = self._keeper.lease_holds
        processes = HostedProcesses(resource_id, self._launcher, self._holdings, lease_holds, surroundings, log_output)
        addresses = HostedAddresses(resource_id, self._addresses, self._holdings, lease_holds)
        self._facilities[resource_id] = processes, addresses
        return processes, addresses

    async def end_by_force(self, resource_id: str) -> None:
        """Everything that went through the facilities of the resource: its processes, then its addresses."""
        processes, addresses = self._facilities[resource_id]
        await processes.end_all()
        await addresses.end_all()

    # Commands
    # ----------------------------------------------------------------------------------------------------------

    def _command(self, command: channel.Command, connection: Connection) -> None:
        match command:
            case channel.Inventory():
                connection.send(self.inventory())
            case channel.Open():
                self._open(command)
            case channel.Close():
                self._close(command)
            case channel.Prepare(resource_id):
                instance = self._instances.get(resource_id)
                if instance is not None:
                    instance.prepare()
            case channel.Control(request_id, resource_id, verb, body):
                instance = self._instances.get(resource_id)
                if instance is None:
                    connection.send(channel.ControlAnswer(request_id, problem="the resource is not open here"))
                else:
                    instance.control(request_id, verb, body, connection.send)
            case channel.Online() | channel.Offline() | channel.Terminate():
                self._move(command)
            case _ as unreachable:
                assert_never(unreachable)

    def _close(self, command: channel.Close) -> None:
        opening = self._opening.get(command.resource_id)
        if opening is not None:
            self._waiting.pop(command.resource_id, None)
            opening.add_done_callback(lambda _: self._close(command))
            return
        instance = self._instances.pop(command.resource_id, None)
        if instance is not None:
            self._spawn(instance.close(deleted=command.deleted))

    def _move(self, command: channel.Online | channel.Offline | channel.Terminate) -> None:
        """A command under a token: refuse a stale one, wait for an `open` that is still running."""
        resource_id = command.resource_id
        opening = self._opening.get(resource_id)
        if opening is not None:
            if isinstance(command, channel.Online):
                self._waiting[resource_id] = command
            opening.add_done_callback(lambda _: self._move(command))
            return
        self._waiting.pop(resource_id, None)
        highest = self._highest_tokens.get(resource_id, 0)
        if command.token < highest:
            self._refuse(command, channel.RefusalCode.STALE_TOKEN, f"token {command.token} is older than {highest}")
            return
        self._highest_tokens[resource_id] = command.token
        instance = self._instances.get(resource_id)
        if instance is None:
            self._refuse(command, channel.RefusalCode.NOT_OPEN, "the resource is not open here")
            return
        match command:
            case channel.Online():
                if not self._keeper.lease_holds():
                    self._refuse(command, channel.RefusalCode.LEASE_OVER, "this node's lease is over")
                    return
                if self._stopping.is_set():
                    self._refuse(command, channel.RefusalCode.BUSY, "the host is being stopped")
                    return
                instance.token = command.token
                instance.tell(lives.OnlineWanted())
            case channel.Offline():
                instance.token = command.token
                instance.tell(lives.OfflineWanted(command.reason))
            case channel.Terminate():
                instance.token = command.token
                instance.tell(lives.EndWanted("terminated by command"))
            case _ as unreachable:
                assert_never(unreachable)

    def _open(self, command: channel.Open) -> None:
        opening = self._opening.get(command.resource_id)
        if opening is not None:  # of a former service perhaps: a second instance would run beside the first
            opening.add_done_callback(lambda _: self._open(command))
            return
        try:
            kind = find_type(command.type_name)
            properties = complete_properties(kind.manifest, command.properties)
        except UnknownType as problem:
            self._refuse(command, channel.RefusalCode.TYPE_UNKNOWN, str(problem))
            return
        except Refused as problem:
            self._refuse(command, channel.RefusalCode.PROPERTIES_INVALID, str(problem))
            return
        instance = self._instances.get(command.resource_id)
        if instance is not None and instance.kind is not kind:
            self._refuse(command, channel.RefusalCode.BUSY, "it is open with another type; close it first")
        elif instance is not None:
            instance.change(command, properties)
            self.report(instance.state())
        else:
            instance = Instance(command, kind, properties, self)
            opening = asyncio.create_task(self._finish_open(instance), name=f"open {command.resource_id}")
            self._opening[command.resource_id] = opening

    async def _finish_open(self, instance: Instance) -> None:
        try:
            await instance.open()
        except Exception as problem:  # noqa: BLE001 - a type may raise anything
            self._refuse(instance.spec, channel.RefusalCode.OPEN_FAILED, str(problem) or repr(problem))
        else:
            self._instances[instance.resource_id] = instance
            self.report(instance.state())
        finally:
            del self._opening[instance.resource_id]

    def _refuse(
        self,
        command: channel.Open | channel.Online | channel.Offline | channel.Terminate,
        code: channel.RefusalCode,
        detail: str,
    ) -> None:
        token = 0 if isinstance(command, channel.Open) else command.token
        name = type(command).__name__.lower()
        self._server.broadcast(channel.CommandRefused(command.resource_id, name, code, detail, token))

    def _lease_over(self, resources: frozenset[str]) -> None:
        for instance in self._instances.values():
            if instance.resource_id in resources and instance.life.phase is not lives.Phase.OFFLINE:
                instance.tell(lives.EndWanted("the node's lease is over"))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _helper_died() -> None:
    """A host that goes on would refuse every start, and its groups would leave this node one after the other."""
    with contextlib.suppress(OSError):
        print("quorate host: the process helper has died; this host ends", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(EXIT_HELPER)


def _waits(command: channel.Online) -> channel.State:
    return channel.State(
        resource_id=command.resource_id,
        token=command.token,
        state=channel.ReportedState.ONLINE_PENDING,
        detail="waits until it is open",
        since_boot_s=boot_time_s(),
    )
