"""What a test of real nodes leaves behind when it fails: the last words of every node's service, in the report.

Owns: that section of a failure's report; the machine on which it failed may be gone by the time somebody reads it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from pathlib import Path

import pytest

from quorate.lab.plan import FOLDER_ENVIRONMENT

LINES = 40
FEW = 8
"""Of the logs of other processes of the node."""
WIDTH = 300


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give a failed test's report the logs of the lab that is up."""
    report = yield
    if report.failed and (folder := os.environ.get(FOLDER_ENVIRONMENT)):
        for log in sorted(Path(folder).glob("node*/log/*.log")):
            with log.open(encoding="utf-8", errors="replace") as file:
                last = [line.rstrip()[:WIDTH] for line in deque(file, LINES if log.stem == "service" else FEW)]
            report.sections.append((f"{log.parts[-3]}: end of {log.name}", "\n".join(last)))
    return report
