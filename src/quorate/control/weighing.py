"""The command that sets a node's properties: its weight, whether it may vote (NodeWeight, spec/02 §8.6), and its site.

Owns: what stands against another weight or site, and the node's record that it writes. Does not know: how a vote is
taken or given; the coordinator takes those steps (`core.votes`), each looked at anew before it is taken. Nor what a
site brings about (`core.authority.paces`).
How it works: the weight is a wish. It is refused where the votes that would be left could not commit, counted without
every node that is to lose its vote already; every node's record is guarded, so that two such wishes at once cannot
both rest on the other one's vote.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.lookup import find_node
from quorate.control.names import name_problems
from quorate.core.cluster_view import ClusterView
from quorate.core.votes import further_losses, majority_of
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.common_properties import NODE, fields_of, read_common
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Problem, Refused, error, stops, warning
from quorate.model.properties import PropertyValue


class NodeChange(Value, frozen=True, kw_only=True):
    """Properties of a node to be set, under our names or the reference's; null stands for the default."""

    properties: dict[str, PropertyValue] = {}


def change_node(view: ClusterView, name: str, wish: NodeChange, occasion: Occasion) -> Change[Done]:
    """Set a node's weight (1, it may vote; 0, it never does and is a full node otherwise), or its site."""
    problems: list[Problem] = []
    node = find_node(view, name, problems)
    values, faults = read_common(NODE, wish.properties, "properties")
    problems += faults
    if not wish.properties:
        what, remedy = "nothing is to be changed", "name a property: weight=0, weight=1 or site=WORD"
        problems.append(error("nothing_given", what, where="properties", remedy=remedy))
    site = values.get("site")
    if isinstance(site, str) and site:
        problems += name_problems(site, "properties.site", host=True)
    if node is None or stops(problems):
        raise Refused(problems)
    changed = altered(node, **fields_of(NODE, values))
    done = Done(id=str(node.node), name=node.name)
    if changed == node:
        return unchanged(altered(done, changed=False))
    found = weight_problems(view, node) if changed.weight == 0 != node.weight else []
    if stops(found):
        raise Refused(found)
    key = f"{keys.SPEC_NODE}{node.node}"
    change = Change(
        guards=tuple(guard(f"{keys.SPEC_NODE}{n}", known.revision) for n, known in sorted(view.nodes.items())),
        writes=(put(key, changed),),
        answer=altered(done, warnings=tuple(found)),
    )
    detail = ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
    return audited(change, occasion, verb="set", kind="node", object_id=done.id, object_name=node.name, detail=detail)


def weight_problems(view: ClusterView, node: NodeSpec) -> list[Problem]:
    """What the votes would be worth without that node's, and without those that are on their way out already."""
    weighed = {n for n, known in view.nodes.items() if known.record.weight and n != node.node}
    where = "properties.weight"
    if not weighed:
        what = f"{node.name} is the last node that may vote"
        remedy = "give another node its weight first: quorate node set NODE weight=1"
        return [error("last_weight", what, where=where, remedy=remedy)]
    settled, pending, up = view.authority.voters, view.authority.pending_voters, view.voters_up()
    least: int | None = None
    for voters in (settled, settled | pending):
        left = {voter for voter in voters - {node.node} if voter not in view.nodes or voter in weighed}
        here = len(left & up)
        if not left or here < majority_of(len(left)):
            what = f"without the vote of {node.name} {here} of the {len(left)} voters left would be up"
            what += f", {majority_of(max(len(left), 1))} are needed"
            remedy = "start the voters that are down first (see quorate node list), or let others vote"
            return [error("store_would_lose_majority", what, where=where, remedy=remedy)]
        further = further_losses(left, up)
        least = further if least is None else min(least, further)
    if least == 0 and further_losses(settled, up) > 0:
        what = f"without the vote of {node.name} no further voter may be lost"
        return [warning("store_no_further_loss", what, where=where, remedy="let another node vote soon")]
    return []
