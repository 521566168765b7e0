"""The quorum storage is put back to an older state behind the only node that knew better (decision 0075).

What was acknowledged in between cannot be brought back by anybody who votes; it must be said, by whoever can know it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from made_labs import namespaced

from quorate.lab import ground
from quorate.lab.drill import PROGRAM, Drill
from quorate.lab.plan import SHARED_FOLDER, LabError
from quorate.wire.backup_archive import read_archive

pytestmark = [pytest.mark.etcd, pytest.mark.root]


@pytest.fixture
def two() -> Iterator[Drill]:
    with namespaced("d-rolled", 2, quorum="directory") as drill:
        yield drill


def codes(drill: Drill, node: int) -> dict[str, str]:
    """The problems as that node tells them."""
    done = ground.run(
        drill.lab.ground, drill.lab.machine(node), (*PROGRAM, "cluster", "status", "--json"), limit_s=30.0, capture=True
    )
    shown = json.loads(done.stdout) if done.returncode == 0 else {}
    return {problem["code"]: problem["what"] for problem in shown.get("problems", [])}


def voters_up(drill: Drill) -> int:
    try:
        return len(drill.ask("cluster", "status")["store"]["voters_up"])  # type: ignore[index]
    except LabError:
        return 0


@pytest.mark.soak
def test_who_saw_more_says_that_acknowledged_changes_may_be_lost(two: Drill) -> None:
    shared = two.lab.folder / SHARED_FOLDER
    two.lab.power_off(2)
    two.until("node2 is missed", lambda: voters_up(two) == 2)
    older = shared.with_name("older")
    shutil.copytree(shared, older)
    for number in range(12):
        two.cli(1, "group", "create", f"acknowledged-{number}")
    until_copied(two)
    two.lab.power_off(1)
    for part in shared.iterdir():
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    shutil.copytree(older, shared, dirs_exist_ok=True)
    two.lab.power_on(2, PROGRAM)
    two.until("node2 goes on with what is there", lambda: voters_up(two) == 2, 40.0)
    assert "acknowledged-11" not in str(two.ask("group", "list"))
    two.lab.power_on(1, PROGRAM)
    two.until("node1 has kept its copy", lambda: "database_went_back" in codes(two, 1), 60.0)
    kept = next((two.lab.folder / "node1/state").glob("copy-r*.tar"))
    told = two.cli(1, "cluster", "restore", f"/var/lib/quorate/{kept.name}", "--preview", "--force")
    assert "acknowledged-11" in told


def until_copied(drill: Drill) -> None:
    """Node1 keeps a copy of what was acknowledged; it takes one at most every half minute."""
    copy = drill.lab.folder / "node1/state/copy.tar"

    def has_it() -> bool:
        entries = read_archive(copy.read_bytes(), str(copy)).entries if copy.exists() else ()
        return any(b"acknowledged-11" in entry.value for entry in entries)

    drill.until("the copy is new", has_it, 40.0)
