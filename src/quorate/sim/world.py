"""A whole cluster in one process on virtual time: the event queue, and what happens between nodes.

Owns: time, chance, the queue, power, datagrams. Does not know: what nodes decide, or what faults mean (`faults`).
Everything follows from `Options`; the same options give the same history.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

from quorate.core.authority.orders import Acknowledgement, Heartbeat
from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.membership import MemberRecord
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.quorum import QuorumSpec
from quorate.model.records import Put, Write
from quorate.model.workload import Assignment, GroupIntent, GroupSpec, ResourceSpec
from quorate.ports.quorum_storage_memory import MemoryStorage
from quorate.ports.store_engine import MemoryEngine
from quorate.sim.checkers import Checker
from quorate.sim.faults import inject
from quorate.sim.media import Media
from quorate.sim.node import SimNode
from quorate.sim.options import Chaos, Options
from quorate.sim.store import SimStore
from quorate.sim.troubles import Troubles

PROGRESS_LOOK_S = 0.05


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
        numbers = tuple(range(1, options.nodes + 1))
        moves = options.storage in {"lock", "claim"}
        self.storage = MemoryStorage(falls_with_holder=options.storage == "lock") if moves else None
        quorum_at = self._quorum_at if moves else None
        self.media = Media(
            numbers, options.networks, options.timings, self.chance, quorum_at, witness=options.storage == "witness"
        )
        self.store = SimStore(self)
        self.troubles = Troubles(numbers, options.slowest)
        self.chaos = options.chaos
        """How often chance strikes; never any more after the last fault."""
        self.disturbed_until = options.quiet_after_s
        """The end of the last fault, late execution or ending."""
        self.recovered_at = 0.0
        """When nothing was stuck for the first time after the last fault; 0.0 before."""
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        drift = options.drift
        self.nodes = {
            n: SimNode(self, n, 1.0 + self.chance.uniform(-drift, drift), self.chance.uniform(10.0, 1000.0))
            for n in numbers
        }
        self._prepare()

    def _quorum_at(self) -> int:
        """Where the quorum resource's member runs; 0 for nowhere."""
        return next((n for n, node in self.nodes.items() if node.keeper.member_runs), 0)

    def _prepare(self) -> None:
        """Write what an administrator would have: nodes, and groups that should be online."""
        writes: list[Write] = []
        if self.options.storage:
            quorum = QuorumSpec(
                model="node_and_disk_majority",
                kind="directory" if self.storage is not None else "witness",
                path="/quorum" if self.storage is not None else "10.0.0.9:7422",
                votes=int(self.options.storage_counted),
                member="1",
            )
            writes.append(Put(keys.SPEC_QUORUM, encode(quorum)))
        if self.options.expulsion_limit:
            limit = self.options.expulsion_limit
            cluster = ClusterSpec(name="sim", id="sim", quarantine_threshold=0, expulsion_limit=limit)
            writes.append(Put(keys.SPEC_CLUSTER, encode(cluster)))
            self.checker.expulsion_limit = limit
        for n in self.nodes:
            writes.append(Put(f"{keys.SPEC_NODE}{n}", encode(NodeSpec(node=n, name=f"node{n}"))))
        if self.options.kept_apart:
            self.checker.rivals = frozenset({"g1", "g2"})
        for g in range(1, self.options.groups + 1):
            group = f"g{g}"
            preferred = ((g - 1) % self.options.nodes + 1,)
            spec = GroupSpec(
                id=group,
                name=group,
                preferred_owners=preferred,
                auto_failback_type=g % 2,
                failover_threshold=1000,
                required_proof=self.options.required_proof,
                anti_affinity_class_names=("rivals",) if group in self.checker.rivals else (),
                anti_affinity_enforced=group == "g1" and group in self.checker.rivals,
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
                    stop_failure_action=self.options.stop_failure_action,
                )
                writes.append(Put(keys.SPEC_RESOURCE + resource.id, encode(resource)))
        self.engine.commit((), writes)
        for n, node in self.nodes.items():
            start = self.options.first_at_s[n - 1] if self.options.first_at_s else 0.01 * n
            if start >= 0.0:
                self.at(start, lambda node=node: self.power_on(node))  # type: ignore[misc]
        self.at(self.options.quiet_after_s, self._quiet)
        for fault in self.options.faults:
            self.at(fault.at_s, lambda fault=fault: inject(self, fault))  # type: ignore[misc]

    def _quiet(self) -> None:
        """Nothing strikes any more: from now on progress is owed."""
        self.chaos = Chaos()
        self.at(self.now + PROGRESS_LOOK_S, self._look_for_progress)

    def disturb(self, for_s: float) -> None:
        """Something goes on for so long from now."""
        self.disturbed_until = max(self.disturbed_until, self.now + for_s)

    def _look_for_progress(self) -> None:
        if not self.stuck():
            self.recovered_at = self.now
        else:
            self.at(self.now + PROGRESS_LOOK_S, self._look_for_progress)

    # ---------------------------------------------------------------- time

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Do something at a moment of true time."""
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), action))

    def after(self, delay: float, action: Callable[[], None], node: SimNode) -> None:
        """Do something on a node later, unless it loses power before."""
        life = node.life

        def guarded() -> None:
            if node.life == life:
                action()

        self.at(self.now + max(delay, 0.0), guarded)

    def run(self, until: float | None = None) -> None:
        """Let time pass until `until`, or to the end. Raises Violation."""
        end = self.options.end_s if until is None else until
        queue, troubles = self._queue, self.troubles
        while queue and queue[0][0] <= end:
            self.now, _, action = heapq.heappop(queue)
            troubles.now = self.now
            action()
        self.now = troubles.now = end

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
            self.troubles.impede(node.number)
            node.power_on()

    def power_off(self, node: SimNode) -> None:
        """Switch a node off."""
        if node.powered:
            self.trace(node.number, "loses power")
            self.media.alive.discard(node.number)
            node.power_off()
            self.media.settle(self.now)

    # ---------------------------------------------------------------- judged at once

    def ends(self, node: SimNode, reason: str) -> None:
        """A sentinel ends all its resources."""
        self.trace(node.number, f"ends everything: {reason}")
        text = f"node {node.number} ended everything at {self.now:.3f} s: {reason}"
        if self.troubles.needless(node, reason):
            self.checker.needless.append(text)
        elif self.options.nothing_ends and not self.troubles.injured(node.number):
            self.checker.needless.append(f"{text} (no fault touched it)")

    def stopped(self, node: SimNode, group: str) -> None:
        """A host takes a resource offline that was online: somebody must have wanted that."""
        key = keys.ASSIGNMENT + group
        (item,) = self.engine.read(keys=[key]).items
        now = decode(item.value, Assignment, key)
        loop = node.sentinel.loop
        stays = now.owner == node.number and now.phase == "run"
        stays = stays and loop is not None and now.incarnation == loop.lease.order.incarnation
        if stays and not self.troubles.had_failed(group, node.number):
            text = f"node {node.number} stopped {group} at {self.now:.3f} s, which is its own"
            self.checker.needless.append(text)

    # ---------------------------------------------------------------- networks

    def send(self, sender: int, receiver: int, network: str, message: Heartbeat | Acknowledgement) -> None:
        """Send a datagram; it may be lost, late or cut."""
        self.fired[(2, "acknowledge") if isinstance(message, Acknowledgement) else (0, "heartbeat")] += 1
        if not self.media.passes(sender, receiver, network) or self.chance.random() < self.chaos.loss:
            return
        node = self.nodes[receiver]
        delay = self.chance.uniform(0.05, 1.0) * self.options.delay_s + self.media.lag_between(sender, receiver)

        def arrive() -> None:
            if self.media.passes(sender, receiver, network):
                node.sentinel.receive(network, message)

        self.after(delay, arrive, node)

    # ---------------------------------------------------------------- progress

    def offline_groups(self) -> dict[str, list[int]]:
        """Groups that are not online on exactly one node, with the nodes where they are."""
        found: dict[str, list[int]] = {}
        for g in range(1, self.options.groups + 1):
            wanted = [(f"g{g}", f"g{g}{r}") for r in ("a", "b")]
            online = [
                n
                for n, node in self.nodes.items()
                if node.powered and all(node.host.states.get(key) == "online" for key in wanted)
            ]
            if len(online) != 1:
                found[f"g{g}"] = online
        return found

    def whole(self) -> bool:
        """Every node is powered, up and unmarked, somebody leads, and every group is online."""
        up = {item.key: item.value for item in self.engine.read(prefixes=[keys.MEMBER]).items}
        return (
            len(self.checker.acting) == 1
            and all(node.powered and node.service.ready for node in self.nodes.values())
            and len(up) == len(self.nodes)
            and all(_is_up(value) for value in up.values())
            and not self.offline_groups()
        )

    def stuck(self) -> list[str]:
        """What should be so after the quiet time and is not (progress)."""
        live = [node for node in self.nodes.values() if node.powered]
        if len(live) < len(self.nodes) // 2 + 1:
            return []
        alone = len(live) == 1  # then one of two that are kept apart has to wait
        found = [
            f"group {group} is online on {nodes} at the end"
            for group, nodes in self.offline_groups().items()
            if not (alone and group in self.checker.rivals)
        ]
        for node in live:
            known = self.engine.read(keys=[keys.member(node.number)]).items
            if not known or not _is_up(known[0].value):
                loop = node.service.loop
                if loop is None or not loop.membership.leaving:
                    found.append(f"node {node.number} is powered and not up")
        return found


def _is_up(value: bytes) -> bool:
    record = decode(value, MemberRecord)
    return record.state == "up" and record.mark is None
