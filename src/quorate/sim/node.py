"""One simulated machine: a drifting clock, real sentinel and service pumps, and a host that does nothing real.

Owns: the processes of one node, the channels between them, the lease page. Does not know: faults or checks, which
`world` brings. The pumps are those of production (`node.sentinel_loop`, `node.service_loop`).
"""

from __future__ import annotations

from dataclasses import replace
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
from quorate.core.authority.lease import EndAll, LeaseMoved, ServiceHung
from quorate.core.authority.orders import Acknowledgement, Heartbeat, Order, Renewal, Report
from quorate.core.group_run import BringOnline, Command, End, TakeOffline
from quorate.model.records import Committed, Snapshot
from quorate.model.workload import ResourceState
from quorate.node.outputs import Decided, HostCommand, NeedHost, Prepare, Settled, StoreRequest
from quorate.node.sentinel_loop import Send, SentinelLoop
from quorate.node.service_loop import ServiceLoop

if TYPE_CHECKING:
    from quorate.sim.world import World


class SimNode:
    """A machine.

    `life` counts power cycles, `service_life` starts of the service: late events of former ones are void.
    """

    def __init__(self, world: World, number: int, rate: float, offset: float) -> None:
        self.world = world
        self.number = number
        self.rate = rate
        self.offset = offset
        self.life = 0
        self.service_life = 0
        self.powered = False
        self.frozen_until = 0.0
        self.paused_until: dict[str, float] = {"sentinel": 0.0, "service": 0.0, "host": 0.0}
        self.channel_broken_until = 0.0
        self.sentinel: SentinelLoop | None = None
        self.service: ServiceLoop | None = None
        self.disk_incarnation = ""
        self.lease_until = 0.0
        self.states: dict[tuple[str, str], ResourceState] = {}
        self.tokens: dict[tuple[str, str], int] = {}
        self.watched_revision = 0
        self._timer = {"sentinel": 0, "service": 0}
        self._watch_pending = False
        self._latest_order: Order | None = None
        self._latest_report: Report | None = None
        self._report_pending = False
        self._order_pending = False
        self._boots = 0
        self._greeted = False

    # ---------------------------------------------------------------- time and power

    def clock(self, at: float | None = None) -> float:
        """This node's boot-time clock at a moment of true time."""
        return self.offset + self.rate * (self.world.now if at is None else at)

    def true_time(self, local: float) -> float:
        """The true time at which this node's clock shows `local`."""
        return (local - self.offset) / self.rate

    def running(self, process: str) -> bool:
        """Tell whether a process of this node can act now."""
        now = self.world.now
        return self.powered and now >= self.frozen_until and now >= self.paused_until[process]

    def power_on(self) -> None:
        """Boot: nothing of a former life runs; the incarnation on disk is known, but its end is not sworn by a boot."""
        self.life += 1
        self._boots += 1
        self.powered = True
        self.states.clear()
        self.tokens.clear()
        self.lease_until = 0.0
        self.paused_until = dict.fromkeys(self.paused_until, 0.0)
        self.frozen_until = self.channel_broken_until = 0.0
        self.start_sentinel(ended="")
        self.world.after(
            self.world.options.service_start_s * self.world.chance.uniform(0.1, 1), self.start_service, self
        )

    def power_off(self) -> None:
        """Everything stops at once."""
        self.life += 1
        self.powered = False
        self.sentinel = None
        self.service = None
        self.states.clear()
        self.world.checker.all_off(self.number)
        self.world.checker.acts_no_more(self.number)

    def start_sentinel(self, ended: str) -> None:
        """Start the sentinel; after a crash of the process alone it has ended all leftovers and swears so."""
        world = self.world
        self.sentinel = SentinelLoop(
            self.number,
            world.options.timings,
            boot_id=f"boot-{self.number}-{self._boots}",
            ended=ended,
            now=self.clock(),
            mutations=world.options.mutations,
        )
        self.sentinel.peers = {n: world.options.networks for n in world.nodes if n != self.number}
        self.pump_sentinel()

    def start_service(self) -> None:
        """Start the service; the sentinel tells it what the former one left unsettled."""
        if not self.powered or self.sentinel is None or self.service is not None:
            return
        world = self.world
        self.service_life += 1
        self.service = ServiceLoop(
            self.number,
            world.options.timings,
            boot_id=f"boot-{self.number}-{self._boots}",
            new_incarnation=self._incarnation,
            wall_s=lambda: world.now,
            now=self.clock(),
            mutations=world.options.mutations,
        )
        self.watched_revision = 0
        self._latest_order = self._latest_report = None
        self._greeted = False
        self._report_pending = self._order_pending = False
        self.sentinel.report_now(self.clock())
        self.pump_sentinel()
        self._read_all()
        self.world.after(0.02, self._adopt_hosts, self)

    def _incarnation(self) -> str:
        self.world.incarnations += 1
        self.disk_incarnation = f"{self.number}.{self.world.incarnations}"
        return self.disk_incarnation

    def kill_service(self) -> None:
        """SIGKILL of the service; the sentinel starts another."""
        self.service = None
        self.service_life += 1
        if self.powered:
            delay = self.world.options.service_start_s * self.world.chance.uniform(0.5, 1.5)
            self.world.after(delay, self.start_service, self)

    def kill_sentinel(self) -> None:
        """SIGKILL of the sentinel: everything it started dies with it, it is started again and swears the end."""
        former = self.sentinel.lease.order.incarnation if self.sentinel else ""
        self.kill_service()
        self._host_ends_all("its resource host ended")
        self.sentinel = None
        self.world.checker.acts_no_more(self.number)
        life = self.life

        def again() -> None:
            if self.life == life and self.powered and self.sentinel is None:
                self.start_sentinel(ended=former)

        self.world.at(self.world.now + 0.1, again)

    # ---------------------------------------------------------------- the sentinel

    def receive(self, network: str, message: Heartbeat | Acknowledgement) -> None:
        """A datagram arrived."""
        if self.sentinel is None:
            return
        if not self.running("sentinel"):
            until = max(self.frozen_until, self.paused_until["sentinel"])
            self.world.after(until - self.world.now + 1e-4, lambda: self.receive(network, message), self)
            return
        self.sentinel.receive(network, message, self.clock())
        self.pump_sentinel()

    def pump_sentinel(self) -> None:
        """Carry out what the sentinel asks for, and set its timer."""
        sentinel = self.sentinel
        if sentinel is None:
            return
        world = self.world
        for output in sentinel.take():
            match output:
                case Send(node=node, network=network, message=message):
                    world.send(self.number, node, network, message)
                case Report():
                    self._report_up(output)
                case EndAll(incarnation=incarnation, reason=reason):
                    world.ends(self, reason)
                    self.lease_until = min(self.lease_until, self.clock())
                    delay = world.chance.uniform(0.05, 0.9) * world.options.timings.ending_s
                    world.after(delay, lambda i=incarnation: self._ended(i), self)  # type: ignore[misc]
                case LeaseMoved(until=until):
                    self.lease_until = until
                    world.fired[(1, "lease moved")] += 1
                    self._watch_lease(until)
                case ServiceHung():
                    world.fired[(12, "service hung")] += 1
        if sentinel.lease.acting(self.clock()) and self.running("sentinel"):
            world.checker.acts(self.number, sentinel.lease.order.epoch, world.now)
            if sentinel.lease.acting_by_all(self.clock()):
                world.fired[(4, "by all who are up")] += 1
        else:
            world.checker.acts_no_more(self.number)
        self._set_timer("sentinel", sentinel.deadline())

    def _ended(self, incarnation: str) -> None:
        self._host_ends_all("its authority ended")
        if self.sentinel is not None:
            self.sentinel.all_ended(incarnation, self.clock())
            self.pump_sentinel()

    def tick_sentinel(self) -> None:
        """The sentinel's timer."""
        if self.sentinel is not None:
            self.sentinel.tick(self.clock())
            self.pump_sentinel()

    # ---------------------------------------------------------------- between them

    def _channel_open(self) -> bool:
        return self.world.now >= self.channel_broken_until

    def _channel_delay(self) -> float:
        return self.world.chance.uniform(0.2, 1.0) * self.world.options.channel_delay_s

    def _report_up(self, report: Report) -> None:
        """Only the newest report matters; a lost one is replaced by the next. The first one carries the order."""
        if not self._greeted and self.sentinel is not None:
            report = replace(report, order=self.sentinel.lease.order)
        self._latest_report = report
        if self._report_pending or self.service is None:
            return
        self._report_pending = True
        life = self.service_life

        def deliver() -> None:
            self._report_pending = False
            service, newest = self.service, self._latest_report
            if service is None or self.service_life != life or newest is None:
                return
            if not self._channel_open() or self.world.chance.random() < self.world.options.channel_loss:
                return
            self._when_running("service", lambda: self._take_report(newest, life))

        self.world.after(self._channel_delay(), deliver, self)

    def _take_report(self, report: Report, life: int) -> None:
        if self.service is not None and self.service_life == life:
            self._greeted = True
            self.service.report(report)
            self.pump_service()

    def _to_sentinel(self, message: Order | Renewal | None) -> None:
        """Send an order, a renewal or mere progress down the channel."""
        life = self.service_life
        if isinstance(message, Order):
            self._latest_order = message

        def deliver() -> None:
            if self.sentinel is None or self.service_life != life or not self._channel_open():
                return
            if self.world.chance.random() < self.world.options.channel_loss:
                return
            self._when_running("sentinel", lambda: self._take_order(message, life))

        self.world.after(self._channel_delay(), deliver, self)

    def _take_order(self, message: Order | Renewal | None, life: int) -> None:
        sentinel = self.sentinel
        if sentinel is None or self.service_life != life:
            return
        now = self.clock()
        match message:
            case Order():
                if message.serial >= sentinel.lease.order.serial:
                    sentinel.order(message, now)
            case Renewal():
                sentinel.renewal(message, now)
            case None:
                sentinel.progress(now)
                latest = self._latest_order
                if latest is not None and latest.serial > sentinel.lease.order.serial:
                    sentinel.order(latest, now)  # a lost order is healed by the next sign of life
        self.pump_sentinel()

    def _when_running(self, process: str, action: object) -> None:
        assert callable(action)
        if self.running(process):
            action()
        elif self.powered:
            until = max(self.frozen_until, self.paused_until[process])
            self.world.after(until - self.world.now + 1e-4, lambda: self._when_running(process, action), self)

    # ---------------------------------------------------------------- the service

    def pump_service(self) -> None:
        """Let the service decide, carry out what it asks for, and set its timer."""
        service = self.service
        if service is None or not self.running("service"):
            return
        service.step(self.clock())
        for output in service.take():
            match output:
                case Order() | Renewal():
                    self._to_sentinel(output)
                case StoreRequest(id=number, request=request):
                    self._store_request(number, request)
                case HostCommand(group=group, command=command):
                    self._host_command(group, command)
                case Note(rule=rule, branch=branch):
                    self.world.fired[(rule, branch)] += 1
                case Prepare() | Settled() | NeedHost():
                    pass
                case Decided(assignment=assignment):
                    self.world.trace(
                        self.number, f"assigns {assignment.group} to {assignment.owner} ({assignment.cause})"
                    )
        self._to_sentinel(None)
        beat = self.clock() + self.world.options.timings.heartbeat_s
        self._set_timer("service", beat if service.deadline is None else min(beat, service.deadline))

    def _set_timer(self, process: str, local: float) -> None:
        self._timer[process] += 1
        mark, life, service_life = self._timer[process], self.life, self.service_life

        def fire() -> None:
            if mark != self._timer[process] or life != self.life:
                return
            if process == "sentinel":
                self._when_running("sentinel", self.tick_sentinel)
            elif service_life == self.service_life:
                self._when_running("service", self.pump_service)

        self.world.at(max(self.world.now + 1e-5, self.true_time(local)), fire)

    def _store_request(self, number: int, request: Request) -> None:
        life, sent = self.service_life, self.clock()

        def answer(outcome: Outcome) -> None:
            if self.service is not None and self.service_life == life:
                self._when_running("service", lambda: self._take_outcome(number, outcome, life))

        def made(result: Snapshot | Committed | None, *, sure: bool) -> None:
            if result is not None:
                answer(Answered(sent, result))
            else:
                answer(NotExecuted() if sure or isinstance(request, ReadRequest) else Unknown())

        if isinstance(request, CommitRequest):
            self.world.store_commit(self.number, request.guards, request.writes, made)
        else:
            self.world.store_read(self.number, request.keys, made)

    def _take_outcome(self, number: int, outcome: Outcome, life: int) -> None:
        if self.service is not None and self.service_life == life:
            self.service.outcome(number, outcome, self.clock())
            self.pump_service()

    def _read_all(self) -> None:
        life = self.service_life

        def made(result: Snapshot | Committed | None, *, sure: bool) -> None:
            del sure
            if self.service is None or self.service_life != life:
                return
            if not isinstance(result, Snapshot):
                self.world.after(0.1, self._read_all, self)
                return
            self.service.read_all(result.position, result.items)
            self.watched_revision = result.position.revision
            self.pump_service()
            self.poke_watch()

        self.world.store_read(self.number, None, made)

    def poke_watch(self) -> None:
        """Something changed in the store: deliver it after a while, when the store can be reached."""
        if self._watch_pending or self.service is None or self.watched_revision == 0:
            return
        self._watch_pending = True
        delay = self.world.chance.uniform(0.3, 1.5) * self.world.options.store_delay_s
        self.world.after(delay, self._deliver_watch, self, always=lambda: setattr(self, "_watch_pending", False))

    def _deliver_watch(self) -> None:
        self._watch_pending = False
        service = self.service
        if service is None or self.watched_revision == 0:
            return
        if not self.world.reaches_store(self.number) or not self.running("service"):
            self._watch_pending = True
            self.world.after(0.05, self._deliver_watch, self, always=lambda: setattr(self, "_watch_pending", False))
            return
        for batch in self.world.engine.changes_after(self.watched_revision, ""):
            service.watched(batch.position, batch.changes)
            self.watched_revision = batch.position.revision
        self.pump_service()

    # ---------------------------------------------------------------- the host

    def _adopt_hosts(self) -> None:
        if self.service is None:
            return
        for (group, resource), state in self.states.items():
            self.service.host_state(group, resource, state, "adopted")
        self.service.hosts_ready = True
        self.service.view.touched_all = True
        self.pump_service()

    def _host_command(self, group: str, command: Command) -> None:
        life = self.life
        match command:
            case BringOnline(spec=spec, token=token):
                self._begin(group, spec.id, token, life)
            case TakeOffline(resource=resource, token=token) | End(resource=resource, token=token):
                self._stop(group, resource, token)

    def _begin(self, group: str, resource: str, token: int, life: int) -> None:
        key = (group, resource)
        if token < self.tokens.get(key, 0) or self.clock() >= self.lease_until or not self.running("host"):
            self.world.after(0.005, lambda: self.tell(key, "failed", "refused by its host"), self)
            return
        self.tokens[key] = token
        if self.states.get(key) in {"online", "online_pending"}:
            return
        self.states[key] = "online_pending"
        self.world.checker.activated(group, self.number, self.world.now)
        self.world.trace(self.number, f"starts {group}/{resource} as {token}")
        started = self.world.now

        def up() -> None:
            if self.life == life and self.states.get(key) == "online_pending" and self.world.now > started:
                self.states[key] = "online"
                self.tell(key, "online", "")

        self.world.after(self.world.chance.uniform(0.2, 1.0) * self.world.options.start_s, up, self)

    def _stop(self, group: str, resource: str, token: int) -> None:
        key = (group, resource)
        if token < self.tokens.get(key, 0):
            return
        self.tokens[key] = token

        def down() -> None:
            if self.states.get(key) in {"online", "online_pending", "offline_pending"}:
                self.world.checker.deactivated(group, self.number)
            self.states[key] = "offline"
            self.tell(key, "offline", "")

        if self.states.get(key) in {"online", "online_pending"}:
            self.states[key] = "offline_pending"
        self.world.after(self.world.chance.uniform(0.2, 1.0) * self.world.options.stop_s, down, self)

    def fail_resource(self) -> None:
        """A resource that is online fails by itself."""
        online = [key for key, state in self.states.items() if state == "online"]
        if online:
            key = self.world.chance.choice(online)
            self.states[key] = "failed"
            self.world.checker.deactivated(key[0], self.number)
            self.tell(key, "failed", "it crashed")

    def tell(self, key: tuple[str, str], state: ResourceState, detail: str) -> None:
        """The host reports to whichever service is there."""
        life = self.service_life

        def deliver() -> None:
            if self.service is not None and self.service_life == life:
                self._when_running("service", lambda: self._take_state(key, state, detail, life))

        self.world.after(self._channel_delay(), deliver, self)

    def _take_state(self, key: tuple[str, str], state: ResourceState, detail: str, life: int) -> None:
        if self.service is not None and self.service_life == life and self.service.hosts_ready:
            self.service.host_state(key[0], key[1], state, detail)
            self.pump_service()

    def _watch_lease(self, until: float) -> None:
        """The host looks at the lease page by itself: design §2 (a)."""

        def look() -> None:
            if (
                self.powered
                and self.clock() >= self.lease_until
                and any(state not in {"offline", "failed"} for state in self.states.values())
            ):
                self._when_running("host", lambda: self._host_ends_all("its lease ran out"))

        life = self.life

        def guarded() -> None:
            if self.life == life:
                look()

        self.world.at(self.true_time(until) + 0.001, guarded)

    def _host_ends_all(self, why: str) -> None:
        if self.clock() < self.lease_until and why == "its lease ran out":
            return
        for key, state in list(self.states.items()):
            if state in {"online", "online_pending", "offline_pending"}:
                self.world.checker.deactivated(key[0], self.number)
                self.states[key] = "failed"
                self.tell(key, "failed", why)
