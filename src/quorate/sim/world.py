"""A whole cluster in one process on virtual time: the event queue, and what happens between nodes.

Owns: time, chance, the queue, the store's executions (early, late, unanswered), and the doing of faults.
Does not know: what nodes decide. Everything follows from `Options`; the same options give the same history.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from quorate.core.authority.lease import EndAll
from quorate.core.authority.orders import Acknowledgement, Heartbeat
from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.membership import MemberRecord
from quorate.model.records import Committed, Guard, Put, Snapshot, Write
from quorate.model.workload import GroupIntent, GroupSpec, NodeSpec, ResourceSpec
from quorate.ports.store_engine import MemoryEngine
from quorate.sim.checkers import Checker
from quorate.sim.faults import inject
from quorate.sim.media import Media
from quorate.sim.node import SimNode
from quorate.sim.options import Options

INJURED_FOR_S = 4.0
"""After an injury a node may end its resources for this many takeover bounds without breaking promise 3."""


REFUSAL_PAUSE_S = 0.02
"""As `node.store_link.RETRY_PAUSE_S`."""


class Made(Protocol):
    """What a store request calls when it is over; `sure` where it was certainly not executed."""

    def __call__(self, result: Snapshot | Committed | None, *, sure: bool) -> None:
        """Take the result, or None."""
        ...


class World:
    """One simulated world."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.now = 0.0
        self.chance = random.Random(options.seed)
        self.engine = MemoryEngine()
        self.checker = Checker()
        self.fired: Counter[tuple[int, str]] = Counter()
        self.incarnations = 0
        self.log: list[str] = []
        self.tracing = False
        self.answer_delay: dict[int, float] = {}
        """How much longer an answer of the store takes to reach a node (stories set it)."""
        self.read_script: Callable[[int], None] | None = None
        """Called when a read of a node executes (stories set it)."""
        self.commit_script: Callable[[int, Sequence[Write]], str] | None = None
        """What becomes of a commit: "", "late" or "never" (stories set it)."""
        numbers = tuple(range(1, options.nodes + 1))
        self.media = Media(numbers, options.networks, options.timings, self.chance)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        drift = options.drift
        self.nodes = {
            n: SimNode(self, n, 1.0 + self.chance.uniform(-drift, drift), self.chance.uniform(10.0, 1000.0))
            for n in numbers
        }
        self.injured_until = dict.fromkeys(numbers, 0.0)
        self._prepare()

    def _prepare(self) -> None:
        """Write what an administrator would have: nodes, and groups that should be online."""
        writes: list[Write] = []
        for n in self.nodes:
            writes.append(Put(f"{keys.SPEC_NODE}{n}", encode(NodeSpec(node=n, name=f"node{n}"))))
        for g in range(1, self.options.groups + 1):
            group = f"g{g}"
            preferred = ((g - 1) % self.options.nodes + 1,)
            spec = GroupSpec(
                id=group, name=group, preferred_owners=preferred, auto_failback_type=g % 2, failover_threshold=1000
            )
            writes.append(Put(keys.SPEC_GROUP + group, encode(spec)))
            writes.append(Put(keys.INTENT_GROUP + group, encode(GroupIntent(persistent_state=True))))
            for r in ("a", "b"):
                resource = ResourceSpec(
                    id=f"{group}{r}",
                    name=f"{group}{r}",
                    type="sim",
                    group=group,
                    depends_on=((f"{group}a",),) if r == "b" else (),
                    restart_threshold=1000,
                    retry_period_on_failure_ms=5000,
                )
                writes.append(Put(keys.SPEC_RESOURCE + resource.id, encode(resource)))
        self.engine.commit((), writes)
        for n, node in self.nodes.items():
            start = self.options.first_at_s[n - 1] if self.options.first_at_s else 0.01 * n
            if start >= 0.0:
                self.at(start, lambda node=node: self.power_on(node))  # type: ignore[misc]
        for fault in self.options.faults:
            self.at(fault.at_s, lambda fault=fault: inject(self, fault))  # type: ignore[misc]

    # ---------------------------------------------------------------- time

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Do something at a moment of true time."""
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), action))

    def after(
        self, delay: float, action: Callable[[], None], node: SimNode, always: Callable[[], object] | None = None
    ) -> None:
        """Do something on a node later, unless it loses power before; `always` then runs instead."""
        life = node.life

        def guarded() -> None:
            if node.life == life:
                action()
            elif always is not None:
                always()

        self.at(self.now + max(delay, 0.0), guarded)

    def run(self, until: float | None = None) -> None:
        """Let time pass until `until`, or to the end. Raises Violation."""
        end = self.options.end_s if until is None else until
        while self._queue and self._queue[0][0] <= end:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = end

    def trace(self, node: int, text: str) -> None:
        """Keep a line for the replay of a seed."""
        if self.tracing:
            self.log.append(f"{self.now:9.4f}  node {node}  {text}")

    # ---------------------------------------------------------------- power

    def power_on(self, node: SimNode) -> None:
        """Switch a node on."""
        if not node.powered:
            self.trace(node.number, "powers on")
            self.media.alive.add(node.number)
            node.power_on()

    def power_off(self, node: SimNode) -> None:
        """Switch a node off."""
        if node.powered:
            self.trace(node.number, "loses power")
            self.media.alive.discard(node.number)
            node.power_off()
            self.media.settle(self.now)

    def injure(self, nodes: Sequence[int], for_s: float = 0.0) -> None:
        """Note that these nodes may rightly end their resources for a while."""
        bound = INJURED_FOR_S * self.options.timings.takeover_bound_s
        for n in nodes:
            self.injured_until[n] = max(self.injured_until[n], self.now + for_s + bound)

    def ends(self, node: SimNode, reason: str) -> None:
        """A sentinel ends all its resources."""
        self.trace(node.number, f"ends everything: {reason}")
        healthy = self.now >= self.injured_until[node.number]
        self.checker.ended(node.number, reason, self.now, injured=not healthy)

    # ---------------------------------------------------------------- networks

    def send(self, sender: int, receiver: int, network: str, message: Heartbeat | Acknowledgement) -> None:
        """Send a datagram; it may be lost, late or cut."""
        self.fired[(2, "acknowledge") if isinstance(message, Acknowledgement) else (0, "heartbeat")] += 1
        if not self.media.passes(sender, receiver, network) or self.chance.random() < self.options.loss:
            return
        node = self.nodes[receiver]
        delay = self.chance.uniform(0.05, 1.0) * self.options.delay_s

        def arrive() -> None:
            if self.media.passes(sender, receiver, network):
                node.receive(network, message)

        self.after(delay, arrive, node)

    # ---------------------------------------------------------------- the store

    def reaches_store(self, node: int) -> bool:
        """Tell whether the store would answer that node now."""
        return self.media.reaches_store(node, self.now)

    def store_read(self, node: int, wanted: Sequence[str] | None, made: Made) -> None:
        """Read keys, or everything where `wanted` is None."""

        def execute() -> None:
            if not self.reaches_store(node):
                self._later(
                    node, self._refusal_delay(self.options.timings.store_read_limit_s), lambda: made(None, sure=True)
                )
                return
            snapshot = self.engine.read(prefixes=[""]) if wanted is None else self.engine.read(keys=wanted)
            self._answer(node, snapshot, made)
            if self.read_script is not None:
                self.read_script(node)

        self._later(node, self._store_delay(), execute)

    def store_commit(self, node: int, guards: Sequence[Guard], writes: Sequence[Write], made: Made) -> None:
        """Commit; the answer may be lost, and the execution may come after the caller gave up (rule 8)."""
        late = self.chance.random() < self.options.executed_late
        fate = self.commit_script(node, writes) if self.commit_script is not None else ""
        if fate == "never":
            self._later(node, self.options.timings.store_commit_limit_s, lambda: made(None, sure=False))
            return
        late = late or fate == "late"

        def execute() -> None:
            if not self.reaches_store(node):
                sure = self.chance.random() < 0.5
                if not sure:
                    self._execute_late(guards, writes)
                delay = self._refusal_delay(self.options.timings.store_commit_limit_s)
                self._later(node, delay, lambda: made(None, sure=sure))
                return
            self._answer(node, self.execute(guards, writes), made)

        if late:
            self.fired[(8, "executed late")] += 1
            self._execute_late(guards, writes, surely=fate == "late")
            self._later(node, self.options.timings.store_commit_limit_s, lambda: made(None, sure=False))
        else:
            self._later(node, self._store_delay(), execute)

    def _refusal_delay(self, limit_s: float) -> float:
        """A request handed to a leader that died is lost; once members know that they have no leader they say so."""
        if self.media.knows_no_leader(self.now):
            return self.chance.uniform(1.0, 2.0) * REFUSAL_PAUSE_S
        return limit_s

    def _later(self, node: int, delay: float, action: Callable[[], None]) -> None:
        self.after(delay, action, self.nodes[node])

    def _store_delay(self) -> float:
        return self.chance.uniform(0.3, 1.5) * self.options.store_delay_s

    def _answer(self, node: int, result: Snapshot | Committed, made: Made) -> None:
        if self.chance.random() < self.options.answer_lost:
            self.fired[(8, "answer lost")] += 1
            self._later(node, self.options.request_timeout_s, lambda: made(None, sure=False))
        else:
            delay = self._store_delay() + self.answer_delay.get(node, 0.0)
            self._later(node, delay, lambda: made(result, sure=True))

    def _execute_late(self, guards: Sequence[Guard], writes: Sequence[Write], *, surely: bool = False) -> None:
        """Execute at some later time when a leader is there, or never."""
        if not surely and self.chance.random() < 0.3:
            return
        delay = self.chance.uniform(0.1, 1.0) * self.options.late_s

        def execute() -> None:
            self.media.settle(self.now)
            if self.media.leader:
                self.execute(guards, writes)

        self.at(self.now + delay, execute)

    def execute(self, guards: Sequence[Guard], writes: Sequence[Write]) -> Committed:
        """Execute a transaction now, observe what it does to memberships, and wake the watches."""
        before = {
            item.key: decode(item.value, MemberRecord, item.key)
            for item in self.engine.read(keys=[w.key for w in writes if w.key.startswith(keys.MEMBER)]).items
        }
        result = self.engine.commit(guards, writes)
        if result.succeeded and writes:
            for write in writes:
                if isinstance(write, Put) and write.key.startswith(keys.MEMBER):
                    self._observe(before.get(write.key), decode(write.value, MemberRecord, write.key))
            for node in self.nodes.values():
                node.poke_watch()
        return result

    def _observe(self, before: MemberRecord | None, after: MemberRecord) -> None:
        ended = (
            before is not None
            and before.state == "up"
            and (after.state == "down" or after.incarnation != before.incarnation)
        )
        self.trace(after.node, f"is recorded {after.state} {after.incarnation} {after.mark or ''} {after.proof}")
        if not ended or before is None:
            return
        node = self.nodes[after.node]
        same = node.powered and node.sentinel is not None
        same = same and node.sentinel is not None and node.sentinel.lease.order.incarnation == before.incarnation
        held = same and node.clock() < node.lease_until and node.running("sentinel")
        self.checker.declared_down(after.node, self.now, same_life=same, holds_lease=bool(held))

    # ---------------------------------------------------------------- progress

    def stuck(self) -> list[str]:
        """What should be so after the quiet time and is not (progress)."""
        found: list[str] = []
        live = [node for node in self.nodes.values() if node.powered]
        if not live:
            return found
        if len(live) < len(self.nodes) // 2 + 1:
            return found
        for g in range(1, self.options.groups + 1):
            online = [
                node.number
                for node in live
                if all(node.states.get((f"g{g}", f"g{g}{r}")) == "online" for r in ("a", "b"))
            ]
            if len(online) != 1:
                found.append(f"group g{g} is online on {online} at the end")
        for node in live:
            known = self.engine.read(keys=[keys.member(node.number)]).items
            if not known or decode(known[0].value, MemberRecord).state != "up":
                left = node.service is not None and node.service.membership.leaving
                if not left:
                    found.append(f"node {node.number} is powered and not up")
        return found


__all__ = ["EndAll", "Made", "World"]
