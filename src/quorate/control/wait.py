"""Waiting for the end of what a change began: done, failed, or still pending when the limit passes (spec/06 A-6).

Owns: what counts as the end of each kind of operation. Does not know: who waits.
How it works: the replica tells when it moves; the condition is looked at again then, and only then. The operation goes
on whether somebody waits or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

from quorate.control.context import Context
from quorate.control.standing import assignment_of, at_rest, heeded, resource_fact, settled, spared
from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.core.eviction import stuck_groups, vote_obstacle
from quorate.core.light_view import record_settled
from quorate.core.placement.choosing import place
from quorate.core.votes import VOTERS_MOST, NodeVote, Picture, may_vote
from quorate.model.nodes import NodeSpec
from quorate.model.quorum import MEMBER_MODELS
from quorate.model.workload import QUIET, desired

Outcome = Literal["done", "failed", "pending"]
Condition = Callable[[ClusterView], Outcome]

WAIT_MOST_S = 3600.0
LOOK_AGAIN_S = 0.05


async def wait_for(context: Context, condition: Condition, limit_s: float) -> Outcome:
    """The outcome, or `pending` when the limit passes first."""
    outcome = condition(context.view)
    try:
        async with asyncio.timeout(min(limit_s, WAIT_MOST_S)):
            while outcome == "pending" and not context.events.closed:
                await context.events.moved()
                outcome = condition(context.view)
    except TimeoutError:
        return "pending"
    return outcome


async def until_unheard(context: Context, node: int, limit_s: float) -> Outcome:
    """The node's sentinel says nothing any more: it was the last of that node's processes to end."""
    end_s = context.wall_time_s() + min(limit_s, WAIT_MOST_S)
    while context.wall_time_s() < end_s:
        report = context.report()
        if report is None or all(heard.silent for heard in report.heard if heard.peer.node == node):
            return "done"
        await asyncio.sleep(LOOK_AGAIN_S)  # a sentinel's report moves no replica
    return "pending"


def group_online(group: str) -> Condition:
    """Every resource that should be online is; failed where the owner gave up and nobody else takes it."""

    def look(view: ClusterView) -> Outcome:
        if group not in view.groups:
            return "failed"
        if settled(view, group):
            return "done"
        return "failed" if _hopeless(view, group) else "pending"

    return look


def group_online_at(group: str, move: str, node: int) -> Condition:
    """The same on that node; failed where the move was not made after all."""

    def look(view: ClusterView) -> Outcome:
        intent, assignment = view.intent(group), assignment_of(view, group)
        if assignment is None or (intent.move is not None and intent.move.id == move) or assignment.phase == "stop":
            return "pending" if assignment is not None else "failed"
        return group_online(group)(view) if assignment.owner == node else "failed"

    return look


def group_offline(group: str) -> Condition:
    """Nothing of the group runs; failed where a part of it does not stop and is left as it is."""

    def look(view: ClusterView) -> Outcome:
        if group not in view.groups or at_rest(view, group):
            return "done"
        return "failed" if heeded(view, group) and _held(view, group) else "pending"

    return look


def _held(view: ClusterView, group: str) -> bool:
    members = view.members_of.get(group, {}).values()
    stuck = (member for member in members if resource_fact(view, member).state == "stop_failed")
    return any(member.stop_failure_action == "hold" for member in stuck)


def group_moved(group: str, move: str) -> Condition:
    """The request is fulfilled and the group is what it should be; failed where it is back where it was."""

    def look(view: ClusterView) -> Outcome:
        intent, assignment = view.intent(group), assignment_of(view, group)
        if assignment is None:
            return "failed"
        if (intent.move is not None and intent.move.id == move) or assignment.phase == "stop":
            return "failed" if assignment.phase == "stop" and _held(view, group) else "pending"
        return group_online(group)(view)

    return look


def resource_online(resource: str) -> Condition:
    """The resource is online; failed where its owner gave up."""

    def look(view: ClusterView) -> Outcome:
        known = view.resources.get(resource)
        if known is None:
            return "failed"
        if not heeded(view, known.record.group):
            return "pending"
        if resource_fact(view, known.record).state == "online":
            return "done"
        return "failed" if spared(view, known.record) or _hopeless(view, known.record.group) else "pending"

    return look


def resource_offline(resource: str) -> Condition:
    """Nothing of the resource runs."""

    def look(view: ClusterView) -> Outcome:
        known = view.resources.get(resource)
        if known is None:
            return "done"
        quiet = resource_fact(view, known.record).state in QUIET
        return "done" if quiet and heeded(view, known.record.group) else "pending"

    return look


def resource_failed(resource: str, request: str) -> Condition:
    """The owner has treated the resource as failed; what its policy makes of that goes on."""

    def look(view: ClusterView) -> Outcome:
        known = view.resources.get(resource)
        if known is None:
            return "done"
        asked = view.intent(known.record.group).fail.get(resource)
        assignment = assignment_of(view, known.record.group)
        if asked is None or asked.id != request or assignment is None or assignment.number != asked.number:
            return "failed" if resource_fact(view, known.record).fail_request != request else "done"
        return "done" if resource_fact(view, known.record).fail_request == request else "pending"

    return look


def resource_maintained(resource: str, *, on: bool) -> Condition:
    """The host of the resource overlooks its health checks, or heeds them again; failed where it is gone."""

    def look(view: ClusterView) -> Outcome:
        known = view.resources.get(resource)
        if known is None or not heeded(view, known.record.group):
            return "failed" if known is None else "pending"
        fact = resource_fact(view, known.record)
        if fact.flags.maintained == on:
            return "done"
        return "failed" if on and fact.state in QUIET else "pending"

    return look


def node_drained(node: int) -> Condition:
    """The node owns no group any more; failed where groups are left that no other node can take."""

    def look(view: ClusterView) -> Outcome:
        left = groups_of(view, node)
        if not left:
            return "done"
        moving = any(view.assignments[group].record.phase == "stop" for group in left)
        stuck = all(place(view, view.groups[group].record, "move").best is None for group in left)
        return "failed" if stuck and not moving else "pending"

    return look


def groups_of(view: ClusterView, node: int) -> list[str]:
    """The groups that a node owns."""
    return [group for group, known in view.assignments.items() if known.record.owner == node and group in view.groups]


def node_evicted(node: int) -> Condition:
    """The node is listed no more; failed where something holds its eviction up that does not pass by itself."""

    def look(view: ClusterView) -> Outcome:
        if node not in view.nodes:
            return "done"
        eviction = view.node_intent(node).eviction
        if eviction is None:
            return "failed"  # somebody took it back
        moving = any(view.assignments[group].record.phase == "stop" for group in groups_of(view, node))
        stuck = not eviction.force and not moving and node in view.authority.up() and bool(stuck_groups(view, node))
        return "failed" if stuck or vote_obstacle(view, node) else "pending"

    return look


def node_weighed(node: int) -> Condition:
    """Nothing is left of the vote of a node without weight; one with weight gets its vote when votes allow."""

    def look(view: ClusterView) -> Outcome:
        known = view.nodes.get(node)
        if known is None:
            return "failed"
        spec = known.record
        return "pending" if spec.weight == 0 and (spec.votes or spec.vote_pending) else "done"

    return look


def node_stopped(node: int) -> Condition:
    """The node has left the cluster."""
    return lambda view: "pending" if node in view.authority.up() else "done"


def _hopeless(view: ClusterView, group: str) -> bool:
    """A resource that should be online failed for good, and the group stays where it is."""
    assignment = assignment_of(view, group)
    if assignment is None or assignment.phase == "stop":
        return False
    if not heeded(view, group):
        return False  # it failed before it was asked once more
    fact = view.fact(assignment)
    if fact is None:
        return False
    if fact.gives_up is not None:
        limit = _limit(view, group)
        return len(assignment.failovers) >= limit or len(view.authority.up()) < 2
    members = view.members_of.get(group, {}).values()
    intent = view.intent(group)
    # With restart action 0 or 1, after 126, and on probation nothing gives up: no restart left looks like this.
    return any(
        member.critical
        and desired(member, intent)
        and resource_fact(view, member).state in QUIET
        and resource_fact(view, member).exhausted
        for member in members
    )


def _limit(view: ClusterView, group: str) -> int:
    known = view.groups.get(group)
    threshold = known.record.failover_threshold if known else None
    return threshold if threshold is not None else max(len(view.nodes) - 1, 0)


def _settling(view: ClusterView) -> dict[int, Known[NodeSpec]]:
    """Nodes whose votes can be waited for: those that are up; one beyond the seventh voter gets none."""
    full = sum(known.record.votes for known in view.nodes.values()) >= VOTERS_MOST
    up = view.authority.up()
    return {n: known for n, known in view.nodes.items() if known.record.votes or (n in up and not full)}


def votes_settled(view: ClusterView) -> bool:
    """Whether everybody who shall vote does, and nobody else, as far as that can come about now."""
    spec = view.quorum_spec
    wanted = spec.model in MEMBER_MODELS
    up = view.authority.up()
    votes = {
        node: NodeVote(bool(known.record.votes), known.record.vote_pending, known.record.weight, node in up)
        for node, known in view.nodes.items()
    }
    picture = Picture(spec.model, votes, (), quorum_votes=bool(spec.votes), lower_priority=spec.lower_priority_node)
    nodes = all(known.record.votes == int(may_vote(node, picture)) for node, known in _settling(view).items())
    return not view.authority.pending_voters and wanted == bool(spec.votes) and nodes and record_settled(view)


def quorum_settled() -> Condition:
    """Until no vote is on its way any more, and every vote is where it shall be."""
    return lambda view: "done" if votes_settled(view) else "pending"
