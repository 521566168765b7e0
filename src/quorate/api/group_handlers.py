"""What each route of moves, maintenance and group sets does: a line or two around a use case.

Owns: the joining of these use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import group_sets, groups, maintenance, moving, wait
from quorate.control.change import Changed
from quorate.control.lookup import find_node
from quorate.control.resource_maintenance import set_resource_maintenance
from quorate.control.starting_elsewhere import group_online_at
from quorate.model.problems import Problem, Refused


async def group_online(call: Call[Nothing]) -> Changed:
    """Bring a group online, and keep it so; with `to`, on that node."""
    find, ignore, now, to = call.context.types.find, call.flag("ignore_locked"), call.flag("now"), call.query.get("to")
    if to is None:
        return await Plan(call).run(
            lambda view, occasion: groups.group_online(
                view, call.name, occasion, find, ignore_locked=ignore, unordered=now
            ),
            lambda _, done: wait.group_online(done.id),
        )
    target = find_node(call.context.view, to, [], "to")
    return await Plan(call).run(
        lambda view, occasion: group_online_at(
            view, call.name, to, occasion, find, ignore_locked=ignore, unordered=now
        ),
        lambda _, done: wait.group_online_at(done.id, done.operation, target.node if target is not None else 0),
    )


async def move_group(call: Call[moving.MoveWish]) -> Changed:
    """Move a group to another node."""
    ignore = call.flag("ignore_locked")
    return await Plan(call).run(
        lambda view, occasion: moving.move_group(view, call.name, call.body, occasion, ignore_locked=ignore),
        lambda _, done: wait.group_moved(done.id, done.operation),
    )


async def cancel_move(call: Call[Nothing]) -> Changed:
    """Take a move back."""
    return await Plan(call).run(
        lambda view, occasion: moving.cancel_move(view, call.name, occasion),
        lambda _, done: wait.group_moved(done.id, done.operation),
    )


async def maintain_group(call: Call[maintenance.MaintenanceWish]) -> Changed:
    """Begin or end the maintenance of a group."""
    return await Plan(call).run(
        lambda view, occasion: maintenance.set_maintenance(view, "group", call.name, call.body, occasion), at_once
    )


async def maintain_resource(call: Call[maintenance.MaintenanceWish]) -> Changed:
    """Begin or end the maintenance of a resource: meanwhile its health checks do not fail it."""
    find, on = call.context.types.find, call.body.on
    return await Plan(call).run(
        lambda view, occasion: set_resource_maintenance(view, call.name, call.body, occasion, find),
        lambda _, done: wait.resource_maintained(done.id, on=on),
    )


async def maintain_node(call: Call[maintenance.MaintenanceWish]) -> Changed:
    """Begin or end the maintenance of a node."""
    return await Plan(call).run(
        lambda view, occasion: maintenance.set_maintenance(view, "node", call.name, call.body, occasion), at_once
    )


async def maintain_cluster(call: Call[maintenance.MaintenanceWish]) -> Changed:
    """Begin or end the maintenance of the whole cluster."""
    return await Plan(call).run(
        lambda view, occasion: maintenance.set_maintenance(view, "cluster", "", call.body, occasion), at_once
    )


async def depend_group(call: Call[group_sets.GroupDependencyWish]) -> Changed:
    """Say which groups and sets must be ready before a group starts."""
    return await Plan(call).run(
        lambda view, occasion: group_sets.set_group_dependency(view, call.name, call.body, occasion), at_once
    )


async def list_sets(call: Call[Nothing]) -> group_sets.GroupSetList:
    """All group sets."""
    return group_sets.list_sets(call.context.view, call.occasion().at_s)


async def show_set(call: Call[Nothing]) -> group_sets.GroupSetView:
    """One group set."""
    problems: list[Problem] = []
    spec = group_sets.find_set(call.context.view, call.name, problems)
    if spec is None:
        raise Refused(problems)
    return group_sets.set_view(call.context.view, spec, call.occasion().at_s)


async def create_set(call: Call[group_sets.GroupSetWish]) -> Changed:
    """Make a group set."""
    return await Plan(call).run(lambda view, occasion: group_sets.create_set(view, call.body, occasion), at_once)


async def change_set(call: Call[group_sets.GroupSetWish]) -> Changed:
    """Change a group set."""
    return await Plan(call).run(
        lambda view, occasion: group_sets.change_set(view, call.name, call.body, occasion), at_once
    )


async def delete_set(call: Call[Nothing]) -> Changed:
    """Remove a group set; its groups stay."""
    return await Plan(call).run(lambda view, occasion: group_sets.delete_set(view, call.name, occasion), at_once)
