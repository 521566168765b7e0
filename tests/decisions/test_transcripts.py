"""Every transcript says what the engine decides. `--rewrite-decisions` writes what it decides now."""

from __future__ import annotations

from pathlib import Path

import pytest

from decisions.group_stage import GroupStage
from decisions.handler_stage import HandlerStage
from decisions.replay import FOLDER, BadTranscript, Stage, covered, replay
from decisions.resource_stage import ResourceStage

STAGES: dict[str, type[Stage]] = {"groups": GroupStage, "handlers": HandlerStage, "resources": ResourceStage}
"""By folder."""


def _transcripts() -> list[object]:
    return [
        pytest.param(
            path, id=f"{path.parent.name}/{path.stem}", marks=pytest.mark.conformance(*covered(path.read_text()))
        )
        for path in sorted(FOLDER.glob("*/*.txt"))
    ]


@pytest.mark.parametrize("path", _transcripts())
def test_the_engine_decides_as_written(path: Path, request: pytest.FixtureRequest) -> None:
    written = path.read_text()
    decided = replay(written, STAGES[path.parent.name]())
    if request.config.getoption("--rewrite-decisions"):
        path.write_text(decided)
    else:
        assert decided.splitlines() == written.splitlines(), "see the difference; --rewrite-decisions accepts it"


def test_every_folder_has_a_stage() -> None:
    assert {path.parent.name for path in FOLDER.glob("*/*.txt")} == set(STAGES)


@pytest.mark.parametrize("text", ["perhaps this\n", "when nothing that anybody knows\n"])
def test_what_is_no_transcript_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(BadTranscript, match="line 1"):
        replay(text, ResourceStage())
