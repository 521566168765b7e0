"""What an owner does about a group when it is told something: its own stepping (`group_run`), run to the end at once.

Owns: hosts that obey at once and never fail, and the order in which resources stop and start. Pure. Does not know:
which groups are asked about, or who decides on them (`foresight`).
How it works: a run goes on from the last fact of the owner's present life, as that of a service does that was started
anew. Every command is answered at once as it should be; a restart is waited for, a late retry is not. What is under
way is taken to end well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from quorate.core.cluster_view import ClusterView
from quorate.core.failover.maintenance import hands_off
from quorate.core.group_run.commands import BringOnline, Command, End, Respecify, TakeOffline
from quorate.core.group_run.run import GroupRun
from quorate.core.probation import proofs
from quorate.core.resource_maintenance import maintained
from quorate.model.base import replace
from quorate.model.workload import Assignment, GroupFact, ResourceState, desired

ROUNDS_MOST: Final = 10_000
"""Steps of one group until it is given up: a chain of dependencies takes one for each of its members."""

ENDS_AS: Final[Mapping[ResourceState, ResourceState]] = {"online_pending": "online", "offline_pending": "offline"}


@dataclass(frozen=True, slots=True)
class Doing:
    """Resources that the owner stops or starts, one after the other."""

    what: Literal["stop", "start"]
    resources: tuple[str, ...]


def at_rest(view: ClusterView, now: Assignment) -> bool:
    """Nothing would be done: all is as it should be, and nobody asked for anything. Cheap; False where in doubt."""
    fact = view.fact(now)
    members, intent = view.members_of.get(now.group, {}), view.intent(now.group)
    if fact is None or fact.resources.keys() != members.keys() or fact.clear_failures != intent.clear_failures:
        return False
    if now.phase != "run":
        return fact.stopped
    asked = any(one.number == now.number and _answered(fact, r) != one.id for r, one in intent.fail.items())
    return not asked and all(
        known.state == ("online" if desired(members[r], intent) else "offline") and not known.flags.embedded
        for r, known in fact.resources.items()
    )


def _answered(fact: GroupFact, resource: str) -> str:
    return fact.resources[resource].fail_request if resource in fact.resources else ""


def carried_out(view: ClusterView, now: Assignment, wall_s: float) -> tuple[GroupFact, tuple[Doing, ...]]:
    """What its living owner reports of a group in the end, and what it does until then."""
    run = GroupRun(now.group)
    said = view.facts.get((now.owner, now.group))
    if said is not None and said.record.incarnation == now.incarnation:
        run.resume(said.record, 0.0, wall_s)
        for resource, known in said.record.resources.items():
            its = run.resources[resource]
            its.state, its.detail, its.flags = ENDS_AS.get(known.state, known.state), known.detail, known.flags
    members, intent = view.members_of.get(now.group, {}), view.intent(now.group)
    paused = view.node_intent(now.owner).paused
    by_hand = hands_off(view, now.group, now.owner, wall_s) is not None
    overlooked = frozenset(maintained(view, now.group, wall_s))
    proven = proofs(view, now.group)

    def step(clock: float) -> tuple[tuple[Command, ...], GroupFact, float | None]:
        return run.step(
            clock,
            now,
            members,
            intent,
            may_start=True,
            paused=paused,
            hands_off=by_hand,
            maintained=overlooked,
            proofs=proven,
            wall_s=wall_s,
        )

    done: list[Doing] = []
    clock = 0.0
    commands, fact, _due = step(clock)
    for _ in range(ROUNDS_MOST):
        obeyed = [one for command in commands if (one := _obey(run, command)) is not None]
        for one in obeyed:
            if done and done[-1].what == one.what:
                done[-1] = Doing(one.what, (*done[-1].resources, *one.resources))
            else:
                done.append(one)
        at_s = [its.counts.restart_at for its in run.resources.values() if its.counts.restart_at is not None]
        restarts = [at for at in at_s if at > clock]
        if not obeyed and not restarts:
            break
        clock = clock if obeyed else min(restarts)
        commands, fact, _due = step(clock)
    known_intent = view.intents.get(now.group)
    return replace(fact, intent=known_intent.revision if known_intent is not None else 0), tuple(done)


def _obey(run: GroupRun, command: Command) -> Doing | None:
    """The host does it; None where nothing stops or starts by that."""
    match command:
        case BringOnline(spec=spec):
            run.reported(spec.id, "online", "")
            return Doing("start", (spec.id,))
        case TakeOffline(resource=resource) | End(resource=resource):
            run.reported(resource, "offline", "")
            return Doing("stop", (resource,))
        case Respecify():
            return None
