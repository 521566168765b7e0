"""One dependency added or removed, and the questions that people ask of dependencies (spec/03 §3).

Owns: these commands and views. Does not know: what stands against an expression; `control.resource_writing` checks
every one, so that one part added meets the same rules as a whole expression.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion
from quorate.control.failures import state_in_words
from quorate.control.lookup import find_group, find_resource
from quorate.control.resource_writing import ResourceChange, change_resource
from quorate.control.standing import resource_fact, shown_fact
from quorate.control.types import TypeCatalogue
from quorate.core.cluster_view import ClusterView
from quorate.core.impact import impact_of
from quorate.model.base import Value
from quorate.model.dependency import Expression, format_dependency, providers
from quorate.model.problems import Problem, Refused, error
from quorate.model.workload import ResourceSpec


class DependencyWish(Value, frozen=True, kw_only=True):
    """The resource that another one shall depend on, or no longer."""

    on: str


class DependencyAnswer(Value, frozen=True, kw_only=True):
    """Whether a resource can depend on another one now, and what stands against it."""

    resource: str
    on: str
    possible: bool
    problems: tuple[Problem, ...] = ()


class DependencyView(Value, frozen=True, kw_only=True):
    """What a resource depends on and provides for, directly."""

    resource: str
    group: str
    expression: str
    expression_by_id: str
    depends_on: tuple[str, ...]
    provides_for: tuple[str, ...]
    starts_after: tuple[str, ...] = ()
    parts: tuple[tuple[str, ...], ...] = ()
    """The expression as data: one of each part is needed."""
    state: str = ""


class GroupDependencies(Value, frozen=True, kw_only=True):
    """The same for every member of a group, by name."""

    group: str
    resources: tuple[DependencyView, ...]


class Spared(Value, frozen=True, kw_only=True):
    """What stays, because of these providers."""

    resource: str
    by: tuple[str, ...]


class ImpactView(Value, frozen=True, kw_only=True):
    """What goes offline if a resource does."""

    resource: str
    group: str
    assumed: bool
    """It is not online now: the answer is for the group with all of its members online."""
    goes_offline: tuple[str, ...]
    """Dependents first."""
    spared: tuple[Spared, ...]


def add_dependency(
    view: ClusterView, name: str, wish: DependencyWish, occasion: Occasion, types: TypeCatalogue
) -> Change[Done]:
    """Let a resource depend on one more, besides all it depends on already."""
    spec, other = _both(view, name, wish.on)
    if other.id in providers(spec.depends_on):
        what = f"resource {spec.name} depends on {other.name} already"
        remedy = f"see quorate resource dependencies {spec.name!r}"
        raise Refused([error("dependency_already_exists", what, where="on", remedy=remedy)])
    wanted = format_dependency((*spec.depends_on, (other.id,)))
    return change_resource(view, spec.id, ResourceChange(depends_on=wanted), occasion, types)


def remove_dependency(
    view: ClusterView, name: str, wish: DependencyWish, occasion: Occasion, types: TypeCatalogue
) -> Change[Done]:
    """Take a resource out of the expression of another, wherever it stands."""
    spec, other = _both(view, name, wish.on)
    if other.id not in providers(spec.depends_on):
        what = f"resource {spec.name} does not depend on {other.name}"
        remedy = f"see quorate resource dependencies {spec.name!r}"
        raise Refused([error("dependency_not_found", what, where="on", remedy=remedy)])
    parts = (tuple(entry for entry in part if entry != other.id) for part in spec.depends_on)
    left: Expression = tuple(part for part in parts if part)
    return change_resource(view, spec.id, ResourceChange(depends_on=format_dependency(left)), occasion, types)


def can_depend(view: ClusterView, name: str, on: str, occasion: Occasion, types: TypeCatalogue) -> DependencyAnswer:
    """Whether that dependency could be added now. Changes nothing. Raises Refused where one of them is unknown."""
    spec, other = _both(view, name, on)
    try:
        add_dependency(view, spec.id, DependencyWish(on=other.id), occasion, types)
    except Refused as refused:
        return DependencyAnswer(resource=spec.name, on=other.name, possible=False, problems=refused.problems)
    return DependencyAnswer(resource=spec.name, on=other.name, possible=True)


def show_dependencies(view: ClusterView, name: str) -> DependencyView:
    """Of one resource, both ways, direct ones alone. Raises Refused."""
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    if spec is None:
        raise Refused(problems)
    return _view(view, spec)


def group_dependencies(view: ClusterView, name: str) -> GroupDependencies:
    """Of every member of a group. Raises Refused."""
    problems: list[Problem] = []
    spec = find_group(view, name, problems)
    if spec is None:
        raise Refused(problems)
    members = sorted(view.members_of.get(spec.id, {}).values(), key=lambda member: member.name.casefold())
    return GroupDependencies(group=spec.name, resources=tuple(_view(view, member) for member in members))


def show_impact(view: ClusterView, name: str) -> ImpactView:
    """What goes offline if the resource does. Raises Refused."""
    problems: list[Problem] = []
    spec = find_resource(view, name, problems)
    if spec is None:
        raise Refused(problems)
    members = view.members_of.get(spec.group, {})
    online = frozenset(own for own, member in members.items() if resource_fact(view, member).state == "online")
    assumed = spec.id not in online
    found = impact_of(members, frozenset(members) if assumed else online, spec.id)
    return ImpactView(
        resource=spec.name,
        group=view.groups[spec.group].record.name,
        assumed=assumed,
        goes_offline=tuple(members[own].name for own in found.goes),
        spared=tuple(
            Spared(resource=members[own].name, by=tuple(members[entry].name for entry in by))
            for own, by in found.spared.items()
        ),
    )


def _both(view: ClusterView, name: str, on: str) -> tuple[ResourceSpec, ResourceSpec]:
    problems: list[Problem] = []
    spec, other = find_resource(view, name, problems), find_resource(view, on, problems, "on")
    if spec is None or other is None:
        raise Refused(problems)
    return spec, other


def _view(view: ClusterView, spec: ResourceSpec) -> DependencyView:
    members = view.members_of.get(spec.group, {})

    def title(own: str) -> str:
        return members[own].name if own in members else own

    users = (member.name for member in members.values() if spec.id in providers(member.depends_on))
    return DependencyView(
        resource=spec.name,
        group=view.groups[spec.group].record.name,
        expression=format_dependency(spec.depends_on, title),
        expression_by_id=format_dependency(spec.depends_on),
        depends_on=tuple(title(own) for own in providers(spec.depends_on)),
        provides_for=tuple(sorted(users, key=str.casefold)),
        starts_after=tuple(sorted((title(own) for own in spec.starts_after), key=str.casefold)),
        parts=tuple(tuple(title(own) for own in part) for part in spec.depends_on),
        state=state_in_words(shown_fact(view, spec).state),
    )
