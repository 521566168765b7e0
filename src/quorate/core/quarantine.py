"""Nodes that fail again and again are kept out for a while (spec/02 §6, decision 0042).

Owns: what counts as a failure, when failures make a quarantine, and for whom none is made. Pure.
Does not know: how nodes are admitted (`core.gate`). Times are the coordinator's wall clock, in seconds: they decide how
long somebody waits, never who may run what.
How it works: the coordinator counts each end of a life that was not a clean stop, once, by its incarnation; a node is
not admitted before the end of its last life is counted. As many within an hour as the cluster's property says make a
quarantine, which lasts from the newest of them on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.core.votes import has_majority
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.membership import NodeStanding
from quorate.model.records import Absent, Guard, Put, Unchanged

PERIOD_S: Final = 3600.0
"""Failures that lie within such a time count together."""

FAILURES_KEPT: Final = 64

CLOCK_STEP_S: Final = 300.0
"""Wall clocks of coordinators that follow one another may differ by so much."""

FAILURES: Final = frozenset({"lease_over", "watchdog", "ended", "fenced", "confirmed"})
"""Proofs by which a life ended that was not stopped cleanly."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A node is kept out."""

    failures: int
    until_s: float


def threshold(view: ClusterView) -> int:
    """How many failures make a quarantine; 0 where none do."""
    return view.cluster.record.quarantine_threshold if view.cluster is not None else 0


def _counts(view: ClusterView) -> bool:
    """Something follows from failures: a quarantine, or the cluster's holding still."""
    return threshold(view) > 0 or (view.cluster is not None and view.cluster.record.expulsion_limit > 0)


def standing(view: ClusterView, node: int) -> NodeStanding:
    """What is counted against a node."""
    known = view.standings.get(node)
    return known.record if known is not None else NodeStanding()


def is_uncounted(view: ClusterView, node: int) -> bool:
    """The node's last life ended in failure, and that is not counted yet."""
    member = view.authority.members.get(node)
    if member is None or member.record.state != "down" or member.record.proof not in FAILURES:
        return False
    return _counts(view) and member.record.incarnation != standing(view, node).counted


def is_back(view: ClusterView, node: int) -> bool:
    """The node was declared over by its lease and asks to be admitted: it was not put out, it had been away."""
    member = view.authority.members.get(node)
    return member is not None and member.record.proof == "lease_over" and node in view.authority.joins


def counting(view: ClusterView, wall_s: float) -> tuple[tuple[Guard, ...], tuple[Put, ...]]:
    """Count every failure that is not counted; empty where there is none."""
    coordinator = view.authority.coordinator
    guards: list[Guard] = []
    writes: list[Put] = []
    for node in sorted(view.nodes):
        if coordinator is None or not is_uncounted(view, node):
            continue
        member, known = view.authority.members[node], view.standings.get(node)
        key = f"{keys.STANDING}{node}"
        recent = [at for at in standing(view, node).failures if -CLOCK_STEP_S <= wall_s - at < PERIOD_S]
        expelled = standing(view, node).expelled
        if not is_back(view, node):
            expelled = (*expelled, wall_s)[-FAILURES_KEPT:]
        failures = (*recent, wall_s)[-FAILURES_KEPT:]
        made = NodeStanding(counted=member.record.incarnation, failures=failures, expelled=expelled)
        guards.append(Unchanged(key, known.revision) if known is not None else Absent(key))
        guards += [Unchanged(keys.member(node), member.revision), *view.authority.listing(node)]
        writes.append(Put(key, encode(made)))
    if coordinator is not None and writes:
        guards.append(Unchanged(keys.COORDINATOR, coordinator.revision))
    return tuple(guards), tuple(writes)


def quarantine(view: ClusterView, node: int, wall_s: float) -> Quarantine | None:
    """The quarantine that the node is in at that time, or None."""
    limit, failures = threshold(view), standing(view, node).failures
    if not limit or not failures or view.cluster is None:
        return None
    newest = max(failures)
    count = sum(1 for at in failures if newest - at < PERIOD_S)
    duration_s = view.cluster.record.quarantine_duration_s
    # A clock that was set back keeps nobody out for longer than the duration and a little.
    lasts = -CLOCK_STEP_S <= wall_s - newest < duration_s
    return Quarantine(count, newest + duration_s) if lasts and count >= limit else None


def is_needed(view: ClusterView, node: int) -> bool:
    """The node votes, and without it the voters that are up are no majority: it is let in, whatever it did."""
    voters = view.authority.voters
    return node in voters and not has_majority(voters, view.voters_up() - {node})
