"""When a group changes hands: the coordinator's decision about one group (spec/03 §8 to §10).

Owns: every cause for which an assignment is written, the failover limit, failback and moves. Pure.
Does not know: how a group is stopped or started (`group_run`), or how an assignment is committed.
How it works: `decide` looks at one group and returns at most one new assignment. A group that can run changes hands in
two assignments: *stop* under the old owner, then *run* under the new one, written only when the old owner's fact says
stopped under exactly that number, or its life has ended (rule 14). Every assignment names the life it is meant for.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.placement import Mode, objection, place
from quorate.core.proofs import owed
from quorate.model.workload import Assignment, GroupFact, GroupIntent, GroupSpec, Move, Reason, desired


@dataclass(frozen=True, slots=True)
class Decision:
    """A new assignment, and the move request that it fulfils or refuses."""

    assignment: Assignment
    finishes_move: Move | None = None
    watches: tuple[int, ...] = ()
    """Nodes whose membership the decision rests on; their records are guarded."""


def decide(
    view: ClusterView,
    group: GroupSpec,
    wall_s: float,
    weights: dict[int, int] | None = None,
    *,
    heed_proofs: bool = True,
) -> Decision | None:
    """The next assignment of a group, or None where it stays as it is.

    `heed_proofs` is False in a mutation alone: a lost owner's group goes elsewhere whatever it demands.
    """
    known = view.assignments.get(group.id)
    if known is None:
        return _first(view, group, weights)
    now = known.record
    member = view.authority.members.get(now.owner)
    alive = member is not None and member.record.state == "up" and member.record.incarnation == now.incarnation
    if not alive:
        if heed_proofs and owed(view, group.id) is not None:
            return None  # perhaps something of it still runs there (design §4)
        return _orphaned(view, group, now, weights)
    fact = view.fact(now)
    if now.phase == "stop":
        return _arrive(view, group, now, fact, weights) if fact is not None and fact.stopped else None
    return _leave(view, group, now, fact, wall_s, weights)


def _incarnation(view: ClusterView, node: int) -> str:
    known = view.authority.members.get(node)
    return known.record.incarnation if known else ""


def _first(view: ClusterView, group: GroupSpec, weights: dict[int, int] | None) -> Decision | None:
    best = place(view, group, "place", weights=weights).best
    if best is None:
        return None
    made = Assignment(
        group=group.id,
        owner=best.node,
        incarnation=_incarnation(view, best.node),
        number=1,
        cause="created",
        reasons=(best.reason,),
    )
    return Decision(made, watches=(best.node,))


def _orphaned(view: ClusterView, group: GroupSpec, now: Assignment, weights: dict[int, int] | None) -> Decision | None:
    """The owner, or the life it had, is gone: every group changes hands at once (spec/03 §8.5)."""
    placement = place(view, group, "failover", owner=now.owner, weights=weights)
    intent = view.intent(group.id)
    back = objection(view, group, now.owner) is None
    preferred = group.preferred_owners[:1] == (now.owner,)
    best = placement.best
    if back and (preferred or best is None or not intent.persistent_state):
        node, reason = now.owner, Reason(code="owner_returned", node=now.owner)
    elif best is not None:
        node, reason = best.node, best.reason
    else:
        return None
    member = view.authority.members.get(now.owner)
    proof: str = member.record.proof if member is not None and member.record.state == "down" else "replaced"
    if now.owner not in view.nodes:
        proof = "evicted"
    made = Assignment(
        group=group.id,
        owner=node,
        incarnation=_incarnation(view, node),
        number=now.number + 1,
        cause="node_lost",
        reasons=(Reason(code="owner_lost", node=now.owner, detail=proof), reason, *placement.against),
        failovers=now.failovers,
        clear_failures=intent.clear_failures,
        former=now.owner,
    )
    return Decision(made, finishes_move=intent.move, watches=(now.owner, node))


def _arrive(
    view: ClusterView, group: GroupSpec, now: Assignment, fact: GroupFact | None, weights: dict[int, int] | None
) -> Decision:
    """The group has stopped under the old owner and may run under the new one."""
    del fact
    node = now.to
    reasons = now.reasons
    found = objection(view, group, node)
    if found is not None:
        other = place(view, group, _mode(now.cause), owner=now.owner, weights=weights, without=frozenset({node})).best
        node = other.node if other is not None and now.cause != "moved" else now.owner
        reasons = (*reasons, found, Reason(code="destination_lost", node=node))
    intent = view.intent(group.id)
    made = Assignment(
        group=group.id,
        owner=node,
        incarnation=_incarnation(view, node),
        number=now.number + 1,
        cause=now.cause,
        reasons=reasons,
        failovers=now.failovers,
        clear_failures=now.clear_failures,
        drained_from=now.drained_from,
        former=now.owner,
        stay_against=now.stay_against,
    )
    return Decision(made, finishes_move=intent.move if now.cause == "moved" else None, watches=(now.owner, node))


def _mode(cause: str) -> Mode:
    match cause:
        case "resource_failed":
            return "failover"
        case "failback":
            return "failback"
        case _:
            return "move"


def _leave(
    view: ClusterView,
    group: GroupSpec,
    now: Assignment,
    fact: GroupFact | None,
    wall_s: float,
    weights: dict[int, int] | None,
) -> Decision | None:
    """Reasons to leave a living owner: asked for, drained, failed, failback."""
    intent = view.intent(group.id)
    if intent.move is not None:
        return _asked(view, group, now, intent, intent.move, weights)
    owner_intent = view.node_intent(now.owner)
    if owner_intent.stopping or owner_intent.drain or owner_intent.eviction is not None:
        target = owner_intent.drain_target
        if target and objection(view, group, target) is None:
            found = Reason(code="drain_target", node=target)
            return _stop(now, target, "drained", (Reason(code="node_draining", node=now.owner), found))
        best = place(view, group, "move", owner=now.owner, weights=weights).best
        if best is None:
            return None
        return _stop(now, best.node, "drained", (Reason(code="node_draining", node=now.owner), best.reason))
    if fact is not None and fact.gives_up is not None:
        return _failed(view, group, now, fact.gives_up, wall_s, weights)
    return _failback(view, group, now, intent, fact)


def _stop(
    now: Assignment,
    to: int,
    cause: str,
    reasons: tuple[Reason, ...],
    *,
    failovers: tuple[float, ...] | None = None,
    clear_failures: int | None = None,
    stay_against: tuple[Reason, ...] = (),
) -> Decision:
    made = Assignment(
        group=now.group,
        owner=now.owner,
        incarnation=now.incarnation,
        number=now.number + 1,
        phase="stop",
        to=to,
        cause=cause,
        reasons=reasons,
        failovers=now.failovers if failovers is None else failovers,
        clear_failures=now.clear_failures if clear_failures is None else clear_failures,
        drained_from=now.owner if cause == "drained" else 0,
        former=now.former,
        stay_against=stay_against,
    )
    return Decision(made, watches=(now.owner, to))


def _asked(
    view: ClusterView,
    group: GroupSpec,
    now: Assignment,
    intent: GroupIntent,
    move: Move,
    weights: dict[int, int] | None,
) -> Decision | None:
    """A move by request (spec/03 §10): never counted; refused with the reason where it cannot be."""
    why = Reason(code="move_requested", node=move.to, subject=move.author, detail=move.reason)
    if move.to:
        found = objection(view, group, move.to)
        target = move.to
        chosen = Reason(code="named_by_request", node=move.to)
    else:
        best = place(view, group, "move", weights=weights, without=frozenset({now.owner})).best
        found = None if best is not None else Reason(code="nowhere_to_go")
        target = best.node if best is not None else 0
        chosen = best.reason if best is not None else why
    if found is not None or target == now.owner:
        refused = Assignment(
            group=now.group,
            owner=now.owner,
            incarnation=now.incarnation,
            number=now.number,
            cause=now.cause,
            reasons=(*now.reasons, why, found or Reason(code="already_there", node=target)),
            failovers=now.failovers,
            clear_failures=now.clear_failures,
            drained_from=now.drained_from,
            former=now.former,
            stay_against=now.stay_against,
        )
        return Decision(refused, finishes_move=move, watches=(now.owner,))
    stay = tuple(
        Reason(code="moved_by_hand", node=node, detail=_incarnation(view, node)) for node in group.preferred_owners
    )
    return _stop(
        now, target, "moved", (why, chosen), failovers=(), clear_failures=intent.clear_failures, stay_against=stay
    )


def _failed(
    view: ClusterView,
    group: GroupSpec,
    now: Assignment,
    why: Reason,
    wall_s: float,
    weights: dict[int, int] | None,
) -> Decision | None:
    """A resource failed for good here: fail over within the limit (spec/03 §8.4)."""
    period_s = group.failover_period_h * 3600
    intent = view.intent(group.id)
    spent = now.failovers if now.clear_failures == intent.clear_failures else ()
    recent = tuple(at for at in spent if period_s == 0 or wall_s - at < period_s)
    limit = group.failover_threshold if group.failover_threshold is not None else max(len(view.nodes) - 1, 0)
    if len(recent) >= limit:
        return None
    best = place(view, group, "failover", owner=now.owner, weights=weights, without=frozenset({now.owner})).best
    if best is None:
        return None
    stay = Reason(code="failed_there", node=now.owner, detail=now.incarnation)
    return _stop(
        now,
        best.node,
        "resource_failed",
        (why, best.reason),
        failovers=(*recent, wall_s),
        clear_failures=intent.clear_failures,
        stay_against=(*now.stay_against, stay),
    )


def _failback(
    view: ClusterView, group: GroupSpec, now: Assignment, intent: GroupIntent, fact: GroupFact | None
) -> Decision | None:
    """Return to a better preferred owner that is active again (spec/03 §9), at once."""
    if group.auto_failback_type != 1 or not intent.persistent_state or fact is None:
        return None
    members = view.members_of.get(group.id, {})
    settled = all(
        (known := fact.resources.get(r.id)) is not None
        and known.state == ("online" if desired(r, intent) else "offline")
        for r in members.values()
    )
    if not settled:
        return None
    stay = {(reason.node, reason.detail) for reason in now.stay_against}
    for node in group.preferred_owners:
        if node == now.owner:
            return None
        if objection(view, group, node) is None and (node, _incarnation(view, node)) not in stay:
            rank = group.preferred_owners.index(node) + 1
            return _stop(now, node, "failback", (Reason(code="preferred_owner_back", node=node, detail=str(rank)),))
    return None
