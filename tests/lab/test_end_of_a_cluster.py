"""A cluster that is stopped and destroyed, and what its machines are then, on real nodes; names that change.

The tests build on one another: each begins with what the former one left of two nodes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two machines with power, and no cluster."""
    with on_loopback("d-end", 2) as made:
        yield made


def values(lab: Lab) -> list[int]:
    return [json.loads(good(lab, number, "node", "state", "--json"))["value"] for number in (1, 2)]


def states(lab: Lab) -> dict[str, str]:
    done = quorate(lab, 1, "node", "list", "--json")
    nodes = json.loads(done.stdout)["nodes"] if done.returncode == 0 else []
    return {node["name"]: node["state"] for node in nodes}


def group_state(lab: Lab) -> str:
    done = quorate(lab, 1, "group", "show", "app", "--json")
    return str(json.loads(done.stdout)["state"]) if done.returncode == 0 else ""


@pytest.mark.conformance("CF-15")
def test_a_machine_tells_what_it_is_without_a_cluster(lab: Lab) -> None:
    assert values(lab) == [1, 1]
    lab.recipe(lambda _: None, PROGRAM).bring_up()
    until("both nodes are up", lambda: states(lab) == {"node1": "up", "node2": "up"}, LIMIT_S)
    assert values(lab) == [19, 19]
    assert "running" in good(lab, 2, "node", "state")
    refused = quorate(lab, 2, "node", "cleanup", "--force")
    assert refused.returncode == 2
    assert "node_runs" in refused.stderr


def test_names_change_while_everything_runs(lab: Lab) -> None:
    good(lab, 1, "group", "create", "app", "--preferred", "node2")
    good(
        *(lab, 1, "resource", "create", "sleeper", "--group", "app", "--type", "Generic Application"),
        *("--set", "command_line=/bin/sleep 86396.5"),
    )
    good(lab, 1, "group", "online", "app", "--wait")
    good(lab, 1, "node", "rename", "node2", "annex")
    assert "published when the core name" in quorate(lab, 1, "cluster", "rename", "omega").stderr
    assert states(lab) == {"node1": "up", "annex": "up"}
    told = json.loads(good(lab, 2, "cluster", "status", "--json"))
    assert (told["name"], told["as_of"]["answered_by"], told["groups"][0]["owner"]) == ("omega", "annex", "annex")
    here = json.loads(good(lab, 2, "node", "state", "--json"))
    assert (here["node"], here["cluster"]) == ("annex", "omega")
    good(lab, 1, "group", "move", "app", "--to", "node1", "--wait")
    good(lab, 1, "group", "move", "app", "--to", "ANNEX", "--wait")  # regardless of case
    # Its certificate names what it was called when it joined; node 1 still takes it for a node, and forwards to it.
    good(lab, 1, "node", "stop", "annex", "--wait")
    lab.recipe(lambda _: None, PROGRAM).run(lab.machine(2))
    until("both nodes are up", lambda: states(lab) == {"node1": "up", "annex": "up"}, LIMIT_S)


@pytest.mark.conformance("CF-16", "CF-15")
def test_one_command_stops_every_node(lab: Lab) -> None:
    good(lab, 2, "cluster", "stop", "--wait")
    until("both have ended", lambda: values(lab) == [3, 3], LIMIT_S)
    assert lab.ground.processes(lab.machine(1)) == lab.ground.processes(lab.machine(2)) == []
    logs = [(lab.folder / f"node{n}/root/var/log/quorate/service.log").read_text() for n in (1, 2)]
    assert all("could not leave in time" not in log for log in logs), "both could write that they left"
    for number in (1, 2):
        lab.recipe(lambda _: None, PROGRAM).run(lab.machine(number))
    until("what was online is online again", lambda: group_state(lab) == "online", LIMIT_S)
    until("both nodes are up", lambda: states(lab) == {"node1": "up", "annex": "up"}, LIMIT_S)


@pytest.mark.conformance("CF-14", "CF-15")
def test_destroyed_every_machine_is_nothing_again(lab: Lab) -> None:
    assert "destruction_not_confirmed" in quorate(lab, 1, "cluster", "destroy").stderr
    assert states(lab) == {"node1": "up", "annex": "up"}
    good(lab, 1, "cluster", "destroy", "--force", "--wait", "--reason", "moved out")
    until("both machines are nothing", lambda: values(lab) == [1, 1], LIMIT_S)
    assert lab.ground.processes(lab.machine(1)) == lab.ground.processes(lab.machine(2)) == []
    kept = lab.folder / "node2/root/var/lib/quorate.retired-node-2/identity.json"
    assert kept.exists()
    assert str(kept.parent) in good(lab, 2, "node", "state")


@pytest.mark.conformance("CF-19")
def test_a_machine_whose_cluster_is_gone_is_cleaned_up(lab: Lab) -> None:
    address = f"a={lab.machine(1).loopback_address}/8"
    good(lab, 1, "cluster", "create", "--name", "new", "--node-name", "n1", "--no-fabric", "--network", address)
    assert values(lab) == [3, 1]
    refused = quorate(lab, 1, "node", "cleanup")
    assert refused.returncode == 2
    assert "cleanup_not_confirmed" in refused.stderr
    assert values(lab) == [3, 1]
    assert "quorate.retired-node-1.2" in good(lab, 1, "node", "cleanup", "--force"), "an older one is there already"
    assert values(lab) == [1, 1]
    assert good(lab, 1, "node", "cleanup", "--force") == "nothing to do\n"
