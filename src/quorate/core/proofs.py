"""How sure it must be that a former owner runs nothing any more before its group goes elsewhere (design §4).

Owns: the levels of proof, what a group demands, and which groups wait for a better proof than there is. Pure.
Does not know: how a proof comes about (`authority.suspicion`, `fencing`, `control.confirming`).
How it works: the verdict about a silent node is the same for everybody; its proof stands in the member record. A group
whose demand that proof does not meet keeps its lost owner until the record is given a better one, or the node is back
in a new life: a node takes part only when everything of its former life is gone (rule 13).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.model.membership import Proof
from quorate.model.proofs import PROOF_LEVELS, ProofLevel

STRENGTH: Final[dict[Proof, int]] = {
    "": 0,
    "lease_over": 0,
    "watchdog": 1,
    "released": 2,
    "ended": 2,
    "fenced": 2,
    "confirmed": 2,
}
"""Which level a proof meets. What a sentinel swears it has seen ended, holding by holding."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A group waits: its owner was lost, and the proof of that does not meet what the group demands."""

    node: int
    proof: Proof
    demanded: ProofLevel


def meets(proof: Proof, level: ProofLevel) -> bool:
    """Whether that proof is as strong as the level demands."""
    return STRENGTH[proof] >= PROOF_LEVELS.index(level)


def demanded(view: ClusterView, group: str) -> ProofLevel:
    """What the group demands: the most of what was set for it and of what its resources' types need."""
    known = view.groups.get(group)
    levels = [spec.required_proof for spec in view.members_of.get(group, {}).values()]
    return max([known.record.required_proof if known is not None else "lease", *levels], key=PROOF_LEVELS.index)


def owed(view: ClusterView, group: str) -> Owed | None:
    """What the group waits for, where it waits: the life of its owner is over by too weak a proof."""
    known = view.assignments.get(group)
    if known is None or group not in view.groups:
        return None
    member = view.authority.members.get(known.record.owner)
    if member is None or member.record.state == "up" or member.record.incarnation != known.record.incarnation:
        return None  # evicted, in that life, or back in another
    level = demanded(view, group)
    if meets(member.record.proof, level):
        return None
    return Owed(known.record.owner, member.record.proof, level)


def waiting_for(view: ClusterView, node: int) -> tuple[str, ...]:
    """Ids of the groups that wait for a better proof of that node's end."""
    found = (group for group, known in sorted(view.assignments.items()) if known.record.owner == node)
    return tuple(group for group in found if owed(view, group) is not None)
