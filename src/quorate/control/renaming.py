"""Commands that rename groups and resources: the id stays, and with it everything that refers to them (GR-10).

Owns: the two commands. Does not know: names of nodes, networks and the cluster; their own modules rename those.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, delete, guard, put, unchanged
from quorate.control.lookup import find_group, find_resource, guard_group
from quorate.control.names import NewName, name_problems, taken
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.problems import Problem, Refused
from quorate.model.records import Guard, Put, Write


def rename_group(view: ClusterView, name: str, wish: NewName, occasion: Occasion) -> Change[Done]:
    """Give a group another name; what runs is not touched."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    problems += name_problems(wish.name, "name")
    holder = view.find(view.groups, wish.name, lambda group: group.name)
    if spec is not None and holder is not None and holder.id != spec.id:
        problems.append(taken("group", wish.name, "name"))
    if spec is None or problems:
        raise Refused(problems)
    if wish.name == spec.name:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    guards, writes = _name_keys("group", spec.id, spec.name, wish.name)
    change = Change(
        (guard_group(view, spec.id), *guards),
        (put(keys.SPEC_GROUP + spec.id, altered(spec, name=wish.name)), *writes),
        Done(id=spec.id, name=wish.name),
    )
    return audited(
        change, occasion, verb="rename", kind="group", object_id=spec.id, object_name=wish.name,
        detail=f"it was {spec.name}",
    )  # fmt: skip


def rename_resource(view: ClusterView, name: str, wish: NewName, occasion: Occasion) -> Change[Done]:
    """Give a resource another name; what runs is not touched, and dependencies go by its id."""
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    problems += name_problems(wish.name, "name")
    holder = view.find(view.resources, wish.name, lambda resource: resource.name)
    if spec is not None and holder is not None and holder.id != spec.id:
        problems.append(taken("resource", wish.name, "name"))
    if spec is None or problems:
        raise Refused(problems)
    if wish.name == spec.name:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    guards, writes = _name_keys("resource", spec.id, spec.name, wish.name)
    group = view.groups[spec.group].record
    change = Change(
        (guard_group(view, spec.group), guard(keys.SPEC_RESOURCE + spec.id, view.resources[spec.id].revision), *guards),
        (
            put(keys.SPEC_RESOURCE + spec.id, altered(spec, name=wish.name)),
            put(keys.SPEC_GROUP + group.id, group),
            *writes,
        ),
        Done(id=spec.id, name=wish.name),
    )
    return audited(
        change, occasion, verb="rename", kind="resource", object_id=spec.id, object_name=wish.name,
        detail=f"it was {spec.name}",
    )  # fmt: skip


def _name_keys(kind: str, own: str, former: str, wanted: str) -> tuple[tuple[Guard, ...], tuple[Write, ...]]:
    """The key that keeps the name unique moves, unless only its case changes."""
    old, new = keys.name(kind, former), keys.name(kind, wanted)
    return ((guard(new, None),), (Put(new, own.encode()), delete(old))) if old != new else ((), ())
