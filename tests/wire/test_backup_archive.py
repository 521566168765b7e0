"""A backup's archive is read back as it was written, and whatever is not whole is refused."""

from __future__ import annotations

import io
import tarfile

import pytest

from quorate.model.backup import BACKUP_FORMAT, BackupEntry, BackupManifest
from quorate.model.base import Damaged, replace
from quorate.wire.backup_archive import entries_digest, entry_lines, read_archive, write_archive

ENTRIES = (BackupEntry(key="a/1", value=b'{"x":1}'), BackupEntry(key="b", value=bytes(range(256))))


def manifest(lines: bytes) -> BackupManifest:
    return BackupManifest(
        format=BACKUP_FORMAT, cluster_id="c", cluster_name="alpha", generation=1, revision=7, at="2027", node="n1",
        entries=len(ENTRIES), size_bytes=len(lines), sha256=entries_digest(lines),
    )  # fmt: skip


def archive() -> bytes:
    lines = entry_lines(ENTRIES)
    return write_archive(manifest(lines), lines)


@pytest.mark.conformance("DB-07")
def test_what_was_written_is_read_and_the_mark_comes_last() -> None:
    assert read_archive(archive(), "x").entries == ENTRIES
    with tarfile.open(fileobj=io.BytesIO(archive())) as opened:
        assert opened.getnames() == ["manifest.json", "entries.jsonl", "COMPLETE"]


def test_cut_anywhere_it_is_refused() -> None:
    whole = archive()
    end = whole.index(b"COMPLETE")
    for length in range(0, end + 512, 64):
        with pytest.raises(Damaged):
            read_archive(whole[:length], "x")


def test_any_changed_byte_of_content_is_found() -> None:
    whole = archive()
    for name in ("manifest.json", "entries.jsonl", "COMPLETE"):
        with tarfile.open(fileobj=io.BytesIO(whole)) as opened:
            member = opened.getmember(name)
        for place in range(member.offset_data, member.offset_data + member.size - 1, 7):
            bad = bytearray(whole)
            bad[place] ^= 0x11
            with pytest.raises(Damaged):
                read_archive(bytes(bad), "x")


def test_a_newer_format_and_a_wrong_count_are_refused_with_their_reason() -> None:
    lines = entry_lines(ENTRIES)
    newer = write_archive(replace(manifest(lines), format=BACKUP_FORMAT + 1), lines)
    with pytest.raises(Damaged, match="reads formats up to"):
        read_archive(newer, "x")
    short = write_archive(replace(manifest(lines), entries=9), lines)
    with pytest.raises(Damaged, match="2 keys, and the manifest states 9"):
        read_archive(short, "x")
