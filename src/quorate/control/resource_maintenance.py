"""Maintenance of one resource: somebody works on it by hand, its health checks do not fail it (spec/03 §14.2).

Owns: the command that begins, prolongs and ends it, and what is said of it. Does not know: how checks are overlooked
(`host.machine`). Everything else is as ever: what ends for another reason is restarted by its policy.
How it works: it holds under the present assignment alone. So it ends with a move, a failover and a restart of the node,
and the record that is left over means nothing; the next writer takes it away.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, put, unchanged
from quorate.control.lookup import find_resource, guard_group, guard_intent
from quorate.control.maintenance import MaintenanceWish, until_s, wish_problems
from quorate.control.requirements import FindManifest
from quorate.control.standing import assignment_of, resource_fact
from quorate.core.cluster_view import ClusterView
from quorate.core.resource_maintenance import maintained
from quorate.model import keys
from quorate.model.maintenance import Maintenance, ResourceMaintenance
from quorate.model.problems import Problem, Refused, error
from quorate.model.workload import GroupIntent, ResourceSpec, ResourceState


def set_resource_maintenance(
    view: ClusterView, name: str, wish: MaintenanceWish, occasion: Occasion, find_manifest: FindManifest
) -> Change[Done]:
    """Begin, prolong or end the maintenance of a resource. Raises Refused with every problem."""
    problems = wish_problems(wish, occasion)
    spec = find_resource(view, name, problems)
    if spec is None:
        raise Refused(problems)
    if wish.on:
        problems += _problems(view, spec, find_manifest)
    if problems:
        raise Refused(problems)
    intent, assignment = view.intent(spec.group), assignment_of(view, spec.group)
    held = dict(maintained(view, spec.group, occasion.at_s))
    done = Done(id=spec.id, name=spec.name)
    if wish.on and assignment is not None:
        held[spec.id] = ResourceMaintenance(
            author=occasion.author,
            reason=occasion.reason,
            since=occasion.at,
            until_s=until_s(wish, occasion),
            number=assignment.number,
        )
    elif held.pop(spec.id, None) is None:
        return unchanged(altered(done, changed=False))
    change = Change(
        (guard_group(view, spec.group), guard_intent(view, spec.group)),
        (put(keys.INTENT_GROUP + spec.group, altered(intent, resource_maintenance=held)),),
        done,
    )
    verb = "begin-maintenance" if wish.on else "end-maintenance"
    return audited(change, occasion, verb=verb, kind="resource", object_id=spec.id, object_name=spec.name)


def _problems(view: ClusterView, spec: ResourceSpec, find_manifest: FindManifest) -> list[Problem]:
    """What stands against it: only what is online, and stays where it is, can be in maintenance."""
    found = not_online_problems(view, spec, "be in maintenance", frozenset({"online"}))
    manifest = find_manifest(spec.type)
    if manifest is not None and not manifest.can_be_maintained:
        what = f"{manifest.display_name} does not support maintenance: its checks cannot be overlooked"
        remedy = f"put its group into maintenance: quorate group maintenance {view.groups[spec.group].record.name!r}"
        found.append(error("maintenance_not_supported", what, where="resource", remedy=remedy))
    return found


def not_online_problems(
    view: ClusterView, spec: ResourceSpec, do: str, states: frozenset[ResourceState]
) -> list[Problem]:
    """What is asked for can be done only with a resource that is in one of these states, where it stays."""
    assignment, state = assignment_of(view, spec.group), resource_fact(view, spec).state
    leaving = assignment is not None and assignment.phase == "stop"
    if assignment is not None and not leaving and state in states:
        return []
    what = f"resource {spec.name} is {state.replace('_', ' ')}"
    if leaving:
        what = f"the group of resource {spec.name} is just leaving its node"
    remedy = f"only what is online can {do}; quorate resource show tells its state"
    return [error("resource_not_online", what, where="resource", remedy=remedy)]


def maintenance_words(maintenance: Maintenance) -> str:
    """Whose it is, since when, and why."""
    return f"by {maintenance.author} since {maintenance.since}: {maintenance.reason}"


def without_maintenance(intent: GroupIntent, *resources: str) -> dict[str, ResourceMaintenance]:
    """What is left of the group's when these have none any more."""
    return {resource: one for resource, one in intent.resource_maintenance.items() if resource not in resources}
