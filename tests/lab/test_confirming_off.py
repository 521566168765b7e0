"""An operator's word on real nodes: refused for one that lives, and ending the wait for one that is dead."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from made_labs import on_loopback
from under_watch import until

from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes that vote, with the timings that wait longest."""
    with on_loopback("d-confirming", 3, "wide") as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        yield made


def quorate(lab: Lab, *words: str, reads: str = "") -> subprocess.CompletedProcess[str]:
    script = ("sh", "-c", 'printf %s "$0" | "$@"', reads, *PROGRAM, *words)
    return ground.run(lab.ground, lab.machine(1), script, limit_s=LIMIT_S, capture=True)


def shown(lab: Lab, name: str) -> dict[str, object]:
    done = quorate(lab, "node", "show", name, "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


@pytest.mark.soak
def test_a_word_is_refused_for_the_living_and_ends_the_wait_for_the_dead(lab: Lab) -> None:
    until("all vote", lambda: all(shown(lab, f"node{n}").get("voter") for n in (1, 2, 3)), LIMIT_S)
    refused = quorate(lab, "node", "confirm-off", "node3", "--yes", "--json")
    assert refused.returncode == 2, refused.stderr
    assert {p["code"] for p in json.loads(refused.stdout)["problems"]} == {"node_not_suspected", "node_is_heard"}

    lab.power_off(3)
    until("node3 is suspected", lambda: bool(shown(lab, "node3").get("suspected")), LIMIT_S)
    wrong = quorate(lab, "node", "confirm-off", "node3", reads="node2\n")
    assert wrong.returncode == 2
    assert "name_differs" in wrong.stderr
    done = quorate(lab, "node", "confirm-off", "node3", "--reason", "plug pulled", "--wait", reads="node3\n")
    assert done.returncode == 0, done.stderr
    after = shown(lab, "node3")
    assert (after["state"], after["proof"]) == ("down", "confirmed")
    assert "plug pulled" in str(after["attestation"])
    again = quorate(lab, "node", "confirm-off", "node3", "--yes")
    assert "nothing to do" in again.stdout
