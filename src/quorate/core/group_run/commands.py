"""What the owner of a group tells the hosts of its resources.

Owns: the closed union `Command`. Does not know: when a command is given (`run`), or how it travels (`node.host_link`).
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.model.workload import ResourceSpec


@dataclass(frozen=True, slots=True)
class BringOnline:
    """Command: bring the resource online under that token."""

    spec: ResourceSpec
    token: int


@dataclass(frozen=True, slots=True)
class TakeOffline:
    """Command: take the resource offline gracefully."""

    resource: str
    token: int
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """Command: end the resource at once."""

    resource: str
    token: int


@dataclass(frozen=True, slots=True)
class Respecify:
    """Command: it goes by this specification from now on; what runs of it runs on."""

    spec: ResourceSpec
    maintained: bool | None = None
    """Whether it is in maintenance from now on; None: as before."""


Command = BringOnline | TakeOffline | End | Respecify
