"""The command that moves a resource to another group, with everything that is connected to it (spec/03 §4).

Owns: what belongs together, what stands against the move, and the records it writes. Does not know: how a group runs.
How it works: dependencies and advisory order never cross groups, so whatever they connect goes along, in either
direction. Nothing of it may run: under its new group it would have another assignment, and two of them would end it.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.lookup import find_group, find_resource, guard_group, guard_intent
from quorate.control.requirements import instance_problems
from quorate.control.resource_maintenance import without_maintenance
from quorate.control.standing import assignment_of, heeded, resource_fact
from quorate.control.types import TypeCatalogue
from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import owed
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.dependency import providers
from quorate.model.problems import Problem, Refused, error
from quorate.model.records import Guard, Write
from quorate.model.workload import QUIET, GroupSpec, ResourceSpec, desired


class RegroupWish(Value, frozen=True, kw_only=True):
    """The group in which the resource shall be."""

    group: str


def connected(spec: ResourceSpec, members: dict[str, ResourceSpec]) -> list[ResourceSpec]:
    """The resource and all that dependencies or order connect with it, by name."""
    linked: dict[str, set[str]] = {own: set() for own in members}
    for member in members.values():
        for other in (*providers(member.depends_on), *member.starts_after):
            if other in linked:
                linked[member.id].add(other)
                linked[other].add(member.id)
    found, waiting = {spec.id}, [spec.id]
    while waiting:
        new = linked[waiting.pop()] - found
        found |= new
        waiting += new
    return sorted((members[own] for own in found), key=lambda member: member.name.casefold())


def move_to_group(
    view: ClusterView, name: str, wish: RegroupWish, occasion: Occasion, types: TypeCatalogue
) -> Change[Done]:
    """Put a resource into another group; what is connected to it goes along. What was offline stays offline."""
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    target = find_group(view, wish.group, problems)
    if spec is None or target is None:
        raise Refused(problems)
    if spec.group == target.id:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    source = view.groups[spec.group].record
    moving = connected(spec, view.members_of.get(source.id, {}))
    problems += _owner_problems(view, source, target)
    for member in moving:
        problems += _rest_problems(view, member)
        manifest = types.find(member.type)
        problems += instance_problems(view, target.id, manifest, without=member.id) if manifest is not None else []
    if problems:
        raise Refused(list(dict.fromkeys(problems)))
    gone = {member.id for member in moving}
    left, joined = view.intent(source.id), view.intent(target.id)
    writes: list[Write] = [put(keys.SPEC_RESOURCE + m.id, altered(m, group=target.id)) for m in moving]
    writes += [put(keys.SPEC_GROUP + group.id, group) for group in (source, target)]
    if gone & (left.own_states.keys() | left.fail.keys() | left.resource_maintenance.keys()):
        own = {resource: state for resource, state in left.own_states.items() if resource not in gone}
        fail = {resource: request for resource, request in left.fail.items() if resource not in gone}
        rest = altered(left, own_states=own, fail=fail, resource_maintenance=without_maintenance(left, *gone))
        writes.append(put(keys.INTENT_GROUP + source.id, rest))
    if joined.persistent_state:
        states = {**joined.own_states, **dict.fromkeys(sorted(gone), False)}
        writes.append(put(keys.INTENT_GROUP + target.id, altered(joined, own_states=states)))
    guards = [guard(keys.SPEC_RESOURCE + member.id, view.resources[member.id].revision) for member in moving]
    for group in (source, target):
        guards += [guard_group(view, group.id), guard_intent(view, group.id), *_owner_guards(view, group.id)]
    names = ", ".join(member.name for member in moving)
    change = Change(tuple({one.key: one for one in guards}.values()), tuple(writes), Done(id=spec.id, name=spec.name))
    return audited(
        change, occasion, verb="move-to-group", kind="resource", object_id=spec.id, object_name=spec.name,
        detail=f"from {source.name} to {target.name}: {names}",
    )  # fmt: skip


def _owner_problems(view: ClusterView, source: GroupSpec, target: GroupSpec) -> list[Problem]:
    """Both groups are on one node, which is there (RS-09)."""
    remedy = f"move one of them: quorate group move {source.name!r}"
    here, there = assignment_of(view, source.id), assignment_of(view, target.id)
    for group in (source, target):
        if owed(view, group.id) is not None:
            what = f"group {group.name} waits for the proof that nothing of it runs on a node that was lost"
            return [error("group_waits_for_proof", what, where="group", remedy="quorate explain group tells how")]
    owners = {known.owner if known is not None else 0 for known in (here, there)}
    if len(owners) > 1 or any(known is not None and known.phase == "stop" for known in (here, there)):
        told = ", ".join(
            f"{group.name} {'is on ' + node_name(view, known.owner) if known is not None else 'has no owner'}"
            f"{', which it leaves' if known is not None and known.phase == 'stop' else ''}"
            for group, known in ((source, here), (target, there))
        )
        what = f"both groups must be on the same node: {told}"
        return [error("groups_on_different_nodes", what, where="group", remedy=remedy)]
    member = view.authority.members.get(here.owner) if here is not None else None
    if here is not None and (member is None or member.record.state != "up"):
        what = f"{node_name(view, here.owner)}, which has both groups, is down"
        return [error("owner_down", what, where="group", remedy="wait until they have gone elsewhere")]
    return []


def _rest_problems(view: ClusterView, member: ResourceSpec) -> list[Problem]:
    state = resource_fact(view, member).state
    if not desired(member, view.intent(member.group)) and state in QUIET and heeded(view, member.group):
        return []
    what = f"resource {member.name} goes along and is {state.replace('_', ' ')}, or should be online"
    remedy = f"take it offline first: quorate resource offline {member.name!r} --wait"
    return [error("resource_not_offline", what, where=f"resource.{member.name}", remedy=remedy)]


def _owner_guards(view: ClusterView, group: str) -> list[Guard]:
    """Assignment, owner's life and owner's last word are as the view has them: nothing starts meanwhile."""
    known = view.assignments.get(group)
    if known is None:
        return [guard(keys.ASSIGNMENT + group, None)]
    found = [guard(keys.ASSIGNMENT + group, known.revision)]
    member = view.authority.members.get(known.record.owner)
    if member is not None:
        found.append(guard(keys.member(known.record.owner), member.revision))
    fact = view.facts.get((known.record.owner, group))
    return [*found, guard(keys.fact_group(known.record.owner, group), fact.revision if fact is not None else None)]
