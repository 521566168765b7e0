"""Why a group is where it is, why it does not run, and what would help (design §1, promise 5).

Owns: the gathering of reasons about one group. Pure, and made of the same decisions that the coordinator takes: what is
said about other nodes comes from `placement`, not from a second opinion. Does not know: who asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.explain_now import now_of
from quorate.core.explain_resource import missing_providers
from quorate.core.failover.holding import BY_SETTING
from quorate.core.moment import Moment
from quorate.core.placement.choosing import objection, place
from quorate.core.placement.scene import Scene
from quorate.core.probation import on_probation
from quorate.core.proofs import owed
from quorate.core.reasons import PROOFS, cause_sentence, in_words, node_name, state_words
from quorate.model.workload import Assignment, GroupFact, GroupSpec, ResourceFact, desired, wants_online


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """One node as an owner of the group: rank 1 is the best, 0 none; and why."""

    node: int
    name: str
    owner: bool
    rank: int
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything there is to say about one group, as sentences."""

    group: str
    owner: int
    owner_name: str
    running: bool
    """Everything that should be online is."""
    why_here: tuple[str, ...]
    why_not_running: tuple[str, ...]
    due_now: tuple[str, ...]
    """What the coordinator decides about it at the next step."""
    waits_for: tuple[str, ...]
    """What keeps coordinator or owner from making it as it should be."""
    what_would_help: tuple[str, ...]
    nodes: tuple[NodeStanding, ...]


def explain_group(view: ClusterView, group_id: str, moment: Moment) -> Explanation:
    """Explain the group of that id, which must exist, as of that moment."""
    group = view.groups[group_id].record
    known = view.assignments.get(group_id)
    assignment = known.record if known else None
    scene = Scene(view, moment.wall_s)
    obstacles, help_words = _obstacles(scene, group, assignment)
    follows = now_of(scene, group, moment)
    return Explanation(
        group=group.name,
        owner=assignment.owner if assignment else 0,
        owner_name=node_name(view, assignment.owner) if assignment else "",
        running=not obstacles,
        why_here=_why_here(view, assignment),
        why_not_running=tuple(obstacles),
        due_now=follows.decides,
        waits_for=follows.waits,
        what_would_help=tuple(dict.fromkeys(help_words)),
        nodes=_nodes(scene, group, assignment),
    )


def _why_here(view: ClusterView, assignment: Assignment | None) -> tuple[str, ...]:
    if assignment is None:
        return ()
    owner = node_name(view, assignment.owner)
    where = "on hold on" if assignment.phase == "hold" else "on"
    told = [f"it is {where} {owner} because {cause_sentence(assignment)} (assignment {assignment.number})"]
    if assignment.phase == "stop":
        told.append(f"it is about to leave for {node_name(view, assignment.to)}")
    told += [f"when that was decided: {in_words(view, reason)}" for reason in assignment.reasons]
    told += [f"no failback: {in_words(view, reason)}" for reason in assignment.stay_against]
    return tuple(dict.fromkeys(told))


def _obstacles(scene: Scene, group: GroupSpec, assignment: Assignment | None) -> tuple[list[str], list[str]]:
    """What keeps the group from being online as a whole, and what would help."""
    view, name = scene.view, group.name
    intent = view.intent(group.id)
    members = view.members_of.get(group.id, {})
    if not members:
        return ["it has no resources"], [f"quorate resource create NAME --group {name!r} --type TYPE"]
    told: list[str] = []
    helps: list[str] = []
    _stuck(view, group, assignment, told, helps)
    if not told and not wants_online(intent):
        return ["nobody asked for it to be online, or it was taken offline"], [f"quorate group online {name!r}"]
    if view.authority.coordinator is None:
        told.append("the cluster has no coordinator, so nobody decides")
        helps.append("bring a majority of the voters up")
    if assignment is None:
        _nowhere(scene, group, told, helps)
        return told, helps
    member = view.authority.members.get(assignment.owner)
    owner = node_name(view, assignment.owner)
    if member is None or member.record.state != "up":
        told.append(f"its owner {owner} is down")
        waits = owed(view, group.id)
        if waits is not None:
            told.append(f"waits for {waits.demanded}: {owner} was {PROOFS[waits.proof]}, which the group does not take")
            helps.append(f"if {owner} is certainly off, quorate node confirm-off {owner} ends the wait")
            helps.append(f"start {owner}: it takes part only when nothing of its former life is left")
            return told, helps
        _nowhere(scene, group, told, helps)
        return told, helps
    if member.record.mark is not None and member.record.mark.kind == "suspicion":
        told.append(f"its owner {owner} is silent; it is taken over when its lease is certainly over")
        helps.append(f"if {owner} is certainly off, quorate node confirm-off {owner} ends the wait")
        if view.authority.expulsions_left == 0:
            told.append("too many nodes were put out of late: the cluster holds still until somebody has looked")
            helps.append("quorate cluster release-expulsions lets it go on")
    if assignment.incarnation != member.record.incarnation:
        told.append(f"{owner} has started anew and has not been given the group again yet")
        return told, helps
    if assignment.phase == "stop":
        told.append(f"it is being stopped on {owner} to go to {node_name(view, assignment.to)}")
        return told, helps
    if assignment.phase == "hold":
        return _held(view, group, assignment, told, helps)
    fact = view.fact(assignment)
    for resource in members.values():
        wanted = desired(resource, intent)
        state = fact.resources.get(resource.id) if fact is not None else None
        if not wanted:
            told.append(f"resource {resource.name} is to be offline by request")
            helps.append(f"quorate resource online {resource.name!r}")
        elif state is None or state.state not in {"online", "stop_failed"}:
            told.append(_resource_words(view, resource.name, resource.id, group.id, state))
            if state is not None and state.flags.found and state.state == "cannot_anywhere":
                helps.append(f"end what runs there, then quorate group online {name!r}")
                helps.append(f"quorate resource set {resource.name!r} --already-running-action restart ends it")
            elif state is not None and state.exhausted and on_probation(view, resource):
                told[-1] += "; it is on probation, for it was never online as it is specified now, so the group stays"
                helps.append(f"correct {resource.name}, or try it elsewhere: quorate group move {name!r}")
            if state is not None and state.exhausted and not resource.critical:
                told[-1] += "; it is not critical, so the group goes on without it"
            if state is not None and state.state == "failed":
                helps.append(f"find out why {resource.name} fails, then quorate group online {name!r} to start anew")
    waiting = [text for text in told if text]
    if waiting and view.node_intent(assignment.owner).paused:
        told.append(f"{owner} is paused: nothing is brought online there")
        helps.append(f"quorate node resume {owner}, or quorate group move {name!r}")
    told += _limit(scene, group, assignment, fact, helps)
    return told, helps


def _held(
    view: ClusterView, group: GroupSpec, assignment: Assignment, told: list[str], helps: list[str]
) -> tuple[list[str], list[str]]:
    """It is on hold: what its owner was told, and who could end that."""
    told.append(f"it is on hold: nothing of it is started, on {node_name(view, assignment.owner)} or elsewhere")
    told += [in_words(view, reason) for reason in assignment.reasons if reason.code in BY_SETTING]
    if any(reason.code in BY_SETTING for reason in assignment.reasons):
        helps.append(f"quorate group online {group.name!r} starts it")
    else:
        helps.append("it goes on by itself as soon as a node can take it; see what stands against each node")
    return told, helps


def _stuck(
    view: ClusterView, group: GroupSpec, assignment: Assignment | None, told: list[str], helps: list[str]
) -> None:
    """What does not stop, so that the group can neither leave nor start anew."""
    fact = view.fact(assignment) if assignment is not None else None
    for resource in view.members_of.get(group.id, {}).values():
        state = fact.resources.get(resource.id) if fact is not None else None
        if state is not None and state.state == "stop_failed":
            told.append(f"resource {resource.name} does not stop, and the group stays because of that: {state.detail}")
            helps.append(f"remove what keeps {resource.name} from ending; it is tried again every few seconds")
            helps.append(f"quorate resource set {resource.name!r} --stop-failure-action end kills what it runs")


def _resource_words(view: ClusterView, name: str, resource: str, group: str, state: ResourceFact | None) -> str:
    if state is None:
        return f"resource {name} has not been reported by the owner yet"
    words = f"resource {name} is {state_words(state.state)}"
    if state.detail:
        words += f": {state.detail}"
    if state.restarts:
        words += f" (restarted {state.restarts} times)"
    missing = missing_providers(view, view.members_of[group][resource], view.fact(view.assignments[group].record))
    if missing:
        words += f", waiting for {missing}"
    return words


def _limit(
    scene: Scene, group: GroupSpec, assignment: Assignment, fact: GroupFact | None, helps: list[str]
) -> list[str]:
    """The owner gives up: say why the group nevertheless stays."""
    view = scene.view
    if fact is None or fact.gives_up is None:
        return []
    told = [f"the owner gives up: {in_words(view, fact.gives_up)}"]
    limit = group.failover_threshold if group.failover_threshold is not None else max(len(view.nodes) - 1, 0)
    counted = assignment.clear_failures == view.intent(group.id).clear_failures
    if counted and len(assignment.failovers) >= limit:
        told.append(
            f"it failed over {len(assignment.failovers)} times within {group.failover_period_h} h; the limit is {limit}"
        )
        helps.append(f"quorate group online {group.name!r} starts the count anew")
    elif place(scene, group, "failover", owner=assignment.owner, without=frozenset({assignment.owner})).best is None:
        told.append("no other node can take it")
        helps.append("bring another possible owner up, or resume one")
    return told


def _nowhere(scene: Scene, group: GroupSpec, told: list[str], helps: list[str]) -> None:
    view, placement = scene.view, place(scene, group, "place")
    if placement.best is not None:
        told.append(f"it waits to be given to {node_name(view, placement.best.node)}")
        return
    told.append("no node can own it")
    told += [in_words(view, reason) for reason in placement.against]
    remedies = {
        "node_down": "start {node}",
        "node_paused": "quorate node resume {node}",
        "node_draining": "quorate node resume {node}",
        "node_in_maintenance": "quorate node maintenance {node} --off",
        "not_possible_owner": "add {node} to the possible owners of that resource",
    }
    for reason in placement.against:
        if reason.code in remedies:
            helps.append(remedies[reason.code].format(node=node_name(view, reason.node)))


def _nodes(scene: Scene, group: GroupSpec, assignment: Assignment | None) -> tuple[NodeStanding, ...]:
    """Every node: as owner, as candidate with its rank, or why not."""
    view, placement = scene.view, place(scene, group, "place")
    ranks = {candidate.node: (rank, candidate.reason) for rank, candidate in enumerate(placement.candidates, 1)}
    owner = assignment.owner if assignment else 0
    found: list[NodeStanding] = []
    for node in sorted(view.nodes.keys() | view.authority.members.keys()):
        rank, reason = ranks.get(node, (0, objection(scene, group, node)))
        why = in_words(view, reason) if reason is not None else ""
        found.append(NodeStanding(node, node_name(view, node), node == owner, rank, why))
    return tuple(found)
