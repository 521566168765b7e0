"""The command that copies a resource: type, properties, checkpoints, possible owners, dependencies (spec/03 §4).

Owns: what a copy takes over, what is copied along, and how that is called. Does not know: what stands against any of
it: each copy is made by the command that makes a resource, so the same rules hold.
How it works: in its own group a copy depends on what the original depends on. In another group, or where that is asked
for, everything it depends on is copied too, providers first, and all of it goes into one transaction. A copy starts
offline, whatever its group does: an address or a folder that two resources use is the administrator's to change first.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid5

from quorate.control.change import Change, Done, Occasion, altered, audited, put
from quorate.control.checkpoints import NewCheckpoint, add_checkpoint
from quorate.control.composing import Composed
from quorate.control.lookup import find_group, find_resource, guard_intent
from quorate.control.resource_writing import NewResource, create_resource
from quorate.control.types import TypeCatalogue
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.common_properties import RESOURCE_PROPERTIES
from quorate.model.dependency import format_dependency, providers
from quorate.model.problems import Problem, Refused, error
from quorate.model.properties import PropertyValue
from quorate.model.workload import ResourceSpec


class CopyWish(Value, frozen=True, kw_only=True):
    """How the copy shall be called and where it goes. What is not given is as with the original."""

    name: str
    group: str = ""
    with_dependencies: bool = False
    """Copy what it depends on, too, in the same group; in another group that is done anyway."""
    names: dict[str, str] = {}
    """Names of what is copied along, by the name of the original; else `<name of the copy>-<name of the original>`."""
    properties: dict[str, PropertyValue] = {}
    """Private properties of the copy that shall differ."""


def copy_resource(
    view: ClusterView, name: str, wish: CopyWish, occasion: Occasion, types: TypeCatalogue
) -> Change[Done]:
    """Copy a resource, and what it depends on where that cannot be shared. Raises Refused with every problem."""
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    group = find_group(view, wish.group, problems) if wish.group else None
    if spec is None or (wish.group and group is None):
        raise Refused(problems)
    target = group.id if group is not None else spec.group
    members = view.members_of.get(spec.group, {})
    along = _providers_first(spec, members) if wish.with_dependencies or target != spec.group else []
    problems += _name_problems(wish, along)
    made = {one.id: str(uuid5(UUID(occasion.id), one.id)) for one in along} | {spec.id: occasion.id}
    composed = Composed(view)
    done, warnings = Done(id=occasion.id, name=wish.name), list[Problem]()
    for one in (*along, spec):
        called = wish.name if one is spec else wish.names.get(one.name, f"{wish.name}-{one.name}")
        given = _canonical(types, spec, wish.properties) if one is spec else {}
        moment = replace(occasion, id=made[one.id])
        try:
            change = create_resource(
                composed.view, _wish(view, one, called, target, given, made, spec.group), moment, types
            )
            composed.add(change)
            warnings += change.answer.warnings
            for point in one.checkpoints:
                own = replace(occasion, id=str(uuid5(UUID(made[one.id]), point.path)))
                wanted = NewCheckpoint(path=point.path, secret=point.secret)
                added = add_checkpoint(composed.view, made[one.id], wanted, own)
                composed.add(added)
                warnings += added.answer.warnings
        except Refused as refused:
            problems += [problem for problem in refused.problems if problem not in problems]
            if one is not spec:
                break  # whatever depends on it could not be made either
    if problems:
        raise Refused(problems)
    _keep_offline(composed, view, target, list(made.values()))
    change = Change(
        tuple(composed.guards.values()),
        tuple(composed.writes.values()),
        altered(done, warnings=tuple(dict.fromkeys(warnings))),
    )
    with_it = f", with {', '.join(one.name for one in along)}" if along else ""
    return audited(
        change, occasion, verb="copy", kind="resource", object_id=occasion.id, object_name=wish.name,
        detail=f"of {spec.name}{with_it}",
    )  # fmt: skip


def _canonical(types: TypeCatalogue, spec: ResourceSpec, given: dict[str, PropertyValue]) -> dict[str, PropertyValue]:
    """Under our names, so that they replace those of the original."""
    manifest = types.find(spec.type)
    found = {name: manifest.find(name) if manifest is not None else None for name in given}
    return {known.name if (known := found[name]) is not None else name: value for name, value in given.items()}


def _providers_first(spec: ResourceSpec, members: dict[str, ResourceSpec]) -> list[ResourceSpec]:
    """Everything it rests on, directly and indirectly, in an order in which each can be made after what it needs."""
    found: dict[str, ResourceSpec] = {}

    def visit(one: ResourceSpec) -> None:
        for other in providers(one.depends_on):
            if other in members and other not in found:
                visit(members[other])
                found.setdefault(other, members[other])

    visit(spec)
    return list(found.values())


def _name_problems(wish: CopyWish, along: list[ResourceSpec]) -> list[Problem]:
    known = {one.name for one in along}
    return [
        error(
            "not_copied",
            f"{name} is not copied along",
            where="names",
            remedy=f"copied along: {', '.join(sorted(known)) or 'nothing'}; names are as they are written there",
        )
        for name in wish.names
        if name not in known
    ]


def _wish(
    view: ClusterView,
    one: ResourceSpec,
    called: str,
    target: str,
    given: dict[str, PropertyValue],
    made: dict[str, str],
    former: str,
) -> NewResource:
    """The resource to be made: like that one, resting on copies where there are some."""
    stays = target == former
    kept = [[made.get(other, other) for other in part if stays or other in made] for part in one.depends_on]
    order = (other for other in one.starts_after if stays or other in made)
    return NewResource(
        name=called,
        group=target,
        type=one.type,
        properties={**one.properties, **given},
        common={definition.name: getattr(one, definition.name) for definition in RESOURCE_PROPERTIES},
        depends_on=format_dependency(tuple(tuple(part) for part in kept if part)),
        possible_owners=tuple(node_name(view, node) for node in one.possible_owners),
        starts_after=tuple(made.get(other, other) for other in order),
    )


def _keep_offline(composed: Composed, view: ClusterView, target: str, made: list[str]) -> None:
    """In a group that should be online what is new would come online at once."""
    intent = view.intent(target)
    if intent.persistent_state:
        states = {**intent.own_states, **dict.fromkeys(made, False)}
        written = put(keys.INTENT_GROUP + target, altered(intent, own_states=states))
        guards = (guard_intent(view, target),)
        composed.add(Change(guards, (written,), Done(id=target, name="")))
