"""A third real node beside two voters and a light witness: it takes the place of one that goes (decision 0035).

The tests build on one another: each begins with what the former one left.
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
    """Two that vote beside a light witness, and a third node that joined afterwards."""
    with on_loopback("d-third", 3) as made:
        recipe = made.recipe(lambda _: None, PROGRAM)
        first, second, third = made.plan.node_machines
        recipe.create(first)
        recipe.run(first)
        recipe.patiently(first, "cluster", "set", "quarantine_threshold=0", "expulsion_limit=0", "add_evict_delay_s=0")
        recipe.join(second, recipe.token(first))
        recipe.run(second)
        recipe.share_record(first)
        recipe.join(third, recipe.token(first))
        recipe.run(third)
        until("three are up", lambda: up(made) == ["node1", "node2", "node3"], LIMIT_S)
        yield made


def up(lab: Lab) -> list[str]:
    done = quorate(lab, 1, "node", "list", "--json")
    nodes = json.loads(done.stdout)["nodes"] if done.returncode == 0 else []
    return [node["name"] for node in nodes if node["state"] == "up"]


def shown(lab: Lab) -> dict[str, object]:
    done = quorate(lab, 1, "quorum", "show", "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def voting(lab: Lab) -> list[str]:
    """Who votes; empty while a vote or the record is on its way."""
    found = shown(lab)
    voters = found.get("voters", ())
    assert isinstance(voters, list | tuple)
    return [voter["name"] for voter in voters if voter["votes"]] if found.get("settled") else []


def either(lab: Lab, *names: str) -> None:
    """Until these two vote and either may go on alone."""
    until(f"{names} vote", lambda: voting(lab) == [*names] and shown(lab)["further_losses"] == 1, LIMIT_S)


def test_a_third_node_has_no_vote_and_a_member_is_made_anew(lab: Lab) -> None:
    either(lab, "node1", "node2")
    assert "quorate quorum set node_majority" in str(shown(lab)["sentences"])
    assert "member_serves" in quorate(lab, 1, "node", "rebuild-member", "node2").stderr
    good(lab, 1, "node", "rebuild-member", "node2", "--force", "--wait", "--timeout-s", "50")
    either(lab, "node1", "node2")


def test_it_takes_the_place_of_one_that_stops_and_keeps_it(lab: Lab) -> None:
    good(lab, 1, "node", "stop", "node2", "--wait")
    either(lab, "node1", "node3")
    lab.recipe(lambda _: None, PROGRAM).run(lab.machine(2))
    until("node2 is up", lambda: "node2" in up(lab), LIMIT_S)
    either(lab, "node1", "node3")


def test_the_place_of_a_dead_one_is_taken_and_the_dead_one_evicted(lab: Lab) -> None:
    lab.power_off(3)
    either(lab, "node1", "node2")
    good(lab, 1, "node", "evict", "node3", "--wait")
    either(lab, "node1", "node2")


@pytest.mark.soak
def test_two_become_one_which_starts_again_alone(lab: Lab) -> None:
    good(lab, 1, "node", "evict", "node2", "--wait")
    until("node1 votes alone", lambda: voting(lab) == ["node1"], LIMIT_S)
    assert (shown(lab)["holder"], shown(lab)["further_losses"]) == ("node1", 0)
    assert "last_node" in quorate(lab, 1, "node", "evict", "node1", "--force").stderr
    lab.power_off(1)
    lab.power_on(1, PROGRAM)
    until("node1 votes alone again", lambda: voting(lab) == ["node1"] and up(lab) == ["node1"], LIMIT_S)
    good(lab, 1, "group", "create", "after")
