"""A machine that joins from other subnets: what it may bring, and what is taken for a slip of the pen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control.change import altered
from quorate.control.joining_networks import network_problems, new_networks
from quorate.model.nodes import ClusterSpec


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


def unfabricated(world: FacesWorld) -> ClusterSpec:
    assert world.view.cluster is not None
    return altered(world.view.cluster.record, fabric_prefix="")


def codes(world: FacesWorld, cluster: ClusterSpec, **networks: str) -> dict[str, str]:
    return {problem.code: problem.remedy for problem in network_problems(world.view, cluster, networks)}


async def test_a_machine_apart_names_its_own_networks_and_needs_no_others(world: FacesWorld) -> None:
    cluster, given = unfabricated(world), {"west": "10.9.1.4/24", "west two": "fd00:9::4/64"}
    assert network_problems(world.view, cluster, given) == []
    found = new_networks(world.view, cluster, given)
    assert [(spec.name, spec.prefixes, spec.role) for spec in found] == [
        ("west", ("10.9.1.0/24",), "both"),
        ("west two", ("fd00:9::/64",), "both"),
    ]


async def test_a_known_network_under_another_name_is_a_slip(world: FacesWorld) -> None:
    found = codes(world, unfabricated(world), aa="127.0.1.44/24")
    assert "--network a=127.0.1.44/24" in found["network_overlaps"]


async def test_an_address_in_use_and_a_bad_name_are_told(world: FacesWorld) -> None:
    assert codes(world, unfabricated(world), **{"-west": "10.9.1.4/24"}).keys() == {"name_form"}


async def test_through_a_fabric_no_machine_apart_is_reached(world: FacesWorld) -> None:
    assert world.view.cluster is not None
    cluster = altered(world.view.cluster.record, fabric_prefix="10.255.0.0/16")
    found = codes(world, cluster, west="10.9.1.4/24")
    assert "--no-fabric" in found["network_unknown"]
    assert new_networks(world.view, cluster, {"west": "10.9.1.4/24"}) == ()


async def test_who_brings_nothing_new_needs_every_network(world: FacesWorld) -> None:
    assert "network_missing" in codes(world, unfabricated(world), a="127.0.1.44/24")
    assert new_networks(world.view, unfabricated(world), {"a": "127.0.1.44/24"}) == ()
