"""Which node should own a group, with a reason for every node (spec/03 §8.2 and §9).

Owns: the candidates, their order, and the reasons against those that lost. Pure: the same input gives the same answer.
Does not know: how a group gets there; `failover` decides when, `group_run` carries out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quorate.core.cluster_view import ClusterView
from quorate.model.workload import GroupSpec, Reason

Mode = Literal["place", "failover", "move", "failback"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that could own the group, and why it stands where it stands."""

    node: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Placement:
    """Candidates, best first, and why every other node is none."""

    candidates: tuple[Candidate, ...]
    against: tuple[Reason, ...]

    @property
    def best(self) -> Candidate | None:
        """The first candidate."""
        return self.candidates[0] if self.candidates else None


def objection(view: ClusterView, group: GroupSpec, node: int, *, ignore_pause: bool = False) -> Reason | None:
    """Why that node cannot own the group now, or None."""
    known = view.authority.members.get(node)
    if known is None or known.record.state != "up":
        return Reason(code="node_down", node=node)
    intent = view.node_intent(node)
    if intent.eviction is not None:
        return Reason(code="node_evicted_soon", node=node)
    if intent.stopping:
        return Reason(code="node_stopping", node=node)
    if intent.drain:
        return Reason(code="node_draining", node=node)
    if intent.paused and not ignore_pause:
        return Reason(code="node_paused", node=node)
    for resource in view.members_of.get(group.id, {}).values():
        if resource.possible_owners and node not in resource.possible_owners:
            return Reason(code="not_possible_owner", node=node, subject=resource.name)
    return None


def load(view: ClusterView) -> dict[int, int]:
    """How many groups each node owns that should be online."""
    count: dict[int, int] = {}
    for group, known in view.assignments.items():
        if view.intent(group).persistent_state:
            owner = known.record.to or known.record.owner
            count[owner] = count.get(owner, 0) + 1
    return count


def place(
    view: ClusterView,
    group: GroupSpec,
    mode: Mode,
    *,
    owner: int = 0,
    without: frozenset[int] = frozenset(),
    weights: dict[int, int] | None = None,
) -> Placement:
    """Order the nodes that can own the group; `owner` is the present one, `without` are excluded for this round.

    Preferred owners come in list order; in a failover the list begins after the present owner (spec/03 §8.2). The
    others follow by number of groups, then by node number.
    """
    against: list[Reason] = []
    able: list[int] = []
    for node in sorted(view.nodes.keys() | view.authority.members.keys()):
        found = objection(view, group, node)
        if found is None and node in without:
            found = Reason(code="excluded_this_round", node=node)
        if found is None:
            able.append(node)
        else:
            against.append(found)
    preferred = [node for node in group.preferred_owners if node in able]
    if mode == "failover" and owner in group.preferred_owners:
        start = group.preferred_owners.index(owner) + 1
        rotated = (*group.preferred_owners[start:], *group.preferred_owners[:start])
        preferred = [node for node in rotated if node in able]
    counts = weights if weights is not None else load(view)
    rest = sorted((node for node in able if node not in preferred), key=lambda node: (counts.get(node, 0), node))
    chosen = [
        Candidate(
            node,
            Reason(code="preferred_owner", node=node, detail=str(group.preferred_owners.index(node) + 1))
            if node in group.preferred_owners
            else Reason(code="fewest_groups", node=node, detail=str(counts.get(node, 0))),
        )
        for node in (*preferred, *rest)
    ]
    return Placement(tuple(chosen), tuple(against))
