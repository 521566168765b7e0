"""Two real nodes and a light witness on a share: whoever survives goes on alone, and never both (decision 0035).

Every test begins and ends with both votes there and a record that says both.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator

import pytest
from made_labs import namespaced
from under_watch import NOTICED_MS

from quorate.lab import ground, record
from quorate.lab.drill import PROGRAM, TARGET, Drill
from quorate.lab.plan import LabError
from quorate.lab.probing import probing
from quorate.wire.lease_page import boot_time_s

pytestmark = [pytest.mark.root, pytest.mark.etcd]


@pytest.fixture(scope="module")
def two() -> Iterator[Drill]:
    """Two nodes, a share, a group at home on node1, a prober."""
    with namespaced("d-light", 2, quorum="share") as drill:
        drill.make_group("node1")
        start_writer(drill, "node1", "many", 30.0, count=1_100)  # from here on a stand-in needs a snapshot
        with probing(drill.lab, TARGET, drill.record_path):
            yield drill
        assert record.both_active(record.read(drill.record_path)) == []


def either(drill: Drill) -> bool:
    """Both vote, and either may go on alone."""
    try:
        shown = drill.ask("quorum", "show")
    except LabError:
        return False
    return bool(shown["settled"]) and shown["further_losses"] == 1


@pytest.fixture(autouse=True)
def whole(two: Drill) -> Iterator[None]:
    """Either may go on alone, and the group answers from home."""
    yield
    two.lab.heal()
    for machine in two.lab.plan.node_machines:
        if not two.lab.ground.is_on(machine):
            two.lab.power_on(machine.name, PROGRAM)
    two.until("either may go on alone", lambda: either(two), 90.0)
    two.until("the group is at home", lambda: two.answering() == "node1", 60.0)


def start_writer(drill: Drill, machine: str, name: str, seconds: float, count: int = 50) -> str:
    """A client that writes without pause on that machine; where it notes what was acknowledged."""
    path = drill.lab.folder / machine / f"{name}.txt"
    line = (sys.executable, "-m", "quorate.lab.store_prober", str(path), str(seconds))
    ground.start(drill.lab.ground, drill.lab.machine(machine), line, drill.lab.folder / machine / f"{name}.log")
    drill.until("it writes", lambda: path.exists() and len(path.read_text().splitlines()) > count, 60.0)
    return str(path)


def lost(drill: Drill, machine: str, path: str) -> str:
    """The numbers of writes that were acknowledged and are not there."""
    line = (sys.executable, "-m", "quorate.lab.store_prober", path, "missing")
    done = ground.run(drill.lab.ground, drill.lab.machine(machine), line, limit_s=30.0, capture=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def groups(drill: Drill) -> str:
    try:
        return str(drill.ask("group", "list"))
    except LabError:
        return ""


def alone(drill: Drill) -> list[int]:
    """Nodes that say of themselves that they vote alone; the other one shows what it knew before."""
    found = []
    for node in (1, 2):
        with contextlib.suppress(LabError):
            store = json.loads(drill.cli(node, "cluster", "status", "--json"))["store"]
            found += [node] if store["voters_up"] == [f"node{node}"] else []
    return found


def noticed(drill: Drill, began_s: float) -> list[object]:
    """Outages since then that a client would notice."""
    probes = record.between(record.read(drill.record_path), began_s * 1000, boot_time_s() * 1000)
    return [*record.outages(probes, NOTICED_MS)]


@pytest.mark.conformance("QU-28")
def test_under_load_the_survivor_of_a_power_loss_has_every_acknowledged_write(two: Drill) -> None:
    path = start_writer(two, "node1", "owner-dies", 30.0)
    two.lab.power_off("node1")
    two.until("the group answers from the other node", lambda: two.answering() == "node2")
    assert lost(two, "node2", path) == ""
    two.until("node2 is told to go on alone", lambda: "goes on alone" in str(two.ask("quorum", "show")["sentences"]))
    shown = two.ask("quorum", "show")
    assert (shown["needed"], shown["further_losses"]) == (1, 0)
    alone = start_writer(two, "node2", "alone", 5.0)
    two.lab.power_on("node1", PROGRAM)
    two.until("either may go on alone", lambda: either(two), 90.0)
    assert lost(two, "node1", alone) == ""


@pytest.mark.conformance("QU-30")
def test_the_stale_one_stands_still(two: Drill) -> None:
    two.lab.power_off("node2")
    two.until("node1 goes on alone", lambda: two.all_vote(1))
    two.cli(1, "group", "create", "newest")
    two.lab.power_off("node1")
    two.lab.power_on("node2", PROGRAM)
    time.sleep(6.0)  # longer than it needs when it may
    with pytest.raises(LabError):
        two.cli(2, "group", "create", "stale")
    with pytest.raises(LabError, match="light_witness_waits"):
        two.cli(2, "quorum", "show")
    two.lab.power_off("node2")
    two.lab.power_on("node1", PROGRAM)  # alone, and named by the record
    two.until("the newest database is there", lambda: "newest" in groups(two), 60.0)
    two.cli(1, "group", "delete", "newest")


def test_of_two_that_are_cut_apart_one_goes_on_and_without_the_witness_nobody(two: Drill) -> None:
    for node in (1, 2):
        two.lab.storage(node, there=False)
    two.until("it is told", lambda: "light_witness_trouble" in str(two.ask("cluster", "status")))
    path = start_writer(two, "node1", "cut", 20.0)
    two.lab.cut("node1", "node2")
    time.sleep(3.0)
    assert not alone(two)
    for node in (1, 2):
        two.lab.storage(node, there=True)
    two.until("one goes on alone", lambda: bool(alone(two)))
    two.lab.heal()
    two.until("either may go on alone", lambda: either(two), 90.0)
    assert lost(two, "node1", path) == ""


@pytest.mark.soak
def test_what_an_administrator_does_costs_nothing(two: Drill) -> None:
    """A clean stop of the other node, its return, giving the witness up and taking it again."""
    began_s = boot_time_s()
    path = two.lab.plan.quorum_path(two.lab.folder)
    two.cli(1, "node", "stop", "node2", "--wait")
    two.until("node1 alone votes", lambda: two.all_vote(1))
    two.lab.recipe(lambda _: None, PROGRAM).run(two.lab.machine(2))
    two.until("either may go on alone", lambda: either(two), 90.0)
    two.cli(1, "quorum", "set", "node_majority", "--wait", "--timeout-s", "30")
    shown = two.ask("quorum", "show")
    assert (shown["model"], shown["kind"]) == ("node_majority", "")
    two.cli(1, "quorum", "set", "light_witness", "--share", path, "--wait", "--timeout-s", "30")
    assert either(two)
    assert noticed(two, began_s) == []
