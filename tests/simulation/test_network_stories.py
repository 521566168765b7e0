"""Networks that work in part: membership settles in bounded time, and whoever was not struck never notices.

The worlds are calm (`nothing_ends`): if anything of a node ends that no fault touched, the run is judged a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest

from quorate.core.authority.timings import DEFAULT, FAST, Timings
from quorate.sim import network_scripts as scripts
from quorate.sim.options import Options
from quorate.sim.run import judge
from quorate.sim.scripts import coordinator
from quorate.sim.world import World

BEGIN_S = 8.0
END_S = 40.0
Script = Callable[[World], None]


def calm(nodes: int, seed: int, timings: Timings = DEFAULT) -> World:
    """A healthy cluster at the moment when something happens to its networks."""
    options = Options(
        seed=seed,
        nodes=nodes,
        groups=nodes,
        timings=timings,
        end_s=END_S + 30.0,
        quiet_after_s=END_S,
        drift=0.01,
        nothing_ends=True,
    )
    world = World(options)
    world.run(until=BEGIN_S)
    assert world.whole()
    return world


def settled(world: World) -> frozenset[int]:
    """Who is up when membership should have settled; it must not move any more until the cuts are healed."""
    timings = world.options.timings
    bound_s = 2 * timings.recovery_bound_s + 4 * timings.suspicion_s
    world.run(until=BEGIN_S + bound_s)
    up, records = scripts.up(world), scripts.members(world)
    world.run(until=END_S)
    after = scripts.members(world)
    assert {n: after[n].incarnation for n in up} == {n: records[n].incarnation for n in up}, "a healthy life went on"
    assert scripts.up(world) == up
    assert world.checker.needless == []
    return up


def staying(world: World) -> frozenset[int]:
    """Who belongs to every largest set of nodes that all hear one another: nobody else is sure to stay."""
    for size in range(len(world.nodes), 0, -1):
        largest = [
            frozenset(some)
            for some in combinations(world.nodes, size)
            if all(world.media.connected(one, other) for one, other in combinations(some, 2))
        ]
        if largest:
            return frozenset.intersection(*largest)
    raise AssertionError("a node hears itself")


def healed(world: World) -> None:
    """After the cuts everybody is back, and everything runs."""
    world.media.heal()
    world.store.answer_delay.clear()
    world.run()
    assert judge(world) == ""
    assert scripts.up(world) == frozenset(world.nodes)


def of(world: World, who: str) -> int:
    """The coordinator, or a node that is not."""
    acting = coordinator(world)
    return acting if who == "coordinator" else next(n for n in world.nodes if n != acting)


@pytest.mark.timeout(120)
@pytest.mark.conformance("MB-10")
@pytest.mark.parametrize("timings", [DEFAULT, FAST], ids=["default", "fast"])
@pytest.mark.parametrize("who", ["coordinator", "member"])
@pytest.mark.parametrize("strike", [scripts.deafen, scripts.mute], ids=["deaf", "mute"])
@pytest.mark.parametrize("nodes", [3, 5])
def test_a_node_that_is_deaf_or_mute_is_out_and_nobody_else(
    nodes: int, strike: Callable[[World, int], None], who: str, timings: Timings
) -> None:
    world = calm(nodes, seed=nodes, timings=timings)
    victim = of(world, who)
    strike(world, victim)
    assert settled(world) == frozenset(world.nodes) - {victim}
    healed(world)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("who", ["coordinator", "member"])
def test_two_that_do_not_hear_each_other_both_stay_under_somebody_who_hears_both(who: str, seed: int) -> None:
    """Design §4, after rule 14: nobody has to go where a node hears all; if it was the coordinator, it resigns."""
    world = calm(5, seed)
    before = scripts.members(world)
    one = of(world, who)
    other = next(n for n in sorted(world.nodes, reverse=True) if n not in (one, coordinator(world)))
    scripts.separate(world, one, other)
    assert settled(world) == frozenset(world.nodes)
    assert coordinator(world) not in (one, other)
    assert {n: record.incarnation for n, record in scripts.members(world).items()} == {
        n: record.incarnation for n, record in before.items()
    }
    healed(world)


@pytest.mark.timeout(120)
@pytest.mark.conformance("MB-09")
@pytest.mark.parametrize("seed", range(4))
def test_where_nobody_hears_all_as_few_go_as_must(seed: int) -> None:
    """Cuts 1-2, 3-4 and 5-1: without any one of 1, 3 or 4 somebody hears all the others (docs/decisions/0055)."""
    world = calm(5, seed)
    scripts.strike(world, world.nodes)
    for one, other in ((1, 2), (3, 4), (5, 1)):
        scripts.separate(world, one, other)
    up = settled(world)
    assert len(up) >= 3
    (leader,) = world.checker.acting
    assert all(world.media.connected(leader, n) for n in up)
    healed(world)


@pytest.mark.timeout(120)
@pytest.mark.conformance("MB-11")
@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_cut_all_who_are_up_agree_and_are_heard_by_one(seed: int) -> None:
    """Cuts of single directions, drawn around two victims: one coordinator, who reaches everybody that is up."""
    world = calm(5, seed)
    first, second = list(world.nodes)[seed % 4 : seed % 4 + 2]
    scripts.strike(world, [first, second])
    for other in world.nodes:
        if other != first and world.chance.random() < 0.7:
            scripts.silence(world, first, other)
        if other not in (first, second) and world.chance.random() < 0.7:
            scripts.silence(world, other, second)
    scripts.strike(world, frozenset(world.nodes) - staying(world))
    up = settled(world)
    assert len(up) >= 3
    (leader,) = world.checker.acting
    assert leader in up
    assert all(world.media.connected(leader, n) for n in up)
    views = [world.nodes[n].service.loop for n in up]
    assert all(loop is not None and loop.view.authority.up().keys() == up for loop in views)
    healed(world)


@pytest.mark.timeout(120)
@pytest.mark.conformance("MB-10")
@pytest.mark.parametrize("who", ["coordinator", "member"])
@pytest.mark.parametrize("by_s", [2.0, 5.0])
def test_a_node_with_seconds_of_delay_disturbs_nobody(who: str, by_s: float) -> None:
    """It may stay or go; the others run on, and it is back when it is fast again."""
    world = calm(3, seed=7)
    victim = of(world, who)
    scripts.slow_down(world, victim, by_s)
    world.run(until=END_S)
    assert world.checker.needless == []
    assert frozenset(world.nodes) - {victim} <= scripts.up(world)
    healed(world)


@pytest.mark.timeout(120)
@pytest.mark.conformance("MB-03")
@pytest.mark.parametrize("network", ["a", "b"])
def test_one_network_lost_in_any_direction_changes_no_membership(network: str) -> None:
    world = calm(4, seed=3)
    before = scripts.members(world)
    for sender in world.nodes:
        for receiver in world.nodes:
            if sender != receiver and world.chance.random() < 0.8:
                world.media.cut(sender, receiver, network)
    world.run(until=END_S)
    assert scripts.members(world) == before
    assert world.checker.needless == []
    healed(world)
