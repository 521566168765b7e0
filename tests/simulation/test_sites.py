"""Nodes of different sites: each pair judges silence by its own threshold, and every promise holds all the same."""

from __future__ import annotations

import pytest

from quorate.core.authority.timings import DEFAULT, Pace
from quorate.sim import network_scripts as scripts
from quorate.sim.options import Options
from quorate.sim.run import judge
from quorate.sim.scripts import coordinator
from quorate.sim.world import World

BEGIN_S = 8.0
NEAR_S = DEFAULT.suspicion_s
FAR = Pace(0.22, 1.1)


def world(seed: int, sites: tuple[int, ...]) -> World:
    """A healthy cluster on two sites, between which silence may last 1.1 s instead of 0.6 s."""
    made = World(
        Options(
            seed=seed,
            nodes=len(sites),
            sites=sites,
            between_sites=FAR,
            end_s=40.0,
            quiet_after_s=20.0,
            drift=0.01,
            nothing_ends=True,
        )
    )
    made.run(until=BEGIN_S)
    assert made.whole()
    return made


def suspected(made: World) -> int:
    return made.fired[(5, "suspect")] + made.fired[(5, "suspect at a quicker pace")]


def some(made: World, *, far: bool) -> int:
    """A node that does not lead, at the coordinator's site or at the other one."""
    leads = coordinator(made)
    sites = made.options.sites
    return next(n for n in made.nodes if n != leads and (sites[n - 1] != sites[leads - 1]) == far)


@pytest.mark.conformance("MB-02")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("far", "silent_s", "noticed"), [(False, 0.9, True), (True, 0.8, False), (True, 1.5, True)])
def test_a_silence_counts_by_the_threshold_of_the_pair(seed: int, far: bool, silent_s: float, noticed: bool) -> None:
    """Between both thresholds, a node at the coordinator's site is suspected and one at the other site is not."""
    made = world(seed, (1, 1, 2, 2, 1))
    before, victim = suspected(made), some(made, far=far)
    made.troubles.injure([victim])
    made.nodes[victim].freeze(silent_s)
    made.run(until=BEGIN_S + silent_s + 1.0)
    assert (suspected(made) > before) == noticed
    made.run()
    assert judge(made) == ""


@pytest.mark.parametrize("seed", range(4))
def test_a_coordinator_that_dies_is_succeeded_by_whoever_notices_first(seed: int) -> None:
    made = world(seed, (1, 2, 2, 1, 2))
    leads = coordinator(made)
    made.troubles.injure([leads])
    made.power_off(made.nodes[leads])
    bound_s = made.options.timings.takeover_bound_s + 0.3
    made.run(until=BEGIN_S + bound_s)
    sites = made.options.sites
    assert sites.count(sites[leads - 1]) > 1, "someone near it must be left"
    assert leads not in scripts.up(made), "judged by its own site's threshold"
    made.run()
    assert judge(made) == ""


@pytest.mark.parametrize("seed", range(3))
def test_sites_that_are_cut_from_each_other_keep_one_side(seed: int) -> None:
    made = world(seed, (1, 1, 1, 2, 2))
    small = {4, 5}
    scripts.strike(made, small)
    for one in small:
        for other in made.nodes.keys() - small:
            scripts.silence(made, one, other)
            scripts.silence(made, other, one)
    made.run(until=BEGIN_S + made.options.slowest.recovery_bound_s + 2.0)
    assert scripts.up(made) == frozenset({1, 2, 3})
    made.media.heal()
    made.run()
    assert judge(made) == ""
