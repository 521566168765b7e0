"""When a node that was lost is certainly reset by its watchdog (design §4 rule 7, decision 0066).

Owns: the clock of each such node, and the record that says so. Pure. Does not know: watchdogs; a node tells in a fact,
in the life for which it is, after how many seconds without being fed its own resets it.
How it works: a sentinel feeds its watchdog only while its lease holds or everything is ended. So the verdict by lease
proves when it was fed last; one time-out later, on a clock of whoever leads, the node is reset, and its record says
*watchdog* instead of *lease over*. Groups that demand no more than a lease have left long before. Another leader begins
its clock anew.
"""

from __future__ import annotations

from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.timings import CLOCK_RATE_BOUND
from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import owed, waiting_for
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.records import Guard, Put, Unchanged

Transaction = tuple[tuple[Guard, ...], tuple[Put, ...]]


def timeout_of(view: ClusterView, node: int, incarnation: str) -> float:
    """The time-out of the watchdog that was armed in that life; 0.0 where none was."""
    known = view.watchdogs.get(node)
    return known.record.timeout_s if known is not None and known.record.incarnation == incarnation else 0.0


class Resets:
    """The clocks of one leader."""

    def __init__(self, mutations: frozenset[Mutation] = NONE) -> None:
        self._begun: dict[tuple[int, str], float] = {}
        self._part = 0.5 if Mutation.SHORT_RESET in mutations else 1.0

    def forget(self) -> None:
        """This node leads no more: a later clock of its own begins anew."""
        self._begun.clear()

    def step(self, view: ClusterView, now: float) -> tuple[Transaction, float | None]:
        """What is certain by now, as a guarded transaction (empty where nothing is), and when to look again."""
        coordinator = view.authority.coordinator
        waiting = {}
        for node, known in view.authority.members.items():
            record = known.record
            timeout_s = timeout_of(view, node, record.incarnation)
            lost = record.state == "down" and record.proof == "lease_over" and timeout_s > 0.0
            groups = waiting_for(view, node) if lost else ()
            if any((found := owed(view, group)) and found.demanded == "watchdog" for group in groups):
                waiting[node, record.incarnation] = timeout_s
        self._begun = {life: self._begun.get(life, now) for life in waiting}
        guards: list[Guard] = []
        writes: list[Put] = []
        later: list[float] = []
        for (node, incarnation), timeout_s in sorted(waiting.items()):
            wait_s = self._part * timeout_s * (1 + CLOCK_RATE_BOUND) / (1 - CLOCK_RATE_BOUND)
            due = self._begun[node, incarnation] + wait_s
            if now < due:
                later.append(due)
                continue
            known = view.authority.members[node]
            guards.append(Unchanged(keys.member(node), known.revision))
            writes.append(Put(keys.member(node), encode(replace(known.record, proof="watchdog"))))
        if writes and coordinator is not None:
            guards.append(Unchanged(keys.COORDINATOR, coordinator.revision))
        return (tuple(guards), tuple(writes)), min(later, default=None)
