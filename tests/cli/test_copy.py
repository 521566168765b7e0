"""What a machine last knew of its cluster, shown without any cluster."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from quorate.adapters.backup_files import write_backup
from quorate.cli.main import main
from quorate.control.backup import pack
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.fencing import FenceDevice
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.records import KeyValue, Position, Snapshot
from quorate.model.workload import Assignment, GroupIntent, GroupSpec, ResourceSpec
from quorate.node.places import Places

CLUSTER = ClusterSpec(name="alpha", id="c1")


def run(root: Path, *words: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["cluster", "show-copy", *words], env={"QUORATE_ROOT": str(root)})
    assert result.exit_code == status, result.output
    return result.output


def write(root: Path) -> Path:
    records: list[tuple[str, Value]] = [
        (keys.SPEC_CLUSTER, CLUSTER),
        (f"{keys.SPEC_NODE}1", NodeSpec(node=1, name="node1", addresses={"a": "10.0.0.1"})),
        (keys.member(1), MemberRecord(node=1, state="up", incarnation="1.a")),
        (keys.COORDINATOR, CoordinatorRecord(node=1, epoch=4)),
        (f"{keys.SPEC_GROUP}g", GroupSpec(id="g", name="web")),
        (f"{keys.INTENT_GROUP}g", GroupIntent(persistent_state=True)),
        (f"{keys.ASSIGNMENT}g", Assignment(group="g", owner=1, incarnation="1.a", number=1)),
        (f"{keys.SPEC_RESOURCE}r", ResourceSpec(id="r", name="site", type="generic_application", group="g")),
        (f"{keys.SPEC_FENCE}pdu", FenceDevice(name="pdu", agent="fence_apc", secrets={"passwd": "hush"})),
    ]
    items = [KeyValue(key, encode(record), 9, 9) for key, record in records]
    items.append(KeyValue(f"{keys.SPEC_GROUP}bad", b"{", 9, 9))
    path = Places(root).copy
    path.parent.mkdir(parents=True)
    archive = pack(Snapshot(Position(1, 9), tuple(items)), CLUSTER, "node1", "2026-01-01T00:00:00.000Z", "", "copy")
    return write_backup(path, archive.manifest, archive.archive)


def test_a_copy_says_what_was_so_and_when(tmp_path: Path) -> None:
    path = write(tmp_path)
    shown = run(tmp_path)
    for words in ("revision 9, read by node1 at 2026-01-01", "days; what has changed since", "node1, epoch 4", "web"):
        assert words in shown
    assert "1 records in it cannot be read" in shown
    told = json.loads(run(tmp_path, "--json"))
    assert told["groups"] == [
        {"name": "web", "owner": "node1", "wanted": "online", "resources": ["site (generic_application)"]}
    ]
    assert told["unreadable"] == ["spec/group/bad"]
    assert "hush" not in json.dumps(told)
    assert json.loads(run(tmp_path / "other", "--file", str(path), "--json"))["revision"] == 9


def test_no_copy_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    assert "[copy_missing" in run(tmp_path, status=2)
    path = write(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"alpha")] ^= 1
    path.write_bytes(data)
    assert "[backup_damaged" in run(tmp_path, status=2)
    path.write_bytes(data[:700])
    assert "backup_damaged" in run(tmp_path, "--json", status=2)
