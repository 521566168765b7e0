"""A node's duty as owner: running the groups that are assigned to this life of it, and reporting facts about them.

Owns: the runs, the facts that are still to be written, hints to hosts, and which groups have settled.
Does not know: hosts and sockets, or when a lease ends; it is told whether one is held.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate.core.authority.frame import Answered, CommitRequest, Outcome
from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.core.failover.maintenance import ends_s, hands_off
from quorate.core.group_run import GroupRun
from quorate.core.placement.choosing import place
from quorate.core.probation import proofs
from quorate.core.resource_maintenance import maintained, next_end_s
from quorate.core.start_order import StartOrder
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.records import Absent, Guard, Put, Unchanged
from quorate.model.workload import (
    NO_FLAGS,
    Assignment,
    GroupFact,
    ResourceFlags,
    ResourceSpec,
    ResourceState,
    desired,
    wants_online,
)
from quorate.node.host_link import SHARED, host_of, own_host_of
from quorate.node.outputs import HostCommand, NeedHost, Output, Prepare, Settled

PURPOSE = "facts"
FACTS_PER_COMMIT = 100
"""Far below the store's limits of 2,048 operations and 1.5 MiB a transaction."""
PASSING_FACT_DELAY_S = 0.2
"""A state that passes sooner is not written: every write wakes every node, just while a group changes hands."""


class Owning:
    """The groups of one node."""

    def __init__(
        self, node: int, view: ClusterView, wall_s: Callable[[], float], *, heed_failed_stops: bool = True
    ) -> None:
        self.node = node
        self._wall_s = wall_s
        self.must_end: dict[str, str] = {}
        """Groups for which this node must give its life up: the resource that does not stop and is to be fenced."""
        self._heed_failed_stops = heed_failed_stops
        self.runs: dict[str, GroupRun] = {}
        self.due: dict[str, float] = {}
        """When a group must be looked at again."""
        self.held_back: set[str] = set()
        """Groups that wait for others before they start: whatever changes may let them."""
        self._begun: dict[str, int] = {}
        """The assignment number under which a group was allowed to start, or was found started."""
        self.winding_down = False
        """Everything is taken offline here and nothing starts again: the node is being stopped."""
        self.lease_missed = False
        """A group was looked at while no lease was held; it must be looked at again when there is one."""
        self.own_hosts: dict[str, bool] = {}
        """Hosts beside the shared one, and whether they have told what they have."""
        self._view = view
        self._facts: dict[str, GroupFact] = {}
        self._passing_until: dict[str, float] = {}
        self._facts_sent: frozenset[str] = frozenset()
        self._facts_revision = 0
        """The view must have come this far before it can tell whether a fact is still to be written."""
        self._online: set[str] = set()
        self._prepared: dict[str, tuple[int, int]] = {}

    def host_state(
        self, group: str, resource: str, state: ResourceState, detail: str, flags: ResourceFlags = NO_FLAGS
    ) -> None:
        """A host reported the state of a resource."""
        self._run_of(group).reported(resource, state, detail, flags)
        self._view.touched.add(group)

    def contact_lost(self, resources: frozenset[str]) -> None:
        """The connection to the host of these resources broke; they may go on."""
        for run in self.runs.values():
            run.contact_lost(resources)

    def host_lost(self, resources: frozenset[str]) -> None:
        """The host of these resources ended."""
        for group, run in self.runs.items():
            if resources & run.resources.keys():
                run.host_lost(resources)
                self._view.touched.add(group)

    def _run_of(self, group: str) -> GroupRun:
        run = self.runs.get(group)
        if run is None:
            run = self.runs[group] = GroupRun(group, heed_failed_stops=self._heed_failed_stops)
        return run

    # ---------------------------------------------------------------- running

    def run(self, group: str, now: float, incarnation: str, order: StartOrder, *, held: bool, up: bool) -> list[Output]:
        """Run a group that is ours under the present assignment; wind down what is ours no more."""
        self.due.pop(group, None)
        known = self._view.assignments.get(group)
        if known is None:
            return self._not_ours(group, end=True)
        assignment = known.record
        if assignment.owner != self.node or assignment.incarnation != incarnation:
            return self._not_ours(group, end=up and assignment.owner != self.node)
        self.lease_missed = self.lease_missed or not held
        run = self._run_of(group)
        if not run.begun:
            self._resume(run, assignment, now)
        if self.winding_down:
            assignment = replace(assignment, phase="stop", cause="shutdown")
        members = self._view.members_of.get(group, {})
        missing = {spec.id: host for spec in members.values() if (host := self._untold(spec))}
        by_hand = maintained(self._view, group, order.wall_s)
        may_start = held and up and self._may_begin(run, assignment, order, now)
        commands, fact, due = run.step(
            now,
            assignment,
            members,
            self._view.intent(group),
            may_start=may_start,
            paused=self._view.node_intent(self.node).paused,
            hands_off=hands_off(self._view, group, self.node, order.wall_s) is not None,
            maintained=frozenset(by_hand),
            unknown=frozenset(missing),
            proofs=proofs(self._view, group),
            wall_s=self._wall_s(),
        )
        for over_s in (ends_s(self._view, group, self.node, order.wall_s), next_end_s(by_hand)):
            if over_s is not None:
                again = now + max(0.0, over_s - order.wall_s)
                self.due[group] = min(again, self.due.get(group, again))
        if due is not None:
            self.due[group] = min(due, self.due.get(group, due))
        stuck = run.fencing_for(members)
        if stuck:
            self.must_end[group] = stuck
        else:
            self.must_end.pop(group, None)
        intent = self._view.intents.get(group)
        fact = replace(fact, intent=intent.revision if intent is not None else 0)
        written = self._view.facts.get((self.node, group))
        self._facts.pop(group, None)
        if written is None or written.record != fact:
            # A move request is a wish to the coordinator: that it was seen here too is no news that anybody awaits.
            idle = intent is not None and intent.record.move is not None and _same_but_intent(written, fact)
            passing = (run.changing() or idle) and not fact.stopped and fact.gives_up is None
            self._report(group, fact, now, passing=passing)
        else:
            self._passing_until.pop(group, None)
        needed = [NeedHost(host) for host in sorted(set(missing.values()))]
        return [*needed, *(HostCommand(group, command) for command in commands), *self._settled(group, run)]

    def _may_begin(self, run: GroupRun, assignment: Assignment, order: StartOrder, now: float) -> bool:
        """Nothing has to be started before this group; asked once for every start of it (spec/03 §11 to §13)."""
        group, spec = run.group, self._view.groups.get(run.group)
        self.held_back.discard(group)
        wanted = assignment.phase == "run" and wants_online(self._view.intent(group))
        if spec is None or not wanted:
            self._begun.pop(group, None)
            return True
        if self._begun.get(group) == assignment.number or not run.quiet():
            self._begun[group] = assignment.number
            return True
        move = self._view.intent(group).move
        if move is not None and not move.queue and not move.cancels:
            return False  # answered at once by whoever leads: it is not started here to be stopped again (spec/03 §6.2)
        starting = sum(1 for other in self._begun if other in self.runs and self.runs[other].changing())
        wait = order.wait_of(spec.record, starting)
        if wait is None:
            self._begun[group] = assignment.number
            return True
        self.held_back.add(group)
        if wait.until_s is not None:
            self.due[group] = now + max(0.0, wait.until_s - order.wall_s)
        return False

    def _resume(self, run: GroupRun, assignment: Assignment, now: float) -> None:
        """A former service of this life may have run the group: what it wrote last is where this one goes on."""
        written = self._view.facts.get((self.node, run.group))
        former = (written.record.incarnation, written.record.number) if written is not None else None
        if written is not None and former == (assignment.incarnation, assignment.number):
            if any(known.state != "offline" for known in written.record.resources.values()):
                self._begun[run.group] = assignment.number
            run.resume(written.record, now, self._wall_s())

    def _untold(self, spec: ResourceSpec) -> str:
        """A host of its own in which the resource runs, or may still run, and that has not told yet; else nothing."""
        own = own_host_of(spec)
        needed = host_of(spec) != SHARED or own in self.own_hosts
        return own if needed and not self.own_hosts.get(own, False) else ""

    def _report(self, group: str, fact: GroupFact, now: float, *, passing: bool) -> None:
        """Write the fact at the next occasion, or look again later where it is about to change anyway."""
        if not passing:
            self._passing_until.pop(group, None)
            self._facts[group] = fact
            return
        until = self._passing_until.setdefault(group, now + PASSING_FACT_DELAY_S)
        if now < until:
            self.due[group] = min(self.due.get(group, until), until)
        else:
            del self._passing_until[group]
            self._facts[group] = fact

    def _not_ours(self, group: str, *, end: bool) -> list[Output]:
        """The group is no more, or another node's: nothing of it may go on here."""
        self.must_end.pop(group, None)
        run = self.runs.get(group)
        commands = run.end() if run is not None and end else ()
        self._forget_if_quiet(group)
        return [HostCommand(group, command) for command in commands]

    def _forget_if_quiet(self, group: str) -> None:
        run = self.runs.get(group)
        if run is not None and run.quiet():
            del self.runs[group]
            self._begun.pop(group, None)
            self.held_back.discard(group)
            self._online.discard(group)
            self._facts.pop(group, None)

    def _settled(self, group: str, run: GroupRun) -> list[Output]:
        members, intent = self._view.members_of.get(group, {}), self._view.intent(group)
        online = bool(members) and all(
            (run.resources[r].state == "online") == desired(spec, intent)
            or (not spec.critical and bool(run.resources[r].counts.settled))
            for r, spec in members.items()
        )
        if online == (group in self._online):
            return []
        (self._online.add if online else self._online.discard)(group)
        return [Settled(group, online)]

    def prepare(self, group: str) -> list[Output]:
        """Begin what takes time while waiting: where a group is on its way here, or its owner is marked (rule 5)."""
        known = self._view.assignments.get(group)
        spec = self._view.groups.get(group)
        if known is None or spec is None or known.record.owner == self.node:
            return []
        owner = self._view.authority.members.get(known.record.owner)
        marked = owner is not None and owner.record.mark is not None
        occasion = (known.record.number, owner.revision if owner else 0)
        if self._prepared.get(group) == occasion or not self._coming(known.record, group, marked=marked):
            return []
        self._prepared[group] = occasion
        return [Prepare(group)]

    def _coming(self, assignment: Assignment, group: str, *, marked: bool) -> bool:
        """The group is on its way here, or would be if its marked owner were lost."""
        if assignment.phase == "stop" and assignment.to == self.node:
            return True
        if not marked:
            return False
        without = frozenset({assignment.owner})
        spec = self._view.groups[group].record
        best = place(self._view, spec, "failover", owner=assignment.owner, without=without).best
        return best is not None and best.node == self.node

    # ---------------------------------------------------------------- facts

    def report_facts(self) -> CommitRequest | None:
        """What changed, guarded by this node being up in this life (rule 14), and by the fact it replaces.

        The second guard is against a former request that executes after its caller gave up: it must not undo this one.
        """
        view = self._view
        me = view.authority.members.get(self.node)
        if not self._facts or me is None or view.position.revision < self._facts_revision:
            return None
        batch = dict(list(self._facts.items())[:FACTS_PER_COMMIT])
        self._facts_sent = frozenset(batch)
        guards: list[Guard] = [Unchanged(keys.member(self.node), me.revision)]
        for group in batch:
            del self._facts[group]
            key = keys.fact_group(self.node, group)
            written = view.facts.get((self.node, group))
            guards.append(Unchanged(key, written.revision) if written else Absent(key))
        writes = tuple(Put(keys.fact_group(self.node, group), encode(fact)) for group, fact in batch.items())
        return CommitRequest(PURPOSE, tuple(guards), writes)

    def facts_answered(self, outcome: Outcome) -> None:
        """Take the outcome; what is still to be written is found by looking again."""
        if isinstance(outcome, Answered):
            self._facts_revision = outcome.result.position.revision
        self._view.touched |= self._facts_sent
        self._facts_sent = frozenset()


def _same_but_intent(written: Known[GroupFact] | None, fact: GroupFact) -> bool:
    return written is not None and replace(written.record, intent=fact.intent) == fact
