"""What the routes of backup, restore and history do.

Owns: the joining of their use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call
from quorate.api.handlers import Nothing
from quorate.control import backup, history, restoring
from quorate.model.backup import BackupArchive
from quorate.model.restore import RestoreAnswer, RestoreWish


async def take_backup(call: Call[Nothing]) -> BackupArchive:
    """The whole cluster database as an archive, as of one revision."""
    return await backup.take_backup(call.context, call.author, call.query.get("reason", ""))


async def restore(call: Call[RestoreWish]) -> RestoreAnswer:
    """Make the configuration that of a backup; `preview` changes nothing."""
    return await restoring.restore(call.context, call.body, call.author, call.query.get("reason", ""))


async def list_history(call: Call[Nothing]) -> history.PastChanges:
    """Changes that were made, newest first; `object` is a name or id."""
    return await history.list_history(call.context, call.query.get("limit", ""), call.query.get("object", ""))
