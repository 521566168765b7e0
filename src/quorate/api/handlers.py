"""What each route does: one function a route, each a line or two around a use case.

Owns: the joining of use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.control import (
    cluster,
    ending,
    explanations,
    groups,
    incidents,
    queries,
    quorum,
    quorum_setting,
    resource_writing,
    resources,
    status,
    upgrading,
    views,
    wait,
)
from quorate.control.access import Role
from quorate.control.change import Changed
from quorate.control.names import NewName
from quorate.control.reading import in_a_thread
from quorate.core.reasons import node_name
from quorate.model.base import Value
from quorate.model.quorum import LIGHT_KINDS


class Nothing(Value, frozen=True, kw_only=True):
    """No input."""


# ---------------------------------------------------------------- views


async def who_am_i(call: Call[Nothing]) -> views.WhoAmI:
    """Name and role that were granted."""
    role: Role = call.caller.role
    return views.WhoAmI(
        name=call.caller.name, role=role.name.lower(), node=node_name(call.context.view, call.context.node)
    )


async def show_cluster(call: Call[Nothing]) -> views.ClusterStatus:
    """The whole cluster at a glance."""
    return await in_a_thread(status.cluster_status, call.context)


async def change_cluster(call: Call[cluster.ClusterChange]) -> Changed:
    """Set properties of the cluster."""
    return await Plan(call).run(lambda view, occasion: cluster.change_cluster(view, call.body, occasion), at_once)


async def release_expulsions(call: Call[Nothing]) -> Changed:
    """Let a cluster go on that holds still because many nodes were put out."""
    return await Plan(call).run(cluster.release_expulsions, at_once)


async def rename_cluster(call: Call[NewName]) -> Changed:
    """Give the cluster another name."""
    return await Plan(call).run(lambda view, occasion: cluster.rename_cluster(view, call.body, occasion), at_once)


async def upgrade_level(call: Call[Nothing]) -> Changed:
    """Raise the functional level, for good."""
    return await Plan(call).run(upgrading.upgrade_level, at_once)


async def stop_cluster(call: Call[Nothing]) -> Changed:
    """Stop every node; it answers before they are gone."""
    return await Plan(call).run(ending.stop_cluster, None)


async def destroy_cluster(call: Call[ending.DestroyWish]) -> Changed:
    """Stop every node for good; it answers before they are gone."""
    return await Plan(call).run(lambda view, occasion: ending.destroy_cluster(view, call.body, occasion), None)


async def list_groups(call: Call[Nothing]) -> views.GroupList:
    """All groups with their resources."""
    return await in_a_thread(queries.list_groups, call.context)


async def show_group(call: Call[Nothing]) -> views.GroupView:
    """One group with its resources."""
    return queries.show_group(call.context, call.name)


async def explain_group(call: Call[Nothing]) -> explanations.GroupExplanation:
    """Why a group is where it is, why it does not run, what would help."""
    return explanations.explain_group_view(call.context, call.name)


async def explain_resource(call: Call[Nothing]) -> explanations.ResourceExplanation:
    """Why a resource is in its state, what it waits for, and what follows if it fails."""
    return explanations.explain_resource_view(call.context, call.name)


async def list_incidents(call: Call[Nothing]) -> incidents.IncidentList:
    """Failures that took groups from where they ran, newest first."""
    return incidents.list_incidents(call.context, call.query.get("group", ""))


async def show_incident(call: Call[Nothing]) -> incidents.IncidentView:
    """One of them (`last`: the newest) with its course, and where the time went."""
    return incidents.show_incident(call.context, call.name)


async def list_resources(call: Call[Nothing]) -> views.ResourceList:
    """All resources."""
    return await in_a_thread(queries.list_resources, call.context)


async def show_resource(call: Call[Nothing]) -> views.ResourceView:
    """One resource."""
    return queries.show_resource(call.context, call.name)


# ---------------------------------------------------------------- groups


async def create_group(call: Call[groups.NewGroup]) -> Changed:
    """Make an empty group, offline."""
    return await Plan(call).run(lambda view, occasion: groups.create_group(view, call.body, occasion), at_once)


async def change_group(call: Call[groups.GroupChange]) -> Changed:
    """Set properties of a group."""
    return await Plan(call).run(
        lambda view, occasion: groups.change_group(view, call.name, call.body, occasion), at_once
    )


async def delete_group(call: Call[Nothing]) -> Changed:
    """Remove a group that is offline; `with_resources` removes its resources too."""
    force = call.flag("with_resources")
    return await Plan(call).run(
        lambda view, occasion: groups.delete_group(view, call.name, occasion, with_resources=force), at_once
    )


async def group_offline(call: Call[Nothing]) -> Changed:
    """Take a group offline, and keep it so."""
    ignore = call.flag("ignore_locked")
    return await Plan(call).run(
        lambda view, occasion: groups.group_offline(view, call.name, occasion, ignore_locked=ignore),
        lambda _, done: wait.group_offline(done.id),
    )


# ---------------------------------------------------------------- resources


async def create_resource(call: Call[resource_writing.NewResource]) -> Changed:
    """Make a resource in a group."""
    return await Plan(call).run(
        lambda view, occasion: resource_writing.create_resource(view, call.body, occasion, call.context.types),
        at_once,
    )


async def change_resource(call: Call[resource_writing.ResourceChange]) -> Changed:
    """Change properties, dependencies or possible owners."""
    return await Plan(call).run(
        lambda view, occasion: resource_writing.change_resource(
            view, call.name, call.body, occasion, call.context.types
        ),
        at_once,
    )


async def resource_online(call: Call[Nothing]) -> Changed:
    """Bring a resource online with what it needs, and keep it so."""
    find, ignore = call.context.types.find, call.flag("ignore_locked")
    return await Plan(call).run(
        lambda view, occasion: resources.resource_online(view, call.name, occasion, find, ignore_locked=ignore),
        lambda _, done: wait.resource_online(done.id),
    )


async def resource_offline(call: Call[Nothing]) -> Changed:
    """Take a resource offline, and keep it so."""
    ignore = call.flag("ignore_locked")
    return await Plan(call).run(
        lambda view, occasion: resources.resource_offline(view, call.name, occasion, ignore_locked=ignore),
        lambda _, done: wait.resource_offline(done.id),
    )


async def resource_fail(call: Call[Nothing]) -> Changed:
    """Treat a resource as failed: it counts, and its policy decides what follows."""
    return await Plan(call).run(
        lambda view, occasion: resources.resource_fail(view, call.name, occasion),
        lambda _, done: wait.resource_failed(done.id, done.operation),
    )


async def delete_resource(call: Call[Nothing]) -> Changed:
    """Remove a resource that is offline; `drop_dependencies` takes it out of the expressions of others."""
    force = call.flag("drop_dependencies")
    return await Plan(call).run(
        lambda view, occasion: resources.delete_resource(view, call.name, occasion, drop_dependencies=force), at_once
    )


# ---------------------------------------------------------------- quorum


async def show_quorum(call: Call[Nothing]) -> quorum.QuorumView:
    """Who votes, what may still be lost, and what each further loss would do."""
    return quorum.show_quorum(call.context, call.context.votes_waiting())


async def would_hold(call: Call[Nothing]) -> quorum.LossAnswer:
    """Whether the quorum would hold without the nodes named in `without`, separated by commas; changes nothing."""
    names = tuple(call.query.get("without", "").split(","))
    return quorum.would_hold(call.context, names)


async def set_quorum(call: Call[quorum_setting.QuorumWish]) -> Changed:
    """Choose another model of quorum, online."""
    kind, path = quorum_setting.wished_storage(call.body)
    usable = path.startswith("/") or kind in LIGHT_KINDS
    usable = usable or (kind == "witness" and not quorum_setting.witness_form_problems(path))
    problems = await call.context.check_storage(kind, path) if usable else ()
    return await Plan(call).run(
        lambda view, occasion: quorum_setting.set_quorum(view, call.body, problems, occasion),
        lambda _, done: wait.quorum_settled(),  # noqa: ARG005
    )
