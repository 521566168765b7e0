"""The quorum: how it stands, and what further losses would do (spec/02 §8).

Owns: `quorum show`, and the question whether a loss would be survived. Does not know: how another model is chosen
(`control.quorum_setting`).
"""

from __future__ import annotations

from typing import Final

from quorate.control.context import Context
from quorate.control.forming import not_formed
from quorate.control.lookup import find_node
from quorate.control.queries import as_of
from quorate.control.views import AsOf
from quorate.control.wait import votes_settled
from quorate.core.cluster_view import ClusterView
from quorate.core.light_view import light_trouble, record_holder
from quorate.core.quorum_outlook import QUORUM_RESOURCE, Outlook, holds_without, outlook, storage_trouble, voter_name
from quorate.core.reasons import node_name
from quorate.core.votes import LIGHT_VOTERS
from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error
from quorate.model.quorum import LIGHT_KINDS, QUORUM_VOTER, ForcedQuorum

QUORUM_TYPES: Final = {"node_majority": 1, "node_and_disk_majority": 3, "disk_only": 3, "light_witness": 2}
"""The reference's numbers (QU-31)."""

OLD_NEWS: Final = frozenset({"database_silent", "light_witness_waits"})
"""Conditions in which everything that is shown is as it was."""


class VoterView(Value, frozen=True, kw_only=True):
    """One that votes, or could."""

    name: str
    kind: str
    """`node`, `storage` or `witness`."""
    votes: bool
    pending: bool = False
    up: bool
    weight: int = 1
    loss: str
    """What its loss now would do: `survived`, `fatal`, or `nothing` where it has no vote."""


class QuorumView(Value, frozen=True, kw_only=True):
    """How the cluster decides which part of it may go on, and what may still be lost."""

    as_of: AsOf
    model: str
    type: int
    kind: str = ""
    path: str = ""
    holder: str = ""
    """The node that controls the quorum storage; beside a light witness the one that its record names."""
    dynamic_votes: bool = True
    lower_priority_node: str = ""
    voters: tuple[VoterView, ...]
    needed: int
    further_losses: int
    forced: bool = False
    """Started by force, and a majority of those who voted before is not back yet (FixQuorum)."""
    prevented: bool = False
    """The answering node was started so that it never forms a cluster (PreventQuorum)."""
    settled: bool = True
    """False while a vote is on its way."""
    waiting: str = ""
    sentences: tuple[str, ...] = ()
    """The same in words."""


class LossAnswer(Value, frozen=True, kw_only=True):
    """Whether the quorum would be maintained (0) or lost (1) without these (QU-15)."""

    without: tuple[str, ...]
    answer: int
    words: str


# ---------------------------------------------------------------- looking


def show_quorum(context: Context, waiting: str = "") -> QuorumView:
    """How the quorum stands. Raises Refused where this node has not read the database yet."""
    view = context.view
    if view.cluster is None:
        raise not_formed(context)
    spec, now = view.quorum_spec, outlook(view)
    voters = [_voter(view, node) for node in sorted(view.nodes)]
    if spec.kind and spec.kind not in LIGHT_KINDS:
        voters.append(_voter(view, QUORUM_VOTER))
    holder = record_holder(view) if spec.kind in LIGHT_KINDS else view.quorum_holder()
    settled = votes_settled(view)
    why = waiting or (storage_trouble(view) if spec.model != "node_majority" else "")
    return QuorumView(
        as_of=as_of(context),
        model=spec.model,
        type=2 if spec.kind == "witness" and spec.model != "node_majority" else QUORUM_TYPES[spec.model],
        kind=spec.kind,
        path=spec.path,
        holder=node_name(view, holder) if holder else "",
        dynamic_votes=spec.dynamic_votes,
        lower_priority_node=node_name(view, spec.lower_priority_node) if spec.lower_priority_node else "",
        voters=tuple(voters),
        needed=now.needed,
        further_losses=max(0, now.further),
        forced=view.forced is not None,
        prevented=context.prevents_quorum,
        settled=settled,
        waiting="" if settled else why,
        sentences=(*(p.what for p in context.store_problems() if p.code in OLD_NEWS), *_sentences(view)),
    )


def _voter(view: ClusterView, voter: int) -> VoterView:
    has = voter in view.authority.voters
    is_up = voter in (view.voters_up() | set(view.authority.up()))
    loss = "nothing" if not has or not is_up else "survived" if holds_without(view, {voter}) else "fatal"
    node = view.nodes.get(voter)
    return VoterView(
        name=voter_name(view, voter),
        kind="node" if node else "witness" if view.quorum_spec.kind == "witness" else "storage",
        votes=has,
        pending=voter in view.authority.pending_voters,
        up=is_up,
        weight=node.record.weight if node else 1,
        loss=loss,
    )


def _sentences(view: ClusterView) -> tuple[str, ...]:
    now = outlook(view)
    forced = () if view.forced is None else (forced_words(view, view.forced.record),)
    return (*forced, *_votes_in_words(view, now))


def forced_words(view: ClusterView, forced: ForcedQuorum) -> str:
    """What a forced start means now."""
    lost = ", ".join(voter_name(view, voter) for voter in forced.without)
    where = f"on the data of {node_name(view, forced.node)}, without {lost}"
    return f"Started by force at {forced.at} by {forced.author} {where}."


def _votes_in_words(view: ClusterView, now: Outlook) -> tuple[str, ...]:
    if not now.voters:
        return ("Nobody votes yet.",)
    found = [f"{len(now.up)} of {len(now.voters)} voters are up; {now.needed} are needed."]
    if now.further < 0:
        found.append(f"{-now.further} more must come up before anything can be changed or taken over.")
        return tuple(found)
    names = {voter: voter_name(view, voter) for voter in sorted(now.up, key=lambda v: (v == QUORUM_VOTER, v))}
    safe = [name for voter, name in names.items() if holds_without(view, {voter})]
    fatal = [name for voter, name in names.items() if not holds_without(view, {voter})]
    if now.further > 0:
        found.append(f"You can lose {now.further} more of these, whichever: {', '.join(names.values())}.")
    elif safe:
        found.append(f"You can lose one more of these: {', '.join(safe)}.")
    else:
        found.append("You can lose none of them.")
    if fatal:
        found.append(f"The loss of one of these stops every change and takeover: {', '.join(fatal)}.")
    if view.quorum_spec.model == "disk_only" and QUORUM_VOTER in now.up:
        found.append("The quorum storage alone votes: without it every group ends, although all nodes are up.")
    if QUORUM_VOTER in now.up and view.quorum_holder():
        holder = node_name(view, view.quorum_holder())
        found.append(f"{holder} controls the quorum storage; if it is lost another node takes that over.")
    if view.quorum_spec.kind in LIGHT_KINDS:
        found += _light_in_words(view)
    if QUORUM_VOTER in now.up and view.quorum_spec.kind == "witness":
        found.append(f"The witness at {view.quorum_spec.path} votes for whichever nodes it hears.")
    return tuple(found)


def _light_in_words(view: ClusterView) -> list[str]:
    spec, trouble = view.quorum_spec, light_trouble(view)
    if spec.model != "light_witness":
        return [f"The record of the light witness at {spec.path} is being closed."]
    if trouble:
        return [f"The light witness at {spec.path}: {trouble}."]
    able = [node for node, known in view.nodes.items() if known.record.weight]
    if len(able) > LIGHT_VOTERS and view.authority.up().keys() >= set(able):
        more = f"{len(able)} nodes may vote and are up: they need no witness"
        return [*_light_pair(view), f"{more}; all of them vote after: quorate quorum set node_majority."]
    return _light_pair(view)


def _light_pair(view: ClusterView) -> list[str]:
    spec = view.quorum_spec
    if len(view.authority.voters) == 1:
        alone = node_name(view, min(view.authority.voters))
        return [f"{alone} goes on alone; the light witness at {spec.path} says so, and nobody else can."]
    return [f"Whichever node survives goes on alone, if it is the first to say so at {spec.path}."]


def would_hold(context: Context, without: tuple[str, ...]) -> LossAnswer:
    """Whether a majority would be left without these; changes nothing (QU-15)."""
    view, problems, lost = context.view, list[Problem](), set[int]()
    for name in without:
        if not name:
            remedy = "name at least one node, or quorum"
            problems.append(error("node_name_empty", "an empty name names nobody", where="without", remedy=remedy))
            continue
        if name.casefold() in {QUORUM_RESOURCE, "quorum"}:
            if QUORUM_VOTER not in view.authority.voters:
                remedy = "name nodes, or set a quorum storage first"
                problems.append(error("no_quorum_resource", "there is no quorum resource", where=name, remedy=remedy))
            lost.add(QUORUM_VOTER)
            continue
        node = find_node(view, name, problems, f"without.{name}")
        if node is not None:
            lost.add(node.node)
    if problems:
        raise Refused(problems)
    holds = holds_without(view, lost)
    return LossAnswer(without=without, answer=0 if holds else 1, words="maintained" if holds else "lost")
