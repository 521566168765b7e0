"""Groups on hold: why they are, when they go on, and who makes room for whom (spec/03 §8.2, §11).

Owns: the hold for want of room or of distance, the release of every hold, and preemption.
Does not know: how the owner keeps a group down; it stops what runs of it and reports it as stopped.
How it works: a hold names its reason. One that rests on a setting ends when somebody asks for the group; one that rests
on other groups ends as soon as a node can take it.
"""

from __future__ import annotations

from typing import Final

from quorate.core.failover.decision import STAYS, Decision, Verdict, decided, taken
from quorate.core.moment import Moment
from quorate.core.placement.choosing import choose
from quorate.core.placement.preemption import room_for
from quorate.core.placement.scene import Scene
from quorate.model.workload import Assignment, GroupFact, GroupIntent, GroupSpec, Reason, wants_online

BY_SETTING: Final = frozenset({"priority_zero", "cold_start_off", "all_stay_offline"})
"""Holds that end only when somebody asks for the group."""


def asked_since(intent: GroupIntent, now: Assignment) -> bool:
    """Somebody has asked for the group since it was put on hold."""
    return intent.clear_failures != now.clear_failures


def without_room(
    scene: Scene, group: GroupSpec, now: Assignment, cause: str, why: tuple[Reason, ...], moment: Moment
) -> Verdict:
    """No node can take the group as it is: others make room, or it waits on a node that is up, or where it is."""
    made_room, room_on = _preempted(scene, group, moment)
    _, against = choose(scene, group, "failover", owner=now.owner, without=frozenset({now.owner}))
    keeper, _ = choose(scene, group, "failover", owner=now.owner, runs=False)
    here = scene.view.owner_lives(now)
    if keeper is None or (here and now.phase != "stop"):
        return Verdict(made_room, against, room_on=room_on)
    node = now.owner if here else keeper.node
    held = taken(scene.view, now, node, cause, (*why, *against), moment, phase="hold")
    return Verdict((*made_room, Decision(held, None, (now.owner, node))), against, room_on=room_on)


def held(scene: Scene, group: GroupSpec, now: Assignment, fact: GroupFact | None, moment: Moment) -> Verdict:
    """A group on hold, with a living owner: it goes on as soon as nothing stands against that."""
    view = scene.view
    intent = view.intent(group.id)
    if not wants_online(intent):
        return decided(taken(view, now, now.owner, "released", (Reason(code="not_wanted"),), moment), now.owner)
    by_hand = asked_since(intent, now)
    setting = next((reason for reason in now.reasons if reason.code in BY_SETTING), None)
    if setting is not None and not by_hand:
        return Verdict(waits=(setting,))
    if fact is None or not fact.stopped:
        return STAYS  # what is on hold must be down before it can go anywhere
    best, against = choose(scene, group, "place", owner=now.owner)
    if best is None:
        made_room, room_on = _preempted(scene, group, moment)
        return Verdict(made_room, against, room_on=room_on)
    code = "asked_for" if setting is not None else "room_again"
    reasons = (Reason(code=code, node=best.node), best.reason)
    return decided(taken(view, now, best.node, "released", reasons, moment), now.owner, best.node)


def _preempted(scene: Scene, group: GroupSpec, moment: Moment) -> tuple[tuple[Decision, ...], int]:
    """The groups of lower priority that go on hold so that this one has room, and where; none where nothing helps."""
    view, room = scene.view, room_for(scene, group)
    if room is None:
        return (), 0
    found: list[Decision] = []
    for other in room.victims:
        now = view.assignments[other].record
        why = Reason(code="preempted", node=now.owner, subject=group.name, detail=str(group.priority))
        found.append(
            Decision(taken(view, now, now.owner, "preempted", (why,), moment, phase="hold"), None, (now.owner,))
        )
    return tuple(found), room.node
