"""Commands that end a whole cluster: for now (`cluster stop`), or for good (`cluster destroy`) (spec/02 §3.2, §3.3).

Owns: what they demand and write. Does not know: how a node leaves; each sees by its intent that it is being stopped,
and by the cluster's record whether it steps aside after that.
How it works: one transaction tells every node that is up. So no group moves about while they go, because nobody takes
any; and every node can still write that it has left, because each waits for the others before it ends.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.cluster import formed
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.nodes import Destruction
from quorate.model.problems import Problem, Refused, error, warning
from quorate.model.records import Guard, Write


class DestroyWish(Value, frozen=True, kw_only=True):
    """`force` says that this is meant."""

    force: bool = False


def stop_cluster(view: ClusterView, occasion: Occasion) -> Change[Done]:
    """Every node that is up leaves cleanly; what should be online is online again when the cluster starts."""
    cluster = formed(view).record
    guards, writes = _stopping(view)
    done = Done(id=cluster.id, name=cluster.name, operation=occasion.id)
    if not writes:
        return unchanged(altered(done, changed=False, operation=""))
    change = Change(tuple(guards), tuple(writes), done)
    return audited(change, occasion, verb="stop", kind="cluster", object_id=cluster.id, object_name=cluster.name)


def destroy_cluster(view: ClusterView, wish: DestroyWish, occasion: Occasion) -> Change[Done]:
    """Every node stops and steps aside: its machine belongs to no cluster then."""
    known = formed(view)
    cluster = known.record
    if cluster.destroyed is not None:
        operation = cluster.destroyed.id
        return unchanged(Done(id=cluster.id, name=cluster.name, changed=False, operation=operation))
    if not wish.force:
        raise Refused(
            [
                error(
                    "destruction_not_confirmed",
                    f"this ends cluster {cluster.name} for good: {len(view.nodes)} nodes, {len(view.groups)} groups; "
                    "everything online is taken offline",
                    where="cluster",
                    remedy="say --force if that is meant; every machine keeps its files under another name",
                    override="--force",
                )
            ]
        )
    guards, writes = _stopping(view)
    destroyed = altered(
        cluster, destroyed=Destruction(id=occasion.id, author=occasion.author, reason=occasion.reason, at=occasion.at)
    )
    change = Change(
        guards=(guard(keys.SPEC_CLUSTER, known.revision), *guards),
        writes=(put(keys.SPEC_CLUSTER, destroyed), *writes),
        answer=Done(id=cluster.id, name=cluster.name, operation=occasion.id, warnings=_unreached(view)),
    )
    return audited(change, occasion, verb="destroy", kind="cluster", object_id=cluster.id, object_name=cluster.name)


def _stopping(view: ClusterView) -> tuple[list[Guard], list[Write]]:
    """Tell every node that is up and does not know it yet."""
    guards: list[Guard] = []
    writes: list[Write] = []
    for node in sorted(view.authority.up()):
        intent, known = view.node_intent(node), view.node_intents.get(node)
        if intent.stopping:
            continue
        key = f"{keys.INTENT_NODE}{node}"
        guards.append(guard(key, known.revision if known else None))
        writes.append(put(key, altered(intent, stopping=True)))
    return guards, writes


def _unreached(view: ClusterView) -> tuple[Problem, ...]:
    down = [node_name(view, node) for node in sorted(view.nodes) if node not in view.authority.up()]
    return tuple(
        warning(
            "node_not_reached",
            f"{name} is down and will not learn that the cluster is gone",
            where=f"node.{name}",
            remedy="on that machine: quorate node cleanup --force",
        )
        for name in down
    )
