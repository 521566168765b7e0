"""The command that brings a group online on a named node: it moves there first, in one request (spec/03 §6.2).

Owns: the joining of the two wishes. Does not know: what stands against either (`control.groups`, `control.moving`).
How it works: both go into one record of intent, or neither. The owner starts nothing while a move is asked for that
does not wait, so the group does not come online where it is first.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, audited
from quorate.control.composing import Composed
from quorate.control.groups import group_online
from quorate.control.lookup import find_group, find_node
from quorate.control.moving import MoveWish, move_group
from quorate.control.requirements import FindManifest
from quorate.core.cluster_view import ClusterView
from quorate.model.problems import Problem, Refused


def group_online_at(
    view: ClusterView,
    name: str,
    to: str,
    occasion: Occasion,
    find_manifest: FindManifest,
    *,
    ignore_locked: bool = False,
    unordered: bool = False,
) -> Change[Done]:
    """The group should be online from now on, on that node. Raises Refused with what stands against either."""
    problems: list[Problem] = []
    spec, target = find_group(view, name, problems), find_node(view, to, problems, "to")
    if spec is None or target is None:
        raise Refused(problems)
    known = view.assignments.get(spec.id)
    here = known is None or known.record.owner == target.node
    online: Change[Done] | None = None
    move: Change[Done] | None = None
    try:
        online = group_online(
            view, spec.id, occasion, find_manifest, ignore_locked=ignore_locked, unordered=unordered, stays=here
        )
    except Refused as refused:
        problems += refused.problems
    try:
        move = move_group(view, spec.id, MoveWish(to=target.name), occasion, ignore_locked=ignore_locked)
    except Refused as refused:
        problems += [problem for problem in refused.problems if problem not in problems]
    if online is None or move is None or problems:
        raise Refused(problems)
    if not move.answer.changed:
        return online
    both = Composed(view)
    both.add(online)
    both.add(move_group(both.view, spec.id, MoveWish(to=target.name), occasion, ignore_locked=ignore_locked))
    change = Change(tuple(both.guards.values()), tuple(both.writes.values()), move.answer)
    return audited(
        change,
        occasion,
        verb="online",
        kind="group",
        object_id=spec.id,
        object_name=spec.name,
        detail=f"on {target.name}",
    )
