"""The reference pages say what the code says: every setting, every timing with its figure; the unit explains itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quorate.core.authority.timings import PROFILES
from quorate.node.settings import RANGES, Settings

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
UNIT = ROOT / "packaging" / "systemd" / "quorate.service"


def rows(page: str) -> dict[str, list[str]]:
    """The cells of every table row of a page, by the first cell."""
    lines = [line for line in (REFERENCE / page).read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def test_every_setting_is_documented_and_nothing_else() -> None:
    keys = {name for name, row in rows("node-toml.md").items() if row[0].startswith("`")}
    assert keys == set(Settings.__struct_fields__)


@pytest.mark.parametrize("key", Settings.__struct_fields__)
def test_the_default_in_the_page_is_that_of_the_code(key: str) -> None:
    match getattr(Settings(), key):
        case bool(default):
            shown = str(default).lower()
        case str(default):
            shown = default or "empty"
        case default:
            shown = f"{default:g}"
    assert rows("node-toml.md")[key][2] == shown


@pytest.mark.parametrize("key", RANGES)
def test_the_range_in_the_page_is_that_of_the_code(key: str) -> None:
    least, most = RANGES[key]
    said = rows("node-toml.md")[key][1]
    assert said == "port" if most == 65535 else said.startswith(f"{least} to {most}")


FIGURES = {
    "heartbeat": "heartbeat_s",
    "S, suspicion": "suspicion_s",
    "L, lease": "lease_s",
    "G, ending": "ending_s",
    "store heartbeat": "store_heartbeat_s",
    "store election": "store_election_s",
    "hang limit": "hang_limit_s",
    "one store read": "store_read_limit_s",
    "one transaction": "store_commit_limit_s",
    "verdict wait": "verdict_wait_s",
    "takeover bound": "takeover_bound_s",
}


@pytest.mark.parametrize("what", FIGURES)
def test_every_timing_in_the_page_is_that_of_the_code(what: str) -> None:
    table = rows("timings.md")
    for name, cell in zip(table[""][1:4], table[what][1:4], strict=True):
        number, unit = cell.split()
        seconds = float(number) / (1000 if unit == "ms" else 1)
        assert seconds == pytest.approx(getattr(PROFILES[name], FIGURES[what]), abs=0.0006), f"{what} of {name}"


def test_the_unit_waits_longer_than_a_clean_stop_takes() -> None:
    found = re.search(r"^TimeoutStopSec=(\d+)s$", UNIT.read_text(), re.MULTILINE)
    assert found is not None
    assert int(found.group(1)) > Settings().shutdown_limit_s + 5


def test_every_setting_of_the_service_in_the_unit_is_explained() -> None:
    """Each group of settings stands below a comment."""
    body = UNIT.read_text().partition("[Service]\n")[2].partition("[Install]")[0]
    for block in body.strip().split("\n\n"):
        assert block.startswith("#"), block


LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target, _ in LINK.findall(page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target
