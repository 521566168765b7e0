"""What the service's pump asks for: orders, requests, commands, hints and notes.

Owns: the closed union `Output`. Does not know: who carries it out (`node.service`, `sim.node`).
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.authority.frame import Note, Request
from quorate.core.authority.orders import Order, Renewal
from quorate.core.group_run import Command
from quorate.model.workload import Assignment


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """Output: carry this out and call `outcome` with the same `id`."""

    id: int
    request: Request


@dataclass(frozen=True, slots=True)
class HostCommand:
    """Output: a command for the host of a resource of that group."""

    group: str
    command: Command


@dataclass(frozen=True, slots=True)
class Prepare:
    """Output: hint to the hosts that this group may soon come online here."""

    group: str


@dataclass(frozen=True, slots=True)
class NeedHost:
    """Output: a resource of ours runs in a host of its own, and that host has not told yet what it has."""

    host: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Output: a group of ours has reached what it should be (`online`), or has left that."""

    group: str
    online: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """Output: the coordinator asks for this assignment; for the log and for explanations."""

    assignment: Assignment


Output = Order | Renewal | StoreRequest | HostCommand | Prepare | NeedHost | Settled | Note | Decided
