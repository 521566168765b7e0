"""Commands that move groups, and take moves back (spec/03 §10).

Owns: what a move demands, and the request that it writes. Does not know: how a group changes hands; the coordinator
fulfils the request, refuses it with a reason, or lets it wait (`core.failover.moves`).
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, unchanged
from quorate.control.groups import intend
from quorate.control.locks import group_locked_problems
from quorate.control.lookup import find_group, find_node
from quorate.control.maintenance import maintenance_problems
from quorate.control.standing import assignment_of
from quorate.core.cluster_view import ClusterView
from quorate.core.placement.choosing import objection, place
from quorate.core.placement.scene import Scene
from quorate.core.reasons import in_words
from quorate.model.base import Value
from quorate.model.problems import Problem, Refused, error
from quorate.model.workload import Move


class MoveWish(Value, frozen=True, kw_only=True):
    """Where a group shall go; empty: the best other node."""

    to: str = ""
    return_on_error: bool = False
    """Where it does not come online there, it goes back."""
    queue: bool = False
    """Where it cannot go now, the request waits until it can, or is taken back."""


def move_group(
    view: ClusterView, name: str, wish: MoveWish, occasion: Occasion, *, ignore_locked: bool = False
) -> Change[Done]:
    """Ask for the group to change its owner (spec/03 §10.1)."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    target = find_node(view, wish.to, problems, "to") if wish.to else None
    if spec is None or problems:
        raise Refused(problems)
    intent, assignment = view.intent(spec.id), assignment_of(view, spec.id)
    if assignment is None:
        problems.append(
            error("group_without_owner", f"group {spec.name} has no owner yet", remedy="see quorate explain group")
        )
    elif intent.move is not None or assignment.phase == "stop":
        problems.append(
            error(
                "operation_under_way",
                f"group {spec.name} is being moved already",
                where="group",
                remedy=f"wait for its end, or take it back: quorate group cancel-move {spec.name!r}",
            )
        )
    elif target is not None and target.node == assignment.owner:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    elif target is not None:
        found = objection(Scene(view, occasion.at_s), spec, target.node)
        if found is not None and not wish.queue:
            problems.append(
                error(
                    "node_cannot_own",
                    f"group {spec.name} cannot move to {target.name}: {in_words(view, found)}",
                    where="to",
                    remedy="name another node, or none for the best",
                )
            )
    elif not wish.queue:
        placement = place(Scene(view, occasion.at_s), spec, "move", without=frozenset({assignment.owner}))
        if placement.best is None:
            against = "; ".join(in_words(view, reason) for reason in placement.against)
            problems.append(
                error(
                    "nowhere_to_go",
                    f"no other node can take group {spec.name}: {against}",
                    where="group",
                    remedy="bring another node up, or resume one",
                )
            )
    problems += [] if ignore_locked else group_locked_problems(view, spec.id)
    problems += maintenance_problems(view, spec, occasion.at_s)
    if spec.locked_from_moving:
        remedy = f"quorate group set {spec.name!r} locked_from_moving=no"
        problems.append(error("group_locked_from_moving", f"group {spec.name} is locked from moving", remedy=remedy))
    if problems:
        raise Refused(problems)
    move = Move(
        id=occasion.id,
        to=target.node if target else 0,
        reason=occasion.reason,
        author=occasion.author,
        return_on_error=wish.return_on_error,
        queue=wish.queue,
    )
    detail = f"to {target.name}" if target else "to the best node"
    return intend(view, spec, altered(intent, move=move), occasion, "move", operation=move.id, detail=detail)


def cancel_move(view: ClusterView, name: str, occasion: Occasion) -> Change[Done]:
    """Take a move back: one that waits is forgotten, one under way ends where the group was (spec/03 §10.3)."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    if spec is None:
        raise Refused(problems)
    intent, assignment = view.intent(spec.id), assignment_of(view, spec.id)
    under_way = assignment is not None and assignment.phase == "stop" and assignment.cause == "moved"
    if intent.move is None and not under_way:
        remedy = "see where it is: quorate group show"
        raise Refused([error("nothing_to_cancel", f"group {spec.name} is not being moved", remedy=remedy)])
    if intent.move is not None and intent.move.cancels:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    move = Move(id=occasion.id, reason=occasion.reason, author=occasion.author, cancels=True)
    return intend(view, spec, altered(intent, move=move), occasion, "cancel-move", operation=move.id)
