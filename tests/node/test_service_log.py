"""The service's log: lines that programs read, and a level below which nothing is written."""

from __future__ import annotations

import contextlib
import json

import pytest

from quorate.node.process import log as sentinel_log
from quorate.node.service_log import LEVELS, ServiceLog


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_holds_the_event_its_fields_and_both_clocks(capsys: pytest.CaptureFixture[str]) -> None:
    ServiceLog().info("assignment", group="g", owner=2, what=ValueError("odd"))
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["group"], line["owner"]) == ("assignment", "info", "g", 2)
    assert line["what"] == "odd"
    assert {"timestamp", "at_s"} <= line.keys()


@pytest.mark.parametrize("level", LEVELS)
def test_the_level_leaves_out_what_is_below_it(capsys: pytest.CaptureFixture[str], level: str) -> None:
    log = ServiceLog()
    log.show_from(level)
    log.debug("a")
    log.info("b")
    log.warning("c")
    shown = {"debug": "abc", "info": "bc", "warning": "c", "error": ""}[level]
    assert "".join(str(line["event"]) for line in lines(capsys)) == shown


def test_a_full_disk_loses_the_line_and_not_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        monkeypatch.setattr("sys.stderr", full)
        ServiceLog().warning("nobody will read this")
        sentinel_log("nor this")
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space"):
            full.flush()
        with contextlib.suppress(OSError):
            full.close()
