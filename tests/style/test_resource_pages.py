"""The page on resources names every common property, with the name, range and default that hold."""

from __future__ import annotations

from pathlib import Path

from quorate.control.failures import FLAGS
from quorate.model.common_properties import RESOURCE_PROPERTIES
from quorate.model.resource_type import NEVER_MS

PAGE = (Path(__file__).parents[2] / "docs/reference/resources.md").read_text()


def test_every_common_property_is_described_as_it_is() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")
    ]
    described = {row[0].strip("`"): row for row in rows}
    for definition in RESOURCE_PROPERTIES:
        row = described[definition.name]
        assert row[1:3] == [definition.reference_alias, definition.unit], definition.name
        if definition.default is not None:
            assert row[4] == str(definition.default), definition.name
        if definition.minimum is not None and definition.name != "retry_period_on_failure_ms":
            most = "all-ones" if definition.maximum == NEVER_MS else f"{definition.maximum:g}"
            assert row[3] == f"{definition.minimum:g}–{most}", definition.name


def test_every_flag_is_described() -> None:
    assert [flag for flag in FLAGS if f"| `{flag}` |" not in PAGE] == []
