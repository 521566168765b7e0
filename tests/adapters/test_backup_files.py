"""A backup's file is there whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from quorate.adapters.backup_files import backup_name, read_backup, write_backup
from quorate.model.backup import BACKUP_FORMAT, BackupManifest
from quorate.model.problems import Refused

MANIFEST = BackupManifest(
    format=BACKUP_FORMAT, cluster_id="c", cluster_name="al/pha ä", generation=1, revision=7,
    at="2027-01-15T08:00:00.000Z", node="n1", entries=0, size_bytes=0, sha256="",
)  # fmt: skip


def refused(target: Path) -> str:
    with pytest.raises(Refused) as caught:
        write_backup(target, MANIFEST, b"x")
    assert [problem.code for problem in caught.value.problems] == ["backup_target_unusable"]
    return caught.value.problems[0].what


def test_a_folder_gets_a_file_of_its_own_and_a_file_is_replaced(tmp_path: Path) -> None:
    path = write_backup(tmp_path, MANIFEST, b"one")
    assert path == tmp_path / backup_name(MANIFEST)
    assert path.name == "quorate-al_pha_-20270115T080000Z-r1.7.tar"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert write_backup(tmp_path / "last.tar", MANIFEST, b"one") == tmp_path / "last.tar"
    write_backup(tmp_path / "last.tar", MANIFEST, b"two")
    assert read_backup(tmp_path / "last.tar") == b"two"
    assert len(list(tmp_path.iterdir())) == 2, "nothing else stays"


@pytest.mark.conformance("DB-11")
def test_a_target_that_cannot_be_written_fails_cleanly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    assert "267" in refused(tmp_path / "file" / "x.tar")
    assert "267" in refused(tmp_path / "nowhere" / "x.tar")
    os.mkfifo(tmp_path / "pipe")
    assert "neither" in refused(tmp_path / "pipe")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]
    assert (tmp_path / "file").read_text() == "kept"


FULL = """
    import os, subprocess, sys
    from pathlib import Path
    from test_backup_files import MANIFEST
    from quorate.adapters.backup_files import write_backup
    from quorate.model.problems import Refused
    place = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=True)
    former = write_backup(place / "b.tar", MANIFEST, b"x" * 100_000)
    try:
        write_backup(former, MANIFEST, b"y" * 400_000)
    except Refused as refused:
        print(refused.problems[0].what)
    assert former.read_bytes() == b"x" * 100_000
    assert os.listdir(place) == ["b.tar"]
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    try:
        write_backup(former, MANIFEST, b"z")
    except Refused as refused:
        print(refused.problems[0].what)
"""


@pytest.mark.root
@pytest.mark.conformance("DB-11")
def test_a_full_and_a_read_only_disk_keep_the_former_backup(tmp_path: Path) -> None:
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", dedent(FULL), str(tmp_path)],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stdout
    assert "not writable" in done.stdout or "Read-only file system" in done.stdout
