"""A group that demands to know that its owner is off, on real nodes: it stands still until somebody has looked."""

from __future__ import annotations

import json

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


def shown(lab: Lab, *words: str) -> dict[str, object]:
    done = quorate(lab, 1, *words, "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def voters_up(lab: Lab) -> object:
    store = shown(lab, "cluster", "status").get("store")
    return store.get("voters_up") if isinstance(store, dict) else None


@pytest.mark.soak
def test_the_group_of_a_dead_node_stands_still_until_an_operator_confirms() -> None:
    with on_loopback("d-proof", 3) as lab:
        lab.recipe(lambda _: None, PROGRAM).bring_up()
        until("all vote", lambda: voters_up(lab) == ["node1", "node2", "node3"], LIMIT_S)
        for name, level in (("bold", "lease"), ("careful", "fenced")):
            good(lab, 1, "group", "create", name, "--preferred", "node3", "--set", f"required_proof={level}")
            command = "command_line=/bin/sleep 86395.5"
            kind = ("--type", "Generic Application", "--set", command)
            good(lab, 1, "resource", "create", f"{name}-app", "--group", name, *kind)
            good(lab, 1, "group", "online", name, "--wait")
        assert "proof_without_means" in quorate(lab, 1, "cluster", "status").stdout

        lab.power_off(3)
        until("the other one has left", lambda: shown(lab, "group", "show", "bold").get("owner") != "node3", LIMIT_S)
        group = shown(lab, "group", "show", "careful")
        assert (group["owner"], shown(lab, "node", "show", "node3")["proof"]) == ("node3", "lease_over")
        assert "waits for fenced" in good(lab, 1, "explain", "group", "careful")
        assert "group_waits_for_proof" in good(lab, 1, "cluster", "status")
        assert quorate(lab, 1, "group", "set", "careful", "required_proof=lease").returncode == 2

        good(lab, 1, "node", "confirm-off", "node3", "--yes", "--reason", "looked")
        until(
            "the careful one is online elsewhere",
            lambda: (
                (now := shown(lab, "group", "show", "careful")).get("owner") != "node3" and now.get("state") == "online"
            ),
            LIMIT_S,
        )
