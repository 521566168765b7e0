"""Explanations for every face: why a group, node or resource is as it is, what would help (promise 5).

Owns: their form, and how each is made from the replica. Does not know: any reason (`core.explain` and its siblings).
"""

from __future__ import annotations

from quorate.control.cluster_day import moment_of
from quorate.control.context import Context
from quorate.control.failures import state_in_words
from quorate.control.lookup import find_group, find_node, find_resource
from quorate.control.queries import as_of, node_state
from quorate.control.standing import shown_fact, state_of
from quorate.control.views import AsOf
from quorate.core.explain import explain_group
from quorate.core.explain_node import explain_node
from quorate.core.explain_resource import explain_resource
from quorate.core.moment import Moment
from quorate.model.base import Value
from quorate.model.problems import Problem, Refused


class CandidateView(Value, frozen=True, kw_only=True):
    """One node as an owner of a group."""

    node: str
    owner: bool
    rank: int
    why: str


class GroupExplanation(Value, frozen=True, kw_only=True):
    """Why a group is where it is, why it does not run, what would help."""

    as_of: AsOf
    group: str
    state: str
    owner: str
    running: bool
    why_here: tuple[str, ...]
    why_not_running: tuple[str, ...] = ()
    due_now: tuple[str, ...] = ()
    """What the coordinator decides about it at the next step."""
    waits_for: tuple[str, ...] = ()
    """What keeps coordinator or owner from making it as it should be."""
    what_would_help: tuple[str, ...] = ()
    nodes: tuple[CandidateView, ...] = ()


class HostedView(Value, frozen=True, kw_only=True):
    """A group that the node owns."""

    group: str
    state: str
    why: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    """What follows for it, or what it waits for."""


class ElsewhereView(Value, frozen=True, kw_only=True):
    """A group that the node does not own: its rank as an owner (0: it cannot own it), and why."""

    group: str
    rank: int
    why: str


class NodeExplanation(Value, frozen=True, kw_only=True):
    """Why a node is in its state, what it hosts and why, what it cannot host and why, how far its drain is."""

    as_of: AsOf
    node: str
    state: str
    why_so: tuple[str, ...]
    what_would_help: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    """Groups that are still to leave it, each with what keeps it."""
    hosts: tuple[HostedView, ...] = ()
    elsewhere: tuple[ElsewhereView, ...] = ()


class ResourceExplanation(Value, frozen=True, kw_only=True):
    """Why a resource is in its state, what it waits for, and what follows if it fails again."""

    as_of: AsOf
    resource: str
    group: str
    state: str
    why_so: tuple[str, ...]
    waits_for: tuple[str, ...] = ()
    if_it_fails: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    what_would_help: tuple[str, ...] = ()


def now(context: Context) -> Moment:
    """This moment, as far as this node knows."""
    return moment_of(context.view, context.wall_time_s(), {})


def explain_group_view(context: Context, name: str) -> GroupExplanation:
    """Why a group is where it is. Raises Refused."""
    problems: list[Problem] = []
    spec = find_group(context.view, name, problems)
    if spec is None:
        raise Refused(problems)
    found = explain_group(context.view, spec.id, now(context))
    return GroupExplanation(
        as_of=as_of(context),
        group=found.group,
        state=state_of(context.view, spec.id),
        owner=found.owner_name,
        running=found.running,
        why_here=found.why_here,
        why_not_running=found.why_not_running,
        due_now=found.due_now,
        waits_for=found.waits_for,
        what_would_help=found.what_would_help,
        nodes=tuple(CandidateView(node=n.name, owner=n.owner, rank=n.rank, why=n.why) for n in found.nodes),
    )


def explain_node_view(context: Context, name: str) -> NodeExplanation:
    """Why a node is as it is. Raises Refused."""
    problems: list[Problem] = []
    spec = find_node(context.view, name, problems)
    if spec is None:
        raise Refused(problems)
    view = context.view
    found = explain_node(view, spec.node, now(context))
    states = {known.record.name: state_of(view, group) for group, known in view.groups.items()}
    return NodeExplanation(
        as_of=as_of(context),
        node=found.node,
        state=node_state(view, spec.node),
        why_so=found.why_so,
        what_would_help=found.what_would_help,
        leaving=found.leaving,
        hosts=tuple(HostedView(group=h.group, state=states[h.group], why=h.why, next=h.next) for h in found.hosts),
        elsewhere=tuple(ElsewhereView(group=e.group, rank=e.rank, why=e.why) for e in found.elsewhere),
    )


def explain_resource_view(context: Context, name: str) -> ResourceExplanation:
    """Why a resource is as it is. Raises Refused."""
    problems: list[Problem] = []
    spec = find_resource(context.view, name, problems)
    if spec is None:
        raise Refused(problems)
    found = explain_resource(context.view, spec, now(context))
    return ResourceExplanation(
        as_of=as_of(context),
        resource=found.resource,
        group=found.group,
        state=state_in_words(shown_fact(context.view, spec).state),
        why_so=found.why_so,
        waits_for=found.waits_for,
        if_it_fails=found.if_it_fails,
        failures=found.failures,
        what_would_help=found.what_would_help,
    )
