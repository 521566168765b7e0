"""Why a node is in its state, which groups it hosts and why, which it cannot host, and how far its drain is.

Owns: the gathering of reasons about one node. Pure, from the decisions of the coordinator's own engine.
Does not know: who asks. How it works: every group is either here, with what brought it and what keeps it, or elsewhere,
with the rule that forbids this node or puts it behind the best.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.authority.frame import attestation_of
from quorate.core.cluster_view import ClusterView
from quorate.core.explain_now import now_of
from quorate.core.moment import Moment
from quorate.core.placement.choosing import place
from quorate.core.placement.scene import Scene
from quorate.core.quarantine import is_needed, quarantine
from quorate.core.reasons import PROOFS, cause_sentence, in_words, node_name
from quorate.core.versions import incompatibility
from quorate.model.workload import Assignment, GroupSpec, wants_online


@dataclass(frozen=True, slots=True)
class Hosted:
    """A group that the node owns: why, and what follows for it or keeps it."""

    group: str
    why: tuple[str, ...]
    next: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A group that another node owns, or none: the node's rank as an owner (0: it cannot own it), and why."""

    group: str
    rank: int
    why: str


@dataclass(frozen=True, slots=True)
class NodeExplanation:
    """Everything there is to say about one node."""

    node: str
    why_so: tuple[str, ...]
    what_would_help: tuple[str, ...]
    hosts: tuple[Hosted, ...]
    elsewhere: tuple[Elsewhere, ...]
    leaving: tuple[str, ...]
    """Groups that are still to leave it, each with what keeps it; empty where nothing is to leave."""


def explain_node(view: ClusterView, node: int, moment: Moment) -> NodeExplanation:
    """Explain the node of that number, which must exist."""
    scene = Scene(view, moment.wall_s)
    hosts: list[Hosted] = []
    elsewhere: list[Elsewhere] = []
    leaving: list[str] = []
    wish = view.node_intent(node)
    empties = bool(wish.drain or wish.stopping or wish.eviction is not None)
    for spec in sorted((known.record for known in view.groups.values()), key=lambda group: group.name.casefold()):
        known = view.assignments.get(spec.id)
        if known is None or known.record.owner != node:
            elsewhere.append(_as_owner(scene, spec, node))
            continue
        hosts.append(_hosted(scene, spec, known.record, moment))
        if empties:
            leaving.append(f"group {spec.name}: {_keeps(scene, spec, known.record, moment)}")
    why, helps = _state(view, node, moment)
    return NodeExplanation(
        node_name(view, node), tuple(why), tuple(helps), tuple(hosts), tuple(elsewhere), tuple(leaving)
    )


def _hosted(scene: Scene, spec: GroupSpec, now: Assignment, moment: Moment) -> Hosted:
    view, follows = scene.view, now_of(scene, spec, moment)
    why = (cause_sentence(now), *(in_words(view, reason) for reason in now.reasons))
    if now.phase == "hold":
        why = ("it is on hold here: nothing of it runs", *why)
    going = (f"it is being stopped to go to {node_name(view, now.to)}",) if now.phase == "stop" else ()
    return Hosted(spec.name, why, (*going, *follows.decides, *follows.waits))


def _as_owner(scene: Scene, spec: GroupSpec, node: int) -> Elsewhere:
    """Where the node stands among those that could own the group."""
    found = place(scene, spec, "place")
    for rank, candidate in enumerate(found.candidates, 1):
        if candidate.node == node:
            return Elsewhere(spec.name, rank, in_words(scene.view, candidate.reason))
    against = next((reason for reason in found.against if reason.node == node), None)
    return Elsewhere(spec.name, 0, in_words(scene.view, against) if against is not None else "")


def _keeps(scene: Scene, spec: GroupSpec, now: Assignment, moment: Moment) -> str:
    """What keeps a group that is to leave."""
    view = scene.view
    if now.phase == "stop":
        fact = view.fact(now)
        members = view.members_of.get(spec.id, {})
        up = [
            members[r].name
            for r, f in (fact.resources.items() if fact is not None else ())
            if r in members and f.state in {"online", "online_pending", "offline_pending", "stop_failed"}
        ]
        still = f": {', '.join(sorted(up))} not offline yet" if up else ""
        return f"is being stopped to go to {node_name(view, now.to)}{still}"
    follows = now_of(scene, spec, moment)
    if follows.waits:
        return "stays for now: " + "; ".join(follows.waits)
    if follows.decides:
        return follows.decides[0]
    return "nobody wants it online" if not wants_online(view.intent(spec.id)) else "the coordinator looks at it next"


def _state(view: ClusterView, node: int, moment: Moment) -> tuple[list[str], list[str]]:
    """Why the node is in its state, and what would change that."""
    name, wish, member = node_name(view, node), view.node_intent(node), view.authority.members.get(node)
    told: list[str] = []
    helps: list[str] = []
    if member is None:
        told.append("it has never been up")
        helps.append(f"start it: quorate node run on {name}")
    elif member.record.state != "up":
        proof = PROOFS.get(member.record.proof, member.record.proof)
        told.append(f"it is down: {proof}")
        said = member.record.attestation or attestation_of(member.record)
        if said is not None:
            told.append(f"{said.kind} by {said.by} at {said.at}" + (f": {said.reason}" if said.reason else ""))
        helps.append(f"start it: quorate node run on {name}")
    else:
        told.append("it is up")
    if member is not None and member.record.state == "up" and (mark := member.record.mark) is not None:
        author = node_name(view, mark.author)
        told.append(f"{author} marked it ({mark.kind}){': ' + mark.reason if mark.reason else ''}")
    join = view.authority.joins.get(node)
    if join is not None and (why := incompatibility(view, node, join.record.software)):
        told.append(f"it asks to be let in and is kept out: {why}")
        helps.append(f"install the release of the cluster on {name}")
    if node not in view.authority.up() and (kept := quarantine(view, node, moment.wall_s)) is not None:
        told.append(f"it failed {kept.failures} times within an hour and is in quarantine")
        if is_needed(view, node):
            told.append("the quorum needs it, so it is let in all the same")
        else:
            helps.append(f"quorate node clear-quarantine {name} lets it in at once")
    for holds, what in (
        (wish.eviction is not None, "it is being evicted: its groups leave, then it does"),
        (wish.stopping, "it is being stopped: its groups leave first"),
        (bool(wish.drain), "it is drained: its groups leave, and none comes"),
        (wish.paused and not wish.drain, "it is paused: no group comes to it, what runs here runs on"),
    ):
        if holds:
            told.append(what)
    if (wish.drain or wish.paused) and not wish.stopping and wish.eviction is None:
        helps.append(f"quorate node resume {name} lets groups come again")
    if wish.maintenance is not None:
        why = f": {wish.maintenance.reason}" if wish.maintenance.reason else ""
        told.append(f"it is in maintenance by {wish.maintenance.author}{why}")
    coordinator = view.authority.coordinator
    if coordinator is not None and coordinator.record.node == node:
        told.append("it leads the cluster")
    return told, helps
