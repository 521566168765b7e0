"""What the routes of nodes do: lists, pause, drain, resume, stop, weights, quarantine, eviction.

Owns: the joining of these use cases with the input of a request. Does not know: HTTP, paths, roles (`api.routes`).
"""

from __future__ import annotations

from quorate.api.call import Call, Plan, at_once
from quorate.api.handlers import Nothing
from quorate.control import (
    confirming,
    evicting,
    explanations,
    nodes,
    queries,
    rebuilding,
    views,
    wait,
    weighing,
)
from quorate.control.change import Changed, Done
from quorate.control.confirming import ConfirmOffWish
from quorate.control.executor import CannotNow, Unsettled
from quorate.control.names import NewName
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model.problems import Refused


async def list_nodes(call: Call[Nothing]) -> views.NodeList:
    """All nodes."""
    return queries.list_nodes(call.context)


async def show_node(call: Call[Nothing]) -> views.NodeView:
    """One node."""
    return queries.show_node(call.context, call.name)


async def explain_node(call: Call[Nothing]) -> explanations.NodeExplanation:
    """Why a node is in its state, what it hosts and cannot host, and how far its drain is."""
    return explanations.explain_node_view(call.context, call.name)


async def change_node(call: Call[weighing.NodeChange]) -> Changed:
    """Set a node's weight: whether it may vote."""
    return await Plan(call).run(
        lambda view, occasion: weighing.change_node(view, call.name, call.body, occasion),
        lambda _, done: wait.node_weighed(int(done.id)),
    )


async def rename_node(call: Call[NewName]) -> Changed:
    """Give a node another name."""
    return await Plan(call).run(lambda view, occasion: nodes.rename_node(view, call.name, call.body, occasion), at_once)


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
