"""What the routes do that rename groups and resources, copy and regroup resources, and destroy groups.

Owns: the joining of these use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import copying, groups, regrouping, renaming, wait
from quorate.control.change import Change, Changed, Done, Occasion
from quorate.control.executor import execute
from quorate.control.names import NewName
from quorate.core.cluster_view import ClusterView

DESTROY_WAIT_S = 15.0
"""So long a group that is to be destroyed may take to go offline, where the caller says nothing."""


async def rename_group(call: Call[NewName]) -> Changed:
    """Give a group another name."""
    return await Plan(call).run(lambda view, now: renaming.rename_group(view, call.name, call.body, now), at_once)


async def rename_resource(call: Call[NewName]) -> Changed:
    """Give a resource another name."""
    return await Plan(call).run(lambda view, now: renaming.rename_resource(view, call.name, call.body, now), at_once)


async def copy_resource(call: Call[copying.CopyWish]) -> Changed:
    """Copy a resource with its properties, checkpoints and dependencies; the copy is offline."""
    types = call.context.types
    return await Plan(call).run(
        lambda view, now: copying.copy_resource(view, call.name, call.body, now, types), at_once
    )


async def move_to_group(call: Call[regrouping.RegroupWish]) -> Changed:
    """Put a resource into another group, with everything that dependencies connect to it."""
    types = call.context.types
    return await Plan(call).run(
        lambda view, now: regrouping.move_to_group(view, call.name, call.body, now, types), at_once
    )


async def destroy_group(call: Call[Nothing]) -> Changed:
    """Take a group offline, then delete it with its resources; what does not go offline in time stays."""
    limit_s = call.wait_s if call.wait_s is not None else DESTROY_WAIT_S
    ignore = call.flag("ignore_locked")

    def take_offline(view: ClusterView, now: Occasion) -> Change[Done]:
        return groups.group_offline(view, call.name, now, ignore_locked=ignore)

    if call.previews and not take_offline(call.context.view, call.occasion()).writes:
        return await _delete(call, call.name)  # else going offline is all that there is to foresee
    done = await execute(call.context, take_offline, call.occasion())
    outcome = await wait.wait_for(call.context, wait.group_offline(done.id), limit_s)
    if outcome != "done":
        return Changed(id=done.id, name=done.name, changed=done.changed, outcome=outcome)
    return await _delete(call, done.id)


async def _delete(call: Call[Nothing], group: str) -> Changed:
    gone = await execute(
        call.context, lambda view, now: groups.delete_group(view, group, now, with_resources=True), call.occasion()
    )
    return Changed(id=gone.id, name=gone.name, changed=True, outcome="done", warnings=gone.warnings)
