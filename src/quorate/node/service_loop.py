"""The service's pump: reports, watches, answers, host states and time in; orders, requests and commands out.

Owns: the joining of `core.authority.membership` with the groups: as coordinator it writes assignments, as owner it runs
groups and writes facts. Does not know: asyncio, sockets, processes. `node.service` turns it with asyncio,
`sim.world` by hand; both carry out the outputs and bring back what came of them.
How it works: every input is taken at once; `step` then looks at everything that changed and gathers outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from quorate.core.authority.frame import Answered, CommitRequest, Note, Outcome, ReadRequest, Request
from quorate.core.authority.membership import Membership
from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.orders import Order, Renewal, Report
from quorate.core.authority.timings import Timings
from quorate.core.cluster_view import ClusterView
from quorate.core.failover import Decision, decide
from quorate.core.group_run import Command, GroupRun
from quorate.core.placement import load, place
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.records import Absent, Change, Guard, KeyValue, Position, Put, Unchanged, Write
from quorate.model.workload import Assignment, GroupFact, NodeIntent, ResourceState, desired

FACTS_PER_COMMIT = 100
ASSIGNMENTS_PER_COMMIT = 200
"""Each stays far below the store's limits of 2,048 operations and 1.5 MiB a transaction."""


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """Output: carry this out and call `outcome` with the same `id`."""

    id: int
    request: Request


@dataclass(frozen=True, slots=True)
class HostCommand:
    """Output: a command for the host of a resource of that group."""

    group: str
    command: Command


@dataclass(frozen=True, slots=True)
class Prepare:
    """Output: hint to the hosts that this group may soon come online here."""

    group: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Output: a group of ours has reached what it should be (`online`), or has left that."""

    group: str
    online: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """Output: the coordinator asks for this assignment; for the log and for explanations."""

    assignment: Assignment


Output = Order | Renewal | StoreRequest | HostCommand | Prepare | Settled | Note | Decided


class ServiceLoop:
    """Everything a service decides. Feed inputs, call `step`, then `take` the outputs and wait until `deadline`."""

    def __init__(
        self,
        node: int,
        timings: Timings,
        *,
        boot_id: str,
        new_incarnation: Callable[[], str],
        wall_s: Callable[[], float],
        now: float,
        view: ClusterView | None = None,
        mutations: frozenset[Mutation] = NONE,
    ) -> None:
        self.node = node
        self.view = view or ClusterView()
        self.membership = Membership(
            node, timings, boot_id=boot_id, new_incarnation=new_incarnation, now=now, mutations=mutations
        )
        self.runs: dict[str, GroupRun] = {}
        self.deadline: float | None = now
        self.hosts_ready = False
        self.winding_down = False
        """Everything is taken offline here and nothing starts again: the node is being stopped."""
        self._wall_s = wall_s
        self._mutations = mutations
        self._report: Report | None = None
        self._outputs: list[Output] = []
        self._requests: dict[int, Request] = {}
        self._next_id = 0
        self._order: Order | None = None
        self._facts_due: dict[str, GroupFact] = {}
        self._facts_under_way: dict[str, GroupFact] = {}
        self._facts_revision = 0
        """The view must have come this far before it can tell whether a fact is still to be written."""
        self._due_groups: dict[str, float] = {}
        self._online: set[str] = set()
        self._prepared: dict[str, tuple[int, int]] = {}
        self._led = False
        self._lease_missed = False
        """A group was looked at while no lease was held; it must be looked at again when there is one."""
        self._assigned_revision = 0
        """The view must have come this far before assignments are decided again."""

    # ---------------------------------------------------------------- inputs

    def report(self, report: Report) -> None:
        """The sentinel reported."""
        if self._lease_missed and report.lease_until > report.now:
            self._lease_missed = False
            self.view.touched_all = True
        self._report = report

    def read_all(self, position: Position, items: Iterable[KeyValue]) -> None:
        """A full read of the database arrived."""
        self.view.reset(position, items)

    def watched(self, position: Position, changes: Iterable[Change]) -> None:
        """The watch delivered changes."""
        self.view.apply(position, changes)

    def outcome(self, request_id: int, outcome: Outcome, now: float) -> None:
        """A request came to an end, of whatever kind."""
        request = self._requests.pop(request_id, None)
        if request is None:
            return
        if request.purpose == "facts":
            self._facts_answered(outcome)
        elif request.purpose == "assign":
            if isinstance(outcome, Answered):
                self._assigned_revision = outcome.result.position.revision
        elif request.purpose == "intent":
            pass  # the watch shows what became of it
        else:
            renewal = self.membership.answered(request, outcome, now, self.view.authority)
            if renewal is not None:
                self._outputs.append(renewal)

    def host_state(self, group: str, resource: str, state: ResourceState, detail: str) -> None:
        """A host reported the state of a resource."""
        self.runs.setdefault(group, GroupRun(group)).reported(resource, state, detail)
        self.view.touched.add(group)

    def host_lost(self, resources: frozenset[str]) -> None:
        """The host of these resources ended."""
        for group, run in self.runs.items():
            if resources & run.resources.keys():
                run.host_lost(resources)
                self.view.touched.add(group)

    def leave(self) -> None:
        """Leave the cluster cleanly; `left` tells when it is done. Groups must have been moved before."""
        self.membership.leaving = True

    @property
    def left(self) -> bool:
        """This node has left cleanly, or was never in."""
        return self.membership.left

    # ---------------------------------------------------------------- the step

    def step(self, now: float) -> None:
        """Decide everything that is to be decided now."""
        if self._report is None:
            return
        busy = frozenset(request.purpose for request in self._requests.values())
        step = self.membership.step(now, self.view.authority, self._report, busy)
        self._outputs += step.notes
        if step.order is not self._order:
            self._order = step.order
            self._outputs.append(step.order)
        for request in step.requests:
            self._ask(request)
        deadlines = [step.deadline] if step.deadline is not None else []
        authority = self.view.authority
        leads = self.membership.leads(authority, self._report)
        if leads and not self._led:
            self.view.touched_all = True
        self._led = leads
        touched = set(self.view.groups) | set(self.runs) if self.view.touched_all else self.view.touched
        touched = touched | {group for group, due in self._due_groups.items() if due <= now}
        self.view.touched, self.view.touched_all = set(), False
        waiting: set[str] = set()
        if leads:
            waiting = self._assign(touched)
        if self.hosts_ready:
            for group in touched:
                self._run(group, now)
                self._prepare(group)
        self._send_facts()
        self.view.touched |= waiting
        deadlines += [due for due in self._due_groups.values() if due > now]
        self.deadline = min(deadlines, default=None)

    def _ask(self, request: Request) -> None:
        self._next_id += 1
        self._requests[self._next_id] = request
        self._outputs.append(StoreRequest(self._next_id, request))

    def _busy(self, purpose: str) -> bool:
        return any(request.purpose == purpose for request in self._requests.values())

    # ---------------------------------------------------------------- as coordinator

    def _assign(self, touched: set[str]) -> set[str]:
        """Write the assignments that are due; returns the groups that must be looked at again."""
        if not touched:
            return set()
        if self._busy("assign") or self.view.position.revision < self._assigned_revision:
            return touched
        coordinator = self.view.authority.coordinator
        if coordinator is None:
            return touched
        weights = load(self.view)
        guards: dict[str, Guard] = {}
        writes: list[Write] = []
        left: set[str] = set()
        wall_s = self._wall_s()
        order = sorted(touched & self.view.groups.keys(), key=lambda g: (-self.view.groups[g].record.priority, g))
        for group in order:
            decision = decide(self.view, self.view.groups[group].record, wall_s, weights)
            if decision is None:
                continue
            if len(writes) >= ASSIGNMENTS_PER_COMMIT:
                left.add(group)
                continue
            self._gather(decision, guards, writes)
            made = decision.assignment
            weights[made.owner] = weights.get(made.owner, 0) + 1
            self._outputs.append(Decided(made))
        if writes:
            all_guards = (Unchanged(keys.COORDINATOR, coordinator.revision), *guards.values())
            unguarded = Mutation.UNGUARDED in self._mutations
            self._ask(CommitRequest("assign", () if unguarded else all_guards, tuple(writes)))
            left |= order_groups(writes)
        return left

    def _gather(self, decision: Decision, guards: dict[str, Guard], writes: list[Write]) -> None:
        """Guard an assignment by what it replaces and by the lives it rests on (rule 14)."""
        made = decision.assignment
        key = keys.ASSIGNMENT + made.group
        known = self.view.assignments.get(made.group)
        guards[key] = Unchanged(key, known.revision) if known else Absent(key)
        for node in decision.watches:
            member = self.view.authority.members.get(node)
            if member is not None:
                guards[keys.member(node)] = Unchanged(keys.member(node), member.revision)
        writes.append(Put(key, encode(made)))
        intent = self.view.intents.get(made.group)
        if decision.finishes_move is not None and intent is not None and intent.record.move is not None:
            place = keys.INTENT_GROUP + made.group
            guards[place] = Unchanged(place, intent.revision)
            record = intent.record
            writes.append(
                Put(
                    place,
                    encode(
                        type(record)(
                            persistent_state=record.persistent_state,
                            own_states=record.own_states,
                            clear_failures=record.clear_failures,
                        )
                    ),
                )
            )

    # ---------------------------------------------------------------- as owner

    def _run(self, group: str, now: float) -> None:
        """Run a group that is ours under the present assignment; wind down what is ours no more."""
        self._due_groups.pop(group, None)
        known = self.view.assignments.get(group)
        mine = (
            known is not None
            and known.record.owner == self.node
            and known.record.incarnation == self.membership.incarnation
        )
        if known is None or not mine or self._report is None:
            run = self.runs.get(group)
            if run is None:
                return
            if known is None:  # the group was deleted: nothing of it may go on
                self._outputs += [HostCommand(group, command) for command in run.end()]
            if run.quiet():
                del self.runs[group]
                self._online.discard(group)
                self._facts_due.pop(group, None)
            return
        run = self.runs.setdefault(group, GroupRun(group))
        held = now < self._report.lease_until and self._report.ended != self.membership.incarnation
        self._lease_missed = self._lease_missed or not held
        assignment = known.record
        if self.winding_down:
            assignment = msgspec.structs.replace(assignment, phase="stop", cause="shutdown")
        commands, fact, due = run.step(
            now,
            assignment,
            self.view.members_of.get(group, {}),
            self.view.intent(group),
            may_start=held and self.membership.is_up(self.view.authority),
            paused=self.view.node_intent(self.node).paused,
        )
        self._outputs += [HostCommand(group, command) for command in commands]
        self._note_settled(group, run)
        if due is not None:
            self._due_groups[group] = due
        written = self.view.facts.get((self.node, group))
        if written is None or written.record != fact:
            self._facts_due[group] = fact
        else:
            self._facts_due.pop(group, None)

    def _prepare(self, group: str) -> None:
        """Begin what takes time while waiting: where a group is on its way here, or its owner is marked (rule 5)."""
        known = self.view.assignments.get(group)
        spec = self.view.groups.get(group)
        if known is None or spec is None or known.record.owner == self.node:
            return
        assignment = known.record
        owner = self.view.authority.members.get(assignment.owner)
        coming = assignment.phase == "stop" and assignment.to == self.node
        if owner is not None and owner.record.mark is not None and not coming:
            without = frozenset({assignment.owner})
            best = place(self.view, spec.record, "failover", owner=assignment.owner, without=without).best
            coming = best is not None and best.node == self.node
        occasion = (assignment.number, owner.revision if owner else 0)
        if coming and self._prepared.get(group) != occasion:
            self._prepared[group] = occasion
            self._outputs.append(Prepare(group))

    def _note_settled(self, group: str, run: GroupRun) -> None:
        members, intent = self.view.members_of.get(group, {}), self.view.intent(group)
        online = bool(members) and all(
            (run.resources[r].state == "online") == desired(spec, intent) for r, spec in members.items()
        )
        if online != (group in self._online):
            (self._online.add if online else self._online.discard)(group)
            self._outputs.append(Settled(group, online))

    def _send_facts(self) -> None:
        """Report what changed, guarded by this node being up in this life (rule 14), and by the fact it replaces.

        The second guard is against a former request that executes after its caller gave up: it must not undo this one.
        """
        me = self.view.authority.members.get(self.node)
        if not self._facts_due or self._busy("facts") or me is None or not self.membership.is_up(self.view.authority):
            return
        if self.view.position.revision < self._facts_revision:
            return
        batch = dict(list(self._facts_due.items())[:FACTS_PER_COMMIT])
        writes = tuple(Put(keys.fact_group(self.node, group), encode(fact)) for group, fact in batch.items())
        self._facts_under_way = batch
        guards: list[Guard] = [Unchanged(keys.member(self.node), me.revision)]
        for group in batch:
            del self._facts_due[group]
            key = keys.fact_group(self.node, group)
            written = self.view.facts.get((self.node, group))
            guards.append(Unchanged(key, written.revision) if written else Absent(key))
        self._ask(CommitRequest("facts", tuple(guards), writes))

    def _facts_answered(self, outcome: Outcome) -> None:
        sent, self._facts_under_way = self._facts_under_way, {}
        if isinstance(outcome, Answered):
            self._facts_revision = outcome.result.position.revision
        self.view.touched |= sent.keys()  # what is still to be written is found by looking again

    def take(self) -> list[Output]:
        """Hand over and forget the outputs gathered so far."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # ---------------------------------------------------------------- for faces

    @property
    def sentinel_report(self) -> Report | None:
        """The latest report of the sentinel."""
        return self._report

    def under_way(self) -> Mapping[int, Request]:
        """Requests not yet answered."""
        return self._requests

    def clear_stopping(self) -> None:
        """A node that starts takes back that it is being stopped."""
        known = self.view.node_intents.get(self.node)
        if known is not None and known.record.stopping and not self._busy("intent"):
            record = known.record
            renewed = NodeIntent(paused=record.paused, drain=record.drain, drain_target=record.drain_target)
            key = f"{keys.INTENT_NODE}{self.node}"
            self._ask(CommitRequest("intent", (Unchanged(key, known.revision),), (Put(key, encode(renewed)),)))


def order_groups(writes: Iterable[Write]) -> set[str]:
    """The groups whose assignments are among these writes."""
    return {write.key.removeprefix(keys.ASSIGNMENT) for write in writes if write.key.startswith(keys.ASSIGNMENT)}


__all__ = ["Decided", "HostCommand", "Output", "ReadRequest", "ServiceLoop", "StoreRequest", "order_groups"]
