"""Where the proof that a group demands could not be had without a person (design §4: status says so).

Owns: that question. Pure. Does not know: words for it.
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.core.fencing import levels_of
from quorate.core.proofs import demanded
from quorate.core.resets import timeout_of
from quorate.model.proofs import ProofLevel


def has_means(view: ClusterView, node: int, level: ProofLevel) -> bool:
    """Whether that proof of the node's end can be had without a person."""
    if levels_of(view, node):  # a fence device gives the strongest
        return True
    member = view.authority.up().get(node)
    armed_s = timeout_of(view, node, member.record.incarnation) if member is not None else 0.0
    return level == "watchdog" and armed_s > 0.0


def without_means(view: ClusterView, group: str) -> tuple[int, ...]:
    """Nodes that may own the group and whose end nothing could prove as it demands."""
    level = demanded(view, group)
    members = view.members_of.get(group, {}).values()
    able = [n for n in sorted(view.nodes) if all(not m.possible_owners or n in m.possible_owners for m in members)]
    return () if level == "lease" else tuple(node for node in able if not has_means(view, node, level))
