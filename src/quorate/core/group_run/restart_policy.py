"""What follows the failure of a resource on its node: restarts, the late retry, giving up (spec/03 §7.3 and §7.4).

Owns: the counting of restarts and their delays. Pure, of one resource. Does not know: states, dependencies, commands.
How it works: `Counts` is all that is remembered; `look` is asked again and again while the resource stands failed and
returns the counts as they are then. `restart_at` says when it is to be brought online, `settled` that no restart is
left here:

    exhausted   the threshold is spent, or restarts are not wanted (RestartAction 0)
    paused      nothing is started on a paused node; the policy begins anew when it is resumed
    cannot      it reported that another attempt here (127) or anywhere (126) is of no use for now

From `exhausted` and `cannot` one late retry is made after RetryPeriodOnFailure, and no other unless the resource asks
for it: the reference calls that attempt final (`resource-failure.md`). 127 shows as Offline, not as Failed, and is
retried again and again: a link that was away must not keep an address offline for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from quorate.model.resource_type import NEVER_MS
from quorate.model.workload import ResourceSpec

Settled = Literal["", "exhausted", "paused", "cannot"]
Failure = Literal["failed", "cannot_here", "cannot_anywhere"]

RESTARTS_KEPT: Final = 10_000
"""So many restarts are remembered at most; a threshold above it is never reached."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What is remembered of one resource on one node. Times are seconds on the node's clock."""

    restarts: tuple[float, ...] = ()
    """When restarts were decided on, as far as they lie in the window."""
    restart_at: float | None = None
    settled: Settled = ""
    retry_at: float | None = None
    retried: bool = False
    """The late retry of this failure has been made."""


def look(counts: Counts, spec: ResourceSpec, failure: Failure, now: float, *, paused: bool) -> Counts:
    """What follows now, for a resource that has failed and of which nothing is under way."""
    if counts.settled == "paused" and not paused:
        counts = replace(counts, settled="")
    if counts.settled == "cannot" and failure == "failed":
        counts = replace(counts, settled="", retry_at=None, retried=False)  # it could be tried after all
    if counts.restart_at is not None:
        if counts.settled or not paused:
            return counts  # a late retry waits for the end of a pause
        counts = replace(counts, restart_at=None, restarts=counts.restarts[:-1])  # it is not made, so it does not count
    if failure != "failed" and not counts.settled:
        counts = replace(counts, settled="cannot")
    if counts.settled == "paused":
        return counts
    if counts.settled:
        return _late(counts, spec, failure, now, paused=paused)
    return _first(counts, spec, now, paused=paused)


def _first(counts: Counts, spec: ResourceSpec, now: float, *, paused: bool) -> Counts:
    """A failure that has not been looked at yet."""
    period_s = spec.restart_period_ms / 1000
    restarts = tuple(at for at in counts.restarts if period_s == 0 or now - at < period_s)
    counts = replace(counts, restarts=restarts)
    if spec.restart_action == 0:
        return replace(counts, settled="exhausted")
    if paused:
        return replace(counts, settled="paused")
    if len(restarts) < spec.restart_threshold:
        again = now + restart_delay_s(spec, len(restarts))
        return replace(counts, restarts=(*restarts, now)[-RESTARTS_KEPT:], restart_at=again)
    return _late(replace(counts, settled="exhausted"), spec, "failed", now, paused=False)


def _late(counts: Counts, spec: ResourceSpec, failure: Failure, now: float, *, paused: bool) -> Counts:
    """No restart is left: wait for the late retry, make it, or wait for an administrator."""
    if counts.retry_at is not None:
        due = now >= counts.retry_at and not paused
        return replace(counts, retry_at=None, restart_at=now, retried=True) if due else counts
    final = counts.retried and not spec.retry_repeats and failure != "cannot_here"
    if final or spec.restart_action == 0 or spec.retry_period_on_failure_ms == NEVER_MS:
        return counts
    return replace(counts, retry_at=now + spec.retry_period_on_failure_ms / 1000)


def restart_delay_s(spec: ResourceSpec, before: int) -> float:
    """The pause before a restart, when so many were made before it in the window."""
    delay_ms = float(spec.restart_delay_ms)
    most_ms = max(delay_ms, spec.restart_delay_limit_ms)
    for _ in range(before if spec.restart_backoff_factor > 1 else 0):
        delay_ms *= spec.restart_backoff_factor
        if delay_ms >= most_ms:
            return most_ms / 1000
    return delay_ms / 1000


def started(counts: Counts) -> Counts:
    """The restart or retry that was due has been ordered."""
    return replace(counts, restart_at=None)


def came_online(counts: Counts) -> Counts:
    """It works: what was settled about the last failure is over, its restarts still count within their window."""
    return Counts(restarts=counts.restarts)


def gives_up(counts: Counts, spec: ResourceSpec, failure: Failure) -> bool:
    """Whether the group should leave because of this resource alone (RestartAction 2, or 127)."""
    if failure == "cannot_here":
        return True
    return failure == "failed" and spec.restart_action == 2 and counts.settled in {"exhausted", "paused"}
