"""A node's duty as coordinator towards groups: which assignments are due now, in one guarded transaction.

Owns: the batch, its guards, the record of a forming, and the rule that nothing is decided again before the view shows
what became of the last batch. Does not know: why a group changes hands (`core.failover`), or how a transaction is
carried out.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate.core.authority.frame import Answered, CommitRequest, Outcome
from quorate.core.authority.mutations import Mutation
from quorate.core.cluster_view import ClusterView
from quorate.core.failover.batch import decide_batch, intent_after
from quorate.core.failover.decision import Decision, Verdict
from quorate.core.failover.formed import formed_now
from quorate.core.failover.maintenance import next_end_s
from quorate.core.placement.filters import rivals
from quorate.core.placement.scene import Scene
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.records import Absent, Guard, Put, Unchanged, Write
from quorate.model.workload import Assignment, wants_online
from quorate.node.day import Day
from quorate.node.outputs import Decided

PURPOSE = "assign"
ASSIGNMENTS_PER_COMMIT = 1_000
BYTES_PER_COMMIT = 768 * 1024
"""Below the store's limits of 2,048 operations and 1.5 MiB a transaction. All groups of a lost node go in one: as soon
as the first are assigned their owners start them, and on a busy machine every further transaction waits for that."""


class Coordinating:
    """The assignments of one coordinator."""

    def __init__(
        self, node: int, view: ClusterView, wall_s: Callable[[], float], mutations: frozenset[Mutation]
    ) -> None:
        self.again_s: float | None = None
        """Wall time at which something waits no longer."""
        self._node_again_s: float | None = None
        """Wall time at which a node takes groups again, whoever may go there."""
        self._node = node
        self._view = view
        self._wall_s = wall_s
        self._day = Day()
        self._mutations = mutations
        self._answered_revision = 0
        """The view must have come this far before assignments are decided again."""
        self._waiting: dict[str, float | None] = {}
        """Groups that are not where or as they should be: any change may be what they wait for."""

    def answered(self, outcome: Outcome) -> None:
        """Take the outcome of a batch; a refused one is decided anew when the view shows why."""
        if isinstance(outcome, Answered):
            self._answered_revision = outcome.result.position.revision

    def forget(self) -> None:
        """This node does not lead any more."""
        self._waiting.clear()
        self._day.forget()
        self.again_s = self._node_again_s = None

    def assign(self, touched: set[str]) -> tuple[CommitRequest | None, list[Decided], set[str]]:
        """The batch that is due, what was decided, and the groups that must be looked at again."""
        view, wall_s = self._view, self._wall_s()
        coordinator = view.authority.coordinator
        if self.again_s is not None and wall_s >= self.again_s:
            touched = touched | {group for group, at_s in self._waiting.items() if at_s is not None}
        if self._node_again_s is not None and wall_s >= self._node_again_s:
            touched = touched | view.groups.keys()
        if not touched or coordinator is None or view.position.revision < self._answered_revision:
            return None, [], touched
        guard = Unchanged(keys.COORDINATOR, coordinator.revision)
        formed = formed_now(view, self._node, wall_s)
        if formed is not None:
            known = view.formed
            before = Unchanged(keys.FORMED, known.revision) if known is not None else Absent(keys.FORMED)
            return CommitRequest(PURPOSE, (guard, before), (Put(keys.FORMED, encode(formed)),)), [], touched
        moment = self._day.moment(view, wall_s)
        batch = _Batch(view)
        due = (touched | self._waiting.keys()) & view.groups.keys()
        self._waiting = {group: at_s for group, at_s in self._waiting.items() if group in view.groups}
        heed = Mutation.IGNORE_DEMAND not in self._mutations
        found = decide_batch(view, due, moment, take=batch.take, heed_proofs=heed)
        for group, verdict in found.verdicts.items():
            self._note(group, verdict)
        decided = [Decided(decision.assignment) for decision in found.decisions]
        again = {decision.assignment.group for decision in found.decisions} | found.left
        self._node_again_s = next_end_s(view, wall_s)
        dues = (self._node_again_s, *self._waiting.values())
        self.again_s = min((at_s for at_s in dues if at_s is not None), default=None)
        if not batch.writes:
            return None, [], again
        unguarded = Mutation.UNGUARDED in self._mutations
        all_guards = () if unguarded else (guard, *batch.guards.values())
        return CommitRequest(PURPOSE, all_guards, tuple(batch.writes.values())), decided, again

    def _note(self, group: str, verdict: Verdict) -> None:
        if verdict.waits:
            self._waiting[group] = verdict.again_s
        else:
            self._waiting.pop(group, None)


class _Batch:
    """One transaction in the making."""

    def __init__(self, view: ClusterView) -> None:
        self._view = view
        self.guards: dict[str, Guard] = {}
        self.writes: dict[str, Write] = {}
        self._size_bytes = 0

    def take(self, decision: Decision, scene: Scene) -> bool:
        """Guard an assignment by what it replaces and by the lives it rests on (rule 14); tells if there is room."""
        made, view = decision.assignment, self._view
        key = keys.ASSIGNMENT + made.group
        known = view.assignments.get(made.group)
        self.guards[key] = Unchanged(key, known.revision) if known else Absent(key)
        for node in decision.watches:
            member = view.authority.members.get(node)
            if member is not None:
                self.guards[keys.member(node)] = Unchanged(keys.member(node), member.revision)
        value = encode(made)
        self.writes[key] = Put(key, value)
        self._size_bytes += len(key) + len(value)
        wanted, intent = intent_after(view, decision), view.intents.get(made.group)
        if wanted is not None and intent is not None:
            place = keys.INTENT_GROUP + made.group
            self.guards[place] = Unchanged(place, intent.revision)
            self.writes[place] = Put(place, encode(wanted))
        self._guard_rivals(scene, made)
        return len(self.writes) < ASSIGNMENTS_PER_COMMIT and self._size_bytes < BYTES_PER_COMMIT

    def _guard_rivals(self, scene: Scene, made: Assignment) -> None:
        """That none which must not run beside it has been asked for meanwhile; nobody else writes assignments."""
        view = self._view
        if made.phase != "run" or not wants_online(view.intent(made.group)):
            return
        for other in rivals(scene, view.groups[made.group].record):
            place, intent = keys.INTENT_GROUP + other, view.intents.get(other)
            self.guards.setdefault(place, Unchanged(place, intent.revision) if intent is not None else Absent(place))
