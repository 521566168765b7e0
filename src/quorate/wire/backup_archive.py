"""The form of a backup as a file: a tar archive of three members, the last of which says that it is whole.

Owns: `manifest.json`, `entries.jsonl` (a key a line, its value in base64), and the mark `COMPLETE`, which holds the
SHA-256 of the manifest; the manifest holds that of the entries. Does not know: files, or what keys mean.
How it works: reading checks everything before it returns anything. An archive that was cut short has no mark; one that
was changed anywhere fails a checksum: either is refused with what is wrong (DB-07).
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import Final

from quorate.model.backup import BACKUP_FORMAT, Backup, BackupEntry, BackupManifest
from quorate.model.base import Damaged, Value, decode, encode

MANIFEST: Final = "manifest.json"
ENTRIES: Final = "entries.jsonl"
COMPLETE: Final = "COMPLETE"


class _Form(Value, frozen=True, kw_only=True):
    """What every format of a manifest has."""

    format: int


def entries_digest(lines: bytes) -> str:
    """The checksum of a file."""
    return hashlib.sha256(lines).hexdigest()


def entry_lines(entries: tuple[BackupEntry, ...]) -> bytes:
    """The file of entries."""
    return b"".join(encode(entry) + b"\n" for entry in entries)


def write_archive(manifest: BackupManifest, lines: bytes) -> bytes:
    """The bytes of an archive; `manifest` must already hold size and checksum of `lines`."""
    described = encode(manifest) + b"\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in (
            (MANIFEST, described),
            (ENTRIES, lines),
            (COMPLETE, entries_digest(described).encode() + b"\n"),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def read_archive(data: bytes, where: str) -> Backup:
    """The backup in an archive. Raises Damaged with the first thing that is wrong; `where` names the archive."""
    files = _files(data, where)
    mark = files.get(COMPLETE)
    if mark is None:
        raise Damaged(where, "the completion mark is missing: it was cut short, or is no backup")
    described, lines = files.get(MANIFEST), files.get(ENTRIES)
    if described is None or lines is None:
        raise Damaged(where, f"{MANIFEST if described is None else ENTRIES} is missing")
    if entries_digest(described).encode() != mark.strip():
        raise Damaged(where, f"{MANIFEST} is not what the completion mark was written for")
    form = decode(described, _Form, f"{where}: {MANIFEST}").format
    if form > BACKUP_FORMAT:
        raise Damaged(where, f"it has format {form}, and this release reads formats up to {BACKUP_FORMAT}")
    manifest = decode(described, BackupManifest, f"{where}: {MANIFEST}")
    if (len(lines), entries_digest(lines)) != (manifest.size_bytes, manifest.sha256):
        raise Damaged(where, f"{ENTRIES} does not have the checksum that the manifest states")
    entries = tuple(decode(line, BackupEntry, f"{where}: {ENTRIES}") for line in lines.splitlines())
    if len(entries) != manifest.entries:
        raise Damaged(where, f"it holds {len(entries)} keys, and the manifest states {manifest.entries}")
    return Backup(manifest=manifest, entries=entries)


def _files(data: bytes, where: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is not None:
                    found[member.name] = content.read()
    except (tarfile.TarError, EOFError, ValueError) as problem:
        raise Damaged(where, f"it is not a whole tar archive: {problem}") from problem
    return found
