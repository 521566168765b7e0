"""The records on which authority rests: coordinator, members, marks, join requests (design §4).

Owns: their form. `core.authority` owns what may be done with them.
"""

from __future__ import annotations

from typing import Literal

from quorate.model.base import Value
from quorate.model.versions import Software

MemberState = Literal["up", "down"]
MarkKind = Literal["suspicion", "order"]
AttestationKind = Literal["fenced", "confirmed"]
Proof = Literal["lease_over", "watchdog", "released", "ended", "fenced", "confirmed", ""]


class CoordinatorRecord(Value, frozen=True, kw_only=True):
    """Who leads, in which epoch. Epochs rise with every change and never return."""

    node: int
    epoch: int


class Formed(Value, frozen=True, kw_only=True):
    """The newest forming of the cluster: a cold start, for start order alone (spec/03 §12)."""

    epoch: int
    at_s: float
    """Wall time of the node that formed, in seconds."""
    awaited: tuple[int, ...] = ()
    """Nodes that had been up, or had left cleanly: those that may be expected back."""


class Attestation(Value, frozen=True, kw_only=True):
    """Somebody outside vouches that a marked node is off (rule 10); it holds for the mark that carries it, no longer.

    A node that lives clears its mark, and with it what was said about its death.
    """

    kind: AttestationKind
    by: str
    """The operator, or the fence device."""
    at: str
    """Wall time, for people."""
    reason: str = ""


class Mark(Value, frozen=True, kw_only=True):
    """A stop sign on a member. A suspicion its node may clear; an order it cannot."""

    kind: MarkKind
    id: str
    author: int
    epoch: int
    reason: str = ""
    attestation: Attestation | None = None
    silent_ms: int = 0
    """So long the member had been silent when its author suspected it; for people (`core.incidents`)."""


class MemberRecord(Value, frozen=True, kw_only=True):
    """A node's standing, and how its last life ended."""

    node: int
    state: MemberState
    incarnation: str
    mark: Mark | None = None
    proof: Proof = ""
    attestation: Attestation | None = None
    """Who vouched for the end, where the proof is *fenced* or *confirmed*."""
    boot_id: str = ""


class NodeStanding(Value, frozen=True, kw_only=True):
    """Failures of a node, as coordinators have counted them (spec/02 §6)."""

    counted: str = ""
    """The incarnation whose end was counted last."""
    failures: tuple[float, ...] = ()
    """Wall times of the coordinators, in seconds; for the quarantine, never for authority."""
    expelled: tuple[float, ...] = ()
    """The same of those ends after which the node was not back already (`core.blast_radius`)."""


class WatchdogFact(Value, frozen=True, kw_only=True):
    """A node says in which life its watchdog was armed, and after how long without being fed it resets the node."""

    incarnation: str
    timeout_s: float = 0.0


class JoinRequest(Value, frozen=True, kw_only=True):
    """A node asks to be admitted under a new incarnation."""

    node: int
    incarnation: str
    boot_id: str = ""
    software: Software = Software()
    """What it runs now: the coordinator admits only what works together (spec/02 §2.1)."""
