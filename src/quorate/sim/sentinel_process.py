"""The sentinel of a simulated node: the real pump, turned by hand, and what its outputs do to the machine.

Owns: the process's life and timer, and endings: how long they take, and those that fail. Does not know: the service's
side of the channel. Follows `node.sentinel` and `node.host_desk`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.core.authority.lease import EndAll, LeaseMoved, ServiceHung
from quorate.core.authority.orders import Acknowledgement, Heartbeat, Order, Renewal, Report
from quorate.node.sentinel_loop import Send, SentinelLoop

if TYPE_CHECKING:
    from quorate.sim.node import SimNode

RESTART_S = 0.1
LEFTOVERS_LIMIT_S = 2.0
"""As `node.host_desk`: how long a new sentinel waits for leftovers before it gives up swearing their end."""
SLOW_OATH_S = 4.0
"""A holding that is hard to be rid of delays the oath by up to so much; processes are gone within G regardless."""


class SimSentinel:
    """One node's sentinel."""

    def __init__(self, node: SimNode) -> None:
        self.loop: SentinelLoop | None = None
        self._node = node
        self._timer = 0

    # ---------------------------------------------------------------- life

    def start(self, ended: str) -> None:
        """Start the process; after a crash of it alone it has ended all leftovers and swears so."""
        node, world = self._node, self._node.world
        self.loop = SentinelLoop(
            node.number,
            world.options.timings,
            boot_id=node.boot_id,
            ended=ended,
            now=node.clock(),
            paces=world.options.paces(node.number),
            mutations=world.options.mutations,
        )
        self.loop.peers = {n: world.options.networks for n in world.nodes if n != node.number}
        node.lease_until = 0.0
        node.disarm()  # what a former one left armed: nothing of it runs any more
        node.host.start()
        self.pump()
        world.after(world.options.service_start_s * world.chance.uniform(0.1, 1), node.service.start, node)

    def power_off(self) -> None:
        """The process is no more."""
        self.loop = None

    def die(self, *, sworn: bool = True) -> None:
        """It is killed, or gives up: everything it started dies with it, and it is started again.

        `sworn`: the next one finds nothing left and swears the end; else something cannot be said to be gone.
        """
        node, world = self._node, self._node.world
        if self.loop is None:
            return
        former = self.loop.lease.order.incarnation
        limit = world.chance.uniform(0.0, 0.9) * world.options.timings.ending_s
        node.host.die(0.0 if sworn else limit, restart=False)
        node.service.die(restart=False)
        node.channel.end()
        self.loop = None
        world.checker.acts_no_more(node.number)
        pause = RESTART_S if sworn else RESTART_S + LEFTOVERS_LIMIT_S
        world.media.stop_member(node.number, world.now + pause + world.options.service_start_s)
        world.troubles.impede(node.number, pause)
        world.disturb(pause)
        life = node.life

        def again() -> None:
            if node.life == life and self.loop is None:
                self.start(ended=former if sworn else "")

        world.after(pause, lambda: node.when_running("kernel", again), node)

    # ---------------------------------------------------------------- inputs

    def receive(self, network: str, message: Heartbeat | Acknowledgement) -> None:
        """A datagram arrived."""
        if self.loop is None:
            return
        node = self._node
        if not node.running("sentinel"):
            node.when_running("sentinel", lambda: self.receive(network, message))
            return
        self.loop.receive(network, message, node.clock())
        self.pump()

    def obey(self, message: Order | Renewal | None) -> None:
        """The service said something; None is a sign of life."""
        if self.loop is None:
            return
        now = self._node.clock()
        match message:
            case Order():
                self.loop.order(message, now)
            case Renewal():
                self.loop.renewal(message, now)
            case None:
                self.loop.progress(now)
        self.pump()

    def tick(self) -> None:
        """Its timer."""
        if self.loop is not None:
            self.loop.tick(self._node.clock())
            self.pump()

    # ---------------------------------------------------------------- outputs

    def pump(self) -> None:
        """Carry out what the loop asks for, and set the timer."""
        node, world, loop = self._node, self._node.world, self.loop
        if loop is None:
            return
        for output in loop.take():
            match output:
                case Send(node=to, network=network, message=message):
                    world.send(node.number, to, network, message)
                case Report():
                    node.channel.report(output)
                case EndAll(incarnation=incarnation, reason=reason):
                    self._end_all(incarnation, reason)
                case LeaseMoved(until=until):
                    node.lease_until = until
                    world.fired[(1, "lease moved")] += 1
                    loop.watchdog_s = world.options.watchdog_s
                case ServiceHung():
                    world.fired[(12, "service hung")] += 1
                    if node.channel.connected:
                        node.service.die()
        if self.loop is not loop:
            return
        now = node.clock()
        if loop.watchdog_s and loop.lease.safe(now):
            node.feed()
        if loop.lease.acting(now):
            world.checker.acts(node.number, loop.lease.order.epoch, world.now)
            if loop.lease.acting_by_all(now):
                world.fired[(4, "by all who are up")] += 1
        else:
            world.checker.acts_no_more(node.number)
        self._set_timer(loop.deadline())

    def _end_all(self, incarnation: str, reason: str) -> None:
        """What resources hold is gone within G; the oath may come late, or never."""
        node, world = self._node, self._node.world
        world.ends(node, reason)
        node.lease_until = min(node.lease_until, node.clock())
        within = world.chance.uniform(0.05, 0.9) * world.options.timings.ending_s
        node.host.die(within)
        fate = world.chance.random()
        if fate < world.chaos.ending_fails:
            world.fired[(0, "ending failed")] += 1
            world.after(within, lambda: node.when_running("sentinel", lambda: self.die(sworn=False)), node)
            return
        if fate < world.chaos.ending_fails + world.chaos.ending_slow:
            world.fired[(0, "slow ending")] += 1
            within += world.chance.uniform(0.0, 1.0) * SLOW_OATH_S
        world.disturb(within)
        loop = self.loop

        def ended() -> None:
            if loop is not None and self.loop is loop:
                loop.all_ended(incarnation, node.clock())
                self.pump()

        world.after(within + 0.0001, lambda: node.when_running("sentinel", ended), node)

    def _set_timer(self, local: float) -> None:
        self._timer += 1
        node, world, mark, life = self._node, self._node.world, self._timer, self._node.life

        def fire() -> None:
            if mark == self._timer and life == node.life:
                node.when_running("sentinel", self.tick)

        world.at(max(world.now + 1e-5, node.true_time(local)), fire)
