"""A node that loses its power again and again, on real nodes: kept out, let in when needed, or by a command."""

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
    """Three nodes that vote; two failures make a quarantine."""
    with on_loopback("d-quarantine", 3) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("all vote", lambda: len(status(made)["store"]["voters_up"]) == 3, LIMIT_S)  # type: ignore[index]
        good(made, 1, "cluster", "set", "QuarantineThreshold=2", "QuarantineDuration=600")
        yield made


def status(lab: Lab) -> dict[str, object]:
    done = quorate(lab, 1, "cluster", "status", "--json")
    empty: dict[str, object] = {"store": {"voters_up": []}, "nodes": [], "problems": []}
    return json.loads(done.stdout) if done.returncode == 0 else empty


def state(lab: Lab, name: str) -> str:
    nodes = status(lab)["nodes"]
    assert isinstance(nodes, list)
    return next((str(node["state"]) for node in nodes if node["name"] == name), "")


def fail(lab: Lab, number: int) -> None:
    lab.power_off(number)
    until("it is out", lambda: state(lab, f"node{number}") in {"down", "quarantined"}, LIMIT_S)
    lab.power_on(number, PROGRAM)


@pytest.mark.conformance("CF-01", "ND-19", "ND-20")
def test_a_node_that_fails_too_often_is_kept_out_until_that_is_lifted(lab: Lab) -> None:
    before = status(lab)
    fail(lab, 3)
    until("once is forgiven", lambda: state(lab, "node3") == "up", LIMIT_S)
    after = status(lab)
    led = (before["coordinator"], before["epoch"])
    assert (after["coordinator"], after["epoch"]) == led, "it joined whom it found: nothing was formed anew"
    fail(lab, 3)
    until("it runs, and asks to be let in", lambda: quorate(lab, 3, "node", "list").returncode == 0, LIMIT_S)
    shown = json.loads(good(lab, 3, "node", "show", "node3", "--json"))  # it knows itself why
    assert (shown["state"], shown["failures"]) == ("quarantined", 2)
    assert shown["quarantined_until"].endswith("Z")
    problems = status(lab)["problems"]
    assert isinstance(problems, list)
    (told,) = [problem for problem in problems if problem["code"] == "node_quarantined"]
    assert "failed 2 times within an hour and is kept out until" in told["what"]
    good(lab, 1, "node", "clear-quarantine", "node3", "--reason", "new power supply")
    until("it is let in", lambda: state(lab, "node3") == "up", LIMIT_S)


def test_a_node_that_the_quorum_needs_is_let_in_all_the_same(lab: Lab) -> None:
    fail(lab, 3)
    until("it is let in", lambda: state(lab, "node3") == "up", LIMIT_S)
    fail(lab, 3)
    until("it runs", lambda: quorate(lab, 3, "node", "list").returncode == 0, LIMIT_S)
    assert state(lab, "node3") == "quarantined"
    lab.power_off(2)
    until("two are up again", lambda: state(lab, "node3") == "up", LIMIT_S)
    lab.power_on(2, PROGRAM)
    until("the other one is back", lambda: state(lab, "node2") == "up", LIMIT_S)
