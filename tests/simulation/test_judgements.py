"""The outside judgements on outages: what they let pass, what they call needless, and whom a fault touches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate.core.authority.timings import FAST
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.records import Put
from quorate.model.workload import GroupIntent
from quorate.sim.checkers import Violation
from quorate.sim.faults import inject, touched
from quorate.sim.options import Fault, FaultKind, Options
from quorate.sim.run import judge
from quorate.sim.world import World

CALM = Options(seed=5, nodes=5, groups=2, timings=FAST, end_s=30.0, quiet_after_s=30.0, nothing_ends=True)


def settled(options: Options = CALM) -> World:
    """A cluster on which everything runs, and nothing has happened for a while."""
    world = World(options)
    world.run(until=6.0)
    assert world.whole()
    return world


def test_a_lease_that_runs_out_although_the_store_was_reached_is_needless() -> None:
    world = settled(replace(CALM, nothing_ends=False))
    world.ends(world.nodes[2], "the lease ran out")
    assert "node 2 ended everything" in judge(world)


def test_a_node_that_was_kept_from_the_store_may_lose_its_lease() -> None:
    world = settled(replace(CALM, nothing_ends=False))
    world.troubles.impede(2)
    world.ends(world.nodes[2], "the lease ran out")
    assert judge(world) == ""


def test_in_a_calm_world_only_a_node_that_the_trouble_touches_may_end() -> None:
    world = settled()
    inject(world, Fault(6.0, "power_off", (3,)))
    for node in (3, 4):
        world.troubles.impede(node)
        world.ends(world.nodes[node], "the lease ran out")
    (needless,) = world.checker.needless
    assert needless.startswith("node 4")


def test_a_node_that_is_ordered_out_without_a_cut_is_needless() -> None:
    world = settled()
    world.ends(world.nodes[4], "ordered by the service")
    assert world.checker.needless


def test_a_group_that_stays_must_not_be_stopped() -> None:
    world = settled()
    owner = next(node for node in world.nodes.values() if any(group == "g1" for group, _ in node.host.states))
    world.stopped(owner, "g1")
    assert "which is its own" in judge(world)
    world.checker.needless.clear()
    world.troubles.failed("g1", owner.number)
    world.stopped(owner, "g1")  # what depends on a failed resource
    assert judge(world) == ""


@pytest.mark.conformance("ST-11")
def test_a_node_that_changes_what_should_be_online_breaks_a_promise() -> None:
    world = settled()
    wish = GroupIntent(persistent_state=True, own_states={"r": False})
    with pytest.raises(Violation, match="wishes"):
        world.store.execute((), (Put(f"{keys.INTENT_GROUP}g1", encode(wish)),))


def test_a_cluster_that_does_not_recover_in_time_has_made_no_progress() -> None:
    world = settled(replace(CALM, quiet_after_s=5.0))
    world.recovered_at = 0.0
    world.now = 5.0 + CALM.recovery_limit_s + 1.0
    assert judge(world).startswith("progress")


@pytest.mark.parametrize(
    ("kind", "nodes", "duration_s", "expected"),
    [
        ("power_off", (2,), 0.0, {2}),
        ("power_off", (1, 2, 3), 0.0, {1, 2, 3, 4, 5}),
        ("freeze_node", (2,), FAST.suspicion_s - 0.01, set()),
        ("freeze_node", (2,), FAST.lease_s, {2}),
        ("kill_service", (2,), 0.0, set()),
        ("hang_service", (1, 2, 3, 4), 4.0, set()),
        ("hang_service", (1, 2, 3, 4, 5), 4.0, {1, 2, 3, 4, 5}),
        ("stall_store", (), 4.0, set()),
        ("cut_store", (1,), 4.0, set()),
        ("cut", (1, 2), 0.0, set()),
        ("partition", (1, 2), 0.0, {1, 2}),
        ("break_host", (2,), 1.0, set()),
    ],
)
def test_a_fault_touches_whom_it_may_cost_its_resources(
    kind: FaultKind, nodes: tuple[int, ...], duration_s: float, expected: set[int]
) -> None:
    world = settled()
    fault = Fault(6.0, kind, nodes, duration_s)
    inject(world, fault)
    assert touched(world, fault) == expected


def test_two_that_are_kept_apart_must_not_run_on_one_node() -> None:
    world = settled(replace(CALM, kept_apart=True))
    (there,) = world.checker.active["g2"]
    world.checker.active["g1"].clear()
    with pytest.raises(Violation, match="kept apart: group g1 is active beside"):
        world.checker.activated("g1", there, world.now)
