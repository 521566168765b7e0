"""Networks through the faces' commands: what is refused, what is written, what is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import networks, resource_writing
from quorate.control.change import Change, Done, Occasion
from quorate.control.executor import execute, new_occasion
from quorate.control.groups import NewGroup, create_group
from quorate.control.names import NewName
from quorate.control.network_views import list_interfaces, list_networks, show_interface, show_network
from quorate.control.networks import NetworkChange
from quorate.control.resource_writing import NewResource
from quorate.control.status import cluster_status
from quorate.core.cluster_view import ClusterView
from quorate.core.topology import discover, quiet_networks
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.topology import AdapterFact, AdaptersFact, PathsFact

Made = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    """Three nodes, networks a and b recorded, everybody hears everybody."""
    async with faces_world(tmp_path) as made:
        records: list[tuple[str, Value]] = []
        for spec in discover(made.view).networks:
            records.append((keys.SPEC_NETWORK + spec.id, spec))
        await made.put(*records)
        await hear(made, a=("23", "13", "12"), b=("23", "13", "12"))
        for node in (1, 2, 3):
            cards = (
                AdapterFact(name="eth0", hardware_address="02:00:00:00:00:01", addresses=(f"127.0.1.{node}/24",)),
                AdapterFact(name="eth1", addresses=(f"127.0.2.{node}/24",)),
            )
            await made.put((keys.fact_adapters(node), AdaptersFact(node=node, incarnation=f"{node}.a", adapters=cards)))
        yield made


async def hear(world: FacesWorld, **rows: tuple[str, str, str]) -> None:
    """Say whom each node hears on each network."""
    ids = {known.record.name: known.record.id for known in world.view.networks.values()}
    for node in (1, 2, 3):
        heard = {ids[name]: tuple(int(digit) for digit in words[node - 1]) for name, words in rows.items()}
        await world.put((keys.fact_paths(node), PathsFact(node=node, incarnation=f"{node}.a", heard=heard)))


async def run(world: FacesWorld, command: Made) -> Done:
    return await execute(world, command, new_occasion(world, "ann", ""))


def setting(name: str, **properties: PropertyValue) -> Made:
    return lambda v, o: networks.change_network(v, name, NetworkChange(properties=properties), o)


def renaming(name: str, to: str) -> Made:
    return lambda v, o: networks.rename_network(v, name, NewName(name=to), o)


async def refused(world: FacesWorld, command: Made) -> set[str]:
    """Codes of all problems; nothing was written."""
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return {problem.code for problem in caught.value.problems}


async def address_on(world: FacesWorld, address: str, **more: PropertyValue) -> None:
    await run(world, lambda v, o: create_group(v, NewGroup(name="web"), o))
    properties: dict[str, PropertyValue] = {"address": address, "prefix_length": 24, **more}
    wish = NewResource(name="ip", group="web", type="ip_address", properties=properties)
    await run(world, lambda v, o: resource_writing.create_resource(v, wish, o, world.types))


async def test_networks_and_interfaces_are_listed(world: FacesWorld) -> None:
    listed = list_networks(world).networks
    assert [(n.name, n.state, n.role_value, n.metric) for n in listed] == [("a", "up", 3, 100), ("b", "up", 3, 100)]
    assert listed[0].ipv4_addresses == ("127.0.1.0",)
    assert listed[0].ipv4_prefix_lengths == (24,)
    interface = show_interface(world, "NODE2 - eth0")
    assert (interface.node, interface.network, interface.state) == ("node2", "a", "up")
    assert interface.ipv4_addresses == ("127.0.1.2",)
    assert len(list_interfaces(world).interfaces) == 6


@pytest.mark.conformance("NW-12")
async def test_each_interface_has_one_node_and_one_network_and_an_id_of_its_own(world: FacesWorld) -> None:
    found = list_interfaces(world).interfaces
    assert len({interface.id for interface in found}) == len(found)
    assert len({(interface.node, interface.network) for interface in found}) == len(found)


async def test_what_is_cut_is_seen_in_status(world: FacesWorld) -> None:
    await hear(world, a=("2", "1", ""), b=("23", "13", "12"))
    assert show_network(world, "a").state == "partitioned"
    status = cluster_status(world)
    assert [network.state for network in status.networks] == ["partitioned", "up"]
    assert "network_not_up" in {problem.code for problem in status.problems}


async def test_what_happens_to_networks_is_told_once(world: FacesWorld) -> None:
    before = len(world.events.recent(1000))
    await hear(world, a=("2", "1", ""), b=("23", "13", "12"))
    await run(world, setting("b", description="new"))
    await run(world, renaming("b", "back"))
    told = [(event.kind, event.subject) for event in world.events.recent(1000)[before:]]
    assert ("network_state", "a") in told
    assert ("interface_state", "node3 - eth0") in told
    assert [kind for kind, _ in told].count("network_property") == 2
    states = [event.data.get("state") for event in world.events.recent(1000)[before:] if event.kind == "network_state"]
    assert states == ["partitioned"]


@pytest.mark.conformance("NW-07")
async def test_writing_a_metric_turns_the_automatic_one_off_and_back(world: FacesWorld) -> None:
    await run(world, setting("a", Metric=7))
    shown = show_network(world, "a")
    assert (shown.metric, shown.auto_metric) == (7, False)
    await run(world, setting("a", AutoMetric=True))
    shown = show_network(world, "a")
    assert (shown.metric, shown.auto_metric) == (100, True)
    assert await refused(world, setting("a", metric=7, auto_metric=True)) == {"metric_contradiction"}


@pytest.mark.conformance("NW-03")
@pytest.mark.parametrize("given", [{"address": "127.0.1.77"}, {"address": "192.0.2.1", "network": "a"}])
async def test_a_network_with_a_service_address_keeps_its_clients(
    world: FacesWorld, given: dict[str, PropertyValue]
) -> None:
    await address_on(world, **given)  # type: ignore[arg-type]
    assert await refused(world, setting("a", role="cluster")) == {"network_in_use"}
    assert await refused(world, setting("a", Role=0)) == {"network_in_use"}
    await run(world, setting("a", role=2))
    await run(world, setting("a", role="both"))


@pytest.mark.conformance("NW-04")
async def test_the_last_network_between_the_nodes_stays_that(world: FacesWorld) -> None:
    await run(world, setting("a", role="client"))
    assert quiet_networks(world.view) == ("a",)
    for role in ("none", "client", "0", 2):
        assert await refused(world, setting("b", role=role)) == {"network_is_needed"}
    await run(world, setting("b", role="cluster"))
    assert show_network(world, "b").metric == 90


async def test_a_network_that_is_down_does_not_count_as_another_one(world: FacesWorld) -> None:
    await hear(world, a=("23", "13", "12"), b=("", "", ""))
    assert await refused(world, setting("a", role="client")) == {"network_is_needed"}


@pytest.mark.conformance("NW-10")
async def test_several_properties_are_changed_all_or_none(world: FacesWorld) -> None:
    codes = await refused(
        world, setting("a", description="x", role="sometimes", metric=0, Foo=1, State=3, description_="y")
    )
    assert codes == {"property_choice", "property_range", "property_unknown", "property_read_only"}
    assert show_network(world, "a").description == ""
    await run(world, setting("a", description="x", role=1, metric=9))
    shown = show_network(world, "a")
    assert (shown.description, shown.role, shown.metric) == ("x", "cluster", 9)


@pytest.mark.conformance("NW-11")
async def test_a_network_is_renamed_wherever_it_is_named(world: FacesWorld) -> None:
    await run(world, renaming("a", "front"))
    assert show_network(world, "FRONT").state == "up"
    assert {name for known in world.view.nodes.values() for name in known.record.addresses} == {"front", "b"}
    assert world.view.cluster is not None
    assert world.view.cluster.record.networks == {"front": "127.0.1.0/24", "b": "127.0.2.0/24"}
    assert not discover(world.view), "nothing is found anew under the old name"
    await run(world, renaming("front", "Front"))
    assert await refused(world, renaming("b", "FRONT")) == {"name_in_use"}
    assert await refused(world, renaming("b", "-")) == {"name_form"}
    assert await refused(world, renaming("zz", "y")) == {"network_unknown"}
    assert not (await run(world, renaming("Front", "Front"))).changed


@pytest.mark.conformance("NW-11")
async def test_an_interface_has_a_description_and_nothing_else_of_its_own(world: FacesWorld) -> None:
    def describe(**properties: PropertyValue) -> Made:
        return lambda v, o: networks.change_interface(v, "node2 - eth0", NetworkChange(properties=properties), o)

    await run(world, describe(Description="left socket"))
    assert show_interface(world, "node2 - eth0").description == "left socket"
    assert await refused(world, describe(name="other")) == {"property_read_only"}
    assert await refused(world, describe(role="both")) == {"property_unknown"}
    await run(world, describe(description=""))
    assert show_interface(world, "node2 - eth0").description == ""
