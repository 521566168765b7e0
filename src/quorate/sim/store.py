"""The store as simulated nodes meet it: reached or not, answering late or never, executing late (design §4 rule 8).

Owns: what becomes of each request. Does not know: what requests are for, except that memberships are watched from
outside. The data are in `ports.store_engine`; who is reached is in `media`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from quorate.model import keys
from quorate.model.base import decode
from quorate.model.membership import MemberRecord
from quorate.model.records import Committed, Guard, Put, Snapshot, Write
from quorate.model.workload import GroupIntent

if TYPE_CHECKING:
    from quorate.sim.world import World

REFUSAL_PAUSE_S = 0.02
"""As `node.store_link.RETRY_PAUSE_S`."""


class Made(Protocol):
    """What a store request calls when it is over; `sure` where it was certainly not executed."""

    def __call__(self, result: Snapshot | Committed | None, *, sure: bool) -> None:
        """Take the result, or None."""
        ...


class SimStore:
    """The way of every node to one store."""

    def __init__(self, world: World) -> None:
        self.answer_delay: dict[int, float] = {}
        """How much longer an answer takes to reach a node (stories set it)."""
        self.read_script: Callable[[int], None] | None = None
        """Called when a read of a node executes (stories set it)."""
        self.commit_script: Callable[[int, Sequence[Write]], str] | None = None
        """What becomes of a commit (stories set it): "" as usual, "never" executed, executed "late", after its caller
        gave up, or executed at once and answered "slow", as late as a caller waits."""
        self._world = world

    def reached_by(self, node: int) -> bool:
        """Tell whether the store would answer that node now."""
        return self._world.media.reaches_store(node, self._world.now)

    # ---------------------------------------------------------------- requests

    def read(self, node: int, wanted: Sequence[str] | None, made: Made) -> None:
        """Read keys, or everything where `wanted` is None."""
        world = self._world

        limit_s = world.options.timings.store_read_limit_s

        def execute() -> None:
            if not self.reached_by(node):
                self._fail(node, self._refusal_delay(limit_s), made, sure=True)
                return
            snapshot = world.engine.read(prefixes=[""]) if wanted is None else world.engine.read(keys=wanted)
            self._answer(node, snapshot, made, limit_s)
            if self.read_script is not None:
                self.read_script(node)

        self._later(node, self._delay(), execute)

    def commit(self, node: int, guards: Sequence[Guard], writes: Sequence[Write], made: Made) -> None:
        """Commit; the answer may be lost, and the execution may come after the caller gave up (rule 8)."""
        world = self._world
        limit_s = world.options.timings.store_commit_limit_s
        late = world.chance.random() < world.chaos.executed_late
        fate = self.commit_script(node, writes) if self.commit_script is not None else ""
        if fate == "never":
            self._fail(node, limit_s, made)
            return

        def execute() -> None:
            if not self.reached_by(node):
                sure = world.chance.random() < 0.5
                if not sure:
                    self._execute_late(guards, writes)
                self._fail(node, self._refusal_delay(limit_s), made, sure=sure)
                return
            result = self.execute(guards, writes)
            if fate == "slow":
                world.troubles.impede(node, limit_s)
                self._later(node, limit_s, lambda: made(result, sure=True))
            else:
                self._answer(node, result, made, limit_s)

        if late or fate == "late":
            world.fired[(8, "executed late")] += 1
            self._execute_late(guards, writes, surely=fate == "late")
            self._fail(node, limit_s, made)
        else:
            self._later(node, self._delay(), execute)

    def _refusal_delay(self, limit_s: float) -> float:
        """A request handed to a leader that died is lost; once members know that they have no leader they say so."""
        if self._world.media.knows_no_leader(self._world.now):
            return self._world.chance.uniform(1.0, 2.0) * REFUSAL_PAUSE_S
        return limit_s

    def _later(self, node: int, delay: float, action: Callable[[], None]) -> None:
        self._world.after(delay, action, self._world.nodes[node])

    def _delay(self) -> float:
        return self._world.chance.uniform(0.3, 1.5) * self._world.options.store_delay_s

    def _fail(self, node: int, delay: float, made: Made, *, sure: bool = False) -> None:
        """The caller gives up after a while; until then it has been kept from the store."""
        self._world.troubles.impede(node, delay)
        self._later(node, delay, lambda: made(None, sure=sure))

    def _answer(self, node: int, result: Snapshot | Committed, made: Made, limit_s: float) -> None:
        world = self._world
        if world.chance.random() < world.chaos.answer_lost:
            world.fired[(8, "answer lost")] += 1
            self._fail(node, limit_s, made)
        else:
            delay = self._delay() + self.answer_delay.get(node, 0.0)
            if node in self.answer_delay:
                world.troubles.impede(node, delay)
            self._later(node, delay, lambda: made(result, sure=True))

    def _execute_late(self, guards: Sequence[Guard], writes: Sequence[Write], *, surely: bool = False) -> None:
        """Execute at some later time when a leader is there, or never."""
        world = self._world
        if not surely and world.chance.random() < 0.3:
            return
        delay = world.chance.uniform(0.1, 1.0) * world.chaos.late_s

        def execute() -> None:
            world.media.settle(world.now)
            if world.media.leader and self.execute(guards, writes).succeeded:
                world.disturb(0.0)

        world.at(world.now + delay, execute)

    # ---------------------------------------------------------------- execution

    def execute(self, guards: Sequence[Guard], writes: Sequence[Write]) -> Committed:
        """Execute a transaction now, observe what it does to memberships, and wake the watches."""
        world = self._world
        touched = [write.key for write in writes if write.key.startswith(keys.MEMBER)]
        before = {
            item.key: decode(item.value, MemberRecord, item.key)
            for item in (world.engine.read(keys=touched).items if touched else ())
        }
        wishes = self._wishes(writes)
        result = world.engine.commit(guards, writes)
        for group, wish in self._wishes(writes).items():
            world.checker.wished(group, wishes.get(group, wish), wish, world.now)
        if not result.succeeded:
            world.fired[(14, "refused by a guard")] += 1
        if result.succeeded and writes:
            for write in writes:
                if isinstance(write, Put) and write.key.startswith(keys.MEMBER):
                    self._observe(before.get(write.key), decode(write.value, MemberRecord, write.key))
            for node in world.nodes.values():
                node.service.poke_watch()
        return result

    def _wishes(self, writes: Sequence[Write]) -> dict[str, tuple[bool, dict[str, bool]]]:
        """What should be online, of the groups whose intents are written."""
        touched = [write.key for write in writes if write.key.startswith(keys.INTENT_GROUP)]
        items = self._world.engine.read(keys=touched).items if touched else ()
        found = ((item.key, decode(item.value, GroupIntent, item.key)) for item in items)
        return {key.removeprefix(keys.INTENT_GROUP): (one.persistent_state, one.own_states) for key, one in found}

    def _observe(self, before: MemberRecord | None, after: MemberRecord) -> None:
        world = self._world
        world.trace(after.node, f"is recorded {after.state} {after.incarnation} {after.mark or ''} {after.proof}")
        if before is None or before.state != "up":
            return
        if after.state == "up" and after.incarnation == before.incarnation:
            return
        asks = bool(world.engine.read(keys=[keys.join(after.node)]).items)
        if after.state == "down" and after.proof not in {"released", "confirmed"} and not asks:
            world.checker.put_out(after.node, world.now)
        node = world.nodes[after.node]
        loop = node.sentinel.loop
        same = node.powered and loop is not None and loop.lease.order.incarnation == before.incarnation
        held = same and node.clock() < node.lease_until and node.running("sentinel")
        # What a watchdog has to end may run until then: the checkers look at who starts it elsewhere.
        same = same and not world.options.watchdog_s
        world.checker.declared_down(after.node, world.now, same_life=same, holds_lease=held)
