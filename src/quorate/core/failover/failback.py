"""When a group returns to a better owner (spec/03 §9): by its own setting, or because a drain is over.

Owns: windows, the time a node must have been healthy, and what a group does not return to.
Does not know: how groups move; it names the node and the reason.
"""

from __future__ import annotations

from quorate.core.failover.decision import STAYS, Verdict, decided, incarnation_of, left
from quorate.core.moment import Moment
from quorate.core.placement.choosing import objection
from quorate.core.placement.filters import BY_OTHERS, apart_conflict
from quorate.core.placement.scene import Scene
from quorate.model.workload import Assignment, GroupSpec, Reason


def in_window(start: int, end: int, hour: int) -> bool:
    """The hour lies in the window, which may cross midnight; without both ends there is no window (FB-04)."""
    if start < 0 or end < 0 or start == end:
        return True
    return start <= hour < end if start < end else hour >= start or hour < end


def failback(scene: Scene, group: GroupSpec, now: Assignment, moment: Moment) -> Verdict:
    """Return where that is due; the group must be as it should be."""
    if group.locked_from_moving:
        return STAYS
    drained, barred = _after_drain(scene, group, now, moment)
    if drained is not None:
        return drained
    if group.auto_failback_type != 1:
        return _not_yet(barred)
    stay = {(reason.node, reason.detail) for reason in now.stay_against}
    for rank, node in enumerate(group.preferred_owners, 1):
        if node == now.owner:
            break
        if (node, incarnation_of(scene.view, node)) in stay:
            continue
        found = objection(scene, group, node) or apart_conflict(scene, group, node)
        if found is None:
            return _back(scene, group, now, node, rank, moment)
        if barred is None or barred.code not in BY_OTHERS:
            barred = found
    return _not_yet(barred)


def _not_yet(found: Reason | None) -> Verdict:
    """It stays; where other groups are what keeps it from returning, it waits for them."""
    if found is None or found.code not in BY_OTHERS:
        return STAYS
    return Verdict(waits=(Reason(code="failback_barred", node=found.node), found))


def _back(scene: Scene, group: GroupSpec, now: Assignment, node: int, rank: int, moment: Moment) -> Verdict:
    """To that node, if the time has come."""
    if not in_window(group.failback_window_start, group.failback_window_end, moment.hour):
        words = f"{group.failback_window_start}-{group.failback_window_end}"
        return Verdict(waits=(Reason(code="failback_window", node=node, detail=words),), again_s=moment.next_hour_s)
    healthy_s = moment.up_since_s.get(node, moment.wall_s) + group.failback_stable_s
    if group.failback_stable_s and moment.wall_s < healthy_s:
        why = Reason(code="failback_stable", node=node, detail=str(group.failback_stable_s))
        return Verdict(waits=(why,), again_s=healthy_s)
    if node in scene.returning:
        return Verdict(waits=(Reason(code="failback_one_by_one", node=node),))
    why = Reason(code="preferred_owner_back", node=node, detail=str(rank))
    return decided(left(now, node, "failback", (why,), moment), now.owner, node)


def _after_drain(
    scene: Scene, group: GroupSpec, now: Assignment, moment: Moment
) -> tuple[Verdict | None, Reason | None]:
    """The node from which a drain moved it takes such groups back; or what stands against that."""
    home = now.drained_from
    if not home or home == now.owner or not scene.view.node_intent(home).takes_back:
        return None, None
    found = objection(scene, group, home)
    if found is not None:
        return None, found
    made = left(now, home, "failback", (Reason(code="drain_over", node=home),), moment)
    return decided(made, now.owner, home), None
