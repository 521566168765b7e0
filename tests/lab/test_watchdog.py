"""A real sentinel and the stand-in of a watchdog: armed after admission, unfed while stopped, let go in the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab import history
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM
from quorate.node.places import ROOT_ENVIRONMENT

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0
TIMEOUT_S = 2


def shown(lab: Lab, *words: str) -> dict[str, object]:
    done = quorate(lab, 1, *words, "--json")
    found: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found


def voters_up(lab: Lab) -> int:
    store = shown(lab, "cluster", "status").get("store")
    return len(store["voters_up"]) if isinstance(store, dict) else 0


def told(dog: Path) -> dict[str, object]:
    text = dog.read_text()
    found: dict[str, object] = json.loads(text) if text else {}
    return found


def without_means(lab: Lab) -> str:
    problems = shown(lab, "cluster", "status").get("problems", [])
    assert isinstance(problems, list)
    return " ".join(problem["what"] for problem in problems if problem["code"] == "proof_without_means")


def test_a_stopped_sentinel_feeds_nothing_and_the_group_waits_for_the_reset() -> None:
    with on_loopback("d-dog", 3) as lab:
        lab.recipe(lambda _: None, PROGRAM).bring_up()
        until("all vote", lambda: voters_up(lab) == 3, LIMIT_S)
        dog = lab.folder / "dog"
        dog.touch()
        machine = lab.machine(3)
        settings = Path(lab.ground.environment(machine)[ROOT_ENVIRONMENT]) / "etc/quorate/node.toml"
        with settings.open("a") as file:
            print(f'watchdog = "{dog}"\nwatchdog_timeout_s = {TIMEOUT_S}', file=file)
        lab.power_off(3)
        assert told(dog) == {}
        lab.power_on(3, PROGRAM)
        until("it is armed", lambda: told(dog).get("armed") is True, LIMIT_S)
        until("it is a member again", lambda: shown(lab, "node", "show", "node3").get("state") == "up", LIMIT_S)
        good(lab, 1, "group", "create", "db", "--preferred", "node3", "--set", "required_proof=watchdog")
        command = "command_line=/bin/sleep 86394.5"
        good(lab, 1, "resource", "create", "part", "--group", "db", "--type", "Generic Application", "--set", command)
        good(lab, 1, "group", "online", "db", "--wait")
        assert shown(lab, "group", "show", "db")["owner"] == "node3"
        until("its watchdog is known", lambda: "of node1, node2:" in without_means(lab), LIMIT_S)

        lab.pause(3, "sentinel")
        until("it is out", lambda: shown(lab, "node", "show", "node3").get("state") == "down", LIMIT_S)
        until("the group has gone", lambda: shown(lab, "group", "show", "db").get("owner") != "node3", LIMIT_S)
        fed_at = float(str(told(dog)["fed_at"]))
        taken = [entry.at_s for entry in history.read(lab.folder, fed_at) if entry.event == "assignment"]
        assert min(taken) > fed_at + TIMEOUT_S, "a device would have reset the machine by then"
        assert shown(lab, "node", "show", "node3")["proof"] == "watchdog"

        lab.resume(3)
        until("it is back", lambda: shown(lab, "node", "show", "node3").get("state") == "up", LIMIT_S)
        until("it is fed", lambda: float(str(told(dog)["fed_at"])) > fed_at, LIMIT_S)
        good(lab, 3, "node", "stop", "node3", "--wait")
        assert told(dog)["armed"] is False
