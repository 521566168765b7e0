"""Backup and restore on three real nodes with a real store, through the command line alone.

What a restore changes and refuses is told in tests/control/test_restoring.py; here every node ends with the same data.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_labs import on_loopback
from test_loopback_cluster import good, quorate, states
from under_watch import until

from quorate.lab.cluster import Lab
from quorate.lab.drill import PROGRAM

pytestmark = pytest.mark.etcd

LIMIT_S = 90.0
UP = {"node1": "up", "node2": "up", "node3": "up"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three nodes; the group `app` of one program, online."""
    with on_loopback("d-restoring", 3) as made:
        made.recipe(lambda _: None, PROGRAM).bring_up()
        until("all nodes vote", lambda: len(status(made)["store"]["voters_up"]) == 3, LIMIT_S)
        good(made, 2, "group", "create", "app", "--preferred", "node1,node2")
        good(
            *(made, 2, "resource", "create", "sleeper", "--group", "app", "--type", "Generic Application"),
            *("--set", "command_line=/bin/sleep 86397.5"),
        )
        good(made, 2, "group", "online", "app", "--wait")
        yield made


def status(lab: Lab) -> dict[str, dict[str, list[str]]]:
    done = quorate(lab, 1, "cluster", "status", "--json")
    return json.loads(done.stdout) if done.returncode == 0 else {"store": {"voters_up": []}}


def groups(lab: Lab, number: int) -> dict[str, str]:
    """Groups with their states, as that node has them in its own copy."""
    done = quorate(lab, number, "group", "list", "--json")
    return {group["name"]: group["state"] for group in json.loads(done.stdout)["groups"]} if not done.returncode else {}


def entries(path: Path) -> dict[str, str]:
    """Specifications in a backup."""
    import tarfile

    with tarfile.open(path) as archive:
        member = archive.extractfile("entries.jsonl")
        assert member is not None
        kept = [json.loads(line) for line in member.read().splitlines()]
    return {entry["key"]: entry["value"] for entry in kept if entry["key"].startswith(("spec/", "name/"))}


@pytest.mark.conformance("DB-07", "DB-09", "DB-10")
def test_after_an_authoritative_restore_every_node_has_the_restored_data(lab: Lab, tmp_path: Path) -> None:
    before = tmp_path / "before.tar"
    good(lab, 3, "cluster", "backup", "--to", str(before))
    good(lab, 1, "group", "create", "later")
    good(lab, 2, "resource", "set", "sleeper", "--set", "command_line=/bin/sleep 86396.5")
    refused = quorate(lab, 2, "cluster", "restore", str(before))
    assert refused.returncode == 2
    assert "cluster_node_up" in refused.stderr
    assert "group_not_offline" in refused.stderr
    seen = good(lab, 2, "cluster", "restore", str(before), "--preview", "--force")
    assert "removed  group     later" in seen
    good(lab, 2, "cluster", "restore", str(before), "--force", "--reason", "mistake")
    for number in (1, 2, 3):
        until("the node has it", lambda number=number: groups(lab, number) == {"app": "offline"}, LIMIT_S)  # type: ignore[misc]
        after = tmp_path / f"after{number}.tar"
        good(lab, number, "cluster", "backup", "--to", str(after))
        assert entries(after) == entries(before)
    assert states(lab) == UP
    assert "nothing to do" in good(lab, 1, "cluster", "restore", str(before), "--force")
    good(lab, 1, "group", "online", "app", "--wait")


@pytest.mark.conformance("DB-08")
def test_a_node_whose_files_are_put_back_from_before_ends_with_the_members_data(lab: Lab, tmp_path: Path) -> None:
    stop(lab, 3)
    state = next((lab.folder / "node3").rglob("identity.json")).parent
    shutil.copytree(state, tmp_path / "kept", symlinks=True)
    lab.power_off(3)
    lab.power_on(3, PROGRAM)
    until("the node is back", lambda: states(lab) == UP, LIMIT_S)
    good(lab, 1, "group", "create", "newer")
    until("it has what is new", lambda: "newer" in groups(lab, 3), LIMIT_S)
    stop(lab, 3)
    good(lab, 1, "group", "create", "newest")
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "kept", state, symlinks=True)
    lab.power_off(3)
    lab.power_on(3, PROGRAM)
    until("the node is back", lambda: states(lab) == UP, LIMIT_S)
    until("it has the members' data", lambda: set(groups(lab, 3)) == {"app", "newer", "newest"}, LIMIT_S)
    assert groups(lab, 3) == groups(lab, 1)


def test_what_a_stopped_node_last_knew_can_be_read_and_the_schedule_makes_backups(lab: Lab, tmp_path: Path) -> None:
    good(lab, 1, "cluster", "set", "backup_interval_min=1", f"backup_folder={tmp_path}", "backup_keep=3")
    until("a backup is made", lambda: bool(list(tmp_path.glob("quorate-scheduled-*.tar"))), LIMIT_S)
    (made,) = tmp_path.glob("quorate-scheduled-*.tar")
    assert "whole and undamaged" in good(lab, 1, "cluster", "backup", "--check", str(made))
    until("status names it", lambda: str(made) in good(lab, 3, "cluster", "status"), LIMIT_S)
    good(lab, 1, "cluster", "set", "backup_interval_min=0")
    good(lab, 1, "group", "create", "kept", "--reason", "for the copy")
    change = json.loads(good(lab, 2, "history", "list", "--limit", "1", "--json"))["changes"][0]["id"]
    until("there is a copy", lambda: copied(lab, 3) > 0, LIMIT_S)
    stop(lab, 3)
    told = good(lab, 3, "cluster", "show-copy")
    assert "app" in told
    assert "age" in told
    good(lab, 2, "history", "revert", change)
    assert "kept" not in groups(lab, 1)
    lab.power_off(3)
    lab.power_on(3, PROGRAM)
    until("the node is back", lambda: states(lab) == UP, LIMIT_S)


@pytest.mark.conformance("CK-01", "CK-02", "CK-03", "CK-06")
def test_files_of_a_resource_travel_with_it_and_are_there_before_it_starts(lab: Lab, tmp_path: Path) -> None:
    """The program copies its file when it starts: what it found then is what was put back before Online."""
    state, found = tmp_path / "state", tmp_path / "found"
    state.write_text("one")
    good(lab, 1, "group", "create", "moving", "--preferred", "node1,node2")
    good(
        *(lab, 1, "resource", "create", "mover", "--group", "moving", "--type", "Generic Application"),
        *("--set", f"command_line=/bin/sh -c 'cp {state} {found}; echo x >> {tmp_path}/starts; exec sleep 86395.5'"),
    )
    good(lab, 1, "group", "online", "moving", "--wait")
    until("the program has started", found.exists, LIMIT_S)
    good(lab, 2, "resource", "checkpoint", "add", "mover", str(state), "--secret")
    until("it is saved", lambda: saved_at(lab) != "", LIMIT_S)
    first = saved_at(lab)
    state.write_text("two")
    until("what is new is saved", lambda: saved_at(lab) != first, LIMIT_S)
    assert (tmp_path / "starts").read_text() == "x\n", "the resource was not told, and went on"
    good(lab, 1, "group", "offline", "moving", "--wait")
    state.write_text("three, while it was offline")
    good(lab, 1, "group", "move", "moving", "--to", "node2", "--wait")
    good(lab, 1, "group", "online", "moving", "--wait")
    until("it has started anew", lambda: (tmp_path / "starts").read_text() == "x\nx\n", LIMIT_S)
    assert found.read_text() == "two"
    good(lab, 1, "group", "offline", "moving", "--wait")
    good(lab, 1, "group", "delete", "moving", "--force")


def test_a_damaged_member_is_named_counted_as_lost_and_made_anew_from_the_others(lab: Lab) -> None:
    """Its file is cut short while the node is down: etcd ends again and again, and used to be counted as a voter."""
    stop(lab, 3)
    (database,) = (lab.folder / "node3").rglob("store/node-3/member/snap/db")
    os.truncate(database, 8192)
    lab.power_off(3)
    lab.power_on(3, PROGRAM)
    until("it is named", lambda: "store_member_fails" in good(lab, 1, "cluster", "status", "--json"), LIMIT_S)
    assert status(lab)["store"]["voters_up"] == ["node1", "node2"]
    assert states(lab) == UP, "the node itself is in the cluster"
    good(lab, 2, "group", "create", "meanwhile")
    good(lab, 2, "node", "rebuild-member", "node3", "--wait")
    assert status(lab)["store"]["voters_up"] == ["node1", "node2", "node3"]
    assert "store_member_fails" not in good(lab, 3, "cluster", "status", "--json")
    assert "meanwhile" in groups(lab, 3)
    kept = database.parents[2].with_name("node-3.retired-1")
    assert (kept / "member/snap/db").stat().st_size == 8192, "the damaged data are kept for study"


@pytest.mark.conformance("DB-01", "DB-02", "DB-03", "DB-06")
def test_what_was_answered_is_on_every_node_outlives_a_minority_and_is_refused_without_a_majority(
    lab: Lab, tmp_path: Path
) -> None:
    written = set[str]()
    for turn in range(3):
        for number in (1, 2, 3):
            good(lab, number, "group", "create", f"g{turn}{number}")
            written.add(f"g{turn}{number}")
            for reader in (1, 2, 3):
                until("the node has it", lambda r=reader: written <= set(groups(lab, r)), LIMIT_S)  # type: ignore[misc]
    kept = []
    for number in (1, 2, 3):
        good(lab, number, "cluster", "backup", "--to", str(tmp_path / f"{number}.tar"))
        kept.append(entries(tmp_path / f"{number}.tar"))
    assert kept[0] == kept[1] == kept[2]
    lab.power_off(1)
    until("the others go on", lambda: quorate(lab, 2, "group", "create", "after").returncode in {0, 2}, LIMIT_S)
    assert written | {"after"} <= set(groups(lab, 2))
    lab.power_off(3)
    refused = quorate(lab, 2, "group", "create", "alone")
    assert refused.returncode != 0
    assert "store_unavailable" in refused.stderr or "outcome_unknown" in refused.stderr
    lab.power_on(1, PROGRAM)
    lab.power_on(3, PROGRAM)
    until("all nodes are back", lambda: states(lab) == UP, LIMIT_S)
    for number in (1, 2, 3):
        until("the node has all", lambda n=number: written | {"after"} <= set(groups(lab, n)), LIMIT_S)  # type: ignore[misc]


def saved_at(lab: Lab) -> str:
    told = json.loads(good(lab, 3, "resource", "checkpoint", "list", "mover", "--json"))
    return str(told["checkpoints"][0]["saved_at"])


def copied(lab: Lab, number: int) -> int:
    """The revision of a node's copy; 0 where there is none yet."""
    done = quorate(lab, number, "cluster", "show-copy", "--json")
    return int(json.loads(done.stdout)["revision"]) if done.returncode == 0 else 0


def stop(lab: Lab, number: int) -> None:
    good(lab, number, "node", "stop", f"node{number}", "--wait")
    until("the node has ended", lambda: not lab.ground.processes(lab.machine(number)), LIMIT_S)
