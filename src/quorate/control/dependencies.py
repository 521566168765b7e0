"""The dependencies of a resource as people write them, turned into ids, with everything that is wrong (spec/03 §3).

Owns: names to ids, one group only, no circles, and what an online resource may be made to depend on.
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
        elsewhere = view.find(view.resources, entry, lambda known: known.name)
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
    found = tuple(tuple(by_name[e.casefold()] for e in part if e.casefold() in by_name) for part in written)
    cycle = find_cycle({m.id: providers(m.depends_on) for m in members.values()} | {resource: providers(found)})
    if cycle:
        names_of = {member.id: member.name for member in members.values()} | {resource: resource_name}
        path = " → ".join(names_of.get(entry, entry) for entry in cycle)
        problems.append(
            error(
                "circular_dependency",
                f"the dependencies would form a circle: {path}",
                where="depends_on",
                remedy="leave one of them out",
            )
        )
    return found


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
