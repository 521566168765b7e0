"""The owner of a group, or the life it had, is gone (spec/03 §8.5 and §12).

Owns: where such a group goes, whether it starts there, and what it waits for when the cluster has just been formed.
Does not know: whether the owner's end is proved (`deciding` asks first).
"""

from __future__ import annotations

from quorate.core.failover.decision import Verdict, decided, taken
from quorate.core.failover.holding import without_room
from quorate.core.moment import Moment
from quorate.core.placement.choosing import choose, objection
from quorate.core.placement.scene import Scene
from quorate.model.workload import Assignment, GroupSpec, Reason, wants_online


def after_loss(scene: Scene, group: GroupSpec, now: Assignment, moment: Moment) -> Verdict:
    """Every group changes hands at once; whether it starts depends on what is wanted and on how the owner was lost."""
    view = scene.view
    intent = view.intent(group.id)
    wanted = wants_online(intent)
    cold = _cold(scene, group)
    by_hand = cold and _asked_since_forming(scene, group)
    if cold and wanted and not by_hand:
        waits = _awaited(scene, group, now, moment)
        if waits is not None:
            return waits
    lost = Reason(code="owner_lost", node=now.owner, detail=_proof(scene, now.owner))
    refusal = _stays_offline(scene, group, cold=cold) if wanted and not by_hand else None
    runs = wanted and refusal is None
    best, against = choose(scene, group, "failover", owner=now.owner, runs=runs)
    back = objection(scene, group, now.owner, runs=runs) is None
    if back and (group.preferred_owners[:1] == (now.owner,) or best is None or not wanted):
        node, reason = now.owner, Reason(code="owner_returned", node=now.owner)
    elif best is not None:
        node, reason = best.node, best.reason
    else:
        return without_room(scene, group, now, "node_lost", (lost,), moment)
    reasons = (lost, *((refusal,) if refusal is not None else ()), reason, *against)
    made = taken(view, now, node, "node_lost", reasons, moment, phase="hold" if refusal is not None else "run")
    return decided(made, now.owner, node, finishes_move=intent.move)


def _proof(scene: Scene, node: int) -> str:
    if node not in scene.view.nodes:
        return "evicted"
    member = scene.view.authority.members.get(node)
    return member.record.proof if member is not None and member.record.state == "down" else "replaced"


def _cold(scene: Scene, group: GroupSpec) -> bool:
    """The group has had no owner since the cluster was formed (spec/03 §12)."""
    formed, known = scene.view.formed, scene.view.assignments.get(group.id)
    return formed is not None and known is not None and known.revision < formed.revision


def _asked_since_forming(scene: Scene, group: GroupSpec) -> bool:
    formed, known = scene.view.formed, scene.view.intents.get(group.id)
    return formed is not None and known is not None and known.revision > formed.revision


def _awaited(scene: Scene, group: GroupSpec, now: Assignment, moment: Moment) -> Verdict | None:
    """Its preferred node, or the one it was on last, may still come back (ClusterGroupWaitDelay)."""
    view = scene.view
    formed, cluster = view.formed, view.cluster
    if formed is None or cluster is None:
        return None
    node = group.preferred_owners[0] if group.preferred_owners else now.owner
    until_s = formed.record.at_s + cluster.record.cluster_group_wait_delay_s
    barred = scene.barred.get(node)
    if barred is None or barred.code != "node_down" or node not in formed.record.awaited or moment.wall_s >= until_s:
        return None
    return Verdict(waits=(Reason(code="waits_for_node", node=node),), again_s=until_s)


def _stays_offline(scene: Scene, group: GroupSpec, *, cold: bool) -> Reason | None:
    """Why it is not started by itself, although it should be online."""
    cluster = scene.view.cluster
    if group.priority == 0:
        return Reason(code="priority_zero")
    if cold and group.cold_start_setting:
        return Reason(code="cold_start_off", detail=str(group.cold_start_setting))
    if cold and cluster is not None and cluster.record.ignore_persistent_state_on_startup:
        return Reason(code="all_stay_offline")
    return None
