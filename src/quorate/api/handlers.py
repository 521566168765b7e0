"""What each route does: one function a route, each a line or two around a use case.

Owns: the joining of use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.control import (
    cluster,
    confirming,
    ending,
    enrolment,
    evicting,
    explanations,
    groups,
    incidents,
    nodes,
    queries,
    quorum,
    quorum_setting,
    rebuilding,
    resource_writing,
    resources,
    status,
    tokens,
    upgrading,
    views,
    wait,
    weighing,
    witnesses,
)
from quorate.control.access import Role
from quorate.control.change import Change, Changed, Done, Occasion
from quorate.control.confirming import ConfirmOffWish
from quorate.control.executor import CannotNow, Unsettled, execute, execute_reading, new_occasion
from quorate.control.names import NewName
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model.base import Value
from quorate.model.enrolment import EnrolmentAnswer, EnrolmentRequest
from quorate.model.problems import Refused
from quorate.model.quorum import LIGHT_KINDS
from quorate.model.records import Snapshot
from quorate.model.witness import WitnessAnswer, WitnessRequest
from quorate.wire.join_token import SECRET_BYTES


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
    return status.cluster_status(call.context)


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


async def clear_quarantine(call: Call[Nothing]) -> Changed:
    """Forget the failures of a node: it may come back at once."""
    return await Plan(call).run(lambda view, occasion: nodes.clear_quarantine(view, call.name, occasion), at_once)


async def confirm_off(call: Call[ConfirmOffWish]) -> Changed:
    """Confirm that a marked, silent node is off: what it owned is taken over at once."""
    report = call.context.report()
    heard = frozenset(h.peer.node for h in report.heard if not h.silent) if report is not None else frozenset()
    return await Plan(call).run(
        lambda view, occasion: confirming.confirm_off(view, call.name, call.body, heard, occasion),
        lambda view, done: wait.node_stopped(int(done.id)),  # noqa: ARG005
    )


async def rename_node(call: Call[NewName]) -> Changed:
    """Give a node another name."""
    return await Plan(call).run(lambda view, occasion: nodes.rename_node(view, call.name, call.body, occasion), at_once)


async def list_nodes(call: Call[Nothing]) -> views.NodeList:
    """All nodes."""
    return queries.list_nodes(call.context)


async def show_node(call: Call[Nothing]) -> views.NodeView:
    """One node."""
    return queries.show_node(call.context, call.name)


async def list_groups(call: Call[Nothing]) -> views.GroupList:
    """All groups with their resources."""
    return queries.list_groups(call.context)


async def show_group(call: Call[Nothing]) -> views.GroupView:
    """One group with its resources."""
    return queries.show_group(call.context, call.name)


async def explain_group(call: Call[Nothing]) -> explanations.GroupExplanation:
    """Why a group is where it is, why it does not run, what would help."""
    return explanations.explain_group_view(call.context, call.name)


async def explain_node(call: Call[Nothing]) -> explanations.NodeExplanation:
    """Why a node is in its state, what it hosts and cannot host, and how far its drain is."""
    return explanations.explain_node_view(call.context, call.name)


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
    return queries.list_resources(call.context)


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


# ---------------------------------------------------------------- nodes


async def pause_node(call: Call[Nothing]) -> Changed:
    """No group comes to the node any more."""
    return await Plan(call).run(lambda view, occasion: nodes.pause_node(view, call.name, occasion), at_once)


async def resume_node(call: Call[nodes.ResumeWish]) -> Changed:
    """The node takes groups again."""
    return await Plan(call).run(lambda view, occasion: nodes.resume_node(view, call.name, call.body, occasion), at_once)


async def drain_node(call: Call[nodes.DrainWish]) -> Changed:
    """Pause the node and have its groups leave."""
    return await Plan(call).run(
        lambda view, occasion: nodes.drain_node(view, call.name, call.body, occasion),
        lambda _, done: wait.node_drained(int(done.id)),
    )


async def stop_node(call: Call[Nothing]) -> Changed:
    """Stop this node cleanly: groups leave, then it leaves. `api.forwarding` has brought the request here.

    It answers before the node is gone; whoever asked another node can wait there. A node can always be stopped: also
    the last one, without a majority, and one that is no member at present.
    """
    plan = Plan(call)
    try:
        changed = await plan.run(lambda view, occasion: nodes.stop_node(view, call.name, occasion), None)
    except (CannotNow, Unsettled, Refused) as problem:
        if call.previews:
            raise
        changed = nodes.stopped_unrecorded(call.context.view, call.context.node, problem.problems)
    if not call.previews:
        await call.context.stop_node()
    return changed


async def change_node(call: Call[weighing.NodeChange]) -> Changed:
    """Set a node's weight: whether it may vote."""
    return await Plan(call).run(
        lambda view, occasion: weighing.change_node(view, call.name, call.body, occasion),
        lambda _, done: wait.node_weighed(int(done.id)),
    )


async def rebuild_member(call: Call[rebuilding.RebuildWish]) -> Changed:
    """Make a node's member of the store anew, from the others' data."""
    return await Plan(call).run(
        lambda view, occasion: rebuilding.rebuild_member(view, call.name, call.body, occasion),
        lambda _, done: rebuilding.node_rebuilt(int(done.id)),
    )


async def evict_node(call: Call[evicting.EvictWish]) -> Changed:
    """Remove a node from the cluster for good.

    The node itself answers before it is gone; whoever asked another node can wait there.
    """
    own = node_name(call.context.view, call.context.node)
    return await Plan(call).run(
        lambda view, occasion: evicting.evict_node(view, call.name, call.body, occasion),
        None if call.name.casefold() in {own.casefold(), str(call.context.node)} else _until_evicted,
    )


def _until_evicted(_: ClusterView, done: Done) -> wait.Condition:
    return wait.node_evicted(int(done.id))


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


# ---------------------------------------------------------------- joining


async def create_token(call: Call[tokens.TokenWish]) -> tokens.NewToken:
    """A one-time word that lets one machine become a node."""
    context = call.context
    secret, fingerprint = context.entropy(SECRET_BYTES), context.signer.fingerprint()

    def command(view: ClusterView, occasion: Occasion) -> Change[tokens.NewToken]:
        return tokens.create_token(view, occasion, call.body, fingerprint=fingerprint, secret=secret)

    return await execute(context, command, call.occasion())


async def list_tokens(call: Call[Nothing]) -> tokens.TokenList:
    """The join tokens that are remembered, without their secrets."""
    return await tokens.list_tokens(call.context)


async def revoke_token(call: Call[Nothing]) -> Changed:
    """Let nobody join by a token any more; it is named by its id or the beginning of that."""
    key = await tokens.stored_key(call.context, call.name)
    occasion = call.occasion()
    done = await execute_reading(
        call.context, (key,), lambda view, read, now: tokens.revoke_token(view, read.get(key), now), occasion
    )
    return Changed(id=done.id, name=done.name, changed=done.changed, outcome="accepted")


async def join(call: Call[EnrolmentRequest]) -> EnrolmentAnswer:
    """A machine becomes a node. The one route without a client certificate: the token speaks."""
    context = call.context
    key = enrolment.token_key(call.body.secret)
    key_hash = context.signer.request_key_hash(call.body.certificate_request)

    def command(view: ClusterView, snapshot: Snapshot, occasion: Occasion) -> Change[enrolment.Enrolled]:
        return enrolment.enrol(view, call.body, snapshot.get(key), key_hash, occasion)

    occasion = new_occasion(context, f"machine {call.body.name}", "join")
    enrolled = await execute_reading(context, (key,), command, occasion)
    return EnrolmentAnswer(
        node=enrolled.node.node,
        cluster=enrolled.cluster,
        nodes=enrolled.nodes,
        credentials=context.signer.credentials(call.body.certificate_request, enrolled.node),
    )


async def join_as_witness(call: Call[WitnessRequest]) -> WitnessAnswer:
    """A machine becomes a witness host of this cluster. Without a client certificate: the token speaks."""
    context = call.context
    key = enrolment.token_key(call.body.secret)
    key_hash = context.signer.request_key_hash(call.body.certificate_request)

    def command(view: ClusterView, snapshot: Snapshot, occasion: Occasion) -> Change[witnesses.Witnessed]:
        return witnesses.enrol_witness(view, call.body, snapshot.get(key), key_hash, occasion)

    occasion = new_occasion(context, f"machine {call.body.name}", "witness join")
    witnessed = await execute_reading(context, (key,), command, occasion)
    request, name, address = call.body.certificate_request, call.body.name, call.body.address
    certificate, authority = context.signer.witness_certificate(request, name, address)
    return WitnessAnswer(
        cluster_id=witnessed.cluster_id,
        cluster_name=witnessed.cluster_name,
        profile=witnessed.profile,
        nodes=witnessed.nodes,
        certificate=certificate,
        authority=authority,
    )
