"""Removing a node for good: what stands against it, and which step is next (spec/02 §5.3, decision 0040).

Owns: the order of the steps and their guards. Pure. Does not know: etcd, or who carries the steps out.
How it works: the wish lies in the node's intent; each step is decided anew from the database and the store's list of
members, so any process may die between two of them. A node that is up leaves by itself first: nobody takes the record
of a node away that may hold a lease. Then `core.votes`, for which it may not vote any more, takes its vote and its
member away, and only when both are gone its records go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.core.placement.choosing import place
from quorate.core.proofs import waiting_for
from quorate.core.votes import has_majority, majority_of
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.nodes import EvictedNode, Eviction, NodeSpec
from quorate.model.records import Absent, Delete, Guard, Put, Unchanged, Write


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done now; `why` is empty where nothing is wrong."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction."""

    guards: tuple[Guard, ...]
    writes: tuple[Write, ...]
    removes: bool = False
    """It is the last step: the node is gone with it."""


Step = Wait | Commit

NOBODY: Final = Wait()


def has_left(view: ClusterView, node: int) -> bool:
    """The node shall go for good and is down: it is to have no vote any more (`core.votes` takes it away)."""
    return view.node_intent(node).eviction is not None and node not in view.authority.up()


def gives_way(view: ClusterView, node: int) -> bool:
    """The node's member shall go: the node has left for good, or gets a new member."""
    return has_left(view, node) or bool(view.node_intent(node).rebuild)


def vote_obstacle(view: ClusterView, node: int) -> str:
    """Why the store cannot spare that node's vote now; empty where it can, or the node has none.

    Counted with and without voters in the making, because either count may be the true one (decision 0014).
    """
    up = view.voters_up()
    settled, pending = view.authority.voters, view.authority.pending_voters
    for voters in (settled, settled | pending):
        left = voters - {node}
        if node in voters and not has_majority(left, up):
            here = len(left & up)
            return f"{here} of the {len(left)} voters left would be up, {majority_of(len(left))} are needed"
    return ""


def stuck_groups(view: ClusterView, node: int) -> tuple[str, ...]:
    """Groups of the node that no other node can take now, by id."""
    owned = [group for group, known in view.assignments.items() if known.record.owner == node and group in view.groups]
    without = frozenset({node})
    return tuple(g for g in owned if place(view, view.groups[g].record, "move", without=without).best is None)


def bound_resources(view: ClusterView, node: int) -> tuple[str, ...]:
    """Names of resources that can run on that node only."""
    return tuple(
        sorted(k.record.name for k in view.resources.values() if set(k.record.possible_owners) == {node})
    )  # fmt: skip


def may_leave(view: ClusterView, node: int) -> bool:
    """The node is asked to go for good and nothing holds it: its groups have left, or are not waited for."""
    eviction = view.node_intent(node).eviction
    if eviction is None:
        return False
    owns = any(known.record.owner == node and group in view.groups for group, known in view.assignments.items())
    return eviction.force or not owns


def next_step(view: ClusterView, node: int, member: int | None, facts: Sequence[str], at: str, at_s: float) -> Step:
    """What to do next about a node whose eviction was asked for.

    `member` is the id of its member of the store as etcd lists it, `facts` are the keys of everything it reported.
    """
    known, intent = view.nodes.get(node), view.node_intents.get(node)
    coordinator = view.authority.coordinator
    if known is None or intent is None or intent.record.eviction is None or coordinator is None:
        return NOBODY
    standing = view.authority.members.get(node)
    if standing is not None and standing.record.state == "up":
        return NOBODY  # it leaves by itself
    spec = known.record
    if waiting_for(view, node):
        return Wait(f"groups wait for the proof that {spec.name} is off; its record says what is known")
    guards: list[Guard] = [
        Unchanged(keys.COORDINATOR, coordinator.revision),
        Unchanged(f"{keys.SPEC_NODE}{node}", known.revision),
        Unchanged(f"{keys.INTENT_NODE}{node}", intent.revision),
        Unchanged(keys.member(node), standing.revision) if standing is not None else Absent(keys.member(node)),
    ]
    eviction = intent.record.eviction
    if member is None and not spec.votes and not spec.vote_pending:
        gone = _remembered(eviction, spec, at, at_s)
        return Commit(tuple(guards), tuple(_removal(view, spec, gone, facts, guards)), removes=True)
    if member is not None and eviction.member != f"{member:x}":
        # After it the directory is named that the machine keeps.
        asked = replace(intent.record, eviction=replace(eviction, member=f"{member:x}"))
        return Commit(tuple(guards), (Put(f"{keys.INTENT_NODE}{node}", encode(asked)),))
    obstacle = vote_obstacle(view, node)
    return Wait(f"{spec.name} keeps its vote: {obstacle}" if obstacle else "")


def _remembered(eviction: Eviction, spec: NodeSpec, at: str, at_s: float) -> EvictedNode:
    return EvictedNode(
        node=spec.node,
        name=spec.name,
        at=at,
        at_s=at_s,
        author=eviction.author,
        reason=eviction.reason,
        member=eviction.member,
        peer=peer_url(spec) if spec.fabric_address else "",
    )


def peer_url(spec: NodeSpec) -> str:
    """Where the node's member of the store listens for other members."""
    return f"https://{spec.fabric_address}:{spec.peer_port}"


def _removal(
    view: ClusterView, spec: NodeSpec, gone: EvictedNode, facts: Sequence[str], guards: list[Guard]
) -> list[Write]:
    """Everything that is written when the node goes; what is read for it is guarded."""
    node = spec.node
    writes: list[Write] = [
        Put(f"{keys.EVICTED}{node}", encode(gone)),
        Delete(f"{keys.SPEC_NODE}{node}"),
        Delete(keys.name("node", spec.name)),
        Delete(f"{keys.INTENT_NODE}{node}"),
        Delete(keys.member(node)),
        Delete(keys.join(node)),
        Delete(f"{keys.STANDING}{node}"),
        Delete(keys.fencing(node)),
        *(Delete(key) for key in facts),
    ]
    for group, group_known in view.groups.items():
        if node in group_known.record.preferred_owners:
            left = tuple(n for n in group_known.record.preferred_owners if n != node)
            guards.append(Unchanged(keys.SPEC_GROUP + group, group_known.revision))
            writes.append(Put(keys.SPEC_GROUP + group, encode(replace(group_known.record, preferred_owners=left))))
    for resource, resource_known in view.resources.items():
        owners = resource_known.record.possible_owners
        if node in owners and owners != (node,):  # an empty list would mean every node: the last entry stays
            left = tuple(n for n in owners if n != node)
            guards.append(Unchanged(keys.SPEC_RESOURCE + resource, resource_known.revision))
            changed = replace(resource_known.record, possible_owners=left)
            writes.append(Put(keys.SPEC_RESOURCE + resource, encode(changed)))
    return writes
