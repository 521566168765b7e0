"""A real agent program on real nodes: tried, called when a node dies, and believed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_labs import on_loopback
from under_watch import until

from fence_program import install
from quorate.core.authority.timings import WIDE
from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM
from quorate.node.places import ROOT_ENVIRONMENT

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes with the timings that wait longest."""
    with on_loopback("d-fencing", 3, "wide") as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        yield made


def quorate(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    return ground.run(lab.ground, lab.machine(1), (*PROGRAM, *words), limit_s=LIMIT_S, capture=True)


def shown(lab: Lab, *words: str) -> dict[str, object]:
    done = quorate(lab, *words, "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def know_agents(lab: Lab, folder: Path) -> None:
    """Every service starts anew and reads where the agents are; nothing that runs is touched."""
    install(folder)
    for machine in lab.plan.node_machines:
        settings = Path(lab.ground.environment(machine)[ROOT_ENVIRONMENT]) / "etc/quorate/node.toml"
        with settings.open("a") as file:
            print(f'fence_agents = "{folder}"', file=file)
        lab.kill(machine.number, ["service"])


def test_a_dead_node_is_fenced_by_a_real_program_and_its_word_ends_the_wait(lab: Lab) -> None:
    short = lab.folder.parent
    until("all vote", lambda: all(shown(lab, "node", "show", f"node{n}").get("voter") for n in (1, 2, 3)), LIMIT_S)
    know_agents(lab, short / "agents")
    (short / "7").write_text("on")
    (short / "pin").write_text("hidden words\n")
    words = ["fence", "create", "pdu", "--agent", "fence_of_tests", "--node", "node3=7"]
    words += ["--parameter", f"folder={short}", "--secret-file", f"pin={short}/pin"]
    until("its service is back", lambda: bool(shown(lab, "fence", "list")), LIMIT_S)
    created = quorate(lab, *words)
    assert created.returncode == 0, created.stderr
    assert created.stderr == "", "the agent is found on this node"
    tried = quorate(lab, "fence", "test", "pdu")
    assert tried.returncode == 0, tried.stdout
    assert (short / "7").read_text() == "on", "a test switches nothing"

    lab.power_off(3)
    until("node3 is down", lambda: shown(lab, "node", "show", "node3").get("state") == "down", LIMIT_S)
    node = shown(lab, "node", "show", "node3")
    assert (node["proof"], str(node["attestation"]).startswith("fenced by pdu")) == ("fenced", True)
    assert (short / "7").read_text() == "off"
    until("the call is written down", lambda: bool(shown(lab, "fence", "show", "pdu").get("history")), LIMIT_S)
    page = quorate(lab, "fence", "show", "pdu").stdout
    assert "hidden" not in page
    assert "(secret)" in page
    history = shown(lab, "fence", "show", "pdu")["history"]
    assert isinstance(history, list)
    assert [call["good"] for call in history] == [True]
    assert history[0]["took_ms"] < WIDE.verdict_wait_s * 1000
