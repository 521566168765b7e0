"""One decision step with 64 nodes and 10,000 groups: full placement, loss of a node, one resource's fact.

Prints one line a figure, with its target. Nothing but the pure engine runs: what a store and a network add is in
`bench/many_groups.py`.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time

from quorate.core.authority.mutations import Mutation
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value, decode, encode, replace
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.nodes import NodeSpec
from quorate.model.records import Change, KeyValue, Position, Put
from quorate.model.workload import (
    Assignment,
    GroupFact,
    GroupIntent,
    GroupSpec,
    ResourceFact,
    ResourceSpec,
    ResourceState,
)
from quorate.node.coordinating import Coordinating

NODES, GROUPS, FACTS = 64, 10_000, 200
PLACEMENT_S, LOSS_S, FACT_S = 1.5, 0.150, 0.002


class World:
    """A view and its coordinator, without a store: what is decided is written at once."""

    def __init__(self) -> None:
        items: list[tuple[str, Value]] = [(keys.COORDINATOR, CoordinatorRecord(node=1, epoch=1))]
        for node in range(1, NODES + 1):
            items.append((f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}")))
            items.append((keys.member(node), MemberRecord(node=node, state="up", incarnation=f"{node}.a")))
        for number in range(GROUPS):
            group, resource = f"g{number:05}", f"r{number:05}"
            preferred = (number % NODES + 1, (number * 7) % NODES + 1) if number % 2 else ()
            items.append((keys.SPEC_GROUP + group, GroupSpec(id=group, name=group, preferred_owners=preferred)))
            items.append((keys.INTENT_GROUP + group, GroupIntent(persistent_state=True)))
            items.append(
                (keys.SPEC_RESOURCE + resource, ResourceSpec(id=resource, name=resource, type="t", group=group))
            )
        self.revision = 1
        self.view = ClusterView()
        # The coordinator's record is older than its member's: it has taken over, it has not just formed the cluster.
        kept = [KeyValue(key, encode(value), 1, 1 + (at > 0)) for at, (key, value) in enumerate(items)]
        self.view.reset(Position(1, 2), kept)
        self.revision = 2
        self.coordinating = Coordinating(1, self.view, lambda: 1_800_000_000.0, frozenset[Mutation]())

    def write(self, writes: list[tuple[str, bytes]]) -> None:
        """As a watch delivers it."""
        self.revision += 1
        changes = [Change(key, value, self.revision) for key, value in writes]
        self.view.apply(Position(1, self.revision), changes)

    def touched(self) -> set[str]:
        """Groups that a step would look at now."""
        found = set(self.view.groups) if self.view.touched_all else self.view.touched
        self.view.touched, self.view.touched_all = set(), False
        return found

    def settle(self) -> float:
        """Decide until nothing is left to decide; seconds spent in deciding."""
        spent = 0.0
        touched = self.touched()
        while True:
            began = time.perf_counter()
            request, _, again = self.coordinating.assign(touched)
            spent += time.perf_counter() - began
            if request is None:
                return spent
            self.write([(write.key, write.value) for write in request.writes if isinstance(write, Put)])
            touched = again | self.touched()

    def report_online(self) -> None:
        """Every owner says that its group is online."""
        writes = []
        for group, known in self.view.assignments.items():
            now = known.record
            resources = {r: ResourceFact(state="online") for r in self.view.members_of[group]}
            fact = GroupFact(group=group, incarnation=now.incarnation, number=now.number, resources=resources)
            writes.append((keys.fact_group(now.owner, group), encode(fact)))
        self.write(writes)
        self.settle()


def main() -> int:
    """Measure and print."""
    gc.disable()
    world = World()
    placement_s = world.settle()
    assert len(world.view.assignments) == GROUPS, len(world.view.assignments)
    world.report_online()
    facts = []
    for number in range(FACTS):
        group = f"g{number * 37 % GROUPS:05}"
        now = world.view.assignments[group].record
        key = keys.fact_group(now.owner, group)
        state: ResourceState = "failed" if number % 2 else "online"
        fact = decode(encode(world.view.facts[(now.owner, group)].record), GroupFact, key)
        said = replace(fact, resources={r: ResourceFact(state=state) for r in fact.resources})
        value = encode(said)
        began = time.perf_counter()
        world.write([(key, value)])
        world.coordinating.assign(world.touched())
        facts.append(time.perf_counter() - began)
    lost = 7
    owned = sum(known.record.owner == lost for known in world.view.assignments.values())
    record = MemberRecord(node=lost, state="down", incarnation=f"{lost}.a", proof="lease_over")
    value = encode(record)
    began = time.perf_counter()
    world.write([(keys.member(lost), value)])
    touched = world.touched()
    request, _, _ = world.coordinating.assign(touched)
    loss_s = time.perf_counter() - began
    assert request is not None
    moved = sum(
        isinstance(decode(w.value, Assignment, w.key), Assignment) for w in request.writes if isinstance(w, Put)
    )
    fact_s = statistics.median(facts)
    found = (
        (f"full placement of {GROUPS} groups on {NODES} nodes", placement_s, PLACEMENT_S),
        (f"loss of a node with {owned} groups ({moved} in the first batch)", loss_s, LOSS_S),
        (f"one fact, median of {FACTS} (worst {1000 * max(facts):.2f} ms)", fact_s, FACT_S),
    )
    for what, measured_s, target_s in found:
        print(f"{what}: {1000 * measured_s:.2f} ms (target {1000 * target_s:g} ms)")
    return 0 if all(measured_s <= target_s for _, measured_s, target_s in found) else 1


if __name__ == "__main__":
    sys.exit(main())
