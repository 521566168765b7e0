"""The command that makes a node's member of the store anew, from the others' data (decision 0077).

Owns: what stands against it, and the wish. Does not know: the steps: the coordinator takes the vote and removes the
member (`core.votes`), the node puts its folder aside and joins the store again (`node.member_keeper`).
How it works: nothing is ever repaired in place. The damaged folder is renamed and kept; the new member gets every byte
from a majority of the others, so they must be able to commit without it.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.lookup import find_node
from quorate.control.wait import Condition, Outcome
from quorate.core.cluster_view import ClusterView
from quorate.core.light_view import may_go_on_alone
from quorate.core.quorum_outlook import voter_name
from quorate.core.votes import majority_of
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Problem, Refused, error, warning


class RebuildWish(Value, frozen=True, kw_only=True):
    """How a member shall be made anew."""

    force: bool = False
    """Also one that serves."""


def rebuild_member(view: ClusterView, name: str, wish: RebuildWish, occasion: Occasion) -> Change[Done]:
    """The node's member of the store shall be removed, its folder put aside, and a new one join from the others."""
    problems: list[Problem] = []
    node = find_node(view, name, problems)
    if node is None:
        raise Refused(problems)
    intent, key = view.node_intent(node.node), f"{keys.INTENT_NODE}{node.node}"
    done = Done(id=str(node.node), name=node.name)
    if intent.rebuild:
        return unchanged(altered(done, changed=False))
    problems += _problems(view, node, force=wish.force)
    if problems:
        raise Refused(problems)
    known = view.node_intents.get(node.node)
    change = Change(
        guards=(
            guard(key, known.revision if known is not None else None),
            guard(f"{keys.SPEC_NODE}{node.node}", view.nodes[node.node].revision),
        ),
        writes=(put(key, altered(intent, rebuild=occasion.id)),),
        answer=done,
    )
    return audited(change, occasion, verb="rebuild-member", kind="node", object_id=done.id, object_name=node.name)


def _problems(view: ClusterView, node: NodeSpec, *, force: bool) -> list[Problem]:
    if node.node not in view.authority.up():
        what, remedy = f"{node.name} is down", f"start it first: quorate node run on {node.name}"
        return [error("node_down", what, where="node", remedy=remedy)]
    if not node.votes:
        what, remedy = f"{node.name} has no member of the store with a vote", "there is nothing to make anew"
        return [error("member_without_vote", what, where="node", remedy=remedy)]
    found = []
    fact = view.store_member_fact(node.node)
    if not force and (fact is None or not fact.fails):
        what, remedy = f"the member of {node.name} serves", "see quorate cluster status"
        found.append(error("member_serves", what, where="node", remedy=remedy, override="--force"))
    others = view.authority.voters - {node.node}
    serving = view.voters_up() - {node.node}
    needed = max(majority_of(len(view.authority.voters)), majority_of(len(others))) if others else 1
    if len(others) == 1 and may_go_on_alone(view, min(others)):
        needed = 1  # beside a light witness it takes this vote away in order, and has all data
    if len(serving) < needed:
        names = ", ".join(voter_name(view, voter) for voter in sorted(serving)) or "none"
        what = f"of the other voters {names} serve, and {needed} are needed to give {node.name} its data"
        remedy = "start the other voters first; where its data are the only ones, restore a backup"
        found.append(error("others_too_few", what, where="node", remedy=remedy))
    return found


def node_rebuilt(node: int) -> Condition:
    """The new member votes."""

    def look(view: ClusterView) -> Outcome:
        known = view.nodes.get(node)
        if known is None:
            return "failed"
        waits = view.node_intent(node).rebuild or not known.record.votes or known.record.vote_pending
        return "pending" if waits or node not in view.voters_up() else "done"

    return look


def member_problems(view: ClusterView) -> list[Problem]:
    """Members that do not serve, are being made anew, or lie on a slow disk."""
    found = []
    for node, known in sorted(view.nodes.items()):
        name, fact = known.record.name, view.store_member_fact(node)
        if view.node_intent(node).rebuild:
            what, remedy = f"the member of {name} is being made anew", "it votes again when it has all data"
            found.append(warning("member_rebuilt", what, where=f"node.{name}", remedy=remedy))
        elif fact is not None and fact.fails:
            what = f"the member of {name} does not serve: {fact.detail or 'it does not answer'}"
            remedy = f"free or repair its disk; where its data are damaged: quorate node rebuild-member {name}"
            found.append(error("store_member_fails", what, where=f"node.{name}", remedy=remedy))
        elif fact is not None and fact.disagrees:
            what, remedy = f"the member of {name}: {fact.disagrees}", "start the other voters; or restore a backup"
            found.append(error("store_members_disagree", what, where=f"node.{name}", remedy=remedy))
        elif fact is not None and fact.slow_ms:
            what = f"the disk of {name} takes {fact.slow_ms} ms to make a write of the store durable"
            remedy = "see what else uses that disk; every change of the cluster may wait for it"
            found.append(warning("store_disk_slow", what, where=f"node.{name}", remedy=remedy))
    return found
