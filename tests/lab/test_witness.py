"""Two real nodes and a witness host: a third machine that gives its vote, keeps a copy, and hosts nothing.

The tests build on one another: each begins with what the former one left.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_labs import good, on_loopback, quorate
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 60.0


class Witness:
    """A witness host beside a lab on loopback."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.root = lab.folder / "witness"
        self.address = f"{lab.plan.block}.200"
        self._environment = {**os.environ, "QUORATE_ROOT": str(self.root)}
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = (*PROGRAM, "witness", *words)
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )

    def start(self) -> None:
        command = [sys.executable, "-m", "quorate", "witness", "serve"]
        with (self._lab.folder / "witness.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(LIMIT_S)
            self._process = None

    def state(self) -> str:
        done = self.run("list", "--json")
        assert done.returncode == 0, done.stderr
        return "".join(cluster["state"] for cluster in json.loads(done.stdout)["clusters"])

    @property
    def folder(self) -> Path:
        return next((self.root / "var/lib/quorate-witness").glob("*/witness.json")).parent


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two nodes that vote."""
    with on_loopback("d-witness", 2) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("both nodes vote", lambda: voters(made) == ["node1", "node2"], LIMIT_S)
        yield made


@pytest.fixture(scope="module")
def witness(lab: Lab) -> Iterator[Witness]:
    """A machine that has not joined yet."""
    made = Witness(lab)
    with contextlib.ExitStack() as leaving:
        leaving.callback(made.stop)
        yield made


def voters(lab: Lab, number: int = 1) -> list[str]:
    done = quorate(lab, number, "cluster", "status", "--json")
    return sorted(json.loads(done.stdout)["store"]["voters_up"]) if done.returncode == 0 else []


ALL = ["node1", "node2", "quorum resource"]


def test_a_machine_joins_as_a_witness_and_votes(lab: Lab, witness: Witness) -> None:
    node_token = good(lab, 1, "token", "create", "--quiet").strip()
    refused = witness.run("join", node_token, "--address", witness.address)
    assert (refused.returncode, "this token is for a node" in refused.stderr) == (2, True)
    token = good(lab, 1, "token", "create", "--witness", "--quiet").strip()
    refused = witness.run("join", token, "--address", f"{lab.plan.block}.1")
    assert (refused.returncode, "an address of node node1" in refused.stderr) == (2, True)
    where = f"{witness.address}:7422"
    silent = quorate(lab, 1, "quorum", "set", "node_and_disk_majority", "--witness", where)
    assert (silent.returncode, "witness_unreachable" in silent.stderr) == (2, True)
    joined = witness.run("join", token, "--address", witness.address, "--name", "third", "--port", "7422")
    assert joined.returncode == 0, joined.stderr
    kept = {path.name for path in (witness.folder / "pki").iterdir()}
    assert kept == {"node.pem", "node.key", "node-ca.pem"}, "no secret of the cluster"
    witness.start()
    until("it waits", lambda: witness.state() == "waiting", LIMIT_S)
    good(lab, 1, "quorum", "set", "node_and_disk_majority", "--witness", where, "--wait", "--timeout-s", "40")
    until("all three vote", lambda: voters(lab) == ALL, LIMIT_S)
    assert "witness_not_alone" in quorate(lab, 1, "quorum", "set", "disk_only").stderr
    shown = json.loads(good(lab, 2, "quorum", "show", "--json"))
    assert (shown["type"], shown["further_losses"]) == (2, 1)
    assert "counts this witness's vote" in witness.run("leave", lab.plan.name).stderr


@pytest.mark.conformance("QU-03", "QU-04", "QU-29")
def test_one_node_and_the_witness_go_on_and_have_the_newest_data(lab: Lab, witness: Witness) -> None:
    lab.power_off(2)
    until("node2 is missed", lambda: voters(lab) == ["node1", "quorum resource"], LIMIT_S)
    good(lab, 1, "group", "create", "written-while-away")
    lab.power_off(1)
    lab.power_on(2, PROGRAM)  # the stale one, alone with the witness
    until("node2 forms", lambda: voters(lab, 2) == ["node2", "quorum resource"], LIMIT_S)
    assert "written-while-away" in good(lab, 2, "group", "list")
    lab.power_on(1, PROGRAM)
    until("all three vote", lambda: voters(lab) == ALL, LIMIT_S)
    witness.stop()
    until("the witness is missed", lambda: voters(lab) == ["node1", "node2"], LIMIT_S)
    good(lab, 1, "group", "delete", "written-while-away")


def test_lost_data_cost_the_witness_its_vote_and_it_gets_a_new_one(lab: Lab, witness: Witness) -> None:
    former = next((witness.folder / "members").iterdir()).name
    shutil.rmtree(witness.folder / "members")
    witness.start()
    until("all three vote", lambda: voters(lab) == ALL, LIMIT_S)
    assert [path.name for path in (witness.folder / "members").iterdir()] != [former]


def test_a_witness_leaves_when_its_vote_is_gone(lab: Lab, witness: Witness) -> None:
    good(lab, 1, "quorum", "set", "node_majority", "--wait", "--timeout-s", "40")
    until("its member has ended", lambda: witness.state() == "waiting", LIMIT_S)
    assert witness.run("leave", lab.plan.name).returncode == 0
    assert witness.state() == ""
    assert voters(lab) == ["node1", "node2"]
