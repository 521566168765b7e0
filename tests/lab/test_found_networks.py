"""Networks of a real cluster: found while it runs, IPv6 alone, roles obeyed to the packet, links noticed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from made_labs import namespaced
from under_watch import HOME, Cluster, under_watch

from quorate.lab import ground
from quorate.lab.drill import GROUP
from quorate.lab.prober import boot_time_s
from quorate.lab.process_watch import group_processes

pytestmark = [pytest.mark.root, pytest.mark.etcd]
NODES = ("node1", "node2", "node3")
TABLE = """table inet counted {{
  chain arriving {{
    type filter hook prerouting priority -400
    iifname "{card}" udp dport 7401 counter
    iifname "{card}" tcp dport {{ 7402, 7403 }} counter
    iifname "{card}" tcp sport {{ 7402, 7403 }} counter
  }}
}}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes, and a group of an address and a web server."""
    with namespaced("d-net", 3) as drill:
        drill.make_group(HOME)
        yield Cluster(drill)


def networks(cluster: Cluster, asked: str = "node1") -> dict[str, dict[str, object]]:
    """Each network by name, as one node sees it."""
    listed = cluster.tell(asked, "network", "list")["networks"]
    assert isinstance(listed, list)
    return {network["name"]: network for network in listed}


def on(cluster: Cluster, node: str, *words: str) -> str:
    """Execute these words on a machine; what they say."""
    done = ground.run(cluster.lab.ground, cluster.lab.machine(node), words, limit_s=20, capture=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def internal_packets(cluster: Cluster, card: str) -> int:
    """Heartbeats and packets of the store that arrive on that card of node 1 in two heartbeats' time and more."""
    on(cluster, "node1", "nft", TABLE.format(card=card))
    try:
        cluster.outlast_a_takeover()
        listed = json.loads(on(cluster, "node1", "nft", "-j", "list", "table", "inet", "counted"))
    finally:
        on(cluster, "node1", "nft", "delete", "table", "inet", "counted")
    rules = [entry["rule"]["expr"] for entry in listed["nftables"] if "rule" in entry]
    return sum(part["counter"]["packets"] for expressions in rules for part in expressions if "counter" in part)


def no_outage(cluster: Cluster, began_s: float) -> None:
    cluster.nobody_noticed(began_s)
    assert cluster.onlines(began_s) == []


@pytest.mark.conformance("NW-01")
def test_a_network_that_appears_later_is_found_although_it_is_ipv6_alone(cluster: Cluster) -> None:
    with under_watch(cluster):
        began_s = boot_time_s()
        for number, node in enumerate(NODES, start=1):
            on(cluster, node, "ip", "link", "add", "link", "net-b", "name", "six", "type", "macvlan", "mode", "bridge")
            on(cluster, node, "ip", "addr", "add", f"fd00:66::{number}/64", "dev", "six", "nodad")
            on(cluster, node, "ip", "link", "set", "six", "up")
        cluster.drill.until("it is found", lambda: "network_1" in networks(cluster, "node3"))
        found = networks(cluster, "node2")["network_1"]
        assert (found["prefixes"], found["role"]) == (["fd00:66::/64"], "both")
        cluster.drill.until("heard by all", lambda: networks(cluster)["network_1"]["state"] == "up")
        cluster.drill.until("it is measured", lambda: measured(cluster, "network_1") == 6)
        no_outage(cluster, began_s)


def measured(cluster: Cluster, network: str) -> int:
    """How many paths of a network have a round trip."""
    paths = cluster.tell("node2", "network", "matrix")["paths"]
    assert isinstance(paths, list)
    return len([path for path in paths if path["network"] == network and path["heard"] and path["round_trip_us"] > 0])


@pytest.mark.conformance("NW-05")
@pytest.mark.soak
def test_nodes_that_have_only_an_ipv6_network_go_on_and_take_over(cluster: Cluster) -> None:
    with under_watch(cluster):
        began_s = boot_time_s()
        cluster.drill.cli(HOME, "network", "set", "network_1", "--metric", "5")
        cluster.outlast_a_takeover()
        cluster.drill.cli(HOME, "network", "set", "a", "--role", "client")
        cluster.drill.cli(HOME, "network", "set", "b", "--role", "none")
        cluster.drill.until("the routes moved", lambda: "fd00:66::" in on(cluster, HOME, "ip", "route"))
        cluster.outlast_a_takeover()
        assert internal_packets(cluster, "net-a") == 0
        assert internal_packets(cluster, "net-b") == 0
        assert internal_packets(cluster, "six") > 0
        no_outage(cluster, began_s)
        began_s = cluster.lab.kill(HOME, ["sentinel", "service", "host"])
        cluster.until_ended(HOME)
        taker = cluster.until_answering(*cluster.others(HOME))
        assert cluster.onlines(began_s) == [taker]
        cluster.run_node(HOME)
        cluster.until_state(HOME, "up", taker)
        for network in ("a", "b"):
            cluster.drill.cli(HOME, "network", "set", network, "--role", "both")


def test_a_link_that_goes_is_told_at_once_and_changes_no_node(cluster: Cluster) -> None:
    with under_watch(cluster):
        before = cluster.states("node1")
        began_s = boot_time_s()
        on(cluster, "node3", "ip", "link", "set", "net-b", "down")
        cluster.drill.until("it is seen", lambda: interface(cluster, "b", "node3") == ("failed", False))
        assert cluster.states("node1") == before
        no_outage(cluster, began_s)
        on(cluster, "node3", "ip", "link", "set", "net-b", "up")
        cluster.drill.until("it is back", lambda: interface(cluster, "b", "node3") == ("up", True))


def interface(cluster: Cluster, network: str, node: str) -> tuple[str, bool]:
    """State and link of a node's interface, as node 1 sees it."""
    found = networks(cluster)[network]["interfaces"]
    assert isinstance(found, list)
    return next((entry["state"], entry["carries"]) for entry in found if entry["node"] == node)


@pytest.mark.conformance("MB-10", "MB-11")
@pytest.mark.parametrize("ends", [("others", HOME), (HOME, "others")], ids=["deaf", "mute"])
def test_an_owner_that_is_deaf_or_mute_loses_its_group_and_nobody_else_notices(
    cluster: Cluster, ends: tuple[str, str]
) -> None:
    """Between the nodes alone: clients reach it all the time, and would see two owners."""
    with under_watch(cluster):
        lives = {node: incarnation(cluster, node) for node in cluster.others(HOME)}
        began_s = cluster.lab.cut(*ends, one_way=True, networks=["a", "b"])
        taker = cluster.until_answering(*cluster.others(HOME))
        cluster.outlast_a_takeover()
        assert cluster.onlines(began_s) == [taker]
        assert group_processes(cluster.lab, cluster.lab.machine(HOME)) == []
        views = [cluster.states(node) for node in cluster.others(HOME)]
        assert {view.pop(HOME) for view in views} <= {"down", "joining"}  # it may have asked to be let in again
        assert views == [dict.fromkeys(lives, "up")] * 2
        assert {node: incarnation(cluster, node) for node in lives} == lives
        cluster.lab.heal()
        cluster.until_state(HOME, "up", taker)


def incarnation(cluster: Cluster, node: str) -> str:
    """The life of a node, as it knows it."""
    return str(cluster.tell(node, "node", "show", node)["incarnation"])


def test_the_address_of_a_group_keeps_its_network_for_clients(cluster: Cluster) -> None:
    done = cluster.lab.execute("node1", ["quorate", "network", "set", "client", "--role", "cluster", "--json"])
    assert done == 2
    assert cluster.tell("node1", "group", "show", GROUP)["state"] == "online"
