"""Two real nodes and a quorum storage that both reach: the cases for which a quorum resource is made.

Every test begins and ends with all three votes there, and no test may show two nodes answering at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made_labs import namespaced

from quorate.lab import ground, record
from quorate.lab.drill import GROUP, PROGRAM, TARGET, Drill
from quorate.lab.plan import LabError
from quorate.lab.probing import probing

pytestmark = [pytest.mark.root, pytest.mark.etcd]


@pytest.fixture(scope="module")
def two() -> Iterator[Drill]:
    """Two nodes, a quorum storage, a group at home on node1, a prober."""
    with namespaced("d-two", 2, quorum="directory") as drill:
        drill.make_group("node1")
        with probing(drill.lab, TARGET, drill.record_path):
            yield drill
        assert record.both_active(record.read(drill.record_path)) == []


@pytest.fixture(autouse=True)
def whole(two: Drill) -> Iterator[None]:
    """All three vote, and the group answers from home."""
    yield
    for machine in two.lab.plan.node_machines:
        if not two.lab.ground.is_on(machine):
            two.lab.power_on(machine.name, PROGRAM)
    two.until("all three vote", lambda: two.all_vote(3), 60.0)
    two.until("the group is at home", lambda: two.answering() == "node1", 60.0)


def holder(drill: Drill) -> str:
    try:
        return str(drill.ask("quorum", "show")["holder"])
    except LabError:
        return ""


def up(drill: Drill) -> set[str]:
    """The nodes that are up, as any of them says."""
    try:
        nodes = drill.ask("node", "list")["nodes"]
    except LabError:
        return set()
    return {str(node["name"]) for node in nodes if node["state"] == "up"}  # type: ignore[attr-defined]


def refused(drill: Drill, *words: str) -> str:
    """What a command that is refused says."""
    done = ground.run(drill.lab.ground, drill.lab.machine(1), (*PROGRAM, *words), limit_s=30.0, capture=True)
    assert done.returncode == 2, done.stderr
    return done.stderr


@pytest.mark.conformance("QU-03", "QU-06", "QU-12")
def test_the_owner_of_group_and_storage_loses_power(two: Drill) -> None:
    victim = holder(two)
    other = "node2" if victim == "node1" else "node1"
    two.cli(1, "group", "move", GROUP, "--to", victim, "--wait")
    two.lab.power_off(victim)
    two.until("the group answers from the other node", lambda: two.answering() == other)
    assert holder(two) == other
    shown = two.ask("quorum", "show")
    assert (shown["needed"], shown["further_losses"]) == (2, 0)


@pytest.mark.conformance("QU-29", "CF-08", "CF-06")
def test_the_stale_one_starts_first_and_has_the_newest_database(two: Drill) -> None:
    two.lab.power_off(2)
    two.until("node2 is missed", lambda: len(two.ask("cluster", "status")["store"]["voters_up"]) == 2)  # type: ignore[index]
    two.cli(1, "group", "create", "written-while-away")
    two.lab.power_off(1)
    two.lab.power_on(2, PROGRAM)
    two.until("node2 has the group, alone", lambda: two.answering() == "node2", 40.0)
    assert "written-while-away" in str(two.ask("group", "list"))
    two.cli(2, "group", "delete", "written-while-away")


@pytest.mark.conformance("QU-04", "QU-27")
def test_the_storage_goes_away_and_comes_back_and_nothing_moves(two: Drill) -> None:
    server = two.server_pid(two.lab.machine(1))
    for node in (1, 2):
        two.lab.storage(node, there=False)
    two.until("the quorum resource is missed", lambda: not two.all_vote(3), 20.0)
    codes = [problem["code"] for problem in two.ask("cluster", "status")["problems"]]  # type: ignore[attr-defined]
    assert "quorum_storage_unreachable" in codes
    for node in (1, 2):
        two.lab.storage(node, there=True)
    two.until("all three vote", lambda: two.all_vote(3), 30.0)
    assert two.server_pid(two.lab.machine(1)) == server


@pytest.mark.soak
@pytest.mark.conformance("QU-11")
def test_the_model_is_changed_while_the_group_is_online(two: Drill) -> None:
    server = two.server_pid(two.lab.machine(1))
    two.cli(1, "quorum", "set", "node_majority", "--wait", "--timeout-s", "40")
    shown = two.ask("quorum", "show")
    assert (shown["needed"], len(shown["voters"])) == (2, 2)  # type: ignore[arg-type]
    path = two.lab.plan.quorum_path(two.lab.folder)
    two.cli(2, "quorum", "set", "disk_only", "--directory", path, "--wait", "--timeout-s", "50")
    shown = two.ask("quorum", "show")
    assert [voter["name"] for voter in shown["voters"] if voter["votes"]] == ["quorum resource"]  # type: ignore[attr-defined]
    assert two.server_pid(two.lab.machine(1)) == server
    away = "node2" if holder(two) == "node1" else "node1"
    two.lab.power_off(away)
    two.until("it is missed", lambda: up(two) == {"node1", "node2"} - {away})
    two.lab.power_on(away, PROGRAM)  # it has no member of its own: it must find the one on the storage
    two.until("it is back", lambda: up(two) == {"node1", "node2"}, 40.0)
    two.until("the group is at home", lambda: two.answering() == "node1", 40.0)
    server = two.server_pid(two.lab.machine(1))
    two.cli(1, "quorum", "set", "node_and_disk_majority", "--wait", "--timeout-s", "50")
    two.until("all three vote", lambda: two.all_vote(3), 40.0)
    assert two.server_pid(two.lab.machine(1)) == server


def test_what_cannot_be_is_refused_by_every_node_before_anything_changes(two: Drill) -> None:
    assert "quorum_storage_in_use" in refused(two, "quorum", "set", "--directory", "/elsewhere")
    assert "quorum_storage_missing" in refused(two, "quorum", "set", "--directory", "/nowhere/at/all")
    assert "quorum_model_unknown" in refused(two, "quorum", "set", "witness")


@pytest.mark.conformance("QU-05")
def test_by_the_disk_alone_one_node_goes_on_and_none_without_it(two: Drill) -> None:
    path = two.lab.plan.quorum_path(two.lab.folder)
    two.cli(1, "quorum", "set", "disk_only", "--directory", path, "--wait", "--timeout-s", "50")
    owner = holder(two)
    away = "node2" if owner == "node1" else "node1"
    two.lab.power_off(away)
    two.until("the one with the disk goes on alone", lambda: two.answering() == owner, 40.0)
    two.until("the other is missed", lambda: up(two) == {owner})
    two.lab.power_on(away, PROGRAM)
    two.until("both are up", lambda: up(two) == {"node1", "node2"}, 40.0)
    for node in (1, 2):
        two.lab.storage(node, there=False)
    two.until("nothing runs, though both nodes do", lambda: two.answering() == "", 30.0)
    for node in (1, 2):
        two.lab.storage(node, there=True)
    two.until("the group is at home", lambda: two.answering() == "node1", 60.0)
    two.cli(1, "quorum", "set", "node_and_disk_majority", "--wait", "--timeout-s", "50")
