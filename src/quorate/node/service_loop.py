"""The service's pump: reports, watches, answers, host states and time in; orders, requests and commands out.

Owns: the joining of `core.authority.membership` with the node's duties towards groups (`coordinating`, `owning`), and
the requests under way. Does not know: asyncio, sockets, processes. `node.service` turns it with asyncio, `sim.node` by
hand; both carry out the outputs and bring back what came of them.
How it works: every input is taken at once; `step` then looks at everything that changed and gathers outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from quorate.core.authority.frame import Answered, CommitRequest, Note, Outcome, ReadRequest, Request
from quorate.core.authority.membership import Membership
from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.orders import Order, Report
from quorate.core.authority.timings import Timings
from quorate.core.blast_radius import left
from quorate.core.cluster_view import ClusterView
from quorate.core.gate import barred
from quorate.core.group_run import BringOnline, GroupRun
from quorate.core.quarantine import counting
from quorate.core.resets import Resets
from quorate.core.start_order import StartOrder
from quorate.core.versions import functional_level
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.records import Change, KeyValue, Position, Put, Snapshot, Unchanged
from quorate.model.workload import NO_FLAGS, QUIET, ResourceFlags, ResourceSpec, ResourceState
from quorate.node import coordinating, owning
from quorate.node.coordinating import Coordinating
from quorate.node.outputs import Output, StoreRequest
from quorate.node.own_facts import software_fact, watchdog_fact
from quorate.node.owning import Owning

INTENT = "intent"
STANDING = "standing"
RESET = "reset"


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
        self.deadline: float | None = now
        self.hosts_ready = False
        """Every host has said what it runs; before that nothing is known of any resource."""
        self._wall_s = wall_s
        self._coordinating = Coordinating(node, self.view, wall_s, mutations)
        self._resets = Resets(mutations)
        self._owning = Owning(node, self.view, wall_s, heed_failed_stops=Mutation.IGNORE_FAILED_STOP not in mutations)
        self._report: Report | None = None
        self._outputs: list[Output] = []
        self._requests: dict[int, Request] = {}
        self._next_id = 0
        self._order: Order | None = None
        self._led = False
        self._takes_groups = False
        self._look_again_at: float | None = None
        """When the next watchdog has certainly fired."""
        self._again_at_once = False
        """What was decided last changes the order, which was composed before."""
        self._full_read: Answered | None = None

    # ---------------------------------------------------------------- inputs

    def report(self, report: Report) -> None:
        """The sentinel reported."""
        if self._owning.lease_missed and report.lease_until > report.now:
            self._owning.lease_missed = False
            self.view.touched_all = True
        if report.order is not None and report.order.incarnation:
            self._takes_groups = True  # this life began before this service: whoever said *stopping* meant it
        self._report = report

    def read_all(self, position: Position, items: Iterable[KeyValue], sent_at: float | None = None) -> None:
        """A full read of the database arrived. Sent at `sent_at`, it proves what a read of the own record would.

        A new service of a node that is alone has no time to ask a second time (rule 3).
        """
        items = tuple(items)
        self.view.reset(position, items)
        if sent_at is not None:
            self._full_read = Answered(sent_at, Snapshot(position, items))

    def watched(self, position: Position, changes: Iterable[Change]) -> None:
        """The watch delivered changes."""
        self.view.apply(position, changes)

    def outcome(self, request_id: int, outcome: Outcome, now: float) -> None:
        """A request came to an end, of whatever kind."""
        request = self._requests.pop(request_id, None)
        if request is None:
            return
        match request.purpose:
            case owning.PURPOSE:
                self._owning.facts_answered(outcome)
            case coordinating.PURPOSE:
                self._coordinating.answered(outcome)
            case "intent" | "standing" | "software" | "watchdog" | "reset":
                pass  # the watch shows what became of it
            case _:
                renewal = self.membership.answered(request, outcome, now, self.view.authority)
                if renewal is not None:
                    self._outputs.append(renewal)

    def host_state(
        self, group: str, resource: str, state: ResourceState, detail: str, flags: ResourceFlags = NO_FLAGS
    ) -> None:
        """A host reported the state of a resource, and what its type says beside it."""
        self._owning.host_state(group, resource, state, detail, flags)

    def in_effect(self, spec: ResourceSpec) -> ResourceSpec:
        """The specification by which a host is to go."""
        run = self.runs.get(spec.group)
        return run.in_effect(spec) if run is not None else spec

    def contact_lost(self, resources: frozenset[str]) -> None:
        """The connection to the host of these resources broke; nothing is known of them until its next inventory."""
        self._owning.contact_lost(resources)

    def host_lost(self, resources: frozenset[str]) -> None:
        """The host of these resources ended."""
        self._owning.host_lost(resources)

    def shared_host(self, *, there: bool) -> None:
        """The shared host has told what it has, or the connection to it broke; its absence delays joining alone."""
        self.membership.can_host = there

    def own_host(self, host: str, *, known: bool) -> None:
        """A host beside the shared one has told what it has, or the connection to it broke."""
        self._owning.own_hosts[host] = known

    def still_wanted(self, command: BringOnline, now: float) -> bool:
        """Whether an Online that was held back for a while may be given now: all that it rested on still holds."""
        spec, report = command.spec, self._report
        run, known = self.runs.get(spec.group), self.view.assignments.get(spec.group)
        waits = run.resources.get(spec.id) if run is not None else None
        if report is None or known is None or waits is None or waits.asked != "online" or self._owning.winding_down:
            return False
        assignment, life = known.record, self.membership.incarnation
        mine = (assignment.owner, assignment.incarnation, assignment.number, assignment.phase) == (
            self.node,
            life,
            command.token,
            "run",
        )
        return mine and self.is_up and now < report.lease_until and report.ended != life

    def not_given(self, spec: ResourceSpec, why: str) -> None:
        """An Online that was held back was never given: nothing of the resource runs; it failed where `why` says so.

        Where the host has been lost meanwhile its next inventory tells, and nothing is said here.
        """
        run = self.runs.get(spec.group)
        waits = run.resources.get(spec.id) if run is not None else None
        if waits is not None and waits.asked == "online" and waits.known:
            self._owning.host_state(spec.group, spec.id, "failed" if why else "offline", why)

    def online_here(self) -> list[ResourceSpec]:
        """Resources that are online on this node, as their hosts say."""
        found = (r for run in self.runs.values() for r, one in run.resources.items() if one.state == "online")
        return [self.view.resources[resource].record for resource in found if resource in self.view.resources]

    def runs_here(self, group: str, resource: str) -> bool:
        """The resource counts as running on this node, by what its host said."""
        run = self.runs.get(group)
        one = run.resources.get(resource) if run is not None else None
        return one is not None and one.known and one.state not in QUIET

    def own_host_gone(self, host: str) -> None:
        """A host beside the shared one is no more: nothing ran in it."""
        self._owning.own_hosts.pop(host, None)

    def wind_down(self) -> None:
        """Take everything offline here; nothing starts again (the node is being stopped)."""
        self._owning.winding_down = True
        self.view.touched_all = True

    def leave(self) -> None:
        """Leave the cluster cleanly; `left` tells when it is done. Groups must have been moved before."""
        self.membership.leaving = True

    # ---------------------------------------------------------------- the step

    def step(self, now: float) -> None:
        """Decide everything that is to be decided now."""
        report = self._report
        if report is None:
            self.deadline = None  # nothing can be decided before the sentinel has spoken
            return
        busy = frozenset(request.purpose for request in self._requests.values())
        self.membership.fit = functional_level(self.view) <= self.membership.software.release
        self._say_of_itself(report, busy)
        self.view.authority.barred = barred(self.view, self._wall_s())
        self.view.authority.expulsions_left = left(self.view, self._wall_s())
        step = self.membership.step(now, self.view.authority, report, busy)
        if self._full_read is not None:
            answered, self._full_read = self._full_read, None
            read = ReadRequest("renew", (keys.member(self.node), keys.COORDINATOR))
            renewal = self.membership.answered(read, answered, now, self.view.authority)
            self._outputs += [renewal] if renewal is not None else []
        self._outputs += step.notes
        if step.order is not self._order:
            self._order = step.order
            self._outputs.append(step.order)
        for request in step.requests:
            self._ask(request)
        leads = self.membership.leads(self.view.authority, report)
        touched = self._touched(now, newly_leading=leads and not self._led)
        self._led = leads
        self._look_again_at = None
        if not leads:
            self._resets.forget()
            self._coordinating.forget()
        again: set[str] = set()
        if leads:
            self._count_failures(busy)
            self._prove_resets(now, busy)
            again = self._assign(touched, busy)
        if self.hosts_ready:
            self._run(touched, now, report, busy)
        self.view.touched |= again
        deadlines = [due for due in self._owning.due.values() if due > now]
        if self._coordinating.again_s is not None:
            deadlines.append(now + max(0.0, self._coordinating.again_s - self._wall_s()))
        deadlines += [due for due in (step.deadline, self._look_again_at) if due is not None]
        self.deadline = now if self._again_at_once else min(deadlines, default=None)
        self._again_at_once = False

    def _touched(self, now: float, *, newly_leading: bool) -> set[str]:
        """Groups to look at: what changed, what is due, and everything where a role or a lease has changed."""
        everything = self.view.touched_all or newly_leading
        touched = set(self.view.groups) | set(self._owning.runs) if everything else self.view.touched
        self.view.touched, self.view.touched_all = set(), False
        return touched | {group for group, due in self._owning.due.items() if due <= now}

    def _assign(self, touched: set[str], busy: frozenset[str]) -> set[str]:
        if coordinating.PURPOSE in busy:
            return touched
        request, decided, again = self._coordinating.assign(touched)
        self._outputs += decided
        if request is not None:
            self._ask(request)
        return again

    def _count_failures(self, busy: frozenset[str]) -> None:
        if STANDING not in busy:
            guards, writes = counting(self.view, self._wall_s())
            if writes:
                self._ask(CommitRequest(STANDING, guards, writes))

    def _prove_resets(self, now: float, busy: frozenset[str]) -> None:
        (guards, writes), self._look_again_at = self._resets.step(self.view, now)
        if writes and RESET not in busy:
            self._ask(CommitRequest(RESET, guards, writes))

    def _say_of_itself(self, report: Report, busy: frozenset[str]) -> None:
        """What this node runs and what watches it, among its facts (rule 14: only while it is up)."""
        if not self.is_up:
            return
        life = self.membership.incarnation
        armed_s = report.watchdog_s if report.incarnation == life else 0.0
        for request in (
            software_fact(self.view, self.node, self.membership.software),
            watchdog_fact(self.view, self.node, life, armed_s),
        ):
            if request is not None and request.purpose not in busy:
                self._ask(request)

    def _run(self, touched: set[str], now: float, report: Report, busy: frozenset[str]) -> None:
        incarnation = self.membership.incarnation
        up = self.membership.is_up(self.view.authority)
        held = now < report.lease_until and report.ended != incarnation
        order = StartOrder(self.view, self._wall_s())
        due = touched | self._owning.held_back if touched else touched
        for group in self._in_order(due):
            self._outputs += self._owning.run(group, now, incarnation, order, held=held, up=up)
            self._outputs += self._owning.prepare(group)
        spent = self.view.authority.expulsions_left == 0
        if up and self._owning.must_end and not spent and self.membership.give_up():
            stuck = ", ".join(sorted(self._owning.must_end.values()))
            self._outputs.append(Note(10, "gives its life up", self.node, f"{stuck} does not stop"))
            self._again_at_once = True
        if up and owning.PURPOSE not in busy:
            request = self._owning.report_facts()
            if request is not None:
                self._ask(request)

    def _in_order(self, groups: set[str]) -> list[str]:
        """One order on every machine and in every replay: those of higher priority are started first."""
        known = self.view.groups
        return sorted(groups, key=lambda g: (-known[g].record.priority if g in known else 0, g))

    def _ask(self, request: Request) -> None:
        self._next_id += 1
        self._requests[self._next_id] = request
        self._outputs.append(StoreRequest(self._next_id, request))

    def take(self) -> list[Output]:
        """Hand over and forget the outputs gathered so far."""
        outputs, self._outputs = self._outputs, []
        return outputs

    # ---------------------------------------------------------------- for others

    @property
    def left(self) -> bool:
        """This node has left cleanly, or was never in."""
        return self.membership.left

    @property
    def is_up(self) -> bool:
        """This life of the node is recorded up."""
        return self.membership.is_up(self.view.authority)

    @property
    def runs(self) -> dict[str, GroupRun]:
        """Groups that run here, or are being wound down."""
        return self._owning.runs

    @property
    def sentinel_report(self) -> Report | None:
        """The latest report of the sentinel."""
        return self._report

    @property
    def being_stopped(self) -> bool:
        """This node's intent says *stopping*, and means this life of it."""
        return self._takes_groups and self.view.node_intent(self.node).stopping

    def clear_stopping(self) -> None:
        """A node that starts takes back that it was being stopped: asked until that is seen, then never again."""
        known = self.view.node_intents.get(self.node)
        if self._takes_groups or known is None or not known.record.stopping:
            self._takes_groups = True  # whoever says *stopping* from now on means this life
        elif not any(request.purpose == INTENT for request in self._requests.values()):
            renewed = replace(known.record, stopping=False)
            key = f"{keys.INTENT_NODE}{self.node}"
            self._ask(CommitRequest(INTENT, (Unchanged(key, known.revision),), (Put(key, encode(renewed)),)))
