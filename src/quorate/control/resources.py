"""Commands that bring resources online and offline, and delete them (spec/03 §4 to §6).

Owns: persistent states of single resources, and what forbids a deletion. Creating and changing is in
`control.resource_writing`. Does not know: how a resource is started or stopped.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, delete, put, unchanged
from quorate.control.checkpoints import saved_keys
from quorate.control.groups import owner_problems
from quorate.control.locks import locked_problems
from quorate.control.lookup import find_resource, guard_group, guard_intent
from quorate.control.maintenance import maintenance_problems
from quorate.control.neighbours import neighbour_guards
from quorate.control.requirements import FindManifest, deletion_guards, deletion_problems, online_problems
from quorate.control.resource_maintenance import not_online_problems, without_maintenance
from quorate.control.standing import assignment_of, resource_fact
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.dependency import providers
from quorate.model.problems import Problem, Refused, error, stops
from quorate.model.records import Guard, Write
from quorate.model.workload import QUIET, FailRequest, GroupIntent, ResourceSpec, desired


def resource_online(
    view: ClusterView, name: str, occasion: Occasion, find_manifest: FindManifest, *, ignore_locked: bool = False
) -> Change[Done]:
    """The resource and what it needs should be online from now on, and nothing else that was not (spec/03 §5)."""
    spec = _resource(view, name)
    members = view.members_of.get(spec.group, {})
    needed = _needed(spec, members)
    problems: list[Problem] = list(owner_problems(view, view.groups[spec.group].record))
    for resource in needed.values():
        problems += online_problems(view, resource, find_manifest)
    problems += maintenance_problems(view, view.groups[spec.group].record, occasion.at_s)
    problems += [] if ignore_locked else locked_problems(view, needed.values())
    if stops(problems):
        raise Refused(problems)
    intent = view.intent(spec.group)
    online = all(resource_fact(view, resource).state == "online" for resource in needed.values())
    if online and all(desired(resource, intent) for resource in needed.values()):
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    # P-3: its own value goes, and the group's becomes true; members that were to be offline so far stay offline.
    own = {r.id: False for r in members.values() if r.id not in needed and not desired(r, intent)}
    wanted = altered(
        intent, persistent_state=True, own_states=own, clear_failures=intent.clear_failures + 1, asked_s=occasion.at_s
    )
    return _intend(view, spec, wanted, occasion, "online")


def resource_offline(view: ClusterView, name: str, occasion: Occasion, *, ignore_locked: bool = False) -> Change[Done]:
    """The resource should be offline from now on; what depends on it goes down first and waits.

    Its maintenance ends with that.
    """
    spec = _resource(view, name)
    intent = view.intent(spec.group)
    if not desired(spec, intent):
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    problems = [] if ignore_locked else locked_problems(view, _resting_on(spec, view.members_of.get(spec.group, {})))
    if problems:
        raise Refused(problems)
    own, rest = {**intent.own_states, spec.id: False}, without_maintenance(intent, spec.id)
    wanted = altered(intent, own_states=own, resource_maintenance=rest)
    return _intend(view, spec, wanted, occasion, "offline")


def resource_fail(view: ClusterView, name: str, occasion: Occasion) -> Change[Done]:
    """Treat the resource as failed, exactly as if it had failed by itself (FailClusterResource): it counts."""
    spec = _resource(view, name)
    intent, assignment = view.intent(spec.group), assignment_of(view, spec.group)
    problems = not_online_problems(view, spec, "fail", frozenset({"online", "online_pending"}))
    if assignment is None or problems:
        raise Refused(problems)
    request = FailRequest(id=occasion.id, number=assignment.number, author=occasion.author)
    wanted = altered(intent, fail={**intent.fail, spec.id: request})
    return _intend(view, spec, wanted, occasion, "fail", operation=occasion.id)


def delete_resource(view: ClusterView, name: str, occasion: Occasion, *, drop_dependencies: bool) -> Change[Done]:
    """Remove a resource that is offline; `drop_dependencies` takes it out of the expressions of others."""
    spec = _resource(view, name)
    problems: list[Problem] = []
    state = resource_fact(view, spec).state
    if desired(spec, view.intent(spec.group)) or state not in QUIET:
        problems.append(
            error(
                "resource_not_offline",
                f"resource {spec.name} is {state.replace('_', ' ')}, or should be online",
                where="resource",
                remedy=f"take it offline first: quorate resource offline {spec.name!r} --wait",
            )
        )
    problems += deletion_problems(view, (spec,))
    members = view.members_of.get(spec.group, {})
    dependents = [resource for resource in members.values() if spec.id in providers(resource.depends_on)]
    ordered = [resource for resource in members.values() if spec.id in resource.starts_after]
    if dependents and not drop_dependencies:
        names = ", ".join(sorted(resource.name for resource in dependents))
        problems.append(
            error(
                "dependent_resource_exists",
                f"{names} depend on resource {spec.name}",
                where="resource",
                remedy="change their dependencies first, or have this one taken out of them",
                override="--force",
            )
        )
    if problems:
        raise Refused(problems)
    group = view.groups[spec.group].record
    intent = view.intent(spec.group)
    guards: list[Guard] = [guard_group(view, spec.group), guard_intent(view, spec.group)]
    guards += deletion_guards(view, (spec,))
    writes: list[Write] = [
        delete(keys.SPEC_RESOURCE + spec.id),
        delete(keys.name("resource", spec.name)),
        put(keys.SPEC_GROUP + group.id, group),
        *saved_keys(view, spec.id, spec.checkpoints),
    ]
    for other in {resource.id: resource for resource in (*dependents, *ordered)}.values():
        parts = (tuple(entry for entry in part if entry != spec.id) for part in other.depends_on)
        after = tuple(entry for entry in other.starts_after if entry != spec.id)
        freed = altered(other, depends_on=tuple(part for part in parts if part), starts_after=after)
        writes.append(put(keys.SPEC_RESOURCE + other.id, freed))
    if spec.id in intent.own_states or spec.id in intent.fail or spec.id in intent.resource_maintenance:
        own = {resource: state for resource, state in intent.own_states.items() if resource != spec.id}
        fail = {resource: request for resource, request in intent.fail.items() if resource != spec.id}
        left = altered(intent, own_states=own, fail=fail, resource_maintenance=without_maintenance(intent, spec.id))
        writes.append(put(keys.INTENT_GROUP + spec.group, left))
    change = Change(tuple(guards), tuple(writes), Done(id=spec.id, name=spec.name))
    return audited(change, occasion, verb="delete", kind="resource", object_id=spec.id, object_name=spec.name)


def _resource(view: ClusterView, name: str) -> ResourceSpec:
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    if spec is None:
        raise Refused(problems)
    return spec


def _needed(spec: ResourceSpec, members: dict[str, ResourceSpec]) -> dict[str, ResourceSpec]:
    """The resource and everything that it rests on, alternatives included (spec/03 §3.2)."""
    found: dict[str, ResourceSpec] = {}
    waiting = [spec]
    while waiting:
        at = waiting.pop()
        if at.id not in found:
            found[at.id] = at
            waiting += [members[entry] for entry in providers(at.depends_on) if entry in members]
    return found


def _resting_on(spec: ResourceSpec, members: dict[str, ResourceSpec]) -> list[ResourceSpec]:
    """The resource and everything that goes offline with it; alternatives may spare some of it."""
    found = {spec.id: spec}
    while more := [m for m in members.values() if m.id not in found and set(providers(m.depends_on)) & found.keys()]:
        found |= {member.id: member for member in more}
    return list(found.values())


def _intend(
    view: ClusterView, spec: ResourceSpec, wanted: GroupIntent, occasion: Occasion, verb: str, *, operation: str = ""
) -> Change[Done]:
    beside = neighbour_guards(view, view.groups[spec.group].record) if verb == "online" else ()
    change = Change(
        guards=(guard_group(view, spec.group), guard_intent(view, spec.group), *beside),
        writes=(put(keys.INTENT_GROUP + spec.group, wanted),),
        answer=Done(id=spec.id, name=spec.name, operation=operation),
    )
    return audited(change, occasion, verb=verb, kind="resource", object_id=spec.id, object_name=spec.name)
