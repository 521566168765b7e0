"""The history of changes on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, command_line

from quorate.model.records import Put


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.delenv("QUORATE_ENDPOINT", raising=False)
    with command_line(tmp_path) as made:
        yield made


def test_changes_are_listed_newest_first_with_author_and_reason(line: CommandLine) -> None:
    line.run("group", "create", "web", "--reason", "a new site")
    line.run("group", "create", "mail")
    line.run("group", "delete", "WEB")
    found = json.loads(line.run("history", "list", "--json"))
    told = [(c["record"]["verb"], c["record"]["object_name"], c["record"]["reason"]) for c in found["changes"]]
    assert told == [("delete", "web", ""), ("create", "mail", ""), ("create", "web", "a new site")]
    revisions = [c["revision"] for c in found["changes"]]
    assert revisions == sorted(revisions, reverse=True)
    of_one = json.loads(line.run("history", "list", "--object", "Web", "--limit", "1", "--json"))
    assert ([c["record"]["verb"] for c in of_one["changes"]], of_one["total"]) == (["delete"], 2)
    shown = line.run("history", "list")
    assert "create group web" in shown
    assert "a new site" in shown
    assert "Usage" in line.run("history", "list", "--limit", "0", status=2)


def test_a_damaged_record_hides_no_other(line: CommandLine) -> None:
    line.run("group", "create", "web")
    line.do(line.world.store.commit((), (Put("audit/~", b"{"),)))
    found = json.loads(line.run("history", "list", "--json"))
    assert (len(found["changes"]), found["damaged"]) == (1, ["audit/~"])


def test_a_change_is_shown_compared_and_taken_back(line: CommandLine) -> None:
    line.run("cluster", "set", "QuarantineThreshold=7", "--reason", "a flaky switch")
    (change,) = json.loads(line.run("history", "list", "--json"))["changes"]
    shown = line.run("history", "show", str(change["revision"]))
    assert "a flaky switch" in shown
    assert "quarantine_threshold  3       7" in shown
    assert "1 objects differ" in line.run("history", "diff", str(change["revision"] - 1))
    assert "nothing differs" in line.run("history", "diff", change["id"])
    assert "revert alpha; nothing was changed" in line.run("history", "revert", change["id"], "--preview")
    line.run("history", "revert", change["id"], "--reason", "it was not")
    assert "nothing differs" in line.run("history", "diff", str(change["revision"] - 1))
    assert "it is so already" in line.run("history", "revert", change["id"], "--preview")
    assert "nothing to do" in line.run("history", "revert", change["id"])
    line.run("cluster", "set", "QuarantineThreshold=9")
    assert "[changed_since at alpha]" in line.run("history", "revert", change["id"], status=2)
    assert "[change_unknown at change]" in line.run("history", "show", "nothing", status=2)
    told = json.loads(line.run("history", "show", change["id"], "--json"))
    assert told["objects"][0]["fields"] == [{"field": "quarantine_threshold", "before": 3, "after": 7}]
    line.run("group", "create", "web")
    line.run("group", "online", "web")
    newest = json.loads(line.run("history", "list", "--limit", "1", "--json"))["changes"][0]["id"]
    assert "it changed no specification" in line.run("history", "show", newest)
    assert "[nothing_to_revert at change]" in line.run("history", "revert", newest, status=2)
