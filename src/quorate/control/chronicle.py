"""What a change of the replica means to people: nodes that come and go, groups that change hands, resources that fail.

Owns: the kinds of happenings and their sentences. Does not know: who reads them.
How it works: it remembers what was last told of every object and compares only the objects whose keys changed, so a
change costs the same in a cluster of ten groups and of a thousand. The first look tells nothing: it is the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from quorate.control.failures import state_in_words
from quorate.control.network_chronicle import NetworkChronicle, concerns
from quorate.control.specification_chronicle import SpecificationChronicle
from quorate.control.standing import last_word
from quorate.core.cluster_view import ClusterView
from quorate.core.quarantine import quarantine, standing
from quorate.core.reasons import PROOFS, cause_sentence, in_words, node_name
from quorate.model import keys
from quorate.model.nodes import NodeIntent
from quorate.model.workload import Assignment, GroupState, ResourceFact, ResourceFlags, ResourceSpec


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened; `data` holds what programs want."""

    kind: str
    subject: str
    what: str
    reasons: tuple[str, ...] = ()
    data: dict[str, str | int] = field(default_factory=dict)


class Chronicle:
    """Tells changes of the replica; remembers what was told."""

    def __init__(self) -> None:
        self._told = False
        self._coordinator: tuple[int, int] = (0, 0)
        self._members: dict[int, tuple[str, str, str]] = {}
        self._intents: dict[int, NodeIntent] = {}
        self._assignments: dict[str, Assignment] = {}
        self._states: dict[str, ResourceFact] = {}
        self._groups: dict[str, GroupState] = {}
        self._names: dict[str, str] = {}
        self._networks = NetworkChronicle()
        self._specifications = SpecificationChronicle()
        self._up: frozenset[int] = frozenset()
        self._nodes: dict[int, str] = {}
        self._quarantined: set[int] = set()
        self._incidents: set[str] = set()

    def look(self, view: ClusterView, changed: Iterable[str] | None) -> list[Happening]:
        """What happened since the last look, as far as these keys go; None means all keys."""
        if changed is None:
            found = list(self._everything(view))
            found += self._look_specifications(view, None)
        else:
            kept = list(dict.fromkeys(changed))
            found = [happening for key in kept for happening in self._one(view, key)]
            found += self._look_specifications(view, kept)
            if any(concerns(key) for key in kept):
                found += self._look_networks(view)
        found += self._look_membership(view)
        if not self._told:
            self._told = True
            return []
        return found

    def _everything(self, view: ClusterView) -> Iterator[Happening]:
        yield from self._look_coordinator(view)
        for node in sorted(view.nodes.keys() | self._nodes.keys()):
            yield from self._look_listing(view, node)
        for node in sorted(view.authority.members.keys() | self._members.keys() | view.node_intents.keys()):
            yield from self._look_member(view, node)
            yield from self._look_node_intent(view, node)
        for group in sorted(view.groups.keys() | self._assignments.keys() | self._names.keys()):
            yield from self._look_group(view, group)
            yield from self._look_assignment(view, group)
            yield from self._look_states(view, group)
        yield from self._look_incidents(view)
        yield from self._look_networks(view)

    def _look_membership(self, view: ClusterView) -> list[Happening]:
        """Who is in, told once for all that one change of the database does to it."""
        up = frozenset(view.authority.up())
        if up == self._up:
            return []
        self._up = up
        names = ", ".join(node_name(view, node) for node in sorted(up)) or "nobody"
        data: dict[str, str | int] = {"members": ",".join(map(str, sorted(up))), "epoch": view.authority.epoch}
        return [Happening("membership_changed", "cluster", f"in the cluster now: {names}", data=data)]

    def _look_networks(self, view: ClusterView) -> Iterator[Happening]:
        for kind, subject, what, data in self._networks.look(view):
            yield Happening(kind, subject, what, data=data)

    def _look_specifications(self, view: ClusterView, changed: list[str] | None) -> Iterator[Happening]:
        for kind, subject, what, data in self._specifications.look(view, changed):
            yield Happening(kind, subject, what, data=data)

    def _one(self, view: ClusterView, key: str) -> Iterator[Happening]:
        head, _, rest = key.partition("/")
        if key == keys.COORDINATOR:
            yield from self._look_coordinator(view)
        elif key.startswith(keys.MEMBER):
            yield from self._look_member(view, int(rest))
        elif key.startswith(keys.INTENT_NODE):
            yield from self._look_node_intent(view, int(key.removeprefix(keys.INTENT_NODE)))
        elif key.startswith(keys.SPEC_NODE):
            yield from self._look_listing(view, int(key.removeprefix(keys.SPEC_NODE)))
        elif key.startswith(keys.STANDING):
            yield from self._look_standing(view, int(rest))
        elif key.startswith(keys.INCIDENT):
            yield from self._look_incidents(view)
        elif key.startswith(keys.SPEC_GROUP):
            yield from self._look_group(view, key.removeprefix(keys.SPEC_GROUP))
        elif key.startswith(keys.ASSIGNMENT):
            yield from self._look_assignment(view, rest)
            yield from self._look_states(view, rest)
        elif head == "fact" and "/group/" in key:
            yield from self._look_states(view, key.rpartition("/")[2])

    def _look_coordinator(self, view: ClusterView) -> Iterator[Happening]:
        known = view.authority.coordinator
        if known is None or (known.record.node, known.record.epoch) == self._coordinator:
            return
        self._coordinator = (known.record.node, known.record.epoch)
        name = node_name(view, known.record.node)
        yield Happening(
            "coordinator_changed",
            name,
            f"{name} leads the cluster in epoch {known.record.epoch}",
            data={"node": known.record.node, "epoch": known.record.epoch},
        )

    def _look_listing(self, view: ClusterView, node: int) -> Iterator[Happening]:
        """A node that is listed is one of the cluster's, whether it was ever up or not."""
        known, former = view.nodes.get(node), self._nodes.get(node)
        if known is None:
            if former is not None:
                del self._nodes[node]
                self._members.pop(node, None)
                self._intents.pop(node, None)
                yield Happening("node_evicted", former, f"{former} was evicted", data={"node": node})
            return
        name = self._nodes[node] = known.record.name
        if former is None:
            yield Happening("node_added", name, f"{name} belongs to the cluster", data={"node": node})
        elif former != name:
            yield Happening("node_renamed", name, f"{former} is called {name} now", data={"node": node})

    def _look_standing(self, view: ClusterView, node: int) -> Iterator[Happening]:
        failures = standing(view, node).failures
        found = quarantine(view, node, max(failures)) if failures else None
        name = node_name(view, node)
        if found is not None and node not in self._quarantined:
            self._quarantined.add(node)
            what = f"{name} failed {found.failures} times within an hour and is kept out"
            yield Happening("node_quarantined", name, what, data={"node": node, "failures": found.failures})
        elif not failures and node in self._quarantined:
            self._quarantined.discard(node)
            yield Happening("quarantine_cleared", name, f"{name} may come back", data={"node": node})

    def _look_incidents(self, view: ClusterView) -> Iterator[Happening]:
        """A failure is over: what happened, in one sentence."""
        for incident in sorted(view.incidents.keys() - self._incidents):
            record = view.incidents[incident].record
            data: dict[str, str | int] = {"incident": record.id, "cause": record.cause, "took_ms": record.took_ms}
            yield Happening("incident", node_name(view, record.node), record.sentence, data=data)
        self._incidents = set(view.incidents)

    def _look_member(self, view: ClusterView, node: int) -> Iterator[Happening]:
        known = view.authority.members.get(node)
        if known is None:
            return
        record = known.record
        now = (record.state, record.incarnation, record.proof)
        before = self._members.get(node)
        if before == now:
            return
        self._members[node] = now
        name = node_name(view, node)
        if before is not None and before[:2] == now[:2] and record.state == "down":
            what = f"{name} is out of the cluster, which is known better now: {PROOFS.get(record.proof, record.proof)}"
            yield Happening("node_end_proved", name, what, data={"node": node, "proof": record.proof})
            return
        if record.state == "up":
            yield Happening("node_up", name, f"{name} is in the cluster", data={"node": node})
        else:
            proof = PROOFS.get(record.proof, record.proof)
            yield Happening(
                "node_down", name, f"{name} is out of the cluster: {proof}", data={"node": node, "proof": record.proof}
            )

    def _look_node_intent(self, view: ClusterView, node: int) -> Iterator[Happening]:
        now, before = view.node_intent(node), self._intents.get(node, NodeIntent())
        self._intents[node] = now
        name = node_name(view, node)
        for kind, flag, former, what in (
            ("node_leaving_for_good", now.eviction is not None, before.eviction is not None, "is being evicted"),
            ("node_draining", bool(now.drain), bool(before.drain), "is being drained"),
            ("node_stopping", now.stopping, before.stopping, "is being stopped"),
            ("node_paused", now.paused, before.paused, "is paused"),
        ):
            if flag and not former:
                yield Happening(kind, name, f"{name} {what}", data={"node": node})
        if before.paused and not now.paused:
            yield Happening("node_resumed", name, f"{name} takes groups again", data={"node": node})

    def _look_group(self, view: ClusterView, group: str) -> Iterator[Happening]:
        known, former = view.groups.get(group), self._names.get(group)
        if known is not None and former is None:
            self._names[group] = known.record.name
            yield Happening("group_created", known.record.name, f"group {known.record.name} was created")
        elif known is None and former is not None:
            del self._names[group]
            self._groups.pop(group, None)
            yield Happening("group_deleted", former, f"group {former} was deleted")
        elif known is not None:
            self._names[group] = known.record.name

    def _look_assignment(self, view: ClusterView, group: str) -> Iterator[Happening]:
        known = view.assignments.get(group)
        if known is None:
            self._assignments.pop(group, None)
            return
        record, before = known.record, self._assignments.get(group)
        self._assignments[group] = record
        if before is not None and before.number == record.number:
            return
        name = self._names.get(group) or group
        owner = node_name(view, record.owner)
        told = tuple(in_words(view, reason) for reason in record.reasons)
        data: dict[str, str | int] = {"owner": record.owner, "number": record.number, "cause": record.cause}
        if record.phase == "stop":
            to = node_name(view, record.to)
            what = f"group {name} leaves {owner} for {to}: {cause_sentence(record)}"
            yield Happening("group_leaving", name, what, told, {**data, "to": record.to})
        else:
            what = f"group {name} belongs to {owner}: {cause_sentence(record)}"
            yield Happening("group_assigned", name, what, told, {**data, "former": record.former})

    def _look_states(self, view: ClusterView, group: str) -> Iterator[Happening]:
        known = view.assignments.get(group)
        fact = last_word(view, group)
        owner = node_name(view, known.record.owner) if known is not None else ""
        for resource in view.members_of.get(group, {}).values():
            now = fact.resources.get(resource.id) if fact is not None else None
            state = now or ResourceFact(state="offline")
            before = self._states.get(resource.id, ResourceFact(state="offline"))
            self._states[resource.id] = state
            if fact is not None:
                yield from _look_flags(resource, before.flags, state.flags)
            elif before.flags.maintained:
                yield _maintenance_ended(resource)  # with the change of hands
            if before.state == state.state or fact is None:
                continue  # a new owner that has said nothing yet: the change of hands tells it all
            told = f": {state.detail}" if state.detail else ""
            words = state_in_words(state.state).replace("_", " ")
            yield Happening(
                "resource_state",
                resource.name,
                f"resource {resource.name} is {words} on {owner}{told}",
                data={"state": state.state, "former": before.state, "group": group, "restarts": state.restarts},
            )


def _maintenance_ended(resource: ResourceSpec) -> Happening:
    what = f"resource {resource.name} is in maintenance no more"
    return Happening("resource_maintenance_ended", resource.name, what, data={"group": resource.group})


def _look_flags(resource: ResourceSpec, before: ResourceFlags, now: ResourceFlags) -> Iterator[Happening]:
    name, words = resource.name, resource.embedded_failure_action
    data: dict[str, str | int] = {"group": resource.group}
    if now.locked and not before.locked:
        yield Happening("resource_locked", name, f"resource {name} is locked by its type: {now.locked}", data=data)
    elif before.locked and not now.locked:
        yield Happening("resource_unlocked", name, f"resource {name} is unlocked", data=data)
    if now.maintained and not before.maintained:
        what = f"resource {name} is in maintenance: its health checks are overlooked"
        yield Happening("resource_maintenance_began", name, what, data=data)
    elif before.maintained and not now.maintained:
        yield _maintenance_ended(resource)
    if now.found and now.found != before.found:
        what = f"resource {name} was active before it was started: {now.found}"
        yield Happening("resource_was_active", name, what, data={**data, "action": resource.already_running_action})
    if now.embedded and not before.embedded and words != "none":
        what = f"something inside resource {name} failed: {now.embedded}"
        yield Happening("embedded_failure", name, what, data={**data, "action": words})
    elif before.embedded and not now.embedded and words != "none":
        yield Happening("embedded_failure_cleared", name, f"nothing inside resource {name} is failed now", data=data)
