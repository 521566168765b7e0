"""One simulated machine: a drifting clock, power, and which of its processes run.

Owns: time as this machine tells it, power cycles, pauses and freezes, the lease page. Does not know: what its processes
do; each has a module of its own (`sentinel_process`, `service_process`, `host`), and `channel` lies between two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from quorate.sim.channel import Channel
from quorate.sim.host import RUNNING, SimHost
from quorate.sim.keeper import SimKeeper
from quorate.sim.sentinel_process import SimSentinel
from quorate.sim.service_process import SimService

if TYPE_CHECKING:
    from quorate.sim.world import World

ProcessName = Literal["sentinel", "service", "host", "kernel"]
"""What can be stopped by itself; the kernel only together with everything."""


RESET_S = 6.0
"""From a reset to the start of the node."""


class SimNode:
    """A machine. `life` counts power cycles: late events of former ones are void."""

    def __init__(self, world: World, number: int, rate: float, offset: float) -> None:
        self.world = world
        self.number = number
        self.rate = rate
        self.offset = offset
        self.life = 0
        self.powered = False
        self.frozen_until = 0.0
        self._clock_stopped_at: float | None = None
        self.paused_until: dict[ProcessName, float] = {"sentinel": 0.0, "service": 0.0, "host": 0.0, "kernel": 0.0}
        self.lease_until = 0.0
        """The lease page."""
        self.host = SimHost(self)
        self.channel = Channel(self)
        self.sentinel = SimSentinel(self)
        self.service = SimService(self)
        self.keeper = SimKeeper(self, world.storage)
        self._boots = 0
        self._feeds = 0

    # ---------------------------------------------------------------- time

    def clock(self) -> float:
        """This node's boot-time clock."""
        return self.offset + self.rate * (self.world.now if self._clock_stopped_at is None else self._clock_stopped_at)

    def true_time(self, local: float) -> float:
        """The true time at which this node's clock shows `local`."""
        return (local - self.offset) / self.rate

    def resumes_at(self, process: ProcessName) -> float:
        """From when on a process of this node can act; in the past where it can act now."""
        return max(self.frozen_until, self.paused_until[process])

    def running(self, process: ProcessName) -> bool:
        """Tell whether a process of this node can act now."""
        return self.powered and self.world.now >= self.resumes_at(process)

    def when_running(self, process: ProcessName, action: Callable[[], None]) -> None:
        """Do something now, or when that process runs again."""
        if self.running(process):
            action()
        elif self.powered:
            delay = self.resumes_at(process) - self.world.now + 1e-4
            self.world.after(delay, lambda: self.when_running(process, action), self)

    # ---------------------------------------------------------------- power

    @property
    def boot_id(self) -> str:
        """This boot."""
        return f"boot-{self.number}-{self._boots}"

    def new_incarnation(self) -> str:
        """A life of this node in the cluster that was never before."""
        self.world.incarnations += 1
        return f"{self.number}.{self.world.incarnations}"

    def power_on(self) -> None:
        """Boot: nothing of a former life runs; a boot swears nothing."""
        self.life += 1
        self._boots += 1
        self.powered = True
        self._clock_stopped_at = None
        self.paused_until = dict.fromkeys(self.paused_until, 0.0)
        self.frozen_until = 0.0
        self.sentinel.start(ended="")
        self.keeper.start()

    def power_off(self) -> None:
        """Everything stops at once."""
        self.life += 1
        self.powered = False
        self.sentinel.power_off()
        self.service.die(restart=False)
        self.keeper.die(restart=False)
        self.channel.end()
        self.host.power_off()
        self.world.checker.all_off(self.number)
        self.world.checker.acts_no_more(self.number)

    # ---------------------------------------------------------------- watchdog

    def feed(self) -> None:
        """Its watchdog is armed, and put off by one time-out of true time: it is no part of what it watches."""
        self._feeds += 1
        mark, life, world = self._feeds, self.life, self.world

        def fire() -> None:
            if self._feeds == mark and self.life == life and self.powered:
                world.trace(self.number, "is reset by its watchdog")
                world.fired[(0, "watchdog fired")] += 1
                world.power_off(self)
                world.at(world.now + RESET_S, lambda: world.power_on(self))

        world.at(world.now + world.options.watchdog_s, fire)

    def disarm(self) -> None:
        """Its watchdog is let go."""
        self._feeds += 1

    # ---------------------------------------------------------------- stops

    def pause(self, process: ProcessName, for_s: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        self.paused_until[process] = max(self.paused_until[process], self.world.now + for_s)
        if process != "host":
            self.world.troubles.impede(self.number, for_s)
        if process == "sentinel":
            self.world.checker.acts_no_more(self.number)

    def freeze(self, for_s: float) -> None:
        """Stop every process and cut the links: nothing of the node can act, and its addresses fall silent."""
        if not self.powered:
            return
        world = self.world
        self.frozen_until = max(self.frozen_until, world.now + for_s)
        world.troubles.impede(self.number, for_s)
        world.media.alive.discard(self.number)
        world.checker.all_off(self.number)
        world.checker.acts_no_more(self.number)
        world.at(self.frozen_until, lambda life=self.life: self._thaw(life))  # type: ignore[misc]

    def suspend(self, for_s: float) -> None:
        """What a hypervisor does to a guest: everything stops, its clock as well, and goes on as if nothing had been.

        No lease holds against that (design §4): it is done only to worlds whose groups demand a better proof.
        """
        if not self.powered or self._clock_stopped_at is not None:
            return
        self._clock_stopped_at, life = self.world.now, self.life

        def resume() -> None:
            if self.life == life:
                self.offset -= self.rate * for_s
                self._clock_stopped_at = None

        self.world.at(self.world.now + for_s, resume)
        self.freeze(for_s)

    @property
    def suspended(self) -> bool:
        """Its clock stands still."""
        return self._clock_stopped_at is not None

    def _thaw(self, life: int) -> None:
        if self.life != life or self.world.now < self.frozen_until:
            return
        world = self.world
        world.trace(self.number, "thaws")
        world.media.alive.add(self.number)
        if self.clock() < self.lease_until:
            for (group, _), state in self.host.states.items():
                if state in RUNNING:
                    world.checker.activated(group, self.number, world.now)
        else:
            self.host.look_at_lease()  # hosts look at the clock before anything else runs (design §2 a)
        if world.chance.random() < 0.5:
            self.sentinel.tick()  # else what waits in its sockets comes first
