"""The fixture of the command line's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, command_line


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.delenv("QUORATE_ENDPOINT", raising=False)
    with command_line(tmp_path) as made:
        yield made
