"""What the coordinator would decide about a group now, and what keeps it from deciding or the owner from starting.

Owns: the putting into words of a verdict and of a start that waits. Does not know: why anything is decided.
How it works: it asks the engines themselves, `failover.decide` and `StartOrder`, so that nothing said here can differ
from what is done. Where no coordinator leads, it is what one would decide.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.failover.deciding import decide
from quorate.core.failover.decision import Decision
from quorate.core.moment import Moment
from quorate.core.placement.scene import Scene
from quorate.core.reasons import cause_sentence, in_words, node_name
from quorate.core.start_order import StartOrder
from quorate.model.workload import GroupSpec, wants_online


@dataclass(frozen=True, slots=True)
class Now:
    """What follows for one group now, as sentences."""

    decides: tuple[str, ...] = ()
    """Assignments that are due; they are written within moments where a coordinator leads."""
    waits: tuple[str, ...] = ()
    """What keeps the group from being where and as it should."""


def now_of(world: ClusterView | Scene, group: GroupSpec, moment: Moment) -> Now:
    """What follows for that group at that moment."""
    scene = world if isinstance(world, Scene) else Scene(world, moment.wall_s)
    verdict = decide(scene, group, moment)
    waits = [in_words(scene.view, reason) for reason in verdict.waits]
    start = start_wait(scene.view, group, moment.wall_s)
    return Now(
        tuple(decision_words(scene.view, group, decision) for decision in verdict.decisions),
        tuple(dict.fromkeys([*waits, *([start] if start else [])])),
    )


def start_wait(view: ClusterView, group: GroupSpec, wall_s: float) -> str:
    """Why the owner has not begun to start the group; empty where nothing but the group itself counts."""
    known = view.assignments.get(group.id)
    if known is None or known.record.phase != "run" or not wants_online(view.intent(group.id)):
        return ""
    fact = view.fact(known.record)
    if fact is not None and any(f.state != "offline" for f in fact.resources.values()):
        return ""  # it has begun, and is never held back after that
    wait = StartOrder(view, wall_s).wait_of(group)
    if wait is None:
        return ""
    most = f" (for {max(wait.until_s - wall_s, 0):.0f} s more at the most)" if wait.until_s is not None else ""
    return f"its start waits: {in_words(view, wait.reason)}{most}"


def decision_words(view: ClusterView, group: GroupSpec, decision: Decision) -> str:
    """A decision that has not been written yet."""
    made = decision.assignment
    other = "" if made.group == group.id else f"group {view.groups[made.group].record.name}: "
    owner, why = node_name(view, made.owner), cause_sentence(made)
    reasons = "; ".join(in_words(view, reason) for reason in made.reasons)
    told = f" ({reasons})" if reasons else ""
    match made.phase:
        case "stop":
            return f"{other}it is to leave {owner} for {node_name(view, made.to)}, because {why}{told}"
        case "hold":
            return f"{other}it is to be put on hold on {owner}, because {why}{told}"
        case "run":
            return f"{other}it is to run on {owner}, because {why}{told}"
