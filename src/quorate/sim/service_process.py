"""The service of a simulated node: the real pump, turned by hand, its requests to the store and its watch.

Owns: the process's life and timer, the position of its watch. Does not know: the sentinel's side of the channel.
Follows `node.service` and `node.store_link`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.core.authority.frame import (
    Answered,
    CommitRequest,
    Note,
    NotExecuted,
    Outcome,
    ReadRequest,
    Request,
    Unknown,
)
from quorate.core.authority.orders import Order, Renewal, Report
from quorate.model.records import Committed, Snapshot
from quorate.model.workload import ResourceState
from quorate.node.outputs import Decided, HostCommand, NeedHost, Prepare, Settled, StoreRequest
from quorate.node.service_loop import ServiceLoop
from quorate.sim.host import Inventory, State

if TYPE_CHECKING:
    from quorate.sim.node import SimNode

READ_PAUSE_S = 0.1
"""As `node.service.READ_PAUSE_S`."""
WATCH_RETRY_S = 0.05


class SimService:
    """One node's service. `life` counts its starts: late events of former ones are void."""

    def __init__(self, node: SimNode) -> None:
        self.loop: ServiceLoop | None = None
        self.life = 0
        self.watched_revision = 0
        self._node = node
        self._timer = 0
        self._watch_pending = False

    # ---------------------------------------------------------------- life

    def start(self) -> None:
        """Start the process; the sentinel tells it what the former one left unsettled."""
        node, world = self._node, self._node.world
        if not node.powered or node.sentinel.loop is None or self.loop is not None:
            return
        self.life += 1
        self.loop = ServiceLoop(
            node.number,
            world.options.node_timings(node.number),
            boot_id=node.boot_id,
            new_incarnation=node.new_incarnation,
            wall_s=lambda: world.now,
            now=node.clock(),
            mutations=world.options.mutations,
        )
        self.loop.membership.paces = world.options.paces(node.number)
        self.loop.shared_host(there=False)
        self.watched_revision = 0
        self._watch_pending = False
        node.channel.connect()
        self._read_all()

    def die(self, *, restart: bool = True) -> None:
        """SIGKILL, or an end because its channel broke; the sentinel starts another."""
        node, world = self._node, self._node.world
        if restart and self.loop is None:
            return  # it is dead already, and being started
        self.loop = None
        self.life += 1
        node.channel.service_ended()
        node.host.break_connection(0.0)
        node.paused_until["service"] = 0.0
        if restart:
            delay = world.options.service_start_s * world.chance.uniform(0.5, 1.5)
            life = self.life
            world.after(delay, lambda: self.start() if self.life == life else None, node)

    @property
    def ready(self) -> bool:
        """It has heard its sentinel and seen the store."""
        return self.loop is not None and self.loop.sentinel_report is not None and self.watched_revision > 0

    # ---------------------------------------------------------------- inputs

    def take_report(self, report: Report) -> None:
        """The sentinel reports."""
        if self.loop is not None:
            self.loop.report(report)
            self.pump()

    def take_host(self, told: State | Inventory) -> None:
        """The host reports a state, or lists what it has. As `node.host_fleet`."""
        loop = self.loop
        if loop is None:
            return
        if not isinstance(told, dict):
            self._state_seen(*told)
            return
        for resource, (state, detail) in told.items():
            self._state_seen(resource, state, detail)
        if self.loop is loop:
            loop.hosts_ready = True
            loop.shared_host(there=True)
            loop.view.touched_all = True
            loop.host_lost(frozenset(loop.view.resources) - told.keys())
            self.pump()

    def _state_seen(self, resource: str, state: ResourceState, detail: str) -> None:
        loop = self.loop
        known = loop.view.resources.get(resource) if loop is not None else None
        if loop is not None and known is not None:
            loop.host_state(known.record.group, resource, state, detail)
            self.pump()

    def host_contact_lost(self) -> None:
        """The connection to the host broke."""
        if self.loop is not None:
            self.loop.shared_host(there=False)
            self.loop.contact_lost(frozenset(self.loop.view.resources))

    # ---------------------------------------------------------------- the pump

    def pump(self) -> None:
        """Let the service decide, carry out what it asks for, and set its timer."""
        node, world, loop = self._node, self._node.world, self.loop
        if loop is None or not node.running("service"):
            return
        loop.step(node.clock())
        for output in loop.take():
            match output:
                case Order() | Renewal():
                    node.channel.tell(output)
                case StoreRequest(id=number, request=request):
                    self._store_request(number, request)
                case HostCommand(group=group, command=command):
                    node.host.send(group, command)
                case Note(rule=rule, branch=branch):
                    world.fired[(rule, branch)] += 1
                case Prepare() | NeedHost() | Settled():
                    pass
                case Decided(assignment=assignment):
                    world.trace(node.number, f"assigns {assignment.group} to {assignment.owner} ({assignment.cause})")
        if self.loop is not loop:
            return
        node.channel.tell(None)
        beat = node.clock() + world.options.timings.heartbeat_s
        self._set_timer(beat if loop.deadline is None else min(beat, loop.deadline))

    def _set_timer(self, local: float) -> None:
        self._timer += 1
        node, world = self._node, self._node.world
        mark, life, service_life = self._timer, node.life, self.life

        def fire() -> None:
            if mark == self._timer and life == node.life and service_life == self.life:
                node.when_running("service", self.pump)

        world.at(max(world.now + 1e-5, node.true_time(local)), fire)

    # ---------------------------------------------------------------- the store

    def _store_request(self, number: int, request: Request) -> None:
        node, life, sent = self._node, self.life, self._node.clock()

        def take(outcome: Outcome) -> None:
            if self.loop is not None and self.life == life:
                self.loop.outcome(number, outcome, node.clock())
                self.pump()

        def made(result: Snapshot | Committed | None, *, sure: bool) -> None:
            outcome: Outcome
            if result is not None:
                outcome = Answered(sent, result)
                self._count_older(result)
            else:
                outcome = NotExecuted() if sure or isinstance(request, ReadRequest) else Unknown()
            node.when_running("service", lambda: take(outcome))

        if isinstance(request, CommitRequest):
            node.world.store.commit(node.number, request.guards, request.writes, made)
        else:
            node.world.store.read(node.number, request.keys, made)

    def _count_older(self, result: Snapshot | Committed) -> None:
        """Rule 9 fires where an answer is older than what the service knows by now."""
        if self.loop is None:
            return
        authority = self.loop.view.authority
        items = result.items if isinstance(result, Snapshot) else result.current
        if any(item.mod_revision < authority.revision_of(item.key) for item in items):
            self._node.world.fired[(9, "older answer not adopted")] += 1

    def _read_all(self) -> None:
        node, life = self._node, self.life

        def made(result: Snapshot | Committed | None, *, sure: bool) -> None:
            del sure
            node.world.troubles.impede(node.number)
            if self.loop is None or self.life != life:
                return
            if not isinstance(result, Snapshot):
                node.world.after(READ_PAUSE_S, lambda: self._read_all() if self.life == life else None, node)
                return
            self.loop.read_all(result.position, result.items)
            self.watched_revision = result.position.revision
            self.pump()
            self.poke_watch()
            node.host.connect()  # only now can be told which group a resource belongs to

        node.world.store.read(
            node.number, None, lambda result, *, sure: node.when_running("service", lambda: made(result, sure=sure))
        )

    def poke_watch(self) -> None:
        """Something changed in the store: deliver it after a while, when the store can be reached."""
        if self._watch_pending or self.loop is None or self.watched_revision == 0:
            return
        world = self._node.world
        self._deliver_after(world.chance.uniform(0.3, 1.5) * world.options.store_delay_s)

    def _deliver_after(self, delay: float) -> None:
        self._watch_pending = True
        life = self.life
        self._node.world.after(delay, lambda: self._deliver_watch() if self.life == life else None, self._node)

    def _deliver_watch(self) -> None:
        self._watch_pending = False
        node, loop = self._node, self.loop
        if loop is None or self.watched_revision == 0:
            return
        if not node.running("service") or not node.world.store.reached_by(node.number):
            self._deliver_after(WATCH_RETRY_S)
            return
        for batch in node.world.engine.changes_after(self.watched_revision, ""):
            loop.watched(batch.position, batch.changes)
            self.watched_revision = batch.position.revision
        self.pump()
