"""A resource that does not stop, on real nodes: its group is held, ended by force, or its node gives its life up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0
TYPE = "quorate.sdk.misbehaving:WillNotEnd"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes that vote, and a group whose resource does not stop while a file is there."""
    with on_loopback("d-stops", 3) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("all vote", lambda: len(voters_up(made)) == 3, LIMIT_S)
        good(made, 1, "group", "create", "app", "--preferred", "node2,node3")
        words = ("--group", "app", "--type", TYPE, "--set", f"obstacle={obstacle(made)}")
        good(made, 1, "resource", "create", "part", *words)
        good(made, 1, "group", "online", "app", "--wait")
        yield made


def shown(lab: Lab, *words: str) -> dict[str, object]:
    done = quorate(lab, 1, *words, "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def voters_up(lab: Lab) -> list[str]:
    store = shown(lab, "cluster", "status").get("store")
    return list(store["voters_up"]) if isinstance(store, dict) else []


def obstacle(lab: Lab) -> Path:
    return lab.folder / "obstacle"


def stands(lab: Lab, owner: str) -> bool:
    group = shown(lab, "group", "show", "app")
    return (group.get("owner"), group.get("state"), group.get("moving_to")) == (owner, "online", "")


def test_it_is_held_where_it_is_until_the_obstacle_is_gone(lab: Lab) -> None:
    common = shown(lab, "resource", "show", "part")["common"]
    assert isinstance(common, dict)
    assert common["stop_failure_action"] == "hold", "so says its type"
    obstacle(lab).touch()
    moved = quorate(lab, 1, "group", "move", "app", "--to", "node3", "--wait")
    assert moved.returncode != 0
    assert "does not stop" in moved.stderr
    assert shown(lab, "group", "show", "app")["owner"] == "node2"
    assert "resource_does_not_stop" in good(lab, 1, "cluster", "status")
    assert "made up its mind" in good(lab, 1, "explain", "group", "app")
    obstacle(lab).unlink()
    until("it has moved", lambda: stands(lab, "node3"), LIMIT_S)


def test_it_is_ended_by_force_where_that_is_allowed_while_it_is_held(lab: Lab) -> None:
    obstacle(lab).touch()
    assert quorate(lab, 1, "group", "move", "app", "--to", "node2", "--wait").returncode != 0
    good(lab, 1, "resource", "set", "part", "--stop-failure-action", "end")
    until("it has moved", lambda: stands(lab, "node2"), LIMIT_S)
    obstacle(lab).unlink()


def test_its_node_gives_its_life_up_and_comes_back(lab: Lab) -> None:
    good(lab, 1, "resource", "set", "part", "--stop-failure-action", "fence")
    former = shown(lab, "node", "show", "node2")["incarnation"]
    obstacle(lab).touch()
    good(lab, 1, "group", "move", "app", "--to", "node3")
    until(
        "it runs elsewhere", lambda: not stands(lab, "node2") and any(stands(lab, f"node{n}") for n in (1, 3)), LIMIT_S
    )
    obstacle(lab).unlink()
    until("node2 is back", lambda: shown(lab, "node", "show", "node2").get("state") == "up", LIMIT_S)
    assert shown(lab, "node", "show", "node2")["incarnation"] != former
