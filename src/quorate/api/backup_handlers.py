"""What the routes of backup, restore and history do.

Owns: the joining of their use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call
from quorate.api.handlers import Nothing
from quorate.control import backup, history, history_reading, restoring, reverting
from quorate.control.change import Changed
from quorate.model.backup import BackupArchive
from quorate.model.history import Difference, PastChangeView, RevertWish
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


async def show_change(call: Call[Nothing]) -> PastChangeView:
    """One change, by id or revision, with former and new values."""
    return await history_reading.show_change(call.context, call.name)


async def show_difference(call: Call[Nothing]) -> Difference:
    """What differs between the configuration at `since` and at `until`, or now; `object` is a name or id."""
    query = call.query
    about = query.get("object", "")
    return await history_reading.show_difference(call.context, query.get("since", ""), query.get("until", ""), about)


async def revert_change(call: Call[RevertWish]) -> Changed:
    """Take a change back, by id or revision."""
    done = await reverting.revert_change(call.context, call.name, call.occasion(), force=call.body.force)
    return Changed(id=done.id, name=done.name, changed=done.changed, outcome="done", warnings=done.warnings)
