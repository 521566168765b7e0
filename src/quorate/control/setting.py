"""Properties of several objects, set in one transaction or not at all (PP-08).

Owns: which command sets what, and the one audit record. Does not know: any check; those are the commands' own.
How it works: every object's own command is asked with the cluster as it will be after those before it. All problems of
all objects are collected, each with its object in front; if there is one, nothing is written.
"""

from __future__ import annotations

from dataclasses import replace as copied

from quorate.control import cluster, group_sets, groups, networks, resource_writing, weighing
from quorate.control.change import Change, Done, Occasion, audited
from quorate.control.composing import Composed
from quorate.control.names import unknown
from quorate.control.types import TypeCatalogue
from quorate.core.cluster_view import ClusterView
from quorate.model.base import Value, replace
from quorate.model.common_properties import RESOURCE, find_common
from quorate.model.problems import Problem, Refused, error
from quorate.model.properties import PropertyValue

KINDS = ("cluster", "node", "group", "set", "resource", "network", "interface")


class ObjectWish(Value, frozen=True, kw_only=True):
    """Properties of one object. `name` is empty for the cluster; of a resource common and private ones mix."""

    kind: str
    name: str = ""
    properties: dict[str, PropertyValue] = {}


class SettingWish(Value, frozen=True, kw_only=True):
    """What shall be set, all or nothing."""

    objects: tuple[ObjectWish, ...] = ()


def set_properties(view: ClusterView, wish: SettingWish, occasion: Occasion, types: TypeCatalogue) -> Change[Done]:
    """Set properties of several objects at once. Raises Refused with every problem of every object."""
    problems: list[Problem] = []
    warnings: list[Problem] = []
    if not wish.objects:
        remedy = "name an object and its properties: quorate set group/web priority=3000"
        problems.append(error("nothing_given", "nothing is to be set", where="objects", remedy=remedy))
    composed = Composed(view)
    for one in wish.objects:
        try:
            change = _change(composed.view, one, occasion, types)
        except Refused as refused:
            problems += [_placed(problem, one) for problem in refused.problems]
        else:
            warnings += [_placed(problem, one) for problem in change.answer.warnings]
            composed.add(change)
    if problems:
        raise Refused(list(dict.fromkeys(problems)))
    names = ", ".join(dict.fromkeys(_title(one) for one in wish.objects))
    done = Done(id=occasion.id, name=names, changed=bool(composed.writes), warnings=tuple(dict.fromkeys(warnings)))
    made = Change(tuple(composed.guards.values()), tuple(composed.writes.values()), done)
    if not composed.writes:
        return copied(made, guards=())
    told = "; ".join(
        f"{_title(one)}: {', '.join(f'{n}={v}' for n, v in sorted(one.properties.items()))}" for one in wish.objects
    )
    return audited(made, occasion, verb="set", kind="several", object_id=done.id, object_name=names, detail=told)


def _change(view: ClusterView, one: ObjectWish, occasion: Occasion, types: TypeCatalogue) -> Change[Done]:
    given = one.properties
    match one.kind:
        case "cluster":
            return cluster.change_cluster(view, cluster.ClusterChange(properties=given), occasion)
        case "node":
            return weighing.change_node(view, one.name, weighing.NodeChange(properties=given), occasion)
        case "group":
            return groups.change_group(view, one.name, groups.GroupChange(properties=given), occasion)
        case "set":
            return group_sets.change_set_properties(view, one.name, given, occasion)
        case "resource":
            return resource_writing.change_resource(view, one.name, _resource(view, one, types), occasion, types)
        case "network":
            return networks.change_network(view, one.name, networks.NetworkChange(properties=given), occasion)
        case "interface":
            return networks.change_interface(view, one.name, networks.NetworkChange(properties=given), occasion)
        case _:
            raise Refused([unknown("class", one.kind, KINDS, "kind")])


def _resource(view: ClusterView, one: ObjectWish, types: TypeCatalogue) -> resource_writing.ResourceChange:
    """A name that the type has is the type's; every other is a common one."""
    known = view.resources.get(one.name)
    spec = known.record if known else view.find(view.resources, one.name, lambda resource: resource.name)
    manifest = types.find(spec.type) if spec is not None else None

    def private(name: str) -> bool:
        common = find_common(RESOURCE.settable, name) is not None
        return manifest is not None and manifest.find(name) is not None and not common

    return resource_writing.ResourceChange(
        properties={name: value for name, value in one.properties.items() if private(name)},
        common={name: value for name, value in one.properties.items() if not private(name)},
    )


def _title(one: ObjectWish) -> str:
    return f"{one.kind}/{one.name}" if one.name else one.kind


def _placed(problem: Problem, one: ObjectWish) -> Problem:
    return replace(problem, where=f"{_title(one)}.{problem.where}" if problem.where else _title(one))
