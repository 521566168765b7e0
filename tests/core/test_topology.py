"""Which networks there are: from what nodes report of their cards to records, names and addresses."""

from __future__ import annotations

import ipaddress
import uuid

import pytest
from cluster_written import Cluster
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.topology import Findings, discover, metrics, quiet_networks, reportable
from quorate.model import keys
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.topology import AdapterFact, AdaptersFact, NetworkSpec

CLUSTER = "3b6bb8b8-0000-4000-8000-000000000001"


def cluster(nodes: int = 3, **spec: object) -> Cluster:
    given_networks = {"networks": {"a": "10.77.1.0/24"}, "client_networks": {"front": "10.77.9.0/24"}}
    made = Cluster(nodes)
    fields = {"name": "c", "id": CLUSTER, "fabric_prefix": "100.64.9.0/24", **given_networks, **spec}
    made.put(keys.SPEC_CLUSTER, ClusterSpec(**fields))  # type: ignore[arg-type]
    return made


def report(cluster: Cluster, node: int, **cards: str) -> None:
    """Cards by name, each with its addresses separated by spaces."""
    adapters = tuple(AdapterFact(name=name, addresses=tuple(text.split())) for name, text in cards.items())
    cluster.put(keys.fact_adapters(node), AdaptersFact(node=node, incarnation=f"{node}.a", adapters=adapters))


def adopt(cluster: Cluster) -> Findings:
    """Write what was found, as the coordinator does; then nothing more is found."""
    found = discover(cluster.view)
    for network in found.networks:
        cluster.put(keys.SPEC_NETWORK + network.id, network)
    for node in found.nodes:
        cluster.put(f"{keys.SPEC_NODE}{node.node}", node)
    assert not discover(cluster.view)
    return found


def names(found: Findings) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {spec.name: (spec.role, spec.prefixes) for spec in found.networks}


def test_networks_given_at_creation_are_recorded_with_their_roles() -> None:
    made = cluster()
    assert names(adopt(made)) == {"a": ("both", ("10.77.1.0/24",)), "front": ("client", ("10.77.9.0/24",))}
    assert quiet_networks(made.view) == ("front",)
    assert all(uuid.UUID(known.record.id).version == 8 for known in made.view.networks.values())


@pytest.mark.conformance("CF-02")
def test_before_anything_is_recorded_nobody_speaks_over_a_network_for_clients() -> None:
    assert quiet_networks(cluster().view) == ("front",)


@pytest.mark.conformance("NW-01")
def test_a_network_that_appears_later_is_added_with_the_default_role() -> None:
    made = cluster(default_network_role="client")
    adopt(made)
    report(made, 1, eth2="192.0.2.1/24")
    assert not discover(made.view), "one node alone is no network between nodes"
    report(made, 2, eth2="192.0.2.2/24")
    assert names(adopt(made)) == {"network_1": ("client", ("192.0.2.0/24",))}
    assert made.view.nodes[1].record.addresses["network_1"] == "192.0.2.1"
    report(made, 3, other="192.0.2.3/24")
    assert [node.addresses["network_1"] for node in adopt(made).nodes] == ["192.0.2.3"]


@pytest.mark.conformance("NW-02")
def test_another_default_role_leaves_networks_alone_that_are_known() -> None:
    made = cluster()
    adopt(made)
    known = {spec.record.name: spec.record.role for spec in made.view.networks.values()}
    assert made.view.cluster is not None
    fields = {"name": "c", "id": CLUSTER, "networks": {"a": "10.77.1.0/24"}, "default_network_role": "none"}
    made.put(keys.SPEC_CLUSTER, ClusterSpec(**fields))  # type: ignore[arg-type]
    assert not discover(made.view)
    assert {spec.record.name: spec.record.role for spec in made.view.networks.values()} == known


def test_the_same_address_on_every_machine_is_a_bridge_of_something_else() -> None:
    made = cluster()
    adopt(made)
    for node in (1, 2, 3):
        report(made, node, docker0="172.17.0.1/16")
    assert not discover(made.view)


def test_both_families_on_the_same_cards_are_one_network() -> None:
    made = cluster()
    adopt(made)
    for node in (1, 2):
        report(made, node, eth0=f"10.77.1.{node}/24 fd00:1::{node}/64", eth5=f"198.51.100.{node}/24 fd00:5::{node}/64")
    found = names(adopt(made))
    assert found == {
        "a": ("both", ("10.77.1.0/24", "fd00:1::/64")),
        "network_1": ("both", ("198.51.100.0/24", "fd00:5::/64")),
    }
    assert made.view.nodes[1].record.addresses == {"a": "10.77.1.1", "network_1": "198.51.100.1"}


def test_a_network_may_be_ipv6_alone() -> None:
    made = cluster()
    adopt(made)
    for node in (1, 2):
        report(made, node, eth6=f"fd00:6::{node}/64")
    assert names(adopt(made)) == {"network_1": ("both", ("fd00:6::/64",))}
    assert made.view.nodes[2].record.addresses["network_1"] == "fd00:6::2"


def test_a_node_that_moved_within_its_subnet_is_found_there() -> None:
    made = cluster()
    made.put(f"{keys.SPEC_NODE}2", NodeSpec(node=2, name="n2", addresses={"a": "10.77.1.2"}))
    adopt(made)
    report(made, 2, eth0="10.77.1.22/24")
    adopt(made)
    assert made.view.nodes[2].record.addresses == {"a": "10.77.1.22"}


def test_an_address_that_is_gone_stays_the_best_guess_and_the_recorded_one_wins() -> None:
    made = cluster()
    made.put(f"{keys.SPEC_NODE}2", NodeSpec(node=2, name="n2", addresses={"a": "10.77.1.2"}))
    adopt(made)
    report(made, 2, eth0="10.77.1.1/24 10.77.1.2/24")
    assert not discover(made.view)
    report(made, 2)
    assert not discover(made.view)


def test_a_subnet_that_overlaps_a_known_one_is_no_new_network() -> None:
    made = cluster()
    adopt(made)
    for node in (1, 2):
        report(made, node, wide=f"10.77.200.{node}/16")
    assert not discover(made.view)


def test_names_are_given_in_order_and_never_twice() -> None:
    made = cluster()
    adopt(made)
    made.put(keys.SPEC_NETWORK + "x", NetworkSpec(id="x", name="Network_1", prefixes=("203.0.113.0/24",)))
    for node in (1, 2):
        report(made, node, eth7=f"192.0.2.{node}/24")
    assert list(names(adopt(made))) == ["network_2"]


def test_what_tells_nothing_about_networks_is_not_reported() -> None:
    made = cluster()
    made.group("g")
    made.resource("ip", "g", properties={"address": "10.77.9.100", "prefix_length": 24})
    cards = [
        AdapterFact(name="eth1", addresses=("10.77.9.1/24", "10.77.9.100/24", "fe80::1/64", "fd00:9::7/128")),
        AdapterFact(name="eth0", addresses=("10.77.1.1/24",)),
        AdapterFact(name="dummy0", addresses=("100.64.9.1/32", "169.254.3.4/16")),
    ]
    kept = reportable(made.view, cards)
    assert {card.name: card.addresses for card in kept} == {"eth0": ("10.77.1.1/24",), "eth1": ("10.77.9.1/24",)}


@pytest.mark.conformance("NW-07")
def test_a_metric_that_is_set_counts_and_else_the_cluster_chooses() -> None:
    made = cluster()
    for name, fields in {"a": {}, "b": {"role": "cluster"}, "c": {"metric": 7, "auto_metric": False}}.items():
        spec = NetworkSpec(id=name, name=name, prefixes=(f"192.0.2.{ord(name)}/32",), **fields)  # type: ignore[arg-type]
        made.put(keys.SPEC_NETWORK + name, spec)
    assert metrics(made.view) == {"a": 100, "b": 90, "c": 7}


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(1, 9)), max_size=12))
def test_whatever_is_reported_what_follows_is_settled_at_once(reports: list[tuple[int, int, int]]) -> None:
    """And no two networks share an address or a name."""
    made = cluster()
    cards: dict[int, dict[str, str]] = {1: {}, 2: {}, 3: {}}
    for node, net, host in reports:
        cards[node][f"eth{net}"] = f"192.0.{net}.{host}/24 fd00:{net}::{host}/64"
        report(made, node, **cards[node])
        adopt(made)
    specs = [known.record for known in made.view.networks.values()]
    subnets = [ipaddress.ip_network(prefix) for spec in specs for prefix in spec.prefixes]
    assert len(set(subnets)) == len(subnets)
    assert len({spec.name.casefold() for spec in specs}) == len(specs)
