"""What the coordinator decides about one group now (spec/03 §8 to §12).

Owns: the order in which causes are looked at, the failover limit, drains. Pure.
Does not know: how a group is stopped or started (`group_run`), or how an assignment is committed.
How it works: a group that can run changes hands in two assignments: *stop* under the old owner, then *run* under the
new one, written only when the old owner's fact says stopped under exactly that number, or its life has ended (rule 14).
Every assignment names the life it is meant for. Where nothing can be done the verdict says what is waited for.
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.core.failover import failback as returning
from quorate.core.failover.decision import STAYS, Verdict, decided, first, left, taken
from quorate.core.failover.holding import held, without_room
from quorate.core.failover.lost_owner import after_loss
from quorate.core.failover.maintenance import ends_s, hands_off
from quorate.core.failover.moves import arrived_well, gone_back, requested, turned_round
from quorate.core.moment import Moment
from quorate.core.placement.choosing import choose, objection
from quorate.core.placement.ranking import Mode
from quorate.core.placement.scene import Scene
from quorate.core.proofs import owed
from quorate.model.base import replace
from quorate.model.workload import Assignment, GroupFact, GroupSpec, Reason, as_wanted, wants_online


def decide(world: ClusterView | Scene, group: GroupSpec, moment: Moment, *, heed_proofs: bool = True) -> Verdict:
    """The next assignment of a group, or what it waits for.

    `heed_proofs` is False in a mutation alone: a lost owner's group goes elsewhere whatever it demands.
    """
    scene = world if isinstance(world, Scene) else Scene(world, moment.wall_s)
    view = scene.view
    known = view.assignments.get(group.id)
    if known is None:
        return _first(scene, group, moment)
    now = known.record
    off = hands_off(view, group.id, now.owner, moment.wall_s)
    if not view.owner_lives(now):
        if heed_proofs and owed(view, group.id) is not None:
            return STAYS  # perhaps something of it still runs there (design §4)
        if off is not None:
            return Verdict(waits=(off,), again_s=ends_s(view, group.id, now.owner, moment.wall_s))
        return after_loss(scene, group, now, moment)
    fact = view.fact(now)
    if now.phase == "stop":
        return _leaving(scene, group, now, fact, moment)
    found = _asked_to_leave(scene, group, now, moment)
    if found is not None:
        return found
    if off is not None:
        return Verdict(waits=(off,), again_s=ends_s(view, group.id, now.owner, moment.wall_s))
    if now.phase == "hold":
        return held(scene, group, now, fact, moment)
    if fact is not None and fact.gives_up is not None:
        return _failed(scene, group, now, fact.gives_up, moment)
    if fact is None or not as_wanted(view.members_of.get(group.id, {}).values(), view.intent(group.id), fact):
        return STAYS
    if now.returns_to:
        return arrived_well(now)
    if not wants_online(view.intent(group.id)) or _locked(view, group, fact) is not None:
        return STAYS
    return _followed(scene, group, now, moment) or returning.failback(scene, group, now, moment)


def _followed(scene: Scene, group: GroupSpec, now: Assignment, moment: Moment) -> Verdict | None:
    """Those that it must be with have gone: it goes after them, where it can; else it goes on, and that is told."""
    if not group.affinity_enforced or group.locked_from_moving:
        return None
    found = objection(scene, group, now.owner)
    if found is None or found.code != "companions_elsewhere":
        return None
    best, against = choose(scene, group, "move", owner=now.owner, without=frozenset({now.owner}))
    if best is None:
        return Verdict(waits=(found, Reason(code="nowhere_to_go"), *against))
    return decided(left(now, best.node, "followed", (found, best.reason), moment), now.owner, best.node)


def _first(scene: Scene, group: GroupSpec, moment: Moment) -> Verdict:
    """A group that nobody had yet; where it should run and cannot, it waits on a node that may own it."""
    best, against = choose(scene, group, "place")
    if best is not None:
        return decided(first(scene.view, group, best.node, (best.reason,), moment), best.node)
    keeper, _ = choose(scene, group, "place", runs=False)
    if keeper is None:
        return Verdict((), against)
    return decided(first(scene.view, group, keeper.node, against, moment, phase="hold"), keeper.node)


def _locked(view: ClusterView, group: GroupSpec, fact: GroupFact | None) -> Reason | None:
    """A resource whose own type forbids for now that it is taken away (spec/03 §14.1)."""
    told = fact.resources if fact is not None else {}
    for resource in view.members_of.get(group.id, {}).values():
        known = told.get(resource.id)
        if known is not None and known.flags.locked:
            return Reason(code="resource_locked", subject=resource.name, detail=known.flags.locked)
    return None


def _leaving(scene: Scene, group: GroupSpec, now: Assignment, fact: GroupFact | None, moment: Moment) -> Verdict:
    """The group is being stopped under the old owner; when it is, it may run under the new one."""
    view = scene.view
    move = view.intent(group.id).move
    if move is not None and move.cancels and now.cause == "moved":
        return turned_round(scene, now, move, moment)
    if fact is None or not fact.stopped:
        return STAYS
    node, reasons = now.to, now.reasons
    found = objection(scene, group, node)
    if found is not None:
        other, _ = choose(scene, group, _mode(now.cause), owner=now.owner, without=frozenset({node}))
        node = other.node if other is not None and now.cause != "moved" else now.owner
        reasons = (*reasons, found, Reason(code="destination_lost", node=node))
        if node == now.owner and objection(scene, group, node) is not None and now.cause != "moved":
            return without_room(scene, group, now, now.cause, reasons, moment)
    made = replace(taken(view, now, node, now.cause, reasons, moment), returns_to=now.returns_to)
    return decided(made, now.owner, node, finishes_move=move if now.cause == "moved" else None)


def _mode(cause: str) -> Mode:
    match cause:
        case "resource_failed":
            return "failover"
        case "failback":
            return "failback"
        case _:
            return "move"


def _asked_to_leave(scene: Scene, group: GroupSpec, now: Assignment, moment: Moment) -> Verdict | None:
    """Somebody asked: for a move, or for the node to be empty."""
    view = scene.view
    move = view.intent(group.id).move
    if move is not None:
        return requested(scene, group, now, move, moment)
    wish = view.node_intent(now.owner)
    if not (wish.stopping or wish.drain or wish.eviction is not None):
        return None
    why = Reason(code="node_draining", node=now.owner)
    if group.locked_from_moving and not wish.stopping and wish.eviction is None:
        return Verdict(waits=(why, Reason(code="locked_from_moving")))
    locked = _locked(view, group, view.fact(now))
    if locked is not None and not wish.stopping and wish.eviction is None:
        return Verdict(waits=(why, locked))
    if scene.leaving_full(now.owner):
        return Verdict(waits=(why, Reason(code="drain_limit", node=now.owner)))
    if wish.drain_target and objection(scene, group, wish.drain_target) is None:
        to, chosen = wish.drain_target, Reason(code="drain_target", node=wish.drain_target)
    else:
        best, against = choose(scene, group, "move", owner=now.owner)
        if best is None:
            return Verdict(waits=(why, Reason(code="nowhere_to_go"), *(other for other in against if other != why)))
        to, chosen = best.node, best.reason
    return decided(left(now, to, "drained", (why, chosen), moment), now.owner, to)


def _failed(scene: Scene, group: GroupSpec, now: Assignment, why: Reason, moment: Moment) -> Verdict:
    """A resource failed for good here: fail over within the limit (spec/03 §8.4)."""
    view = scene.view
    back = gone_back(scene, group, now, why, moment)
    if back is not None:
        return back
    period_s = group.failover_period_h * 3600
    intent = view.intent(group.id)
    spent = now.failovers if now.clear_failures == intent.clear_failures else ()
    recent = tuple(at for at in spent if period_s == 0 or moment.wall_s - at < period_s)
    limit = group.failover_threshold if group.failover_threshold is not None else max(len(view.nodes) - 1, 0)
    if len(recent) >= limit:
        return Verdict(waits=(Reason(code="failover_limit", detail=str(limit)),))
    # Who has failed with it in this round is asked last: the next candidate comes before one that is known to fail.
    tried = frozenset(r.node for r in now.stay_against if r.code == "failed_there") if recent else frozenset()
    best, against = choose(scene, group, "failover", owner=now.owner, without=tried | {now.owner})
    if best is None and tried:
        best, against = choose(scene, group, "failover", owner=now.owner, without=frozenset({now.owner}))
    if best is None:
        return Verdict(waits=(Reason(code="nowhere_to_go"), *against))
    stay = Reason(code="failed_there", node=now.owner, detail=now.incarnation)
    made = replace(
        left(now, best.node, "resource_failed", (why, best.reason), moment),
        failovers=(*recent, moment.wall_s),
        clear_failures=intent.clear_failures,
        stay_against=(*now.stay_against, stay),
    )
    return decided(made, now.owner, best.node)
