"""How a group stands by what its owner reports: the questions that commands and views share.

Owns: states of resources and groups as of the replica. Does not know: commands, or words.
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import owed
from quorate.model.workload import (
    QUIET,
    Assignment,
    GroupFact,
    GroupState,
    ResourceFact,
    ResourceSpec,
    desired,
    group_state,
    wants_online,
)


def assignment_of(view: ClusterView, group: str) -> Assignment | None:
    """Who owns the group."""
    known = view.assignments.get(group)
    return known.record if known else None


def resource_fact(view: ClusterView, resource: ResourceSpec) -> ResourceFact:
    """The last word of the owner, in its present life, on a resource; Offline where there is none (rule 14)."""
    fact = last_word(view, resource.group)
    known = fact.resources.get(resource.id) if fact is not None else None
    return known or ResourceFact(state="offline")


def last_word(view: ClusterView, group: str) -> GroupFact | None:
    """What the owner reported last in its present life, be it under a former assignment.

    For deciding only what it reports under the present one counts (`ClusterView.fact`); for looking, a group that has
    just been told to leave is still what its owner said a moment ago.
    """
    assignment = assignment_of(view, group)
    known = view.facts.get((assignment.owner, group)) if assignment is not None else None
    if assignment is None or known is None or known.record.incarnation != assignment.incarnation:
        return None
    return known.record


def heeded(view: ClusterView, group: str) -> bool:
    """What is wanted of the group now has reached its owner, and the owner's last word was said after that.

    Without this a group that was just told to come online, and is told to go offline, would look as offline as before.
    Nobody needs to heed anything where nobody lives who owns it.
    """
    intent, assignment = view.intents.get(group), assignment_of(view, group)
    if intent is None or assignment is None:
        return True
    owner = view.authority.up().get(assignment.owner)
    if owner is None or owner.record.incarnation != assignment.incarnation:
        return True
    said = last_word(view, group)
    return said is not None and said.intent >= intent.revision


def shown_fact(view: ClusterView, resource: ResourceSpec) -> ResourceFact:
    """The state that people see: what the owner said last, unless the life in which it said so is over (rule 14)."""
    assignment = assignment_of(view, resource.group)
    owner = view.authority.members.get(assignment.owner) if assignment is not None else None
    if assignment is None or owner is None:
        return resource_fact(view, resource)
    if owner.record.state == "up" and owner.record.incarnation == assignment.incarnation:
        return resource_fact(view, resource)
    waits = owed(view, resource.group)
    if waits is None:
        return ResourceFact(state="offline", detail="its owner was lost")
    return ResourceFact(state="failed", detail=f"its owner was lost; waits for {waits.demanded}")


def state_of(view: ClusterView, group: str) -> GroupState:
    """The state of a group; an empty one is Offline. Members that are not critical and could not come do not count."""
    intent = view.intent(group)
    members = view.members_of.get(group, {}).values()
    states = [
        (shown_fact(view, resource).state, not resource.critical and desired(resource, intent)) for resource in members
    ]
    counting = [state for state, spared in states if not (spared and state in QUIET)]
    return group_state(counting or [state for state, _ in states] or ["offline"])


def spared(view: ClusterView, resource: ResourceSpec) -> bool:
    """It should be online, is not critical, and no restart on its owner is left: the group goes on without it."""
    fact = resource_fact(view, resource)
    failed = fact.exhausted and fact.state in QUIET
    return failed and not resource.critical and desired(resource, view.intent(resource.group))


def at_rest(view: ClusterView, group: str) -> bool:
    """Nothing of the group should be online, and nothing is."""
    members = view.members_of.get(group, {})
    intent = view.intent(group)
    wanted = wants_online(intent)
    quiet = all(resource_fact(view, resource).state in QUIET for resource in members.values())
    return not wanted and quiet and heeded(view, group)


def settled(view: ClusterView, group: str) -> bool:
    """Everything of the group that should be online is, everything else is not, and no move is under way."""
    intent = view.intent(group)
    assignment = assignment_of(view, group)
    if intent.move is not None or assignment is None or assignment.phase == "stop" or not heeded(view, group):
        return False
    fact = view.fact(assignment)
    if fact is None:
        return False
    for resource in view.members_of.get(group, {}).values():
        known = fact.resources.get(resource.id)
        if known is None:
            return False
        if desired(resource, intent) != (known.state == "online") and not spared(view, resource):
            return False
        if not desired(resource, intent) and known.state not in QUIET:
            return False
    return True
