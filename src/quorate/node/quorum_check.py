"""Whether a place can be a quorum storage, as this node reaches it.

Owns: the check before anything is configured. Does not know: the adapters' reasons; it hands them on.
"""

from __future__ import annotations

from pathlib import Path

from quorate.adapters.quorum_storage.opening import open_storage
from quorate.model.problems import Problem, error
from quorate.model.quorum import StorageKind
from quorate.ports.quorum_storage import StorageLost


async def quorum_storage_problems(kind: StorageKind, path: str, *, limit_s: float) -> tuple[Problem, ...]:
    """Everything that makes it unfit; nothing is mounted, claimed or left behind."""
    if kind != "directory" and kind != "block_device":  # noqa: PLR1714 - so that the type is narrowed
        return ()
    remedy = "see that it is there and answers on every node"
    try:
        storage = open_storage(kind, Path(path), mount_point=Path("/nowhere"), limit_s=limit_s)
        return await storage.check()
    except (OSError, StorageLost) as problem:
        return (error("quorum_storage_missing", f"{path}: {problem}", where="storage", remedy=remedy),)
