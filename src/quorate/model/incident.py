"""What is kept of a failure that took groups from where they ran: cause, course, and where the time went (promise 5).

Owns: the form of that record. Does not know: when it begins and ends (`core.incidents`), or who writes it.
Times in milliseconds are by the clock of the node that wrote the record, counted from the beginning of the incident.
"""

from __future__ import annotations

from typing import Literal

from quorate.model.base import Value

IncidentCause = Literal["node_lost", "resource_failed"]
IncidentOutcome = Literal["online", "waits", "failed", "offline", "lost_again", "open"]
"""What became of a group. *waits*: on hold, or for a node; *offline*: nobody wants it any more; *lost_again*: its new
owner was lost too, which is an incident of its own; *open*: still not settled when the record was closed."""


class Spent(Value, frozen=True, kw_only=True):
    """Milliseconds spent in each phase; 0 where it did not occur."""

    detect_ms: int = 0
    """From the last sign of life, or the first failure, to the suspicion, or until the owner gave the group up."""
    fence_ms: int = 0
    """Until it was certain that the lost node runs nothing any more, by the proof that the group demands."""
    decide_ms: int = 0
    """Until an assignment was committed."""
    stop_ms: int = 0
    """Until nothing ran any more under the former owner."""
    start_ms: int = 0
    """From the assignment until it was online."""


class IncidentGroup(Value, frozen=True, kw_only=True):
    """What became of one group."""

    id: str
    name: str
    former: int
    """The owner before, by number."""
    owner: int
    """The owner in the end."""
    outcome: IncidentOutcome
    why: str = ""
    """Where it is not online."""
    spent: Spent = Spent()


class IncidentEntry(Value, frozen=True, kw_only=True):
    """One thing that happened in its course."""

    at_ms: int
    node: str
    """Name of the node on which it happened, or which did it; empty: the cluster."""
    what: str


class Incident(Value, frozen=True, kw_only=True):
    """A failure and what followed from it."""

    id: str
    """Revision of the database with which it began; of several that began with the same, `REVISION.2` and so on."""
    cause: IncidentCause
    node: int
    """The node that was lost, or on which the resource failed."""
    sentence: str
    """What happened, in one plain sentence."""
    began_s: float
    """Wall time, for people."""
    took_ms: int
    spent: Spent = Spent()
    """Of each phase the longest of any group."""
    groups: tuple[IncidentGroup, ...] = ()
    more_groups: int = 0
    """So many more groups were concerned; their part is counted, not kept."""
    timeline: tuple[IncidentEntry, ...] = ()
    recorded_by: int = 0


def order_of(incident_id: str) -> tuple[int, int]:
    """Where an incident stands among all of them, by its id: the older first."""
    revision, _, further = incident_id.partition(".")
    return int(revision), int(further or 1)
