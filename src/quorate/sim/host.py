"""What the resource hosts of a simulated node do: they start, stop, fail, end with their lease, and tell.

Owns: the processes of resources, their states and tokens, the host's own life, its connection to the service.
Does not know: policy. Follows `host/` and `node.host_link`: a new connection begins with the inventory; commands and
reports that are under way when it breaks are lost; a host that died is started again when all it held is ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quorate.core.group_run import BringOnline, Command, End, Respecify, TakeOffline
from quorate.model.workload import ResourceState
from quorate.sim.pipe import Pipe

if TYPE_CHECKING:
    from quorate.sim.node import ProcessName, SimNode

RECONNECT_S = 0.02
"""As `node.host_link.RETRY_S`."""
RESTART_S = 0.25
"""What a new host takes to start."""

STOP_FAILS_S = 0.75
"""As `host.instance`: so long a stop is tried before what is left is ended by force."""
STOP_FAILED_AGAIN_S = 2.0

State = tuple[str, ResourceState, str]
RUNNING = frozenset({"online", "online_pending", "offline_pending", "stop_failed"})

Inventory = dict[str, tuple[ResourceState, str]]


class SimHost:
    """The shared host of one node."""

    def __init__(self, node: SimNode) -> None:
        self.states: dict[tuple[str, str], ResourceState] = {}
        """Group and resource."""
        self.stuck: dict[tuple[str, str], float] = {}
        """Until when a resource does not stop, whatever its type does (stories set it)."""
        self._by_force: dict[tuple[str, str], bool] = {}
        self.connected = False
        self.lose_next_command = False
        """The connection breaks as the next command is under way."""
        self._node = node
        self._tokens: dict[tuple[str, str], int] = {}
        self._alive = False
        self._life = 0
        self._broken_until = 0.0
        self._gone_at = 0.0
        """When the resources of a host that died have ended at the latest; 0.0 while it lives."""
        self._looking = False
        self._reports: Pipe[State | Inventory] = Pipe(node, "service", self._reported)
        self._commands: Pipe[tuple[str, Command]] = Pipe(node, "host", self._obey)

    # ---------------------------------------------------------------- its own life

    def start(self) -> None:
        """A host starts with nothing."""
        self._life += 1
        self._alive, self._looking, self._gone_at = True, False, 0.0
        self.states.clear()
        self._tokens.clear()

    def die(self, within_s: float = 0.0, *, restart: bool = True) -> None:
        """SIGKILL: its resources end with it, at the latest `within_s` later, also while it is stopped."""
        world = self._node.world
        gone_at = world.now + within_s
        self._gone_at = min(self._gone_at, gone_at) if self._gone_at else gone_at
        self._alive, self._looking = False, False
        self._life += 1
        self.break_connection(0.0)
        self._later(self._gone_at - world.now, self._gone, "kernel")
        if restart:
            again = self._gone_at - world.now + world.chance.uniform(0.5, 1.5) * RESTART_S
            self._later(again, self.start, "kernel")

    def power_off(self) -> None:
        """Everything stops at once."""
        self._alive = False
        self._life += 1
        self.states.clear()
        self.break_connection(0.0)

    def _gone(self) -> None:
        for (group, _), state in self.states.items():
            if state in RUNNING:
                self._node.world.checker.deactivated(group, self._node.number)
        self.states.clear()

    def _later(self, delay: float, action: Callable[[], None], runs: ProcessName = "host") -> None:
        """Do something in this life of the host, when it runs."""
        life = self._life

        def guarded() -> None:
            if self._life == life:
                self._node.when_running(runs, again)

        def again() -> None:
            if self._life == life:
                action()

        self._node.world.after(delay, guarded, self._node)

    # ---------------------------------------------------------------- connection

    def connect(self) -> None:
        """The service tries to connect, again and again until it is connected or gone."""
        node = self._node
        if node.service.watched_revision == 0 or node.service.loop is None or self.connected:
            return
        if self._alive and node.world.now >= self._broken_until and node.running("service"):
            self.connected = True
            self._later(0.0, self._greet)
        else:
            life = node.service.life
            again = max(RECONNECT_S, node.resumes_at("service") - node.world.now)
            node.world.after(again, lambda: self.connect() if node.service.life == life else None, node)

    def _greet(self) -> None:
        if self.connected:
            self._reports.send({resource: (state, "listed") for (_, resource), state in self.states.items()})

    def break_connection(self, for_s: float) -> None:
        """What is under way is lost; the service notices, and connects again when it can."""
        world = self._node.world
        self._broken_until = max(self._broken_until, world.now + for_s)
        self.lose_next_command = False
        self._reports.clear()
        self._commands.clear()
        if self.connected:
            self.connected = False
            self._node.service.host_contact_lost()
            self._node.world.after(RECONNECT_S, self.connect, self._node)

    def send(self, group: str, command: Command) -> None:
        """The service sends a command; without a connection it is lost."""
        if not self.connected:
            return
        self._commands.send((group, command))
        if self.lose_next_command:
            self._node.world.fired[(0, "command to a host lost")] += 1
            self.break_connection(self._node.world.chance.uniform(0.0, 0.5))

    def _reported(self, told: State | Inventory) -> None:
        self._node.service.take_host(told)

    def _tell(self, key: tuple[str, str], state: ResourceState, detail: str) -> None:
        self.states[key] = state
        if self.connected:
            self._reports.send((key[1], state, detail))

    # ---------------------------------------------------------------- commands

    def _obey(self, message: tuple[str, Command]) -> None:
        group, command = message
        match command:
            case Respecify(spec=spec):
                self._by_force[group, spec.id] = spec.stop_failure_action == "end"
            case BringOnline(spec=spec, token=token):
                self._by_force[group, spec.id] = spec.stop_failure_action == "end"
                self._begin((group, spec.id), token)
            case TakeOffline(resource=resource, token=token) | End(resource=resource, token=token):
                self._stop((group, resource), token)

    def _begin(self, key: tuple[str, str], token: int) -> None:
        node, world = self._node, self._node.world
        if token < self._tokens.get(key, 0) or node.clock() >= node.lease_until:
            if self.connected:
                self._reports.send((key[1], "failed", "refused by its host"))
            return
        self._tokens[key] = token
        if self.states.get(key) in RUNNING:
            self._tell(key, self.states[key], "runs already")
            return
        self.states[key] = "online_pending"
        world.checker.activated(key[0], node.number, world.now)
        self.watch_lease()
        world.trace(node.number, f"starts {key[0]}/{key[1]} as {token}")

        def up() -> None:
            if self.states.get(key) == "online_pending" and self._tokens.get(key) == token:
                self._tell(key, "online", "")

        self._later(world.chance.uniform(0.2, 1.0) * world.options.start_s, up)

    def _stop(self, key: tuple[str, str], token: int) -> None:
        world = self._node.world
        if token < self._tokens.get(key, 0):
            return
        self._tokens[key] = token
        if self.states.get(key) == "online":
            world.stopped(self._node, key[0])

        def down() -> None:
            if world.now < self.stuck.get(key, 0.0) and self.states.get(key) in RUNNING:
                if self._by_force.get(key, True):
                    self.stuck.pop(key)
                    self._later(STOP_FAILS_S, down)
                    return
                if self.states[key] != "stop_failed":
                    self._tell(key, "stop_failed", "it does not end")
                self._later(STOP_FAILED_AGAIN_S, down)
                return
            if self.states.get(key) in RUNNING:
                world.checker.deactivated(key[0], self._node.number)
            self._tell(key, "offline", "")

        if self.states.get(key) in RUNNING:
            self.states[key] = "offline_pending"
        self._later(world.chance.uniform(0.2, 1.0) * world.options.stop_s, down)

    # ---------------------------------------------------------------- endings

    def fail_resource(self) -> None:
        """A resource that is online fails by itself."""
        online = [key for key, state in self.states.items() if state == "online"]
        if online:
            self._end(self._node.world.chance.choice(online), "it crashed")

    def watch_lease(self) -> None:
        """The host looks at the lease page by itself (design §2 a)."""
        if not self._looking:
            self._looking = True
            self._later(self._node.true_time(self._node.lease_until) + 0.001 - self._node.world.now, self._look)

    def _look(self) -> None:
        self._looking = False
        self.look_at_lease()
        if any(state in RUNNING for state in self.states.values()):
            self.watch_lease()

    def look_at_lease(self) -> None:
        """End everything if the lease is over."""
        if self._node.clock() >= self._node.lease_until:
            for key in [key for key, state in self.states.items() if state in RUNNING]:
                self._end(key, "its lease ran out")

    def _end(self, key: tuple[str, str], why: str) -> None:
        world = self._node.world
        world.troubles.failed(key[0], self._node.number)
        world.checker.deactivated(key[0], self._node.number)
        self._tell(key, "failed", why)
