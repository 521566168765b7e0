"""A cluster that has put out as many nodes as it may holds still, on real nodes, until somebody has looked."""

from __future__ import annotations

import json

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 90.0


def shown(lab: Lab, *words: str) -> dict[str, object]:
    done = quorate(lab, 1, *words, "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def voters_up(lab: Lab) -> int:
    store = shown(lab, "cluster", "status").get("store")
    return len(store["voters_up"]) if isinstance(store, dict) else 0


def problems(lab: Lab) -> set[str]:
    found = shown(lab, "cluster", "status").get("problems")
    return {problem["code"] for problem in found} if isinstance(found, list) else set()


@pytest.mark.soak
def test_the_second_dead_node_is_not_put_out_before_somebody_has_looked() -> None:
    with on_loopback("d-radius", 5) as lab:
        lab.recipe(lambda _: None, PROGRAM).bring_up()
        until("all vote", lambda: voters_up(lab) == 5, LIMIT_S)
        assert quorate(lab, 1, "cluster", "set", "expulsion_limit=65", "expulsion_period_s=1").returncode == 2
        good(lab, 1, "cluster", "set", "expulsion_limit=1")
        lab.power_off(5)
        until("node5 is out", lambda: shown(lab, "node", "show", "node5").get("state") == "down", LIMIT_S)
        until("the cluster says so", lambda: "cluster_holds_still" in problems(lab), LIMIT_S)
        lab.power_off(4)
        until("node4 is suspected", lambda: shown(lab, "node", "show", "node4").get("suspected") is True, LIMIT_S)
        good(lab, 1, "cluster", "release-expulsions", "--reason", "two plugs pulled")
        until("node4 is out", lambda: shown(lab, "node", "show", "node4").get("state") == "down", LIMIT_S)
        good(lab, 1, "node", "show", "node4")
