"""What the replica tells of a light witness: who shall vote, what the record shall say, what nodes know of it.

Owns: these answers. Does not know: the record itself, members of the store. Pure.
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.core.eviction import gives_way
from quorate.core.reasons import node_name
from quorate.model.light_witness import BOTH, CLOSED
from quorate.model.quorum import LIGHT_KINDS


def gives_up_vote(view: ClusterView, node: int) -> bool:
    """Beside a light witness that node shall have no vote: it goes, stops, gets a new member, or has no weight.

    A node that stops takes its vote along: a store of two voters would stand still without it, until the other has
    the record.
    """
    intent, known = view.node_intent(node), view.nodes.get(node)
    return known is None or intent.stopping or gives_way(view, node) or known.record.weight == 0


def wanted_holder(view: ClusterView, node: int, other: int) -> int:
    """What that node wants the record to say. `other` is the second voter, 0 where there is none."""
    if view.quorum_spec.model != "light_witness":
        return CLOSED
    if not other:
        return node
    own_goes, other_goes = gives_up_vote(view, node), gives_up_vote(view, other)
    if own_goes == other_goes:
        return BOTH
    return other if own_goes else node


def has_head_start(view: ClusterView, node: int, other: int) -> bool:
    """That node owns groups, or the other owns none."""
    owners = {known.record.owner for known in view.assignments.values()}
    return node in owners or other not in owners


def all_let_go(view: ClusterView) -> bool:
    """Every voter has written down that it heeds no light witness any more."""
    facts = [view.quorum_fact(node) for node, known in view.nodes.items() if known.record.votes]
    return bool(facts) and all(fact is not None and fact.lets_go for fact in facts)


def may_go_on_alone(view: ClusterView, node: int) -> bool:
    """As that node reports it: it reaches the witness, and the record lets it."""
    fact = view.quorum_fact(node)
    known = view.nodes.get(node)
    allowed = fact is not None and fact.reached and fact.opened and fact.sees in {BOTH, node}
    return view.quorum_spec.model == "light_witness" and allowed and known is not None and bool(known.record.votes)


def record_holder(view: ClusterView) -> int:
    """The node that the record names, as those that are up report it; 0 where it names none."""
    facts = (view.quorum_fact(node) for node in sorted(view.nodes))
    return next((fact.sees for fact in facts if fact is not None and fact.opened and fact.sees > 0), 0)


def record_settled(view: ClusterView) -> bool:
    """The record says what it shall, as every voter that is up has read it; closed records belong to nobody."""
    if view.quorum_spec.model != "light_witness":
        return view.quorum_spec.kind not in LIGHT_KINDS
    voters = sorted(view.authority.voters & view.authority.up().keys())
    facts = [fact for node in voters if (fact := view.quorum_fact(node)) is not None]
    wanted = BOTH if len(view.authority.voters) > 1 else voters[0] if voters else BOTH
    return len(facts) == len(voters) and all(f.reached and f.opened and f.sees == wanted for f in facts)


def light_trouble(view: ClusterView) -> str:
    """What keeps a light witness from helping whoever survives; empty where nothing does."""
    named = BOTH
    for node in sorted(view.authority.voters & view.authority.up().keys()):
        fact = view.quorum_fact(node)
        if fact is None:
            return f"{node_name(view, node)} has not asked the light witness yet"
        if not fact.reached:
            return f"{node_name(view, node)} does not reach the light witness: {fact.problem}"
        if not fact.opened:
            return fact.problem or "the record of the light witness is not open yet"
        named = fact.sees or named
    if named != BOTH and len(view.authority.voters) > 1:
        return f"the record names {node_name(view, named)}: only that node could go on alone until it says both again"
    return ""
