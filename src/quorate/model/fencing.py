"""Fence devices, and what came of calling them (design §4 rule 10).

Owns: the form of these records. Does not know: when an agent is called (`core.fencing`), or how (`adapters.fencing`).
Times end in their unit; times of day are for people.
"""

from __future__ import annotations

from typing import Literal

from quorate.model.base import Value

FenceAction = Literal["off", "reboot"]


class FenceDevice(Value, frozen=True, kw_only=True):
    """One way to switch nodes off: a program of the fence-agents family with its parameters."""

    name: str
    agent: str
    """Name of the program; every node looks for it in its own folder of agents."""
    plugs: dict[str, str] = {}
    """What the device calls each node that it can fence, by node number."""
    parameters: dict[str, str] = {}
    secrets: dict[str, str] = {}
    """Parameters that are never shown."""
    action: FenceAction = "off"
    level: int = 1
    """Levels are tried in order; every device of a level must succeed."""
    delay_ms: int = 0
    """Pause before the first call: a node that comes back meanwhile is left alone."""
    retries: int = 1
    timeout_s: int = 30
    """Of one call; an agent that takes longer is killed, and that call has failed."""


class FenceAttempt(Value, frozen=True, kw_only=True):
    """One call of an agent, and what came of it."""

    at: str
    device: str
    action: str
    good: bool
    took_ms: int
    by: int
    """The node that called it."""
    mark: str = ""
    detail: str = ""


class FenceHistory(Value, frozen=True, kw_only=True):
    """The newest calls about one node, oldest first."""

    attempts: tuple[FenceAttempt, ...] = ()
