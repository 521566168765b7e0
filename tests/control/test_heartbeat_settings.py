"""Settings of the cluster through the faces' command: what timings are refused, and what is put in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces_world import FacesWorld, cluster_spec, faces_world
from quorate.control.change import altered
from quorate.control.cluster import ClusterChange, change_cluster
from quorate.control.executor import execute, new_occasion
from quorate.control.heartbeat_settings import timing_problems
from quorate.core.authority.paces import REACHES, Reach
from quorate.core.authority.timings import PROFILES, Pace
from quorate.core.topology import settings_of, timings_of
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def change(world: FacesWorld, **properties: PropertyValue) -> ClusterSpec:
    """Change settings; the record that results."""
    wish = ClusterChange(properties=properties)
    await execute(world, lambda v, o: change_cluster(v, wish, o), new_occasion(world, "ann", ""))
    assert world.view.cluster is not None
    return world.view.cluster.record


async def refused(world: FacesWorld, **properties: PropertyValue) -> dict[str, str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await change(world, **properties)
    assert world.engine.engine.revision == before
    return {problem.code: f"{problem.what} | {problem.remedy}" for problem in caught.value.problems}


async def test_the_reference_names_are_understood(world: FacesWorld) -> None:
    made = await change(world, SameSubnetDelay=80, SameSubnetThreshold=4, RouteHistoryLength=20, DefaultNetworkRole=1)
    assert (made.same_subnet_delay_ms, made.same_subnet_threshold) == (80, 4)
    assert (made.route_history_length, made.default_network_role) == (20, "cluster")
    timings = timings_of(made)
    assert (timings.heartbeat_s, timings.suspicion_s) == (0.08, 0.32)
    assert timings_of(await change(world, SameSubnetDelay=None, SameSubnetThreshold=0)) == PROFILES["fast"]


async def test_timings_that_would_end_healthy_resources_are_refused(world: FacesWorld) -> None:
    found = await refused(world, SameSubnetDelay=1000, SameSubnetThreshold=5)
    assert list(found) == ["timings_impossible"]
    assert "delay at most 90 ms, delay x threshold below 550 ms" in found["timings_impossible"]
    assert "timings_impossible" in await refused(world, same_subnet_threshold=12)
    assert "property_range" in await refused(world, same_subnet_threshold=2)
    assert "property_range" in await refused(world, same_subnet_delay_ms=5)
    assert "property_range" in await refused(world, same_subnet_delay_ms=-1)
    await change(world, same_subnet_delay_ms=90)


@pytest.mark.conformance("MB-02")
@pytest.mark.parametrize("reach", ["cross_subnet", "cross_site"])
async def test_across_subnets_and_sites_the_same_rules_hold(world: FacesWorld, reach: Reach) -> None:
    made = await change(world, **{f"{reach}_delay_ms": 90, f"{reach}_threshold": 6})
    assert settings_of(made).timings(reach).pace == Pace(0.09, 0.54)
    assert timings_of(made) == PROFILES["fast"], "within a subnet nothing has changed"
    found = await refused(world, **{f"{reach}_delay_ms": 91})
    assert "delay at most 90 ms, delay x threshold below 550 ms" in found["timings_impossible"]
    assert "timings_impossible" in await refused(world, **{f"{reach}_threshold": 7})
    assert "property_range" in await refused(world, **{f"{reach}_threshold": 2})
    # What is not set follows what is set within a subnet, and must keep the rules then.
    assert "timings_impossible" in await refused(world, **{f"{reach}_delay_ms": None, "same_subnet_delay_ms": 95})


async def test_the_reference_names_across_are_understood(world: FacesWorld) -> None:
    made = await change(world, CrossSubnetDelay=60, CrossSubnetThreshold=4, CrossSiteDelay=80, CrossSiteThreshold=5)
    assert (made.cross_subnet_delay_ms, made.cross_subnet_threshold) == (60, 4)
    assert (made.cross_site_delay_ms, made.cross_site_threshold) == (80, 5)


async def test_several_faults_are_told_at_once(world: FacesWorld) -> None:
    found = await refused(world, CrossSiteDelay=-1, RouteHistoryLength=41, Foo=1, DefaultNetworkRole="x")
    assert set(found) == {"property_range", "property_unknown", "property_choice"}


@given(
    st.sampled_from(sorted(PROFILES)),
    st.lists(st.integers(0, 2000), min_size=3, max_size=3),
    st.lists(st.integers(0, 120), min_size=3, max_size=3),
)
def test_whatever_is_accepted_keeps_the_rules_and_the_lease(
    profile: str, delays_ms: list[int], thresholds: list[int]
) -> None:
    given_values = {f"{reach}_delay_ms": delay for reach, delay in zip(REACHES, delays_ms, strict=True)}
    given_values |= {f"{reach}_threshold": number for reach, number in zip(REACHES, thresholds, strict=True)}
    spec = altered(cluster_spec(), profile=profile, **given_values)
    accepted = not timing_problems(spec)
    for reach in REACHES:
        timings = settings_of(spec).timings(reach)
        assert (timings.lease_s, timings.ending_s) == (PROFILES[profile].lease_s, PROFILES[profile].ending_s)
        if accepted:
            assert timings.lease_s + 1e-9 >= 4 * timings.store_election_s + timings.heartbeat_s + 0.1
            assert 2 * timings.heartbeat_s <= timings.suspicion_s < timings.lease_s
