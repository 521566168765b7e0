"""The dependencies of a resource as people write them, turned into ids, with everything that is wrong (spec/03 §3).

Owns: names to ids, one group only, no circles (the advisory order included), and what an online resource may be made
to depend on.
Does not know: the language itself (`model.dependency`), or what is written in the end.
"""

from __future__ import annotations

from quorate.control.names import unknown
from quorate.control.standing import resource_fact
from quorate.core.cluster_view import ClusterView
from quorate.model.dependency import Expression, find_cycle, format_dependency, parse_dependency, providers
from quorate.model.problems import Problem, error
from quorate.model.workload import ResourceSpec


def read_dependency(
    view: ClusterView, text: str, group: str, resource: str, resource_name: str, problems: list[Problem]
) -> Expression:
    """The expression in ids; adds every problem: form, unknown or foreign names, cycles."""
    written, faults = parse_dependency(text)
    problems += faults
    members = view.members_of.get(group, {})
    by_name = {member.name.casefold(): member.id for member in members.values()}
    by_name |= {member.id: member.id for member in members.values()} | {resource_name.casefold(): resource}
    for entry in providers(written):
        if entry.casefold() in by_name:
            continue
        by_id = view.resources.get(entry)
        elsewhere = by_id.record if by_id else view.find(view.resources, entry, lambda known: known.name)
        if elsewhere is not None:
            problems.append(
                error(
                    "dependency_in_other_group",
                    f"resource {elsewhere.name} is in another group",
                    where="depends_on",
                    remedy="a resource can depend on resources of its own group only",
                )
            )
        else:
            names = [member.name for member in members.values() if member.id != resource]
            problems.append(unknown("resource", entry, names, "depends_on"))
    return tuple(tuple(by_name[e.casefold()] for e in part if e.casefold() in by_name) for part in written)


def read_order(
    view: ClusterView, names: tuple[str, ...], group: str, resource: str, problems: list[Problem]
) -> tuple[str, ...]:
    """The ids of members that the resource starts after; adds every problem: unknown or foreign names, itself."""
    members = [member for member in view.members_of.get(group, {}).values() if member.id != resource]
    by_name = {member.name.casefold(): member.id for member in members} | {member.id: member.id for member in members}
    for entry in names:
        if entry.casefold() not in by_name:
            problems.append(unknown("resource", entry, [member.name for member in members], "starts_after"))
    return tuple(dict.fromkeys(by_name[entry.casefold()] for entry in names if entry.casefold() in by_name))


def circle_problems(
    view: ClusterView, group: str, resource: str, resource_name: str, expression: Expression, after: tuple[str, ...]
) -> list[Problem]:
    """Dependencies and the advisory order of a group together must form no circle (spec/03 D-4)."""
    members = view.members_of.get(group, {})
    edges = {m.id: (*providers(m.depends_on), *m.starts_after) for m in members.values()}
    cycle = find_cycle({**edges, resource: (*providers(expression), *after)})
    if not cycle:
        return []
    names_of = {member.id: member.name for member in members.values()} | {resource: resource_name}
    path = " → ".join(names_of.get(entry, entry) for entry in cycle)
    ordered = any(
        cycle[i + 1] in (after if at == resource else members[at].starts_after)
        for i, at in enumerate(cycle[:-1])
        if at == resource or at in members
    )
    return [
        error(
            "circular_dependency",
            f"the dependencies would form a circle: {path}",
            where="starts_after" if ordered else "depends_on",
            remedy="leave one of them out",
        )
    ]


def online_dependency_problems(view: ClusterView, spec: ResourceSpec, expression: Expression) -> list[Problem]:
    """An online resource may get only dependencies that are satisfied now (spec/03 §3.3)."""
    if resource_fact(view, spec).state not in {"online", "online_pending"}:
        return []
    members = view.members_of.get(spec.group, {})
    missing = [
        part
        for part in expression
        if not any(e in members and resource_fact(view, members[e]).state == "online" for e in part)
    ]
    if not missing:
        return []
    words = format_dependency(tuple(missing), lambda entry: members[entry].name if entry in members else entry)
    return [
        error(
            "resource_online",
            f"resource {spec.name} is online and {words} is not",
            where="depends_on",
            remedy="bring those online first, or take this one offline",
        )
    ]
