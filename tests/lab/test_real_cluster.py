"""The promises on a real cluster: three nodes in namespaces, real etcd, one group, and what can happen to its owner.

The cluster comes up through the command line, as a stranger would bring it up. Every test begins and ends with three
nodes that vote and the group at home, and is under watch: two nodes active at once fail it, whatever else it shows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from made_labs import namespaced
from under_watch import HOME, Cluster, under_watch

from quorate.lab.drill import GROUP
from quorate.lab.prober import boot_time_s
from quorate.lab.process_watch import group_processes

pytestmark = [pytest.mark.root, pytest.mark.etcd]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes that vote, and a group of an address and a web server."""
    with namespaced("d-real", 3) as drill:
        drill.make_group(HOME)
        yield Cluster(drill)


def test_three_nodes_form_join_and_vote(cluster: Cluster) -> None:
    status = cluster.tell("node3", "cluster", "status")
    assert cluster.states("node2") == {"node1": "up", "node2": "up", "node3": "up"}
    assert status["coordinator"] == "node1"
    store = status["store"]
    assert isinstance(store, dict)
    assert (store["majority"], store["further_losses"]) == (2, 1)


def test_a_group_made_on_the_command_line_is_online_where_it_is_preferred(cluster: Cluster) -> None:
    group = cluster.tell("node3", "group", "show", GROUP)
    assert (group["state"], group["owner"]) == ("online", HOME)
    with under_watch(cluster):
        assert cluster.until_answering(HOME)


@pytest.mark.conformance("FO-01", "MB-13", "FB-03")
def test_power_loss_moves_the_group_and_the_return_brings_it_back(cluster: Cluster) -> None:
    with under_watch(cluster):
        began_s = cluster.lab.power_off(HOME)
        taker = cluster.until_answering(*cluster.others(HOME))
        cluster.outlast_a_takeover()
        assert cluster.onlines(began_s) == [taker], "once only"
        assert cluster.states(taker)[HOME] == "down"
        lost = cluster.tell(taker, "explain", "incident")
        assert str(lost["sentence"]).startswith(f"{HOME} was lost (")
        assert f"group {GROUP} is online on {taker}, " in str(lost["sentence"])
        spent = lost["spent"]
        assert isinstance(spent, dict)
        assert min(spent[phase] for phase in ("detect_ms", "fence_ms", "start_ms")) > 0, "where the time went"
        cluster.lab.power_on(HOME, (sys.executable, "-m", "quorate"))
        cluster.until_answering(HOME)
        assert cluster.states(taker)[HOME] == "up"


def test_a_move_by_request_goes_where_it_was_asked_for(cluster: Cluster) -> None:
    with under_watch(cluster):
        began_s = boot_time_s()
        cluster.drill.cli(1, "group", "move", GROUP, "--to", "node3", "--wait")
        cluster.until_answering("node3")
        assert cluster.onlines(began_s) == ["node3"]


def test_the_end_of_the_service_alone_is_not_noticed_by_clients(cluster: Cluster) -> None:
    with under_watch(cluster):
        machine = cluster.lab.machine(HOME)
        servers = group_processes(cluster.lab, machine)
        began_s = cluster.lab.kill(HOME, ["service"])
        cluster.outlast_a_takeover()
        cluster.until_state(HOME, "up", HOME)  # asked of the new service
        cluster.nobody_noticed(began_s)
        assert group_processes(cluster.lab, machine) == servers, "adopted, not started again"


def test_a_service_that_starts_while_the_store_stands_still_ends_nothing(cluster: Cluster) -> None:
    """It knows nothing yet, and its sentinel goes by what the former one said: the coordinator acknowledges."""
    with under_watch(cluster):
        servers = group_processes(cluster.lab, cluster.lab.machine(HOME))
        began_s = boot_time_s()
        for node in cluster.others(HOME):
            cluster.lab.pause(node, "etcd")
        cluster.lab.kill(HOME, ["service"])
        cluster.outlast_a_takeover()
        for node in cluster.others(HOME):
            cluster.lab.resume(node)
        cluster.until_state(HOME, "up", HOME)
        cluster.nobody_noticed(began_s)
        assert group_processes(cluster.lab, cluster.lab.machine(HOME)) == servers


@pytest.mark.parametrize("hurt", [("kill", "sentinel", "etcd"), ("pause", "sentinel", "service")], ids=" ".join)
def test_trouble_on_the_coordinator_is_not_noticed_by_clients_of_another_node(
    cluster: Cluster, hurt: tuple[str, ...]
) -> None:
    """The most dangerous of `bench/drills.py`: nobody acknowledges the owner, and a voter may be missing too."""
    how, *roles = hurt
    with under_watch(cluster):
        coordinator = str(cluster.tell(HOME, "cluster", "status")["coordinator"])
        if coordinator == HOME:
            cluster.drill.cli(HOME, "group", "move", GROUP, "--to", "node3", "--wait")
        owner = cluster.drill.owner().name
        cluster.until_answering(owner)
        began_s = boot_time_s()
        if how == "kill":
            cluster.lab.kill(coordinator, roles)
        for role in roles if how == "pause" else ():
            cluster.lab.pause(coordinator, role)
        cluster.outlast_a_takeover()
        cluster.nobody_noticed(began_s)
        assert cluster.onlines(began_s) == []
        if how == "pause":
            cluster.lab.resume(coordinator)


@pytest.mark.conformance("MB-05", "FO-01", "MB-13")
def test_killing_sentinel_service_and_host_at_once_leaves_nothing_behind(cluster: Cluster) -> None:
    with under_watch(cluster):
        began_s = cluster.lab.kill(HOME, ["sentinel", "service", "host"])
        cluster.until_ended(HOME)
        taker = cluster.until_answering(*cluster.others(HOME))
        assert cluster.onlines(began_s) == [taker]
        assert cluster.states(taker)[HOME] == "down"
        cluster.run_node(HOME)
        cluster.until_state(HOME, "up", taker)


@pytest.mark.conformance("MB-09", "MB-10")
def test_an_owner_cut_from_everybody_ends_the_group_before_another_begins(cluster: Cluster) -> None:
    with under_watch(cluster):
        began_s = cluster.lab.cut(HOME, "others")
        taker = cluster.until_answering(*cluster.others(HOME))
        assert group_processes(cluster.lab, cluster.lab.machine(HOME)) == []
        assert cluster.onlines(began_s) == [taker]
        cluster.lab.heal()
        cluster.until_state(HOME, "up", taker)


@pytest.mark.conformance("MB-04", "MB-09", "MB-10")
def test_an_owner_that_only_clients_still_reach_ends_the_group(cluster: Cluster) -> None:
    """The coordinator itself, whose clients would see both if there were two."""
    with under_watch(cluster):
        owner = str(cluster.tell(HOME, "cluster", "status")["coordinator"])
        if owner != HOME:
            cluster.drill.cli(HOME, "group", "move", GROUP, "--to", owner, "--wait")
        cluster.until_answering(owner)
        cluster.lab.cut(owner, "others", networks=["a", "b"])
        taker = cluster.until_answering(*cluster.others(owner))
        assert group_processes(cluster.lab, cluster.lab.machine(owner)) == []
        assert cluster.states(taker)[owner] == "down"


CLIENT = {"client": "up"}


def networks(cluster: Cluster, asked: str) -> dict[str, str]:
    """The state of each network by name."""
    listed = cluster.tell(asked, "network", "list")["networks"]
    assert isinstance(listed, list)
    return {network["name"]: network["state"] for network in listed}


@pytest.mark.conformance("MB-03", "NW-08")
def test_the_loss_of_one_network_changes_no_node(cluster: Cluster) -> None:
    with under_watch(cluster):
        before = cluster.states("node1")
        began_s = boot_time_s()
        for node in ("node1", "node2"):
            cluster.lab.cut(node, "others", networks=["a"])
        cluster.outlast_a_takeover()
        assert cluster.states("node1") == before
        assert cluster.states("node3") == before
        cluster.drill.until("it is seen down", lambda: networks(cluster, "node1") == {"a": "down", "b": "up", **CLIENT})
        cluster.drill.until("by all", lambda: networks(cluster, "node3") == networks(cluster, "node1"))
        cluster.drill.cli("node3", "token", "create", "--quiet")  # the store takes writes
        cluster.nobody_noticed(began_s)
        assert cluster.onlines(began_s) == []


@pytest.mark.conformance("MB-09", "MB-13")
def test_a_frozen_owner_that_runs_on_has_lost_its_group(cluster: Cluster) -> None:
    machine = cluster.lab.machine(HOME)
    with under_watch(cluster):
        cluster.lab.pause(HOME)
        taker = cluster.until_answering(*cluster.others(HOME))
        frozen = set(group_processes(cluster.lab, machine))
        assert frozen, "it froze in the middle of its work"
        cluster.lab.resume(HOME)
        cluster.drill.until("what was frozen ends", lambda: frozen.isdisjoint(cluster.lab.ground.processes(machine)))
        cluster.until_state(HOME, "up", taker)
        cluster.until_answering(HOME)  # failback, by the new life of the node


def test_an_owner_whose_sentinel_stands_still_ends_its_group(cluster: Cluster) -> None:
    """Nobody renews the lease: the hosts and the kernel see it run out."""
    with under_watch(cluster):
        began_s = cluster.lab.pause(HOME, "sentinel")
        cluster.until_ended(HOME)
        taker = cluster.until_answering(*cluster.others(HOME))
        assert cluster.onlines(began_s) == [taker]
        cluster.lab.resume(HOME)
        cluster.until_state(HOME, "up", taker)


@pytest.mark.conformance("ND-11")
def test_a_node_that_is_stopped_lets_its_group_go_first(cluster: Cluster) -> None:
    with under_watch(cluster):
        began_s = boot_time_s()
        cluster.drill.cli(HOME, "node", "stop", HOME, "--wait")
        taker = cluster.until_answering(*cluster.others(HOME))
        shown = cluster.tell(taker, "node", "show", HOME)
        assert shown["state"] == "down"
        assert shown["proof"] in {"released", "ended"}, "which word is heard first depends on who coordinates"
        assert cluster.onlines(began_s) == [taker]
