"""Nodes that leave for good, on real nodes and a real etcd: one that never started, one that is dead, one that is up.

The tests build on one another: each begins with what the former one left of three nodes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes that vote."""
    with on_loopback("d-evict", 3) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until_voting(made, "node1", "node2", "node3")
        yield made


def refused(lab: Lab, number: int, *words: str) -> str:
    done = quorate(lab, number, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def listed(lab: Lab, asked: int) -> dict[str, str]:
    done = quorate(lab, asked, "node", "list", "--json")
    nodes = json.loads(done.stdout)["nodes"] if done.returncode == 0 else []
    return {node["name"]: node["state"] for node in nodes}


def until_voting(lab: Lab, *names: str, asked: int = 1) -> None:
    def voters() -> list[str]:
        done = quorate(lab, asked, "cluster", "status", "--json")
        return json.loads(done.stdout)["store"]["voters_up"] if done.returncode == 0 else []

    until(f"{names} vote", lambda: voters() == list(names), LIMIT_S)


def root(lab: Lab, number: int) -> Path:
    return lab.folder / f"node{number}" / "root"


def join(lab: Lab, number: int, asked: int, name: str = "") -> None:
    token = good(lab, asked, "token", "create", "--quiet").split()[-1]
    address = f"a={lab.machine(number).loopback_address}/8"
    good(lab, number, "node", "join", token, "--node-name", name or f"node{number}", "--network", address)


def ended(lab: Lab, number: int) -> bool:
    return not lab.ground.processes(lab.machine(number)) and not (root(lab, number) / "var/lib/quorate").exists()


def kept(lab: Lab, number: int) -> list[str]:
    return sorted(path.name for path in (root(lab, number) / "var/lib").iterdir())


@pytest.mark.conformance("ND-13", "ND-16", "CF-18")
def test_a_node_that_is_up_lets_its_groups_go_and_steps_aside(lab: Lab) -> None:
    good(lab, 1, "group", "create", "app", "--preferred", "node3,node2")
    good(
        *(lab, 1, "resource", "create", "sleeper", "--group", "app", "--type", "Generic Application"),
        *("--set", "command_line=/bin/sleep 86397.5", "--possible-owner", "node3"),
    )
    good(lab, 1, "group", "online", "app", "--wait")
    told = refused(lab, 1, "node", "evict", "node3")
    assert "group_stays" in told
    assert "resource_homeless" in told
    assert listed(lab, 1) == {"node1": "up", "node2": "up", "node3": "up"}, "nothing was changed"
    good(lab, 1, "resource", "set", "sleeper", "--possible-owner", "any")
    good(lab, 2, "node", "evict", "node3", "--wait", "--reason", "sold")
    assert listed(lab, 1) == {"node1": "up", "node2": "up"}
    group = json.loads(good(lab, 1, "group", "show", "app", "--json"))
    assert (group["state"], group["owner"], group["preferred_owners"]) == ("online", "node2", ["node2"])
    until("the machine has stepped aside", lambda: ended(lab, 3), LIMIT_S)
    (name,) = kept(lab, 3)
    assert name.startswith("quorate.retired-")
    assert not name.startswith("quorate.retired-node"), "named after the member of the store"
    started = quorate(lab, 3, "node", "run")
    assert started.returncode == 4
    assert name in (started.stdout + started.stderr), "it says that it was a node, and where everything is kept"
    token = good(lab, 1, "token", "create", "--quiet").split()[-1]
    address = f"a={lab.machine(3).loopback_address}/8"
    words = (*PROGRAM, "node", "join", token, "--node-name", "node3", "--network", address)
    with pytest.raises(subprocess.TimeoutExpired) as waited:
        ground.run(lab.ground, lab.machine(3), words, limit_s=3.0, capture=True)
    assert b"no machine joins within 60 s" in (waited.value.stderr or b"")
    good(lab, 1, "cluster", "set", "AddEvictDelay=0")


def test_a_machine_that_joined_and_never_started_is_removed(lab: Lab) -> None:
    join(lab, 3, 1)
    assert listed(lab, 2)["node3"] == "down"
    number = json.loads(good(lab, 1, "node", "show", "node3", "--json"))["number"]
    assert number == 4, "numbers are never used again"
    good(lab, 1, "node", "evict", "node3", "--wait")
    assert "node3" not in listed(lab, 2)
    ran = quorate(lab, 3, "node", "run")  # it learns of it, says so, and ends
    assert ran.returncode == 0
    assert "a node no more" in ran.stderr
    assert "quorate.retired-node-4" in kept(lab, 3)


def test_a_dead_voter_is_removed_and_learns_of_it_when_it_returns(lab: Lab) -> None:
    join(lab, 3, 1)
    lab.recipe(lambda _: None, PROGRAM).run(lab.machine(3))
    until_voting(lab, "node1", "node2", "node3")
    lab.power_off(3)
    until("node3 is down", lambda: listed(lab, 1)["node3"] == "down", LIMIT_S)
    assert "store_would_lose_majority" in refused(lab, 1, "node", "evict", "node2"), "one of two would be up"
    good(lab, 1, "node", "evict", "node3", "--wait", "--reason", "burnt")
    until_voting(lab, "node1", "node2")
    status = json.loads(good(lab, 1, "cluster", "status", "--json"))
    assert status["store"]["voters"] == ["node1", "node2"]
    lab.power_on(3, PROGRAM)
    until("the machine has stepped aside", lambda: ended(lab, 3), LIMIT_S)
    assert listed(lab, 1) == {"node1": "up", "node2": "up"}
    log = (root(lab, 3) / "var/log/quorate/service.log").read_text()
    assert "was evicted from cluster" in log
    assert "(burnt)" in log


@pytest.mark.conformance("ND-17")
def test_two_nodes_become_one_which_stays(lab: Lab) -> None:
    good(lab, 1, "node", "evict", "node1", "--wait")  # itself, the coordinator
    assert listed(lab, 2) == {"node2": "up"}
    until("the machine has stepped aside", lambda: ended(lab, 1), LIMIT_S)
    group = json.loads(good(lab, 2, "group", "show", "app", "--json"))
    assert (group["state"], group["owner"]) == ("online", "node2")
    assert "last_node" in refused(lab, 2, "node", "evict", "node2", "--force")
    until_voting(lab, "node2", asked=2)
