"""Nodes that pause, restart and return, on real nodes: what lasts, and when they wait.

The tests build on one another: each begins and ends with two nodes that are up and vote.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0
WATCHED_S = 4.0
"""Several times as long as a node that may form, or join, needs for it with these timings."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two nodes that vote, and a group on node 2."""
    with on_loopback("d-pausing", 2) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("both vote", lambda: voters(made) == ["node1", "node2"], LIMIT_S)
        good(made, 1, "group", "create", "app", "--preferred", "node2,node1")
        good(
            *(made, 1, "resource", "create", "sleeper", "--group", "app", "--type", "Generic Application"),
            *("--set", "command_line=/bin/sleep 86395.5"),
        )
        good(made, 1, "group", "online", "app", "--wait")
        yield made


def voters(lab: Lab) -> list[str]:
    done = quorate(lab, 1, "cluster", "status", "--json")
    return json.loads(done.stdout)["store"]["voters_up"] if done.returncode == 0 else []


def states(lab: Lab, asked: int) -> dict[str, str]:
    done = quorate(lab, asked, "node", "list", "--json")
    nodes = json.loads(done.stdout)["nodes"] if done.returncode == 0 else []
    return {node["name"]: node["state"] for node in nodes}


def group(lab: Lab, asked: int) -> tuple[str, str]:
    found = json.loads(good(lab, asked, "group", "show", "app", "--json"))
    return found["state"], found["owner"]


def restart(lab: Lab, number: int) -> None:
    good(lab, number, "node", "stop", f"node{number}", "--wait")
    lab.recipe(lambda _: None, PROGRAM).run(lab.machine(number))


@pytest.mark.conformance("ND-01", "ND-04", "ND-05", "ND-06")
def test_paused_it_keeps_what_it_has_votes_answers_and_stays_so_over_a_restart(lab: Lab) -> None:
    assert group(lab, 1) == ("online", "node2")
    good(lab, 1, "node", "pause", "node2")
    assert group(lab, 2) == ("online", "node2")
    # Of two voters both are needed: every change is its vote too. And it answers, with what was just written.
    good(lab, 1, "group", "create", "later")
    assert voters(lab) == ["node1", "node2"]
    until("it has the change", lambda: quorate(lab, 2, "group", "show", "later").returncode == 0, LIMIT_S)
    good(lab, 2, "group", "delete", "later")
    restart(lab, 2)
    until("it is back, and paused", lambda: states(lab, 1).get("node2") == "paused", LIMIT_S)
    assert group(lab, 1) == ("online", "node1"), "nothing comes to it"
    refused = quorate(lab, 1, "group", "move", "app", "--to", "node2")
    assert refused.returncode == 2
    assert "node2 is paused" in refused.stderr
    good(lab, 1, "node", "resume", "node2")
    assert states(lab, 2) == {"node1": "up", "node2": "up"}
    good(lab, 1, "group", "move", "app", "--to", "node2", "--wait")


@pytest.mark.conformance("CF-07")
def test_without_a_majority_a_node_keeps_trying(lab: Lab) -> None:
    for number in (1, 2):
        lab.power_off(number)
    lab.power_on(1, PROGRAM)
    until("it runs", lambda: quorate(lab, 1, "node", "state", "--json").stdout.find('"value": 19') >= 0, LIMIT_S)
    end = time.monotonic() + WATCHED_S
    while time.monotonic() < end:
        assert "up" not in states(lab, 1).values(), "one vote of two is no majority"
    lab.power_on(2, PROGRAM)
    until("they have formed", lambda: states(lab, 1) == {"node1": "up", "node2": "up"}, LIMIT_S)
