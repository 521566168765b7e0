"""A node that never votes, on real nodes and a real etcd: it does not count, and hosts groups all the same."""

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
    """Three nodes that vote."""
    with on_loopback("d-weight", 3) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("all vote", lambda: voters_up(made) == ["node1", "node2", "node3"], LIMIT_S)
        yield made


def store(lab: Lab) -> dict[str, object]:
    done = quorate(lab, 1, "cluster", "status", "--json")
    found: dict[str, object] = json.loads(done.stdout)["store"] if done.returncode == 0 else {}
    return found


def voters_up(lab: Lab) -> object:
    return store(lab).get("voters_up")


@pytest.mark.conformance("QU-17")
def test_a_node_without_weight_does_not_count_and_hosts_groups(lab: Lab) -> None:
    good(lab, 1, "node", "set", "node3", "weight=0", "--wait")
    assert store(lab)["voters"] == ["node1", "node2"]
    assert "never (weight 0)" in good(lab, 1, "node", "show", "node3")
    good(lab, 1, "group", "create", "app", "--preferred", "node3")
    command = "command_line=/bin/sleep 86396.5"
    good(lab, 1, "resource", "create", "sleeper", "--group", "app", "--type", "Generic Application", "--set", command)
    good(lab, 1, "group", "online", "app", "--wait")
    shown = json.loads(good(lab, 1, "group", "show", "app", "--json"))
    assert (shown["owner"], shown["state"]) == ("node3", "online")

    lab.power_off(3)
    until("the group has left", lambda: owner(lab) in {"node1", "node2"}, LIMIT_S)
    assert store(lab)["majority"] == 2
    assert voters_up(lab) == ["node1", "node2"], "the loss cost no vote"
    lab.power_on(3, PROGRAM)

    done = quorate(lab, 1, "node", "set", "node3", "weight=2", "wieght=0")
    assert done.returncode == 2
    assert "property_range" in done.stderr
    assert "property_unknown" in done.stderr

    until("node3 is back", lambda: state(lab) == "up", LIMIT_S)
    good(lab, 1, "node", "set", "node3", "weight=1")
    until("node3 votes again", lambda: voters_up(lab) == ["node1", "node2", "node3"], LIMIT_S)


def owner(lab: Lab) -> object:
    done = quorate(lab, 1, "group", "show", "app", "--json")
    return json.loads(done.stdout)["owner"] if done.returncode == 0 else ""


def state(lab: Lab) -> object:
    done = quorate(lab, 1, "node", "show", "node3", "--json")
    return json.loads(done.stdout)["state"] if done.returncode == 0 else ""
