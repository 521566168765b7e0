"""A backup of the cluster database as values (spec/02 §9.1).

Owns: what a backup says of itself and what it holds. Does not know: its form as a file (`wire.backup_archive`), where
it is kept, or what of it is put back (`control.restoring`).
"""

from __future__ import annotations

from typing import Final

from quorate.model.base import Value

BACKUP_FORMAT: Final = 1
"""Rises when a former release would misread an archive."""


class BackupManifest(Value, frozen=True, kw_only=True):
    """What a backup says of itself."""

    format: int
    cluster_id: str
    cluster_name: str
    generation: int
    revision: int
    """Every key is as of this position of the store."""
    at: str
    """Wall time, UTC in RFC 3339."""
    node: str
    """Name of the node that was asked."""
    author: str = ""
    reason: str = ""
    functional_level: int = 1
    entries: int
    """Keys that it holds, checkpoints included."""
    size_bytes: int
    """Of the file of entries."""
    sha256: str
    """Of the file of entries."""


class BackupEntry(Value, frozen=True, kw_only=True):
    """One key, relative to the cluster's prefix, with its value as it was stored."""

    key: str
    value: bytes


class BackupStanding(Value, frozen=True, kw_only=True):
    """What came of the schedule: the last backup that was made, and what failed since.

    Times in seconds are wall times, for the schedule and never for authority.
    """

    tried_at_s: float = 0.0
    at_s: float = 0.0
    at: str = ""
    node: str = ""
    """The node that wrote it, on whose disk (or share) it lies."""
    path: str = ""
    revision: int = 0
    size_bytes: int = 0
    failures: int = 0
    """Attempts that failed since."""
    problem: str = ""
    problem_at: str = ""
    problem_node: str = ""
    remedy: str = ""


class Backup(Value, frozen=True, kw_only=True):
    """A whole backup. `entries` are sorted by key."""

    manifest: BackupManifest
    entries: tuple[BackupEntry, ...]


class BackupArchive(Value, frozen=True, kw_only=True):
    """A backup as it travels: its manifest, and the bytes of the archive."""

    manifest: BackupManifest
    archive: bytes
