"""Taking a backup of the cluster database (spec/02 §9.1).

Owns: what goes into a backup: every key of the cluster, as of one position of the store, checkpoints among them.
Does not know: where it is kept. How it works: one linearizable read, so a backup holds everything that was answered
"done" before it was asked for; packing is left to a thread, because the service must go on showing progress.
"""

from __future__ import annotations

import asyncio
from typing import Final

from quorate.control.cluster import formed
from quorate.control.context import Context
from quorate.control.executor import unreadable
from quorate.core.reasons import node_name
from quorate.model.backup import BACKUP_FORMAT, BackupArchive, BackupEntry, BackupManifest
from quorate.model.nodes import ClusterSpec
from quorate.model.records import Snapshot
from quorate.ports.store import StoreAlarm, StoreUnavailable
from quorate.wire.backup_archive import entries_digest, entry_lines, write_archive

READ_LIMIT_S: Final = 15.0


async def take_backup(context: Context, author: str, reason: str) -> BackupArchive:
    """The whole database as an archive. Raises Refused or CannotNow."""
    cluster = formed(context.view).record
    try:
        snapshot = await context.store.read(prefixes=("",), timeout_s=READ_LIMIT_S)
    except (StoreUnavailable, StoreAlarm) as problem:
        raise unreadable(problem) from problem
    node, at = node_name(context.view, context.node), context.wall_time()
    return await asyncio.to_thread(pack, snapshot, cluster, node, at, author, reason)


def pack(snapshot: Snapshot, cluster: ClusterSpec, node: str, at: str, author: str, reason: str) -> BackupArchive:
    """The archive of what was read."""
    entries = tuple(BackupEntry(key=item.key, value=item.value) for item in snapshot.items)
    lines = entry_lines(entries)
    manifest = BackupManifest(
        format=BACKUP_FORMAT,
        cluster_id=cluster.id,
        cluster_name=cluster.name,
        generation=snapshot.position.generation,
        revision=snapshot.position.revision,
        at=at,
        node=node,
        author=author,
        reason=reason,
        functional_level=cluster.functional_level,
        entries=len(entries),
        size_bytes=len(lines),
        sha256=entries_digest(lines),
    )
    return BackupArchive(manifest=manifest, archive=write_archive(manifest, lines))
