"""Commands that create and change resources (spec/03 §3 and §4, spec/05 §4).

Owns: every check of a resource's specification: name, type, properties, dependencies, possible owners.
Does not know: how a type does its work; the type's manifest says what can be said without running it.
How it works: members of one group are written one after the other, each under a guard on the group's specification
(`lookup.guard_group`), so a check that looks at all members of a group still holds when the write is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.dependencies import circle_problems, online_dependency_problems, read_dependency, read_order
from quorate.control.lookup import find_group, find_nodes, find_resource, guard_group
from quorate.control.names import name_problems, taken, unknown
from quorate.control.requirements import instance_problems
from quorate.control.standing import assignment_of, resource_fact
from quorate.control.types import TypeCatalogue
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.common_properties import RESOURCE, RESOURCE_PROPERTIES, find_common, read_common
from quorate.model.dependency import Expression
from quorate.model.problems import Problem, Refused, error, stops, warning
from quorate.model.properties import PropertyValue, TakesEffect
from quorate.model.records import Put
from quorate.model.resource_type import NEVER_MS, Characteristic, Manifest, check_properties
from quorate.model.workload import QUIET, ResourceSpec

_PERIODS: Final[dict[str, PropertyValue]] = {
    d.name: d.default for d in RESOURCE_PROPERTIES if d.name in {"restart_period_ms", "retry_period_on_failure_ms"}
}


class NewResource(Value, frozen=True, kw_only=True):
    """A resource to be made. `properties` are the type's own, `common` those of every resource (spec/05 §4)."""

    name: str
    group: str
    type: str
    properties: dict[str, PropertyValue] = {}
    common: dict[str, PropertyValue] = {}
    depends_on: str = ""
    """An expression over names: `[addr] and ([disk1] or [disk2])`."""
    possible_owners: tuple[str, ...] = ()
    starts_after: tuple[str, ...] = ()
    """Members of the group that come online before it and go offline after it, where both do."""


class ResourceChange(Value, frozen=True, kw_only=True):
    """What shall change; what is not given stays. A property given as null returns to its default."""

    properties: dict[str, PropertyValue] = {}
    common: dict[str, PropertyValue] = {}
    depends_on: str | None = None
    possible_owners: tuple[str, ...] | None = None
    starts_after: tuple[str, ...] | None = None


def create_resource(view: ClusterView, wish: NewResource, occasion: Occasion, types: TypeCatalogue) -> Change[Done]:
    """Make a resource. In a group that should be online it comes online at once, as its group's state says."""
    problems = name_problems(wish.name, "name")
    if view.find(view.resources, wish.name, lambda resource: resource.name) is not None:
        problems.append(taken("resource", wish.name, "name"))
    group = find_group(view, wish.group, problems)
    manifest = types.find(wish.type)
    if manifest is None:
        problems.append(unknown("resource_type", wish.type, types.names(), "type"))
    else:
        problems += check_properties(manifest, wish.properties)
        problems += instance_problems(view, group.id, manifest) if group else []
    values, faults = _read_common(wish.common, manifest)
    problems += faults or _retry_problems(_PERIODS | values)
    problems += _adoption_problems(manifest, values) if manifest is not None else []
    owners = find_nodes(view, wish.possible_owners, problems, "possible_owners")
    expression: Expression = ()
    after: tuple[str, ...] = ()
    if group is not None:
        expression = read_dependency(view, wish.depends_on, group.id, occasion.id, wish.name, problems)
        after = read_order(view, wish.starts_after, group.id, occasion.id, problems)
        problems += circle_problems(view, group.id, occasion.id, wish.name, expression, after)
    if group is None or manifest is None or stops(problems):
        raise Refused(problems)
    plain = ResourceSpec(
        id=occasion.id,
        name=wish.name,
        # A type that is not built in is found by its place alone.
        type=manifest.name if types.find(manifest.name) == manifest else wish.type,
        group=group.id,
        properties=_canonical(manifest, wish.properties),
        depends_on=expression,
        possible_owners=owners,
        starts_after=after,
        required_proof=manifest.required_proof,
        delete_requires_all_nodes=manifest.has(Characteristic.DELETE_REQUIRES_ALL_NODES),
    )
    defaults = {name: value for name, value in _type_defaults(manifest).items() if name not in values}
    spec = altered(plain, **{**defaults, **values})
    name_key = keys.name("resource", spec.name)
    change = Change(
        guards=(guard_group(view, group.id), guard(keys.SPEC_RESOURCE + spec.id, None), guard(name_key, None)),
        writes=(
            put(keys.SPEC_RESOURCE + spec.id, spec),
            Put(name_key, spec.id.encode()),
            put(keys.SPEC_GROUP + group.id, group),
        ),
        answer=Done(id=spec.id, name=spec.name, warnings=tuple(problems)),
    )
    return audited(change, occasion, verb="create", kind="resource", object_id=spec.id, object_name=spec.name)


def change_resource(
    view: ClusterView, name: str, wish: ResourceChange, occasion: Occasion, types: TypeCatalogue
) -> Change[Done]:
    """Change properties, dependencies or possible owners of a resource."""
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    if spec is None:
        raise Refused(problems)
    manifest = types.find(spec.type)
    properties = dict(spec.properties)
    if manifest is None:
        problems.append(unknown("resource_type", spec.type, types.names(), "type"))
    else:
        properties = _merged(manifest, spec.properties, wish.properties)
        problems += check_properties(manifest, properties)
    values, faults = _read_common(wish.common, manifest)
    problems += faults or _retry_problems({name: getattr(spec, name) for name in _PERIODS} | values)
    problems += _adoption_problems(manifest, values) if manifest is not None else []
    expression = spec.depends_on
    if wish.depends_on is not None:
        expression = read_dependency(view, wish.depends_on, spec.group, spec.id, spec.name, problems)
        problems += online_dependency_problems(view, spec, expression)
    after = spec.starts_after
    if wish.starts_after is not None:
        after = read_order(view, wish.starts_after, spec.group, spec.id, problems)
    problems += circle_problems(view, spec.group, spec.id, spec.name, expression, after)
    owners = spec.possible_owners
    if wish.possible_owners is not None:
        owners = find_nodes(view, wish.possible_owners, problems, "possible_owners")
        problems += _owner_removed_problems(view, spec, owners)
    if stops(problems):
        raise Refused(problems)
    if manifest is not None:
        values["required_proof"] = manifest.required_proof
    changed = altered(
        spec, properties=properties, depends_on=expression, possible_owners=owners, starts_after=after, **values
    )
    if changed == spec:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    if manifest is not None and resource_fact(view, spec).state == "online":
        problems += _later(manifest, spec, changed)
    group = view.groups[spec.group].record
    change = Change(
        guards=(guard_group(view, spec.group), guard(keys.SPEC_RESOURCE + spec.id, view.resources[spec.id].revision)),
        writes=(put(keys.SPEC_RESOURCE + spec.id, changed), put(keys.SPEC_GROUP + group.id, group)),
        answer=Done(id=spec.id, name=spec.name, warnings=tuple(problems)),
    )
    return audited(change, occasion, verb="set", kind="resource", object_id=spec.id, object_name=spec.name)


def _canonical(manifest: Manifest, given: Mapping[str, PropertyValue]) -> dict[str, PropertyValue]:
    """The given values under our names; those given as null are left to the type's default."""
    return {found.name: value for name, value in given.items() if value is not None and (found := manifest.find(name))}


def _merged(
    manifest: Manifest, present: Mapping[str, PropertyValue], given: Mapping[str, PropertyValue]
) -> dict[str, PropertyValue]:
    merged = dict(present)
    for name, value in given.items():
        definition = manifest.find(name)
        key = definition.name if definition else name  # an unknown one is kept, to be reported
        if value is None and definition is not None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def _type_defaults(manifest: Manifest) -> dict[str, PropertyValue]:
    times = manifest.timeouts
    return {
        "looks_alive_poll_interval_ms": times.looks_alive_poll_interval_ms,
        "is_alive_poll_interval_ms": times.is_alive_poll_interval_ms,
        "pending_timeout_ms": times.pending_timeout_ms,
        "deadlock_timeout_ms": times.deadlock_timeout_ms,
        "stop_failure_action": "hold" if manifest.stop_failure_endangers_data else "end",
    }


def _read_common(
    given: Mapping[str, PropertyValue], manifest: Manifest | None
) -> tuple[dict[str, PropertyValue], list[Problem]]:
    """Common properties; null, and all-ones for a poll interval, stand for the type's default."""
    values, problems = read_common(RESOURCE, given, "common")
    defaults = _type_defaults(manifest) if manifest else {}
    asked = {d.name for name, value in given.items() if value is None and (d := find_common(RESOURCE_PROPERTIES, name))}
    for name, value in defaults.items():
        if name in asked or (name.endswith("_poll_interval_ms") and values.get(name) == NEVER_MS):
            values[name] = value
    return values, problems


def _retry_problems(values: Mapping[str, PropertyValue]) -> list[Problem]:
    """The late retry lies beyond the period in which restarts are counted (RetryPeriodOnFailure, spec/05 §4)."""
    period, retry = values["restart_period_ms"], values["retry_period_on_failure_ms"]
    if not isinstance(period, int) or not isinstance(retry, int) or retry >= period:
        return []
    return [
        error(
            "retry_period_short",
            f"retry_period_on_failure_ms is {retry} ms, shorter than restart_period_ms, {period} ms",
            where="common.retry_period_on_failure_ms",
            remedy=f"give at least {period}, or a shorter restart_period_ms with it",
        )
    ]


def _adoption_problems(manifest: Manifest, values: Mapping[str, PropertyValue]) -> list[Problem]:
    if values.get("already_running_action") != "adopt" or manifest.can_adopt:
        return []
    what = f"{manifest.display_name} cannot take over what runs already: it would not end with the node's lease"
    remedy = "choose restart or fail"
    return [error("cannot_adopt", what, where="common.already_running_action", remedy=remedy)]


def _owner_removed_problems(view: ClusterView, spec: ResourceSpec, owners: tuple[int, ...]) -> list[Problem]:
    assignment = assignment_of(view, spec.group)
    if assignment is None or not owners or assignment.owner in owners:
        return []
    if resource_fact(view, spec).state in QUIET:
        return []
    here = node_name(view, assignment.owner)
    return [
        error(
            "resource_online",
            f"resource {spec.name} is online on {here}, which would be no possible owner any more",
            where="possible_owners",
            remedy=f"move its group away from {here} first",
        )
    ]


def _later(manifest: Manifest, before: ResourceSpec, after: ResourceSpec) -> list[Problem]:
    """What of a change waits for the next online (5024 in the reference)."""
    waiting = [
        definition.name
        for definition in manifest.properties
        if definition.takes_effect is TakesEffect.NEXT_ONLINE
        and before.properties.get(definition.name) != after.properties.get(definition.name)
    ]
    if not waiting:
        return []
    return [
        warning(
            "takes_effect_at_next_online",
            f"stored; {', '.join(waiting)} of {after.name} takes effect when it next comes online",
            where="properties",
            remedy=f"quorate resource offline {after.name!r} --wait, then online",
        )
    ]
