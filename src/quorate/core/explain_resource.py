"""Why a resource is in its state, what it waits for, and what becomes of it if it fails again.

Owns: the gathering of reasons about one resource: wish, state, dependencies, restarts left, probation, failures.
Does not know: who asks, or the words for its group (`explain`). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.explain_now import start_wait
from quorate.core.moment import Moment
from quorate.core.probation import on_probation
from quorate.core.reasons import node_name, state_words
from quorate.core.resource_maintenance import maintained
from quorate.model.maintenance import ResourceMaintenance
from quorate.model.resource_type import NEVER_MS
from quorate.model.workload import Assignment, GroupFact, ResourceFact, ResourceSpec, desired

UNDER_WAY = frozenset({"online_pending", "offline_pending"})


@dataclass(frozen=True, slots=True)
class ResourceExplanation:
    """Everything there is to say about one resource, as sentences."""

    resource: str
    group: str
    why_so: tuple[str, ...]
    waits_for: tuple[str, ...]
    if_it_fails: tuple[str, ...]
    failures: tuple[str, ...]
    what_would_help: tuple[str, ...]


def missing_providers(view: ClusterView, resource: ResourceSpec, fact: GroupFact | None) -> str:
    """What it depends on and is not online, in words; empty where nothing is missing."""
    members = view.members_of.get(resource.group, {})

    def is_online(entry: str) -> bool:
        known = fact.resources.get(entry) if fact is not None else None
        return known is not None and known.state == "online"

    missing = [part for part in resource.depends_on if not any(is_online(entry) for entry in part)]
    return " and ".join(" or ".join(members[e].name if e in members else e for e in part) for part in missing)


def explain_resource(view: ClusterView, resource: ResourceSpec, moment: Moment) -> ResourceExplanation:
    """Explain that resource."""
    known = view.assignments.get(resource.group)
    now = known.record if known is not None else None
    fact = view.fact(now) if now is not None else None
    state = fact.resources.get(resource.id) if fact is not None else None
    group = view.groups[resource.group].record.name if resource.group in view.groups else resource.group
    wanted = desired(resource, view.intent(resource.group))
    helps: list[str] = []
    why = _why(view, resource, group, now, state, helps, wanted=wanted)
    held = maintained(view, resource.group, moment.wall_s).get(resource.id)
    if held is not None:
        why.append(_in_maintenance(held, moment))
        helps.append(f"when the work is done: quorate resource maintenance {resource.name!r} --off")
    return ResourceExplanation(
        resource.name,
        group,
        tuple(why),
        tuple(_waits(view, resource, now, fact, moment, helps, wanted=wanted)),
        tuple(_if_it_fails(view, resource, state)),
        tuple(_failures(view, resource)),
        tuple(dict.fromkeys(helps)),
    )


def _why(
    view: ClusterView,
    resource: ResourceSpec,
    group: str,
    now: Assignment | None,
    state: ResourceFact | None,
    helps: list[str],
    *,
    wanted: bool,
) -> list[str]:
    own = view.intent(resource.group).own_states.get(resource.id)
    asked = "by a request for this resource alone" if own is not None else f"as the whole group {group}"
    told = [f"it should be {'online' if wanted else 'offline'}, {asked}"]
    if now is None:
        return [*told, f"group {group} has no owner"]
    owner = node_name(view, now.owner)
    if state is None:
        told.append(f"{owner} has not reported it under the present assignment yet")
    else:
        detail = f": {state.detail}" if state.detail else ""
        told.append(f"on {owner} it is {state_words(state.state)}{detail}")
    if state is not None and state.state == "stop_failed":
        helps.append(f"remove what keeps {resource.name} from ending; it is tried again every few seconds")
    if state is not None and state.flags.locked:
        told.append(f"its type has locked it: {state.flags.locked}")
    if state is not None and state.flags.found:
        told.append(f"it was active before it was started: {state.flags.found}")
    if state is not None and state.flags.embedded:
        told.append(f"something inside it failed: {state.flags.embedded}")
    if not wanted:
        helps.append(f"quorate resource online {resource.name!r}")
    return told


def _in_maintenance(held: ResourceMaintenance, moment: Moment) -> str:
    ends = f", for {held.until_s - moment.wall_s:.0f} s more" if held.until_s else ""
    return (
        f"it is in maintenance by {held.author}: {held.reason}{ends}; its health checks do not fail it until that "
        "ends, or its group leaves this node"
    )


def _waits(
    view: ClusterView,
    resource: ResourceSpec,
    now: Assignment | None,
    fact: GroupFact | None,
    moment: Moment,
    helps: list[str],
    *,
    wanted: bool,
) -> list[str]:
    """What stands between it and being as it should be."""
    state = fact.resources.get(resource.id) if fact is not None else None
    if not wanted or (state is not None and state.state == "online") or now is None:
        return []
    told: list[str] = []
    owner = node_name(view, now.owner)
    if now.phase == "hold":
        told.append(f"its group is on hold on {owner}")
        helps.append(f"quorate explain group {view.groups[resource.group].record.name!r} says why")
    elif now.phase == "stop":
        told.append(f"its group leaves {owner} for {node_name(view, now.to)}")
    if state is not None and state.state in UNDER_WAY:
        told.append(f"{owner} is at it")
    missing = missing_providers(view, resource, fact)
    if missing:
        told.append(f"it depends on {missing}, not online yet")
    if view.node_intent(now.owner).paused:
        told.append(f"{owner} is paused: nothing is brought online there")
        helps.append(f"quorate node resume {owner}")
    start = start_wait(view, view.groups[resource.group].record, moment.wall_s)
    if start:
        told.append(f"its group has not begun: {start}")
    if state is not None and state.retry_at_s:
        told.append(f"the late retry, in {max(state.retry_at_s - moment.wall_s, 0):.0f} s")
    if state is not None and state.exhausted:
        helps.append(f"find out why it fails, then quorate resource online {resource.name!r} starts its counts anew")
    return told


def _if_it_fails(view: ClusterView, resource: ResourceSpec, state: ResourceFact | None) -> list[str]:
    """What its policy does about the next failure."""
    told: list[str] = []
    spent = state.restarts if state is not None else 0
    left = max(resource.restart_threshold - spent, 0)
    period = f"within {resource.restart_period_ms / 1000:g} s" if resource.restart_period_ms else "ever"
    if resource.restart_action == 0:
        told.append("it is not restarted (restart_action 0)")
    elif state is not None and state.exhausted:
        told.append("no restart is left here")
    else:
        told.append(f"restarts left here: {left} of {resource.restart_threshold} {period}")
    if resource.restart_action == 2 and resource.critical:
        told.append("after that its group goes to another node")
    elif not resource.critical:
        told.append("it is not critical: its group goes on without it")
    elif resource.restart_action == 1:
        told.append("after that it stays failed here (restart_action 1)")
    if resource.restart_action and resource.retry_period_on_failure_ms != NEVER_MS:
        more = ", again and again" if resource.retry_repeats else ""
        told.append(f"then it is tried again {resource.retry_period_on_failure_ms / 1000:g} s later{more}")
    if on_probation(view, resource):
        told.append("it is on probation, never online as it is specified now: its failures disturb nobody else")
    return told


def _failures(view: ClusterView, resource: ResourceSpec) -> list[str]:
    """What each node remembers."""
    told: list[str] = []
    for node in sorted(view.nodes):
        known = view.facts.get((node, resource.group))
        state = known.record.resources.get(resource.id) if known is not None else None
        if known is None or state is None or not (state.failures or state.last_failure):
            continue
        cleared = known.record.clear_failures != view.intent(resource.group).clear_failures
        void = " (counts cleared since)" if cleared else ""
        last = f", last: {state.last_failure}" if state.last_failure else ""
        told.append(f"{node_name(view, node)}: {state.failures} failures{void}{last}")
    return told
