"""Incidents as one node sees them in its replica: when one begins, what happens in it, when it is over (promise 5).

Owns: the open incidents of this observer. Does not know: who writes the records (`node.incident_keeper`), how they are
shown. Pure: time is an argument, and every node that watches the same database finds the same incidents under the same
ids, a little apart in time; so whoever leads when one ends can write it.
How it works: it remembers every member's state and whom it saw suspected, and compares only what changed. A member that
goes down in a life in which it owned groups, or an owner that gives a group up, opens an incident; it is over when
every group of it is settled. The first look opens nothing: it is the start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.incidents.course import Course
from quorate.core.incidents.opened import Opened
from quorate.core.proofs import owed
from quorate.core.reasons import PROOFS, in_words
from quorate.model import keys
from quorate.model.incident import Incident
from quorate.model.membership import MemberRecord
from quorate.model.workload import FALLEN, Assignment, GroupFact, wants_online

OPEN_MOST_S = 1800.0
"""Longer is no failover any more: the record is closed with what is known."""
ENDED_KEPT = 50


@dataclass(slots=True)
class Suspected:
    """A mark was seen on a member."""

    incarnation: str
    at_s: float
    silent_s: float
    author: int


class IncidentBook:
    """The incidents of one observer. Feed it with `look`; take what is over from `ended`."""

    def __init__(self) -> None:
        self.ended: dict[str, Incident] = {}
        """Over, and not seen in the database yet, by id."""
        self._open: dict[str, Opened] = {}
        self._members: dict[int, MemberRecord] = {}
        self._suspected: dict[int, Suspected] = {}
        self._failing: dict[str, tuple[float, str, str]] = {}
        """By group: since when, which resource, and what is told of it."""
        self._given_up: dict[str, int] = {}
        """Groups that have had their incident and have not been well since, by the assignment under which that was."""
        self._owned: dict[str, Assignment] = {}
        """As of the last look: what stood when a member was lost, also where its successor came with the same news."""
        self._leader = 0
        self._begun = False

    @property
    def under_way(self) -> bool:
        """Something is not settled yet: look again, also where nothing changes."""
        return bool(self._open)

    def look(self, view: ClusterView, changed: Iterable[str] | None, now_s: float, wall_s: float) -> None:
        """Take what changed; None: everything may have. `now_s` never jumps; `wall_s` is for people."""
        kept = None if changed is None else list(dict.fromkeys(changed))
        nodes = view.authority.members.keys() if kept is None else _nodes(kept)
        groups = view.groups.keys() if kept is None else _groups(kept)
        if not self._begun:
            self._begun = True
            self._members = {node: known.record for node, known in view.authority.members.items()}
            coordinator = view.authority.coordinator
            self._leader = coordinator.record.node if coordinator is not None else 0
            self._remember(view, view.groups.keys())
            self._given_up = _failed_before(view)
            return
        for node in sorted(nodes):
            self._member(view, node, now_s)
        self._lead(view, now_s)
        for group in sorted(groups):
            self._group(view, group, now_s)
        for known in list(self._open.values()):
            self._advance(view, known, now_s, wall_s, known.left if not kept or nodes else known.left & groups)
        self._remember(view, view.assignments.keys() | self._owned.keys() if kept is None else groups)
        for seen in self.ended.keys() & view.incidents.keys():
            del self.ended[seen]

    def _remember(self, view: ClusterView, groups: Iterable[str]) -> None:
        for group in list(groups):
            known = view.assignments.get(group)
            if known is None:
                self._owned.pop(group, None)
            else:
                self._owned[group] = known.record

    def _lead(self, view: ClusterView, now_s: float) -> None:
        known = view.authority.coordinator
        if known is None or known.record.node == self._leader:
            return
        former, self._leader = self._leader, known.record.node
        for incident in self._open.values() if former else ():
            incident.telling.leads(view, self._leader, now_s)

    # ---------------------------------------------------------------- members

    def _member(self, view: ClusterView, node: int, now_s: float) -> None:
        known, before = view.authority.members.get(node), self._members.get(node)
        if known is None:
            self._members.pop(node, None)
            return
        record = self._members[node] = known.record
        mark = record.mark
        if record.state == "up" and mark is None:
            self._suspected.pop(node, None)
        elif mark is not None and node not in self._suspected:
            silent_s = mark.silent_ms / 1000
            self._suspected[node] = Suspected(record.incarnation, now_s, silent_s, mark.author)
        if before is None or before.state != "up":
            if before is not None and before.proof != record.proof:
                self._better_proof(view, record, now_s)
            return
        if record.state == "up" and record.incarnation == before.incarnation:
            return
        proof = record.proof if record.state == "down" else "replaced"
        if proof != "released" and not view.node_intent(node).stopping:
            self._lost(view, before, proof, str(known.revision), now_s)

    def _lost(self, view: ClusterView, member: MemberRecord, proof: str, incident: str, now_s: float) -> None:
        """A life of a node is over that it did not end itself."""
        seen = self._suspected.pop(member.node, None)
        if seen is not None and seen.incarnation != member.incarnation:
            seen = None
        detected_s, silent_s = (seen.at_s, seen.silent_s) if seen is not None else (now_s, 0.0)
        told = PROOFS.get(proof, proof)
        made = Opened(incident, "node_lost", member.node, told, detected_s - silent_s, detected_s)
        if seen is not None:
            made.telling.silent(view, member.node, seen.author, seen.at_s)
        made.telling.lost(view, member.node, made.detail, now_s)
        for group, now in self._owned.items():
            if now.owner != member.node or now.incarnation != member.incarnation or group not in view.groups:
                continue
            if not wants_online(view.intent(group)) or now.phase == "hold":
                continue
            for other in self._open.values():
                other.give_away(group, now_s, f"its new owner was lost (incident {incident})")
            free_s = now_s if owed(view, group) is None else None
            name = view.groups[group].record.name
            made.follow(Course(group, name, member.node, member.node, free_s, now.number))
        self._open[incident] = made

    def _better_proof(self, view: ClusterView, record: MemberRecord, now_s: float) -> None:
        for known in self._open.values():
            if known.cause == "node_lost" and known.node == record.node:
                known.telling.proved(view, record.node, PROOFS.get(record.proof, record.proof), now_s)

    # ---------------------------------------------------------------- groups

    def _group(self, view: ClusterView, group: str, now_s: float) -> None:
        """A group of no incident: remember since when it fails; its owner gives it up: that is one."""
        assigned = view.assignments.get(group)
        fact = view.fact(assigned.record) if assigned is not None else None
        self._driven_out(view, group, now_s)
        if any(group in known.left for known in self._open.values()):
            return
        if assigned is None or fact is None or group not in view.groups:
            self._failing.pop(group, None)
            return
        failing, number = _failing(view, group, fact), assigned.record.number
        if fact.gives_up is None or self._given_up.get(group) != number:
            self._given_up.pop(group, None)
        if failing is None or group in self._given_up:
            self._failing.pop(group, None)
            return
        began_s, _, _ = self._failing.setdefault(group, (now_s, *failing))
        if fact.gives_up is None or not wants_online(view.intent(group)):
            return
        owner = assigned.record.owner
        subject, detail = failing
        spec = view.groups[group].record
        own_id = self._free_id(view.facts[(owner, group)].revision)
        made = Opened(own_id, "resource_failed", owner, detail, began_s, now_s, subject)
        made.telling.failed(view, owner, subject, detail, began_s)
        made.telling.given_up(view, owner, spec.name, in_words(view, fact.gives_up), now_s)
        self._given_up[group] = number
        made.follow(Course(group, spec.name, owner, owner, now_s, number, gave_up_s=now_s))
        del self._failing[group]
        self._open[own_id] = made

    def _free_id(self, revision: int) -> str:
        """Owners report several groups in one transaction: each is an incident of its own."""
        ids = (str(revision), *(f"{revision}.{further}" for further in range(2, len(self._open) + len(self.ended) + 3)))
        return next(own for own in ids if own not in self._open and own not in self.ended)

    def _driven_out(self, view: ClusterView, group: str, now_s: float) -> None:
        """A group that makes room for one of an incident is part of what came of it."""
        assigned, before = view.assignments.get(group), self._owned.get(group)
        if assigned is None or assigned.record.cause != "preempted" or group not in view.groups:
            return
        now = assigned.record
        if before is None or before.number == now.number:
            return
        takers = {reason.subject for reason in now.reasons if reason.code == "preempted"}
        name = view.groups[group].record.name
        for known in self._open.values():
            if group not in known.left and any(course.name in takers for course in known.courses.values()):
                known.follow(Course(group, name, now.owner, now.owner, now_s, before.number))

    # ---------------------------------------------------------------- the course of things

    def _advance(self, view: ClusterView, known: Opened, now_s: float, wall_s: float, groups: set[str]) -> None:
        for group in sorted(groups):
            course = known.courses[group]
            if course.free_s is None and owed(view, course.group) is None:
                course.free_s = now_s
            for word in course.look(view, now_s):
                known.telling.group(view, word, course, len(known.courses), now_s)
            if course.done:
                known.left.discard(group)
        overdue = now_s >= known.began_s + OPEN_MOST_S
        if known.left and not overdue:
            return
        del self._open[known.id]
        self.ended[known.id] = known.record(view, now_s, wall_s)
        while len(self.ended) > ENDED_KEPT:
            del self.ended[next(iter(self.ended))]


def _failed_before(view: ClusterView) -> dict[str, int]:
    """Groups that were given up before anybody looked: that is no news."""
    return {
        group: known.record.number
        for group, known in view.assignments.items()
        if (fact := view.fact(known.record)) is not None and fact.gives_up is not None
    }


def _failing(view: ClusterView, group: str, fact: GroupFact) -> tuple[str, str] | None:
    """The resource that is not well, and what is told of it; None where all are."""
    for resource in view.members_of.get(group, {}).values():
        one = fact.resources.get(resource.id)
        if one is not None and (one.state in FALLEN or one.state == "stop_failed"):
            return resource.name, one.detail or one.last_failure
    if fact.gives_up is not None:
        return fact.gives_up.subject or "", fact.gives_up.detail
    for resource in view.members_of.get(group, {}).values():
        one = fact.resources.get(resource.id)
        if one is not None and one.restarts and one.state == "online_pending":
            return resource.name, one.last_failure
    return None


def _nodes(changed: list[str]) -> set[int]:
    found = (key.removeprefix(keys.MEMBER) for key in changed if key.startswith(keys.MEMBER))
    return {int(node) for node in found if node.isdigit()}


def _groups(changed: list[str]) -> set[str]:
    facts = {key.rpartition("/")[2] for key in changed if key.startswith(keys.FACT) and "/group/" in key}
    return facts | {key.removeprefix(keys.ASSIGNMENT) for key in changed if key.startswith(keys.ASSIGNMENT)}
