"""What a host offers a resource type: contained processes and service addresses, as protocols.

Owns: the shapes of these facilities, their values and their errors.
Does not know: how they are made real; the host wires adapters behind them, `sdk.testing` keeps twins in memory.
How it works: a facility belongs to one resource. What it takes hold of is registered with the sentinel first and
given back when it is gone, so that the node can end it alone (design §2); a type cannot forget that because it never
sees it.

    FacilityError
    ├── HoldRefused         the node may not take hold of anything now (no lease, sentinel silent); later, or elsewhere
    ├── CannotStart         the program cannot be started as described; the administrator's move
    └── NoInterface         no usable interface for the address on this node; another node may have one
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


class FacilityError(Exception):
    """Root of what a facility raises; the text is one plain sentence."""


class HoldRefused(FacilityError):
    """The node may not take hold of anything now."""


class CannotStart(FacilityError):
    """The program cannot be started as described."""


class NoInterface(FacilityError):
    """There is no usable interface for the address on this node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program and its surroundings.

    `environment` is added to a small clean one (PATH, LANG, HOME of the user) and to QUORATE_TOKEN, QUORATE_RESOURCE
    and QUORATE_RESOURCE_NAME. `user` is a name, empty for the host's own. `log_path` empty: output goes to the
    cluster log. `ends_with`: whether the program counts as ended with its first process, or with the last one (for
    programs that put themselves into the background).
    """

    arguments: tuple[str, ...]
    working_folder: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    log_path: str = ""
    log_limit_bytes: int = 10_000_000
    stop_signal: str = "SIGTERM"
    ends_with: Literal["first_process", "last_process"] = "first_process"


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """How a program ended: `exit_code`, or the number of the signal that ended it (then the code is None)."""

    exit_code: int | None
    signal: int | None = None

    @property
    def words(self) -> str:
        """The end as part of a sentence."""
        if self.signal is not None:
            return f"ended by signal {self.signal}"
        return f"exited with code {self.exit_code}" if self.exit_code is not None else "ended"


class RunningProgram(Protocol):
    """A started program with everything it starts."""

    @property
    def pid(self) -> int:
        """The process that stands for the whole tree."""
        ...

    @property
    def containment(self) -> str:
        """`pid_namespace`: nothing can outlive it; `process_group`: without root, what hides well may."""
        ...

    @property
    def running(self) -> bool:
        """Whether anything of it is left."""
        ...

    async def wait(self) -> ProgramEnd:
        """Until all of it is gone."""
        ...

    async def stop(self, grace_ms: int) -> ProgramEnd:
        """Ask with the stop signal, kill what is left after `grace_ms`, return when all of it is gone."""
        ...

    async def kill(self) -> ProgramEnd:
        """Kill all of it, return when it is gone."""
        ...


class Processes(Protocol):
    """Programs of one resource."""

    async def start(self, program: Program, on_end: Callable[[ProgramEnd], None]) -> RunningProgram:
        """Register with the sentinel, start, and return when the program has been executed.

        `on_end` is called once, in the loop, as soon as the program has ended, for whatever reason.
        Raises CannotStart, HoldRefused.
        """
        ...


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """An address on an interface of this node, IPv4 or IPv6 (in its short form)."""

    address: str
    prefix_length: int
    interface_index: int
    interface_name: str


class Addresses(Protocol):
    """Service addresses of one resource, in the order of use."""

    def place(self, address: str, prefix_length: int, network: str) -> ServiceAddress:
        """Find the interface: `network` names one, or names a network, or is empty: by the subnet.

        Raises NoInterface.
        """
        ...

    async def protect(self, address: ServiceAddress) -> None:
        """Register with the sentinel and put the address behind the lease guard. Raises HoldRefused."""
        ...

    async def probe(self, address: ServiceAddress, limit_ms: int) -> str | None:
        """Ask the network who has it; the hardware address of whoever answers within the limit, or None."""
        ...

    async def add(self, address: ServiceAddress, on_loss: Callable[[str], None]) -> None:
        """Give it to the interface, with a lifetime that the host renews while the lease stands.

        `on_loss` is called in the loop, with a reason, when the link goes down or the address is gone. Raises
        HoldRefused where it is not protected.
        """
        ...

    def announce(self, address: ServiceAddress) -> None:
        """Tell the neighbours, now and some times more; returns at once."""
        ...

    async def remove(self, address: ServiceAddress) -> None:
        """Take it away, out of the guard and out of the sentinel's list. Harmless where it is not there."""
        ...

    def present(self, address: ServiceAddress) -> bool:
        """Whether the interface has it."""
        ...

    def link_up(self, address: ServiceAddress) -> bool:
        """Whether the interface is up and has a carrier."""
        ...
