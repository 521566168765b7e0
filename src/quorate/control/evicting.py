"""The command that removes a node for good (spec/02 §5.3).

Owns: what stands against an eviction, and the wish that is written. Does not know: how it is carried out; the node
leaves by itself, and the coordinator takes its vote, its member and its records away (`core.eviction`).
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.lookup import find_node
from quorate.core.cluster_view import ClusterView
from quorate.core.eviction import bound_resources, stuck_groups, vote_obstacle
from quorate.core.placement.choosing import place
from quorate.core.proofs import waiting_for
from quorate.core.reasons import in_words
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.nodes import Eviction, NodeSpec
from quorate.model.problems import Problem, Refused, error, stops, warning


class EvictWish(Value, frozen=True, kw_only=True):
    """`force`: groups that no other node can take are taken offline instead of holding the eviction up."""

    force: bool = False


def evict_node(view: ClusterView, name: str, wish: EvictWish, occasion: Occasion) -> Change[Done]:
    """The node shall be removed for good: its groups leave, it leaves, then its records go."""
    problems: list[Problem] = []
    node = find_node(view, name, problems)
    if node is None:
        raise Refused(problems)
    intent = view.node_intent(node.node)
    known = intent.eviction
    if known is not None and known.force >= wish.force:
        return unchanged(Done(id=str(node.node), name=node.name, changed=False, operation=known.id))
    if len(view.nodes) == 1:
        problems.append(
            error(
                "last_node",
                f"{node.name} is the only node of the cluster",
                where="node",
                remedy="a cluster without nodes is none: quorate cluster destroy ends it",
            )
        )
    else:
        problems += _vote_problems(view, node)
        problems += _proof_problems(view, node)
        problems += _group_problems(view, node, force=wish.force)
    if stops(problems):
        raise Refused(problems)
    eviction = Eviction(
        id=known.id if known is not None else occasion.id,
        author=occasion.author,
        reason=occasion.reason,
        force=wish.force,
        member=known.member if known is not None else "",
    )
    key = f"{keys.INTENT_NODE}{node.node}"
    found = view.node_intents.get(node.node)
    listed = view.nodes[node.node]
    change = Change(
        guards=(
            guard(key, found.revision if found else None),
            guard(f"{keys.SPEC_NODE}{node.node}", listed.revision),
        ),
        writes=(put(key, altered(intent, eviction=eviction)),),
        answer=Done(id=str(node.node), name=node.name, operation=eviction.id, warnings=tuple(problems)),
    )
    detail = "forced" if wish.force else ""
    return audited(
        change, occasion, verb="evict", kind="node", object_id=str(node.node), object_name=node.name, detail=detail
    )


def _proof_problems(view: ClusterView, node: NodeSpec) -> list[Problem]:
    """What is known of its end would go with its record, and a group that demands to know more with it."""
    waiting = waiting_for(view, node.node)
    if not waiting:
        return []
    names = ", ".join(view.groups[group].record.name for group in waiting)
    what = f"{names} would wait for ever: what is known of the end of {node.name} would go with its record"
    remedy = f"look at the machine; if it is off: quorate node confirm-off {node.name}"
    return [error("group_waits_for_proof", what, where="node", remedy=remedy)]


def _vote_problems(view: ClusterView, node: NodeSpec) -> list[Problem]:
    obstacle = vote_obstacle(view, node.node)
    if not obstacle:
        return []
    return [
        error(
            "store_would_lose_majority",
            f"the database cannot spare the vote of {node.name}: {obstacle}",
            where="node",
            remedy="first start a voter that is down (see quorate node list), or evict one that will not return",
        )
    ]


def _group_problems(view: ClusterView, node: NodeSpec, *, force: bool) -> list[Problem]:
    """What cannot leave, and what could run nowhere afterwards."""
    found: list[Problem] = []
    if node.node in view.authority.up():
        for group in stuck_groups(view, node.node):
            spec = view.groups[group].record
            against = place(view, spec, "move", without=frozenset({node.node})).against
            words = "; ".join(in_words(view, reason) for reason in against)
            what = f"group {spec.name} is on {node.name} and no other node can take it: {words}"
            if force:
                found.append(
                    warning(
                        "group_stays_behind", f"{what}; it is taken offline", where=spec.name, remedy="as asked for"
                    )
                )
            else:
                remedy = "resume or start another node, or have the group taken offline with the node"
                found.append(error("group_stays", what, where=spec.name, remedy=remedy, override="--force"))
    for resource in bound_resources(view, node.node):
        what = f"{node.name} is the only possible owner of resource {resource}"
        if force:
            remedy = f"quorate resource set {resource!r} --possible-owner with names of other nodes"
            found.append(
                warning("resource_homeless", f"{what}: it can run nowhere then", where=resource, remedy=remedy)
            )
        else:
            remedy = "name other possible owners first"
            found.append(error("resource_homeless", what, where=resource, remedy=remedy, override="--force"))
    return found
