"""Backups through the command line, against a cluster on twins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, command_line

from quorate.wire.backup_archive import read_archive


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.delenv("QUORATE_ENDPOINT", raising=False)
    with command_line(tmp_path) as made:
        yield made


@pytest.mark.conformance("DB-07")
def test_a_backup_holds_every_key_as_of_one_revision(line: CommandLine, tmp_path: Path) -> None:
    line.run("group", "create", "web")
    line.do(line.world.store.commit((), ()))
    told = json.loads(line.run("cluster", "backup", "--to", str(tmp_path), "--reason", "before the change", "--json"))
    path = Path(told["path"])
    kept = read_archive(path.read_bytes(), "it")
    snapshot = line.do(line.world.store.read(prefixes=("",)))
    assert [(entry.key, entry.value) for entry in kept.entries] == [(i.key, i.value) for i in snapshot.items]
    manifest = kept.manifest
    assert (manifest.revision, manifest.cluster_name) == (snapshot.position.revision, "alpha")
    assert (manifest.reason, manifest.node) == ("before the change", "node1")
    assert "whole and undamaged; cluster alpha" in line.run("cluster", "backup", "--check", str(path))


@pytest.mark.conformance("DB-11")
def test_bad_targets_and_bad_files_are_refused_with_a_remedy(line: CommandLine, tmp_path: Path) -> None:
    for target in (f"{tmp_path}/none/b.tar", f"{tmp_path}/none/"):
        assert "[backup_target_unusable" in line.run("cluster", "backup", "--to", target, status=2)
    assert "give --to" in line.run("cluster", "backup", status=2)
    assert "[backup_unreadable" in line.run("cluster", "backup", "--check", str(tmp_path / "none"), status=2)
    whole = tmp_path / "b.tar"
    line.run("cluster", "backup", "--to", str(whole))
    data = bytearray(whole.read_bytes())
    data[data.index(b"alpha")] ^= 1
    whole.write_bytes(data)
    assert "[backup_damaged" in line.run("cluster", "backup", "--check", str(whole), status=2)


@pytest.mark.conformance("DB-09")
def test_a_restore_tells_first_and_is_refused_while_others_are_active(line: CommandLine, tmp_path: Path) -> None:
    line.run("group", "create", "web")
    path = str(tmp_path / "b.tar")
    line.run("cluster", "backup", "--to", path)
    line.run("group", "delete", "web")
    assert "[cluster_node_up at cluster]" in line.run("cluster", "restore", path, status=2)
    shown = line.run("cluster", "restore", path, "--preview", status=2)
    assert "added    group     web" in shown
    assert "1 objects differ; nothing was changed" in shown
    answer = json.loads(line.run("cluster", "restore", path, "--force", "--json"))
    assert [(item["action"], item["name"]) for item in answer["items"]] == [("added", "web")]
    assert "nothing to do, it is so already" in line.run("cluster", "restore", path, "--force")
    assert "write NAME=VALUE" in line.run("cluster", "restore", path, "--map-node", "x", status=2)
    assert "[backup_unreadable" in line.run("cluster", "restore", path + "x", status=2)
    (tmp_path / "bad").write_bytes(b"no archive")
    assert "[backup_damaged" in line.run("cluster", "restore", str(tmp_path / "bad"), status=2)
