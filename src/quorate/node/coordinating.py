"""A node's duty as coordinator towards groups: which assignments are due now, in one guarded transaction.

Owns: the batch, its guards, and the rule that nothing is decided again before the view shows what became of the last
batch. Does not know: why a group changes hands (`core.failover`), or how a transaction is carried out.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate.core.authority.frame import Answered, CommitRequest, Outcome
from quorate.core.authority.mutations import Mutation
from quorate.core.cluster_view import ClusterView
from quorate.core.failover import Decision, decide
from quorate.core.placement import load
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.records import Absent, Guard, Put, Unchanged, Write
from quorate.node.outputs import Decided

PURPOSE = "assign"
ASSIGNMENTS_PER_COMMIT = 200
"""Far below the store's limits of 2,048 operations and 1.5 MiB a transaction."""


class Coordinating:
    """The assignments of one coordinator."""

    def __init__(self, view: ClusterView, wall_s: Callable[[], float], mutations: frozenset[Mutation]) -> None:
        self._view = view
        self._wall_s = wall_s
        self._mutations = mutations
        self._answered_revision = 0
        """The view must have come this far before assignments are decided again."""

    def answered(self, outcome: Outcome) -> None:
        """Take the outcome of a batch; a refused one is decided anew when the view shows why."""
        if isinstance(outcome, Answered):
            self._answered_revision = outcome.result.position.revision

    def assign(self, touched: set[str]) -> tuple[CommitRequest | None, list[Decided], set[str]]:
        """The batch that is due, what was decided, and the groups that must be looked at again."""
        view = self._view
        coordinator = view.authority.coordinator
        if not touched or coordinator is None or view.position.revision < self._answered_revision:
            return None, [], touched
        weights = load(view)
        guards: dict[str, Guard] = {}
        writes: list[Write] = []
        decided: list[Decided] = []
        again: set[str] = set()
        wall_s = self._wall_s()
        for group in sorted(touched & view.groups.keys(), key=lambda g: (-view.groups[g].record.priority, g)):
            decision = decide(
                view,
                view.groups[group].record,
                wall_s,
                weights,
                heed_proofs=Mutation.IGNORE_DEMAND not in self._mutations,
            )
            if decision is None:
                continue
            again.add(group)
            if len(writes) >= ASSIGNMENTS_PER_COMMIT:
                continue
            self._gather(decision, guards, writes)
            made = decision.assignment
            weights[made.owner] = weights.get(made.owner, 0) + 1
            decided.append(Decided(made))
        if not writes:
            return None, [], again
        all_guards = (Unchanged(keys.COORDINATOR, coordinator.revision), *guards.values())
        unguarded = Mutation.UNGUARDED in self._mutations
        return CommitRequest(PURPOSE, () if unguarded else all_guards, tuple(writes)), decided, again

    def _gather(self, decision: Decision, guards: dict[str, Guard], writes: list[Write]) -> None:
        """Guard an assignment by what it replaces and by the lives it rests on (rule 14)."""
        made = decision.assignment
        key = keys.ASSIGNMENT + made.group
        known = self._view.assignments.get(made.group)
        guards[key] = Unchanged(key, known.revision) if known else Absent(key)
        for node in decision.watches:
            member = self._view.authority.members.get(node)
            if member is not None:
                guards[keys.member(node)] = Unchanged(keys.member(node), member.revision)
        writes.append(Put(key, encode(made)))
        intent = self._view.intents.get(made.group)
        if decision.finishes_move is not None and intent is not None and intent.record.move is not None:
            place = keys.INTENT_GROUP + made.group
            guards[place] = Unchanged(place, intent.revision)
            writes.append(Put(place, encode(replace(intent.record, move=None))))
