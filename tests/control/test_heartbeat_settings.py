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
from quorate.core.authority.timings import PROFILES
from quorate.core.topology import timings_of
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.workload import ClusterSpec


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


@pytest.mark.parametrize("name", ["CrossSubnetDelay", "cross_site_threshold", "CrossSubnetThreshold"])
async def test_what_would_have_no_effect_is_refused_and_says_so(world: FacesWorld, name: str) -> None:
    assert list(await refused(world, **{name: 20})) == ["property_without_effect"]


async def test_several_faults_are_told_at_once(world: FacesWorld) -> None:
    found = await refused(world, CrossSiteDelay=1, RouteHistoryLength=41, Foo=1, DefaultNetworkRole="x")
    assert set(found) == {"property_without_effect", "property_range", "property_unknown", "property_choice"}


@given(st.sampled_from(sorted(PROFILES)), st.integers(0, 2000), st.integers(0, 120))
def test_whatever_is_accepted_keeps_the_rules_and_the_lease(profile: str, delay_ms: int, threshold: int) -> None:
    spec = altered(cluster_spec(), profile=profile, same_subnet_delay_ms=delay_ms, same_subnet_threshold=threshold)
    timings = timings_of(spec)
    assert (timings.lease_s, timings.ending_s) == (PROFILES[profile].lease_s, PROFILES[profile].ending_s)
    if not timing_problems(spec):
        assert timings.lease_s + 1e-9 >= 4 * timings.store_election_s + timings.heartbeat_s + 0.1
        assert 2 * timings.heartbeat_s <= timings.suspicion_s < timings.lease_s
