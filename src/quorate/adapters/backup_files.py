"""Backups as files: written whole or not at all, read back, named by what they hold.

Owns: names, the temporary file beside the target, flushing. Does not know: what a backup holds (`wire.backup_archive`).
How it works: the bytes go into a new file in the target's own folder, are flushed, read back and compared, and only
then take the name; so whatever has a backup's name is complete, and a former file of that name stays until then.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Final

from quorate.model.backup import BackupManifest
from quorate.model.problems import Problem, Refused, error

SUFFIX: Final = ".tar"
SIZE_MOST_BYTES: Final = 512 << 20


def backup_name(manifest: BackupManifest) -> str:
    """The name that a backup gets in a folder: cluster, time, revision; sorts by time."""
    cluster = re.sub(r"[^A-Za-z0-9-]+", "_", manifest.cluster_name) or "cluster"
    at = re.sub(r"[^0-9TZ]", "", manifest.at.partition(".")[0]) + "Z"
    return f"quorate-{cluster}-{at}-r{manifest.generation}.{manifest.revision}{SUFFIX}"


def target_problems(target: Path) -> list[Problem]:
    """What stands against writing there; looked at before the cluster is asked for anything (DB-11)."""
    folder = target if target.is_dir() else target.parent
    if not folder.is_dir():
        return [_unusable(target, f"{folder} is not a folder (267)", "name a folder that exists, or a file in one")]
    if target.exists() and not target.is_dir() and not target.is_file():
        return [_unusable(target, "it is neither a folder nor a file", "name another place")]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [_unusable(target, f"{folder} is not writable", "choose a place that you may write to")]
    return []


def write_backup(target: Path, manifest: BackupManifest, data: bytes) -> Path:
    """Put the archive there and return its path. Raises Refused; nothing half-written has the name or stays."""
    problems = target_problems(target)
    if problems:
        raise Refused(problems)
    path = target / backup_name(manifest) if target.is_dir() else target
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        _write_flushed(partial, data)
        partial.replace(path)
        _flush_folder(path.parent)
    except OSError as problem:
        remedy = "free space there, or choose another place; what was there before is as it was"
        raise Refused([_unusable(path, problem.strerror or str(problem), remedy)]) from problem
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def read_backup(path: Path) -> bytes:
    """The bytes of an archive. Raises Refused."""
    try:
        if path.stat().st_size > SIZE_MOST_BYTES:
            raise Refused([_unreadable(path, f"it exceeds {SIZE_MOST_BYTES} bytes")])
        return path.read_bytes()
    except OSError as problem:
        raise Refused([_unreadable(path, problem.strerror or str(problem))]) from problem


def _write_flushed(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if path.read_bytes() != data:
        raise OSError(0, "what was written reads back differently")


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, why: str, remedy: str) -> Problem:
    return error("backup_target_unusable", f"{path}: {why}", where=str(path), remedy=remedy)


def _unreadable(path: Path, why: str) -> Problem:
    return error("backup_unreadable", f"{path}: {why}", where=str(path), remedy="name an archive that can be read")
