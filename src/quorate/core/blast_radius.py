"""How many nodes may be put out within a while before the cluster holds still (the blast radius, decision 0065).

Owns: what is counted, and how much is left. Pure. Does not know: who is put out, or why.
How it works: whoever leads writes each end of a life that was no clean stop into the node's standing, with its time
(`quarantine.counting`), so a new coordinator knows of them; what was declared and is not written yet counts as well.
A node that had been away and asks to be admitted was not put out: that its former life is declared over lets it in.
Times are the coordinators' wall clocks: they decide how long the cluster waits for a person, never who may run what.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.quarantine import CLOCK_STEP_S, is_back, is_uncounted, standing


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may still be put out."""

    limit: int
    spent: int
    period_s: float
    until_s: float
    """When the oldest that is counted is forgotten; wall time, 0 where nothing is counted."""

    @property
    def left(self) -> int:
        """So many more."""
        return max(self.limit - self.spent, 0)


def allowance(view: ClusterView, wall_s: float) -> Allowance | None:
    """How much is left now; None where there is no limit."""
    if view.cluster is None or view.cluster.record.expulsion_limit == 0:
        return None
    cluster = view.cluster.record
    period_s = float(cluster.expulsion_period_s)
    counted = [
        at
        for node in view.standings
        for at in standing(view, node).expelled
        if -CLOCK_STEP_S <= wall_s - at < period_s and at > cluster.expulsions_released_s
    ]
    fresh = sum(1 for node in view.nodes if not is_back(view, node) and is_uncounted(view, node))
    until_s = min(counted) + period_s if counted else 0.0
    return Allowance(cluster.expulsion_limit, len(counted) + fresh, period_s, until_s)


def left(view: ClusterView, wall_s: float) -> int | None:
    """How many more may be put out now; None where there is no limit."""
    found = allowance(view, wall_s)
    return found.left if found is not None else None
