"""A cold start is remembered: who formed the cluster, when, and who may be expected back (spec/03 §12).

Owns: how a forming is told from a takeover, and what is written of it. Does not know: what follows for groups.
How it works: whoever forms writes the coordinator's record and its own member's record in one transaction (rule 13); in
a takeover the successor's own record stays as it was. So the two carry the same revision only after a forming.
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.model.membership import Formed

CLEAN_ENDS = frozenset({"released", "ended"})


def formed_now(view: ClusterView, node: int, wall_s: float) -> Formed | None:
    """What this coordinator has to write of its forming; None where it did not form, or has written it."""
    coordinator, me = view.authority.coordinator, view.authority.members.get(node)
    if coordinator is None or me is None or coordinator.revision != me.revision:
        return None
    if view.formed is not None and view.formed.record.epoch >= coordinator.record.epoch:
        return None
    awaited = tuple(
        other
        for other, known in sorted(view.authority.members.items())
        if other != node
        and (
            known.record.state == "up"
            or known.record.proof in CLEAN_ENDS
            or known.revision == coordinator.revision  # who led before was up until then
        )
    )
    return Formed(epoch=coordinator.record.epoch, at_s=wall_s, awaited=awaited)
