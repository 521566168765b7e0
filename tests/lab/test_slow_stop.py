"""A node that is being stopped waits for its resources no longer than it was told to (spec/02 §7.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM
from quorate.lab.plan import Machine
from quorate.lab.recipe import Recipe
from quorate.node.places import ROOT_ENVIRONMENT, Places
from quorate.sdk.overriding import override

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0
SHUTDOWN_LIMIT_S = 4


@dataclass(frozen=True, slots=True)
class Impatient(Recipe):
    """Nodes that wait for so long when they are stopped."""

    @override
    def _leave_host_alone(self, machine: Machine) -> None:
        Recipe._leave_host_alone(self, machine)
        settings = Places(Path(self.ground.environment(machine)[ROOT_ENVIRONMENT])).settings
        settings.write_text(f"{settings.read_text()}shutdown_limit_s = {SHUTDOWN_LIMIT_S}\n")


@pytest.fixture
def lab() -> Iterator[Lab]:
    with on_loopback("d-slow", 2) as made:
        Impatient(made.plan, made.ground, made.folder, lambda _: None, PROGRAM).bring_up()
        until("both vote", lambda: len(shown(made, "cluster", "status")["store"]["voters_up"]) == 2, LIMIT_S)  # type: ignore[index]
        yield made


def shown(lab: Lab, *words: str) -> dict[str, object]:
    done = quorate(lab, 1, *words, "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {"store": {"voters_up": []}}
    return found


@pytest.mark.conformance("ND-12")
def test_a_resource_that_does_not_stop_keeps_its_node_only_so_long(lab: Lab) -> None:
    obstacle = lab.folder / "obstacle"
    good(lab, 1, "group", "create", "app", "--preferred", "node2,node1")
    words = ("--group", "app", "--type", "quorate.sdk.misbehaving:WillNotEnd", "--set", f"obstacle={obstacle}")
    good(lab, 1, "resource", "create", "part", *words)
    good(lab, 1, "group", "online", "app", "--wait")
    assert shown(lab, "group", "show", "app")["owner"] == "node2"
    obstacle.touch()
    good(lab, 1, "node", "stop", "node2")
    # For ever, were it for the resource: it stops only without the obstacle, which stays.
    until("node2 has ended", lambda: lab.ground.processes(lab.machine(2)) == [], 5.0 * SHUTDOWN_LIMIT_S)
    assert obstacle.exists()
