"""A node in memory, as a resource type may find it: the twin of what a host offers.

Owns: `World`, and programs, addresses and a context that live in it. Does not know: checks; `sdk.testing` makes them.
How it works: the facilities only keep lists, and do what the world says: refuse, stall, answer for an address.
"""

# ruff: noqa: ARG002, D102 - what replaces a method is documented where the method is declared, and takes what it takes

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from quorate.model.properties import PropertyValue
from quorate.sdk.facilities import (
    Addresses,
    CannotStart,
    HoldRefused,
    NoInterface,
    Processes,
    Program,
    ProgramEnd,
    RunningProgram,
    ServiceAddress,
)
from quorate.sdk.overriding import override
from quorate.sdk.resource_type import Failure, LogLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A node as a type may find it. `programs` and `addresses` are what runs there for the type.

    `answering` maps an address to the hardware address that answers for it elsewhere; `stalls` makes every facility
    wait for ever once it has taken hold, so that a call can be interrupted there.
    """

    programs: tuple[tuple[str, ...], ...] = ()
    addresses: tuple[str, ...] = ()
    answering: Mapping[str, str] = field(default_factory=dict)
    has_interface: bool = True
    link_up: bool = True
    grants_holdings: bool = True
    missing_programs: frozenset[str] = frozenset()
    stalls: bool = False


class MemoryProgram(RunningProgram):
    """A program in memory."""

    def __init__(self, program: Program, on_end: Callable[[ProgramEnd], None]) -> None:
        self.program = program
        self._on_end = on_end
        self._end: asyncio.Future[ProgramEnd] = asyncio.get_running_loop().create_future()

    @property
    @override
    def pid(self) -> int:
        return id(self)

    @property
    @override
    def containment(self) -> str:
        return "memory"

    @property
    @override
    def running(self) -> bool:
        return not self._end.done()

    @override
    async def wait(self) -> ProgramEnd:
        return await asyncio.shield(self._end)

    @override
    async def stop(self, grace_ms: int) -> ProgramEnd:
        self.end(ProgramEnd(None, 15))
        return await self.wait()

    @override
    async def kill(self) -> ProgramEnd:
        self.end(ProgramEnd(None, 9))
        return await self.wait()

    def end(self, end: ProgramEnd) -> None:
        """The program ends so."""
        if self.running:
            self._end.set_result(end)
            self._on_end(end)


class MemoryProcesses(Processes):
    """Programs in memory."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.started: list[MemoryProgram] = []

    @override
    async def start(self, program: Program, on_end: Callable[[ProgramEnd], None]) -> RunningProgram:
        if not self._world.grants_holdings:
            raise HoldRefused("the world grants no holdings")
        if program.arguments[0] in self._world.missing_programs:
            raise CannotStart(f"program {program.arguments[0]}: no such file")
        started = MemoryProgram(program, on_end)
        self.started.append(started)
        if self._world.stalls:
            try:
                await asyncio.Event().wait()
            finally:
                await started.kill()
        return started


class MemoryAddresses(Addresses):
    """Addresses in memory; `calls` keeps the order of what was done to them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.present_addresses: dict[str, Callable[[str], None]] = dict.fromkeys(world.addresses, lambda _: None)
        self.protected: set[str] = set()
        self.calls: list[str] = []

    @override
    def place(self, address: str, prefix_length: int, network: str) -> ServiceAddress:
        if not self._world.has_interface:
            raise NoInterface(f"no interface for {address}/{prefix_length} on {network or 'this node'}")
        return ServiceAddress(address, prefix_length, 1, network or "memory0")

    @override
    async def protect(self, address: ServiceAddress) -> None:
        self.calls.append("protect")
        if not self._world.grants_holdings:
            raise HoldRefused("the world grants no holdings")
        self.protected.add(address.address)

    @override
    async def probe(self, address: ServiceAddress, limit_ms: int) -> str | None:
        self.calls.append("probe")
        return self._world.answering.get(address.address)

    @override
    async def add(self, address: ServiceAddress, on_loss: Callable[[str], None]) -> None:
        self.calls.append("add")
        if address.address not in self.protected:
            raise HoldRefused("the address is not protected")
        self.present_addresses[address.address] = on_loss
        if self._world.stalls:
            await asyncio.Event().wait()

    @override
    def announce(self, address: ServiceAddress) -> None:
        self.calls.append("announce")

    @override
    async def remove(self, address: ServiceAddress) -> None:
        self.calls.append("remove")
        self.present_addresses.pop(address.address, None)
        self.protected.discard(address.address)

    @override
    def present(self, address: ServiceAddress) -> bool:
        return address.address in self.present_addresses

    @override
    def link_up(self, address: ServiceAddress) -> bool:
        return self._world.link_up


class MemoryContext:
    """A context in memory; its lists keep what the type said."""

    resource_id = "00000000-0000-0000-0000-000000000001"
    name = "under test"
    token = 1

    def __init__(self, properties: Mapping[str, PropertyValue], world: World) -> None:
        self.properties = properties
        self.processes = MemoryProcesses(world)
        self.addresses = MemoryAddresses(world)
        self.world = world
        self.lines: list[str] = []
        self.progress: list[str] = []
        self.failures: list[tuple[Failure, str]] = []
        self.suspicions: list[str] = []
        self.locked = self.found = ""

    def log(self, text: str, *, level: LogLevel = "info") -> None:
        self.lines.append(f"{level}: {text}")

    def report_progress(self, detail: str = "") -> None:
        self.progress.append(detail)

    def report_failure(self, kind: Failure, detail: str) -> None:
        self.failures.append((kind, detail))

    def suspect_failure(self, detail: str) -> None:
        self.suspicions.append(detail)

    def clear_failure(self) -> None:
        self.failures = [(kind, detail) for kind, detail in self.failures if kind != "embedded"]

    def report_found(self, what: str) -> None:
        self.found = what

    def lock(self, reason: str) -> None:
        self.locked = reason or "locked"

    def unlock(self) -> None:
        self.locked = ""

    def lose_everything(self) -> None:
        """The real thing goes away from outside: programs are killed, addresses removed."""
        for program in self.processes.started:
            program.end(ProgramEnd(None, 9))
        for on_loss in [self.addresses.present_addresses.pop(name) for name in list(self.addresses.present_addresses)]:
            on_loss("lost in the test")

    def world_now(self) -> World:
        """What is there now."""
        running = tuple(entry.program.arguments for entry in self.processes.started if entry.running)
        return replace(self.world, programs=running, addresses=tuple(self.addresses.present_addresses))
