"""Scheduled backups in a folder: their names, and which of them are removed.

Owns: the form of the names. Does not know: when one is made, or what is in it; `adapters.backup_files` writes it whole.
How it works: a file counts as of the schedule's own making by its whole name, which holds the cluster's id; everything
else in the folder is left alone, a backup that somebody took by hand included. The newest by revision stay: wall
clocks of several nodes are not compared.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

from quorate.model.backup import BackupManifest

STALE_S: Final = 3600.0
"""A partial file of that age was left by a node that died over it."""


def scheduled_name(manifest: BackupManifest) -> str:
    """The name of a scheduled backup: cluster, time, position."""
    at = re.sub(r"[^0-9TZ]", "", manifest.at.partition(".")[0]) + "Z"
    return f"quorate-scheduled-{manifest.cluster_id}-{at}-r{manifest.generation}.{manifest.revision}.tar"


def remove_surplus(folder: Path, cluster_id: str, keep: int, now_s: float) -> tuple[Path, ...]:
    """Remove what is beyond the number kept, and what was left half-written long ago. Raises OSError."""
    own = re.compile(rf"quorate-scheduled-{re.escape(cluster_id)}-[0-9T]+Z-r(\d+)\.(\d+)\.tar")
    partial = re.compile(rf"\.{own.pattern}\.[0-9a-f]+\.partial")
    whole, removed = list[tuple[int, int, str]](), list[Path]()
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        found = own.fullmatch(path.name)
        if found is not None:
            whole.append((int(found[1]), int(found[2]), path.name))
        elif partial.fullmatch(path.name) and now_s - path.stat().st_mtime > STALE_S:
            removed.append(path)
    surplus = sorted(whole)[: max(0, len(whole) - keep)]
    removed += [folder / name for _, _, name in surplus]
    for path in removed:
        with contextlib.suppress(FileNotFoundError):  # a shared folder: another node was first
            path.unlink()
    return tuple(removed)
