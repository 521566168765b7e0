"""The published list of tested behaviours is current, and is made as it claims."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from conformance_report import ROOT, Checklist, Report

LIST = Checklist({"AA-01": 1, "AA-02": 1, "BB-01": 2}, {"AA": "first things", "BB": "later"}, {"BB-01": "no floppies"})


def test_published_files_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests/conformance_report.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_all_lines_of_the_checklist_are_listed() -> None:
    tiers = list(Checklist.committed().tiers.values())
    assert (tiers.count(1), tiers.count(2)) == (234, 116)


def test_each_line_has_one_of_three_states() -> None:
    data = json.loads(Report(LIST, {"AA-01": ["tests/x.py::test_y"]}).data())
    assert data == {
        "AA-01": {"tier": 1, "status": "tested", "tests": ["tests/x.py::test_y"], "reason": None},
        "AA-02": {"tier": 1, "status": "open", "tests": [], "reason": None},
        "BB-01": {"tier": 2, "status": "not_applicable", "tests": [], "reason": "no floppies"},
    }


def test_page_counts_what_it_lists() -> None:
    page = Report(LIST, {"AA-01": ["tests/x.py::test_y"]}).page()
    assert "| Tier 1 | 1 | 0 | 1 |\n| Tier 2 | 0 | 1 | 0 |" in page
    assert "| AA-01 | 1 | tested | y | `tests/x.py::test_y` |" in page


def test_in_a_complete_area_no_line_is_open() -> None:
    lists = replace(LIST, complete=frozenset({"AA"}))
    assert Report(lists, {"AA-01": ["tests/x.py::test_y"]}).owing() == ["AA-02"]
    assert Report(replace(LIST, complete=frozenset({"BB"})), {}).owing() == []


def test_a_tested_line_applies() -> None:
    with pytest.raises(ValueError, match="BB-01"):
        Report(LIST, {"BB-01": ["tests/x.py::test_y"]})
