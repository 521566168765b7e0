"""A real cluster for anybody: two nodes on loopback addresses, without root, through the command line alone.

What cuts and power losses do is `test_real_cluster`'s; here the first steps of somebody who tries it on a laptop.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_labs import on_loopback
from under_watch import until

from quorate.adapters.process.proc import parent_of
from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0
SLEEPER = "/bin/sleep 86399.5"


def addresses() -> str:
    return subprocess.run(
        ["ip", "-o", "address", "show", "dev", "lo"], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def host_addresses() -> str:
    """What the host has before there is a lab."""
    return addresses()


@pytest.fixture(scope="module")
def lab(host_addresses: str) -> Iterator[Lab]:
    """Two nodes; the group `app` of one Generic Application, made and online on node1."""
    with on_loopback("d-loopback", 2) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("both nodes are up and vote", lambda: voters(made) == ["node1", "node2"], LIMIT_S)
        good(made, 2, "group", "create", "app", "--preferred", "node1,node2")
        good(
            *(made, 2, "resource", "create", "sleeper", "--group", "app", "--type", "Generic Application"),
            *("--set", f"command_line={SLEEPER}"),
        )
        good(made, 2, "group", "online", "app", "--wait")
        yield made


def quorate(lab: Lab, number: int, *words: str) -> subprocess.CompletedProcess[str]:
    return ground.run(lab.ground, lab.machine(number), (*PROGRAM, *words), limit_s=LIMIT_S, capture=True)


def good(lab: Lab, number: int, *words: str) -> str:
    done = quorate(lab, number, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def states(lab: Lab) -> dict[str, str]:
    done = quorate(lab, 1, "node", "list", "--json")
    nodes = json.loads(done.stdout)["nodes"] if done.returncode == 0 else []
    return {node["name"]: node["state"] for node in nodes}


def voters(lab: Lab) -> list[str]:
    done = quorate(lab, 1, "cluster", "status", "--json")
    return json.loads(done.stdout)["store"]["voters_up"] if done.returncode == 0 else []


def sleepers(lab: Lab, number: int, program: str = SLEEPER) -> list[int]:
    """The program itself on that node. Its environment is its own, so it is known by who its parents are."""
    words = program.encode().split()
    of_node = set(lab.ground.processes(lab.machine(number)))
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().split(b"\0")[:-1] == words:
                pid = int(entry.name)
                found += [pid] if of_node & set(parents(pid)) else []
        except OSError:
            continue
    return found


def parents(pid: int) -> Iterator[int]:
    while pid > 1:
        yield pid
        pid = parent_of(pid)


def test_a_group_is_online_where_it_is_preferred_and_moves(lab: Lab) -> None:
    assert len(sleepers(lab, 1)) == 1
    good(lab, 1, "group", "move", "app", "--to", "node2", "--wait")
    assert (len(sleepers(lab, 1)), len(sleepers(lab, 2))) == (0, 1)
    group = json.loads(good(lab, 1, "group", "show", "app", "--json"))
    assert (group["state"], group["owner"]) == ("online", "node2")
    good(lab, 2, "group", "move", "app", "--to", "node1", "--wait")


@pytest.mark.conformance("PP-07")
def test_a_changed_command_line_is_in_force_when_it_has_been_offline_and_online(lab: Lab) -> None:
    other = SLEEPER.replace(".5", ".75")
    told = quorate(lab, 1, "resource", "set", "sleeper", "--set", f"command_line={other}")
    assert told.returncode == 0
    assert "takes_effect_at_next_online" in told.stdout + told.stderr
    assert (len(sleepers(lab, 1)), sleepers(lab, 1, other)) == (1, []), "what runs goes on as it is"
    for state in ("offline", "online"):
        good(lab, 1, "resource", state, "sleeper", "--wait")
    assert (sleepers(lab, 1), len(sleepers(lab, 1, other))) == ([], 1)
    good(lab, 1, "resource", "set", "sleeper", "--set", f"command_line={SLEEPER}")
    for state in ("offline", "online"):
        good(lab, 1, "resource", state, "sleeper", "--wait")


@pytest.mark.conformance("RS-13")
def test_a_resource_with_a_host_of_its_own_survives_a_service_and_ends_with_its_host(lab: Lab) -> None:
    def own_hosts() -> list[int]:
        return [
            pid
            for pid in lab.ground.processes(lab.machine(1))
            if b"own-" in (Path(f"/proc/{pid}") / "cmdline").read_bytes()
        ]

    (before,) = sleepers(lab, 1)
    good(lab, 1, "resource", "set", "sleeper", "--separate-monitor", "true")
    shared = set(parents(before))
    assert sleepers(lab, 1) == [before], "it takes effect when it has been offline"
    assert not shared & set(own_hosts())
    good(lab, 1, "resource", "offline", "sleeper", "--wait")
    good(lab, 1, "resource", "online", "sleeper", "--wait")
    (host,) = own_hosts()
    (running,) = sleepers(lab, 1)
    assert host in set(parents(running)) - shared
    lab.kill(1, ["service"])
    good(lab, 2, "group", "move", "app", "--to", "node2", "--wait")  # its new service found the host again
    assert (len(sleepers(lab, 1)), len(sleepers(lab, 2))) == (0, 1)
    good(lab, 2, "group", "move", "app", "--to", "node1", "--wait")
    (again,) = sleepers(lab, 1)
    os.kill(own_hosts()[0], signal.SIGKILL)
    until("the resource runs anew in a new host", lambda: bool(set(sleepers(lab, 1)) - {again}), LIMIT_S)
    good(lab, 1, "resource", "set", "sleeper", "--separate-monitor", "false")
    good(lab, 1, "resource", "offline", "sleeper", "--wait")
    good(lab, 1, "resource", "online", "sleeper", "--wait")
    until("its own host is no more", lambda: own_hosts() == [], LIMIT_S)
    good(lab, 1, "group", "show", "app")


@pytest.mark.conformance("SP-04", "SP-06")
def test_in_maintenance_a_program_is_killed_and_its_resource_stays_online_until_its_group_moves(lab: Lab) -> None:
    def flags() -> dict[str, str]:
        shown = json.loads(good(lab, 2, "resource", "show", "sleeper", "--json"))
        assert shown["state"] == "online"
        return dict(shown["flags"])

    good(lab, 1, "resource", "set", "sleeper", "--is-alive-poll-interval-ms", "100")
    good(lab, 2, "resource", "maintenance", "sleeper", "--reason", "by hand", "--wait")
    (program,) = sleepers(lab, 1)
    os.kill(program, signal.SIGKILL)
    until("its end is overlooked", lambda: "overlooked" in good(lab, 1, "resource", "show", "sleeper"), LIMIT_S)
    assert "by hand" in flags()["in_maintenance"]
    good(lab, 1, "group", "move", "app", "--to", "node2", "--wait")
    assert "in_maintenance" not in flags()
    (program,) = sleepers(lab, 2)
    os.kill(program, signal.SIGKILL)
    until("it is restarted", lambda: bool(set(sleepers(lab, 2)) - {program}), LIMIT_S)
    good(lab, 2, "group", "move", "app", "--to", "node1", "--wait")
    good(lab, 1, "resource", "set", "sleeper", "--is-alive-poll-interval-ms", "60000")


@pytest.mark.conformance("RS-08", "RS-11", "RS-12", "DP-18")
def test_a_type_hears_what_becomes_of_its_resource(lab: Lab, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    for name in ("one", "two"):
        good(lab, 1, "group", "create", name, "--preferred", "node1,node2")
    good(
        *(lab, 1, "resource", "create", "r", "--group", "one", "--type", "quorate.sdk.misbehaving:HearsEverything"),
        *("--set", f"file={heard}"),
    )
    good(lab, 1, "resource", "create", "p", "--group", "one", "--type", "Generic Application",
         "--set", "command_line=/bin/sleep 86398")  # fmt: skip
    good(lab, 1, "group", "online", "one", "--to", "node1", "--wait")
    good(lab, 1, "resource", "rename", "r", "s")
    good(lab, 1, "resource", "add-dependency", "s", "p")
    good(lab, 1, "resource", "remove-dependency", "s", "p")
    good(lab, 1, "group", "offline", "one", "--wait")
    good(lab, 1, "group", "move", "two", "--to", "node1", "--wait")
    good(lab, 1, "resource", "move-to-group", "s", "two")
    good(lab, 2, "resource", "delete", "s")
    told = ["renamed from r to s", "depends on p", "does not depend on p", "leaving one", "joining two"]
    everywhere = [f"s: {line}" for line in told] + 2 * ["s: deleted"]
    until("it has heard everything", lambda: heard.read_text().splitlines() == everywhere, LIMIT_S)
    good(lab, 1, "group", "destroy", "one", "--yes")
    good(lab, 1, "group", "delete", "two")


def test_the_network_of_the_host_is_left_alone(lab: Lab, host_addresses: str) -> None:
    assert set(states(lab).values()) == {"up"}
    assert addresses() == host_addresses


def test_a_node_that_runs_is_not_started_twice(lab: Lab) -> None:
    """The second one used to end what the first one's resources held, and to take over its sockets."""
    before = sleepers(lab, 1)
    refused = quorate(lab, 1, "node", "run")
    assert refused.returncode == 1
    assert "runs already" in refused.stderr
    assert sleepers(lab, 1) == before
    assert states(lab) == {"node1": "up", "node2": "up"}


def test_a_machine_that_is_a_node_does_not_become_one_again(lab: Lab) -> None:
    token = good(lab, 1, "token", "create", "--quiet").split()[-1]
    for words in (
        ("node", "join", token, "--node-name", "node3", "--network", f"a={lab.plan.block}.2/8"),
        ("cluster", "create", "--name", "other", "--node-name", "node3", "--network", f"a={lab.plan.block}.2/8"),
    ):
        refused = quorate(lab, 2, *words)
        assert refused.returncode == 2
        assert "already_a_node" in refused.stderr
    assert states(lab) == {"node1": "up", "node2": "up"}


@pytest.mark.conformance("ST-08", "PP-11")
@pytest.mark.parametrize("cleanly", [True, False], ids=["one leaves first", "all at once"])
def test_what_was_online_is_online_again_when_the_whole_cluster_starts(lab: Lab, cleanly: bool) -> None:
    idle = f"idle {'cleanly' if cleanly else 'at once'}"
    good(lab, 1, "group", "create", idle)
    kept = {"priority": 3333, "demand": ["memory=7"], "failback_window_start": 22, "description": "kept as it is"}
    given = {**kept, "demand": "memory=7"}
    good(lab, 1, "group", "set", idle, *(f"{name}={value}" for name, value in given.items()))
    good(
        *(lab, 1, "resource", "create", f"{idle} sleeper", "--group", idle, "--type", "generic_application"),
        *("--set", "command_line=/bin/sleep 86398.5"),
    )
    if cleanly:  # the other one, without a majority of the store, cannot write that it leaves
        good(lab, 2, "node", "stop", "node2", "--wait")
        until("the node has ended", lambda: not lab.ground.processes(lab.machine(2)))
    for number in (2, 1):
        lab.power_off(number)
    assert sleepers(lab, 1) + sleepers(lab, 2) == []
    for number in (1, 2):
        lab.power_on(number, PROGRAM)
    # What the nodes say tells nothing at first: the database still holds what was so before.
    until("the group runs again", lambda: bool(sleepers(lab, 1) + sleepers(lab, 2)), LIMIT_S)
    assert len(sleepers(lab, 1) + sleepers(lab, 2)) == 1
    until("both nodes are up", lambda: set(states(lab).values()) == {"up"}, LIMIT_S)
    group = json.loads(good(lab, 1, "group", "show", idle, "--json"))
    assert (group["state"], group["wanted"]) == ("offline", "offline")
    listed = json.loads(good(lab, 1, "properties", "group", idle, "--json"))["objects"][0]["properties"]
    assert {one["name"]: one["value"] for one in listed if one["name"] in kept} == kept
