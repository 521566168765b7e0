"""Being the only one: a lock that tells others whether a node's sentinel is still there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from quorate.node.process import hold_alone, is_held

HOLDER = """
import pathlib, sys
from quorate.node.process import hold_alone
print(hold_alone(pathlib.Path(sys.argv[1]), 0.0), flush=True)
sys.stdin.read()
"""


def test_a_lock_is_held_until_its_holder_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert is_held(path)
        assert is_held(path), "looking takes nothing"
        assert not hold_alone(path, 0.0)
        holder.kill()
    assert not is_held(path)
