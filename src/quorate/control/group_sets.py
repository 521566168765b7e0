"""Commands on group sets, and what groups wait for (spec/03 §13).

Owns: what such a command demands: one set for a group at most, no circles. Does not know: when anything starts
(`core.start_order`).
"""

from __future__ import annotations

from collections.abc import Mapping

from quorate.control.change import Change, Done, Occasion, altered, audited, delete, guard, put, unchanged
from quorate.control.lookup import find_group, guard_group
from quorate.control.names import name_problems, taken, unknown
from quorate.core.cluster_view import ClusterView
from quorate.core.start_order import StartOrder
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.common_properties import SET, fields_of, read_common
from quorate.model.dependency import Expression, find_cycle, format_dependency, parse_dependency, providers
from quorate.model.problems import Problem, Refused, error
from quorate.model.properties import PropertyValue
from quorate.model.records import Put
from quorate.model.resource_type import NEVER_MS
from quorate.model.workload import GroupSetSpec

ALL = NEVER_MS
"""As the reference writes that every group counts: all-ones."""


class GroupSetWish(Value, frozen=True, kw_only=True):
    """A group set to be made, or what shall change of one; what is None stays, or is the default."""

    name: str = ""
    groups: tuple[str, ...] | None = None
    depends_on: str | None = None
    """An expression over names of sets: `[databases] and ([mail] or [web])`."""
    is_global: bool | None = None
    startup_setting: int | None = None
    startup_count: int | None = None
    """So many groups; 0: a majority; all-ones: all."""
    startup_delay_s: int | None = None
    description: str | None = None


class GroupSetView(Value, frozen=True, kw_only=True):
    """One group set."""

    id: str
    name: str
    groups: tuple[str, ...] = ()
    depends_on: str = ""
    is_global: bool = False
    startup_setting: int = 1
    startup_count: int | None = None
    needed: int = 0
    startup_delay_s: int = 0
    ready: bool = False
    description: str = ""


class GroupSetList(Value, frozen=True, kw_only=True):
    """All group sets."""

    sets: tuple[GroupSetView, ...] = ()


class GroupDependencyWish(Value, frozen=True, kw_only=True):
    """What a group waits for: an expression over names of groups and sets; empty: nothing."""

    depends_on: str = ""


def set_view(view: ClusterView, spec: GroupSetSpec, wall_s: float) -> GroupSetView:
    """One set as people read it."""
    return GroupSetView(
        id=spec.id,
        name=spec.name,
        groups=tuple(view.groups[group].record.name for group in spec.groups if group in view.groups),
        depends_on=format_dependency(spec.depends_on, lambda entry: provider_name(view, entry)),
        is_global=spec.is_global,
        startup_setting=spec.startup_setting,
        startup_count=spec.startup_count,
        needed=StartOrder.needed(spec, len([group for group in spec.groups if group in view.groups])),
        startup_delay_s=spec.startup_delay_s,
        ready=StartOrder(view, wall_s).set_ready(spec),
        description=spec.description,
    )


def list_sets(view: ClusterView, wall_s: float) -> GroupSetList:
    """All sets by name."""
    specs = sorted((known.record for known in view.sets.values()), key=lambda one: one.name.casefold())
    return GroupSetList(sets=tuple(set_view(view, spec, wall_s) for spec in specs))


def provider_name(view: ClusterView, entry: str) -> str:
    """The name of a group or set."""
    found = view.sets.get(entry) or view.groups.get(entry)
    return found.record.name if found is not None else entry


def find_set(view: ClusterView, name: str, problems: list[Problem], where: str = "set") -> GroupSetSpec | None:
    """The set of that name or id."""
    found = view.sets.get(name)
    spec = found.record if found else view.find(view.sets, name, lambda one: one.name)
    if spec is None:
        problems.append(unknown("group set", name, [known.record.name for known in view.sets.values()], where))
    return spec


def create_set(view: ClusterView, wish: GroupSetWish, occasion: Occasion) -> Change[Done]:
    """Make a group set."""
    problems = name_problems(wish.name, "name")
    if view.find(view.sets, wish.name, lambda one: one.name) is not None:
        problems.append(taken("group set", wish.name, "name"))
    spec = _changed(view, GroupSetSpec(id=occasion.id, name=wish.name), wish, problems)
    if problems:
        raise Refused(problems)
    key, name_key = keys.SPEC_SET + spec.id, keys.name("set", spec.name)
    change = Change(
        (guard(key, None), guard(name_key, None)),
        (put(key, spec), Put(name_key, spec.id.encode())),
        Done(id=spec.id, name=spec.name),
    )
    return audited(change, occasion, verb="create", kind="set", object_id=spec.id, object_name=spec.name)


def change_set(view: ClusterView, name: str, wish: GroupSetWish, occasion: Occasion) -> Change[Done]:
    """Change what is given; what is not stays (the name stays always)."""
    problems: list[Problem] = []
    spec = find_set(view, name, problems)
    if spec is None:
        raise Refused(problems)
    changed = _changed(view, spec, wish, problems)
    if problems:
        raise Refused(problems)
    return _written(view, spec, changed, occasion)


def _written(view: ClusterView, spec: GroupSetSpec, changed: GroupSetSpec, occasion: Occasion) -> Change[Done]:
    if changed == spec:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    key = keys.SPEC_SET + spec.id
    change = Change((guard(key, view.sets[spec.id].revision),), (put(key, changed),), Done(id=spec.id, name=spec.name))
    return audited(change, occasion, verb="set", kind="set", object_id=spec.id, object_name=spec.name)


def change_set_properties(
    view: ClusterView, name: str, given: Mapping[str, PropertyValue], occasion: Occasion
) -> Change[Done]:
    """Set common properties of a set, under our names or the reference's; None stands for the default."""
    problems: list[Problem] = []
    spec = find_set(view, name, problems)
    values, faults = read_common(SET, given, "properties")
    if spec is None or problems + faults:
        raise Refused([*problems, *faults])
    return _written(view, spec, altered(spec, **fields_of(SET, values)), occasion)


def delete_set(view: ClusterView, name: str, occasion: Occasion) -> Change[Done]:
    """Remove a set that nothing waits for; its groups stay."""
    problems: list[Problem] = []
    spec = find_set(view, name, problems)
    if spec is None:
        raise Refused(problems)
    waiting = [
        known.record.name
        for table in (view.sets, view.groups)
        for known in table.values()
        if spec.id in providers(known.record.depends_on)
    ]
    if waiting:
        what = f"{', '.join(sorted(waiting))} wait for set {spec.name}"
        raise Refused([error("set_in_use", what, where="set", remedy="change what they depend on first")])
    key = keys.SPEC_SET + spec.id
    change = Change(
        (guard(key, view.sets[spec.id].revision),),
        (delete(key), delete(keys.name("set", spec.name))),
        Done(id=spec.id, name=spec.name),
    )
    return audited(change, occasion, verb="delete", kind="set", object_id=spec.id, object_name=spec.name)


def set_group_dependency(view: ClusterView, name: str, wish: GroupDependencyWish, occasion: Occasion) -> Change[Done]:
    """Say which groups and sets must be ready before a group starts."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    known = {k.record.name.casefold(): k.record.id for k in view.groups.values()}
    known |= {k.record.name.casefold(): k.record.id for k in view.sets.values()}
    expression = _expression(wish.depends_on, known, problems)
    if spec is not None:
        problems += _circles(view, {spec.id: expression}, {})
    if spec is None or problems:
        raise Refused(problems)
    if expression == spec.depends_on:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    key = keys.SPEC_GROUP + spec.id
    written = (put(key, altered(spec, depends_on=expression)),)
    change = Change((guard_group(view, spec.id),), written, Done(id=spec.id, name=spec.name))
    return audited(change, occasion, verb="set-dependency", kind="group", object_id=spec.id, object_name=spec.name)


def _changed(view: ClusterView, spec: GroupSetSpec, wish: GroupSetWish, problems: list[Problem]) -> GroupSetSpec:
    given = {d.name: value for d in SET.settable if (value := getattr(wish, d.name)) is not None}
    values, faults = read_common(SET, given, "")
    problems += faults
    groups, expression = spec.groups, spec.depends_on
    if wish.groups is not None:
        found = [find_group(view, name, problems, f"groups.{rank}") for rank, name in enumerate(wish.groups)]
        groups = tuple(dict.fromkeys(group.id for group in found if group is not None))
        for other in (k.record for k in view.sets.values() if k.record.id != spec.id):
            for group in set(groups) & set(other.groups):
                what = f"group {view.groups[group].record.name} is in set {other.name} already"
                problems.append(error("group_in_other_set", what, where="groups", remedy="take it out of that first"))
    if wish.depends_on is not None:
        known = {k.record.name.casefold(): k.record.id for k in view.sets.values()} | {spec.name.casefold(): spec.id}
        expression = _expression(wish.depends_on, known, problems)
    problems += _circles(view, {spec.id: expression}, {spec.id: groups})
    if faults:
        return spec
    return altered(spec, groups=groups, depends_on=expression, **fields_of(SET, values))


def _expression(text: str, known: dict[str, str], problems: list[Problem]) -> Expression:
    """The expression in ids; adds every problem of form and name."""
    written, faults = parse_dependency(text)
    problems += faults
    for entry in providers(written):
        if entry.casefold() not in known:
            problems.append(unknown("group or set", entry, sorted(known), "depends_on"))
    return tuple(tuple(known[e.casefold()] for e in part if e.casefold() in known) for part in written)


def _circles(view: ClusterView, changed: dict[str, Expression], members: dict[str, tuple[str, ...]]) -> list[Problem]:
    """Whoever waits for itself, by way of sets or groups (PR-11)."""
    edges: dict[str, set[str]] = {}
    sets = {key: known.record for key, known in view.sets.items()}
    for group, spec in ((key, known.record) for key, known in view.groups.items()):
        edges.setdefault(group, set()).update(providers(changed.get(group, spec.depends_on)))
    for own in sets.keys() | members.keys():
        inside = members.get(own, sets[own].groups if own in sets else ())
        waits = providers(changed.get(own, sets[own].depends_on if own in sets else ()))
        edges.setdefault(own, set()).update(inside)  # it is ready when they are
        for group in inside:
            edges.setdefault(group, set()).update(waits)
    edges |= {own: edges.get(own, set()) | set(providers(expression)) for own, expression in changed.items()}
    cycle = find_cycle(edges)
    if not cycle:
        return []
    path = " → ".join(provider_name(view, entry) for entry in cycle)
    remedy = "leave one of them out"
    return [error("circular_dependency", f"these would wait for each other: {path}", where="depends_on", remedy=remedy)]
