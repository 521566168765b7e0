"""Who may not be admitted to the cluster at present, whatever authority would allow (spec/02 §1.5, §2.1, §5.3, §6).

Owns: the refusals of policy, each with its reason. Pure. Does not know: how admission works; `core.authority` leaves
out whom this module bars. A bar is never a proof of anything: it only keeps a node waiting.
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.core.quarantine import is_needed, is_uncounted, quarantine
from quorate.core.versions import incompatibility
from quorate.model.workload import Reason


def refusal(view: ClusterView, node: int, wall_s: float) -> Reason | None:
    """Why the node may not be admitted now, or None."""
    if not view.authority.is_listed(node):
        return Reason(code="not_listed", node=node)
    if view.node_intent(node).eviction is not None:
        return Reason(code="node_evicted_soon", node=node)
    asks = view.authority.joins.get(node)
    why = incompatibility(view, node, asks.record.software) if asks is not None else ""
    if why:
        return Reason(code="software_incompatible", node=node, detail=why)
    if is_uncounted(view, node):
        return Reason(code="failure_not_counted", node=node)
    found = quarantine(view, node, wall_s)
    if found is not None and not is_needed(view, node):
        return Reason(code="node_quarantined", node=node, detail=f"{found.failures}")
    return None


def barred(view: ClusterView, wall_s: float) -> frozenset[int]:
    """All nodes that ask to be admitted and may not be."""
    return frozenset(node for node in view.authority.joins if refusal(view, node, wall_s) is not None)
