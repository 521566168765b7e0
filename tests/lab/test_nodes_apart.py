"""Nodes in different subnets and sites: a real cluster on loopback, whose pairs have heartbeats of their own.

What cuts do to such pairs is the simulator's (`tests/simulation/test_sites.py`); here the way through routers, which on
loopback is the kernel's own, and settings that change while everything runs.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from made_labs import on_loopback
from under_watch import until

from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM
from quorate.lab.plan import Machine
from quorate.lab.recipe import Recipe
from quorate.sdk.overriding import override

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Apart(Recipe):
    """The last node stands in a subnet of its own, and names its network itself."""

    @override
    def _networks(self, machine: Machine) -> list[str]:
        name = "west" if machine.number == self.plan.nodes else "a"
        return ["--network", f"{name}={address(machine)}/26"]


def address(machine: Machine) -> str:
    """As every lab has it, and the last one beyond the border of a /26."""
    block, _, host = machine.loopback_address.rpartition(".")
    return f"{block}.{100 + int(host) if machine.number == 3 else host}"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with on_loopback("d-apart", 3) as made:
        Apart(made.plan, made.ground, made.folder, lambda _: None, PROGRAM).bring_up()
        until("three nodes vote", lambda: len(shown(made, 1)["store"]["voters_up"]) == 3, LIMIT_S)
        yield made


def quorate(lab: Lab, number: int, *words: str) -> tuple[int, str, str]:
    done = ground.run(lab.ground, lab.machine(number), (*PROGRAM, *words), limit_s=LIMIT_S, capture=True)
    return done.returncode, done.stdout, done.stderr


def good(lab: Lab, number: int, *words: str) -> Any:
    code, out, err = quorate(lab, number, *words, "--json")
    assert code == 0, err
    return json.loads(out)


def shown(lab: Lab, number: int) -> dict[str, Any]:
    code, out, _ = quorate(lab, number, "cluster", "status", "--json")
    return json.loads(out) if code == 0 else {"store": {"voters_up": []}, "paces": []}


def paces(lab: Lab) -> dict[str, tuple[int, int, list[str]]]:
    found = shown(lab, 1)["paces"]
    return {pace["reach"]: (pace["heartbeat_ms"], pace["suspicion_ms"], pace["pairs"]) for pace in found}


def silence_limits(lab: Lab) -> dict[tuple[str, str], tuple[str, int]]:
    """What each measured path counts as lost after, by hearer and sender."""
    paths = good(lab, 1, "network", "matrix")["paths"]
    return {(p["hearer"], p["sender"]): (p["reach"], p["silence_limit_ms"]) for p in paths if p["heard"]}


@pytest.mark.conformance("MB-02")
def test_each_pair_has_the_heartbeats_of_what_lies_between_it(lab: Lab) -> None:
    apart = ["node1 - node3", "node2 - node3"]
    assert paces(lab)["cross_subnet"] == (50, 150, apart), "not set: as within a subnet"
    good(lab, 2, "cluster", "set", "CrossSubnetDelay=80", "CrossSubnetThreshold=5", "CrossSiteThreshold=10")
    assert paces(lab)["same_subnet"] == (50, 150, ["node1 - node2"])
    assert paces(lab)["cross_subnet"] == (80, 400, apart)
    good(lab, 1, "node", "set", "node2", "site=north")
    assert paces(lab)["cross_site"] == (50, 500, ["node1 - node2", "node2 - node3"])
    expected = {
        ("node1", "node2"): ("cross_site", 500),
        ("node2", "node3"): ("cross_site", 500),
        ("node3", "node1"): ("cross_subnet", 400),
    }
    until("every path is judged so", lambda: expected.items() <= silence_limits(lab).items(), LIMIT_S)
    assert [node["state"] for node in good(lab, 1, "node", "list")["nodes"]] == ["up", "up", "up"]
    assert good(lab, 1, "node", "show", "node2")["site"] == "north"


@pytest.mark.conformance("MB-02")
def test_a_node_across_a_site_is_suspected_by_its_own_threshold(lab: Lab) -> None:
    good(lab, 1, "cluster", "set", "cross_site_delay_ms=80", "cross_site_threshold=6")
    good(lab, 1, "node", "set", "node2", "site=north")
    victim = lab.ground.processes(lab.machine(2))
    ground.send(victim, signal.SIGSTOP)
    try:
        until("node2 is down", lambda: state(lab, "node2") == "down", LIMIT_S)
    finally:
        ground.send(victim, signal.SIGCONT)
    until("node2 is up again", lambda: state(lab, "node2") == "up", LIMIT_S)


def state(lab: Lab, name: str) -> str:
    code, out, _ = quorate(lab, 1, "node", "show", name, "--json")
    return str(json.loads(out)["state"]) if code == 0 else ""


def test_what_would_break_the_rules_is_refused_with_the_bounds(lab: Lab) -> None:
    code, _, err = quorate(lab, 1, "cluster", "set", "CrossSiteDelay=1000", "CrossSiteThreshold=20")
    assert code != 0
    assert "delay at most 90 ms" in err
    assert "between sites" in err
    code, _, err = quorate(lab, 1, "node", "set", "node2", "site=two words")
    assert code != 0
    assert "name_form" in err
