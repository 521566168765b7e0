"""What the routes of dependencies do.

Owns: the joining of their use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import dependency_changes
from quorate.control.change import Changed
from quorate.control.dependency_changes import (
    DependencyAnswer,
    DependencyView,
    DependencyWish,
    GroupDependencies,
    ImpactView,
)


async def show_dependencies(call: Call[Nothing]) -> DependencyView:
    """What a resource depends on and provides for, directly; the expression by names and by ids."""
    return dependency_changes.show_dependencies(call.context.view, call.name)


async def add_dependency(call: Call[DependencyWish]) -> Changed:
    """Let a resource depend on one more."""
    types = call.context.types
    return await Plan(call).run(
        lambda view, now: dependency_changes.add_dependency(view, call.name, call.body, now, types), at_once
    )


async def remove_dependency(call: Call[DependencyWish]) -> Changed:
    """Take one resource out of the expression of another."""
    types = call.context.types
    return await Plan(call).run(
        lambda view, now: dependency_changes.remove_dependency(view, call.name, call.body, now, types), at_once
    )


async def can_depend(call: Call[Nothing]) -> DependencyAnswer:
    """Whether a resource can depend on the one named in `on`; changes nothing."""
    context, other = call.context, call.query.get("on", "")
    return dependency_changes.can_depend(context.view, call.name, other, call.occasion(), context.types)


async def show_impact(call: Call[Nothing]) -> ImpactView:
    """What goes offline if the resource does."""
    return dependency_changes.show_impact(call.context.view, call.name)


async def group_dependencies(call: Call[Nothing]) -> GroupDependencies:
    """The dependencies of every member of a group."""
    return dependency_changes.group_dependencies(call.context.view, call.name)
