"""Where people work by hand, the cluster keeps its hands off (features: maintenance with owner, reason and expiry).

Owns: whose maintenance covers a group. Does not know: what is left undone because of it.
How it works: the maintenance of a group, of the node that owns it, or of the whole cluster covers it, the nearest
first; one whose time is over counts no more, even before somebody has cleared it away.
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.model.maintenance import Maintenance
from quorate.model.workload import Reason


def covering(view: ClusterView, group: str, owner: int, wall_s: float) -> tuple[str, Maintenance] | None:
    """The maintenance that covers the group, and of what it is: `group`, `node` or `cluster`; None where none does."""
    cluster = view.cluster_intent
    found = (
        ("group", view.intent(group).maintenance),
        ("node", view.node_intent(owner).maintenance),
        ("cluster", cluster.record.maintenance if cluster is not None else None),
    )
    return next(((kind, one) for kind, one in found if one is not None and not one.over(wall_s)), None)


def hands_off(view: ClusterView, group: str, owner: int, wall_s: float) -> Reason | None:
    """Why the cluster does nothing about the group by itself; None where it may."""
    covered = covering(view, group, owner, wall_s)
    if covered is None:
        return None
    kind, maintenance = covered
    return Reason(code="in_maintenance", node=owner if kind == "node" else 0, subject=kind, detail=maintenance.author)


def ends_s(view: ClusterView, group: str, owner: int, wall_s: float) -> float | None:
    """Wall time at which that maintenance ends by itself; None where it does not."""
    covered = covering(view, group, owner, wall_s)
    return covered[1].until_s or None if covered is not None else None


def next_end_s(view: ClusterView, wall_s: float) -> float | None:
    """When the next node takes groups again because its maintenance ends by itself, as wall time; None: none does."""
    kept = (known.record.maintenance for known in view.node_intents.values())
    return min((one.until_s for one in kept if one is not None and one.until_s > wall_s), default=None)
