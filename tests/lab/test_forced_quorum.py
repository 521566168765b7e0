"""A cluster whose majority is lost for good goes on with one node's data, and those that return take them over."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from made_labs import namespaced

from quorate.lab import ground
from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM, Drill

pytestmark = [pytest.mark.root, pytest.mark.etcd]


@pytest.fixture
def three() -> Iterator[Drill]:
    """Three nodes that vote."""
    with namespaced("d-forced", 3) as drill:
        yield drill


def start(drill: Drill, *words: str) -> tuple[int, str]:
    """`cluster start` on node1; its status and what it says on standard error."""
    line = (*PROGRAM, "cluster", "start", *words)
    done = ground.run(drill.lab.ground, drill.lab.machine(1), line, limit_s=90.0, capture=True)
    return done.returncode, done.stderr


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_of_two_nodes_and_a_storage_one_node_is_enough() -> None:
    """The quorum resource is among the members that an empty stand-in must have been told of."""
    with namespaced("d-forced2", 2, quorum="directory") as two:
        lab = two.lab
        lab.power_off(2)
        two.cli(1, "group", "create", "last-acknowledged")
        lab.power_off(1)
        lab.power_on(1, program=None)
        lab.storage(1, there=False)
        words = ("--force-quorum", "--without", "node2", "--without", "quorum", "--cluster", "d-forced2")
        status, said = start(two, *words)
        assert status == 0, said
        lab.recipe(lambda _: None, PROGRAM).run(lab.machine(1))
        two.until("node1 is up alone", lambda: two.all_vote(1))
        assert "last-acknowledged" in str(two.ask("group", "list"))
        assert two.ask("quorum", "show")["model"] == "node_majority"


@pytest.mark.timeout(180)
def test_beside_a_light_witness_its_record_is_taken_first() -> None:
    """node2 went on alone and is lost; node1's older data become the cluster's, and node2 joins them."""
    with namespaced("d-forced3", 2, quorum="share") as two:
        lab = two.lab
        lab.power_off(1)
        two.until("node2 goes on alone", lambda: two.all_vote(1))
        two.cli(2, "group", "create", "lost-with-node2")
        lab.power_off(2)
        lab.power_on(1, program=None)
        lab.storage(1, there=False)
        words = ("--force-quorum", "--without", "node2", "--cluster", "d-forced3")
        status, said = start(two, *words)
        assert (status, "light_witness" in said) == (2, True), said
        lab.storage(1, there=True)
        status, said = start(two, *words)
        assert status == 0, said
        status, said = start(two, *words)  # as after an interruption: it goes on where it ended
        assert status == 0, said
        lab.power_on(2, PROGRAM)  # it was the one that the record named
        lab.recipe(lambda _: None, PROGRAM).run(lab.machine(1))
        two.until("both vote", lambda: two.all_vote(2), 60.0)
        assert two.ask("quorum", "show")["model"] == "light_witness"
        for node in (1, 2):
            assert "lost-with-node2" not in two.cli(node, "group", "list")


@pytest.mark.timeout(180)
@pytest.mark.conformance("QU-23", "QU-24")
def test_the_last_acknowledged_write_survives_and_the_lost_join_again(three: Drill) -> None:
    lab = three.lab
    status, said = start(three, "--force-quorum", "--without", "node2", "--without", "node3", "--cluster", "d-forced")
    assert (status, "node_runs" in said) == (2, True)
    lab.power_off(2)
    three.cli(1, "group", "create", "last-acknowledged")  # by node1 and node3; node1 need not know that
    lab.power_off(3)
    lab.power_off(1)
    lab.power_on(1, program=None)
    for words, code in (
        ((), "--force-quorum"),
        (("--force-quorum", "--without", "node2"), "voter_not_named"),
        (("--force-quorum", "--without", "node2", "--without", "nobody"), "node_unknown"),
        (("--force-quorum", "--without", "node2", "--without", "node3", "--cluster", "other"), "not the name"),
    ):
        status, said = start(three, *words)
        assert (status, code in said) == (2, True), said
    status, said = start(three, "--force-quorum", "--without", "node2", "--without", "node3", "--cluster", "d-forced")
    assert status == 0, said
    lab.recipe(lambda _: None, PROGRAM).run(lab.machine(1))
    three.until("node1 is up alone", lambda: three.all_vote(1))
    assert "last-acknowledged" in str(three.ask("group", "list"))
    shown = three.ask("quorum", "show")
    assert (shown["forced"], shown["needed"]) == (True, 1)
    for node in (2, 3):
        lab.power_on(node, program=PROGRAM)
    three.until("all three vote", lambda: three.all_vote(3), 60.0)
    three.until("nothing is forced any more", lambda: not three.ask("quorum", "show")["forced"], 20.0)
    for node in (2, 3):
        kept = sorted(path.name for path in (lab.folder / f"node{node}/state/store").iterdir())
        assert kept == [f"node-{node}", f"node-{node}.retired-1"]
        assert "last-acknowledged" in three.cli(node, "group", "list")


@pytest.mark.timeout(120)
@pytest.mark.conformance("QU-25")
def test_a_node_that_prevents_quorum_joins_and_never_forms(three: Drill) -> None:
    lab = three.lab
    for node in (1, 2, 3):
        lab.power_off(node)
    for node in (2, 3):  # a majority, if they would
        lab.power_on(node, program=None)
        line = (*PROGRAM, "node", "run", "--prevent-quorum")
        ground.start(lab.ground, lab.machine(node), line, lab.recipe(lambda _: None).log(lab.machine(node)))
    three.until("their services run", lambda: all(_runs(lab, node, "service") for node in (2, 3)))
    time.sleep(4.0)  # longer than any wait of forming with this profile
    assert not any(_runs(lab, node, "etcd") for node in (2, 3))
    lab.power_on(1, program=PROGRAM)
    time.sleep(2.0)
    assert not any(_runs(lab, node, "etcd") for node in (2, 3)), "one vote of three is no active cluster"
    lab.power_off(3)
    lab.power_on(3, program=PROGRAM)
    three.until("all three vote", lambda: three.all_vote(3), 60.0)
    assert json.loads(three.cli(2, "quorum", "show", "--json"))["prevented"]


def _runs(lab: Lab, node: int, role: str) -> bool:
    return role in ground.processes_by_role(lab.ground.processes(lab.machine(node)))
