"""What a resource needs of others before it may be brought online or be written at all (spec/03 §3, §4, §6.1).

Owns: required dependencies, single instances, and what stands against bringing one resource online.
Does not know: records of intent, or how a resource is started. Types are looked up by a function, because the types
themselves are loaded by a higher layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from quorate.control.change import guard
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.dependency import providers
from quorate.model.problems import Problem, error
from quorate.model.records import Guard
from quorate.model.resource_type import Characteristic, Manifest, RequiredDependency, check_properties
from quorate.model.workload import ResourceSpec

FindManifest = Callable[[str], Manifest | None]
"""The manifest of a type by its name, or None."""


def online_problems(view: ClusterView, resource: ResourceSpec, find_manifest: FindManifest) -> list[Problem]:
    """What forbids bringing the resource online: bad or missing properties, a missing required dependency."""
    manifest = find_manifest(resource.type)
    if manifest is None:
        return [
            error(
                "resource_type_unknown",
                f"resource {resource.name} is of type {resource.type!r}, which this node does not have",
                where=f"resource.{resource.name}.type",
                remedy="install the type on every node that shall run it",
            )
        ]
    found = list(check_properties(manifest, resource.properties, f"resource.{resource.name}"))
    for required in manifest.required_dependencies:
        if not any(_meets(view, provider, required, find_manifest) for provider in providers(resource.depends_on)):
            found.append(
                error(
                    "required_dependency_missing",
                    f"resource {resource.name} must depend on {_words(required)}",
                    where=f"resource.{resource.name}.depends_on",
                    remedy="add such a resource to the group and let this one depend on it",
                )
            )
    return found


def _meets(view: ClusterView, provider: str, required: RequiredDependency, find_manifest: FindManifest) -> bool:
    known = view.resources.get(provider)
    manifest = find_manifest(known.record.type) if known else None
    if manifest is None:
        return False
    return manifest.name in required.type_names or (
        required.resource_class is not None and manifest.resource_class is required.resource_class
    )


def _words(required: RequiredDependency) -> str:
    if required.type_names:
        return f"a resource of type {' or '.join(required.type_names)}"
    kind = required.resource_class.name.lower() if required.resource_class is not None else "any"
    return f"a resource of class {kind}"


def instance_problems(view: ClusterView, group: str, manifest: Manifest, *, without: str = "") -> list[Problem]:
    """A second instance of a type that allows one only, in the cluster or in a group; `without` is not counted."""
    others = [
        known.record
        for known in view.resources.values()
        if known.record.type == manifest.name and known.record.id != without
    ]
    in_group = [resource for resource in others if resource.group == group]
    if manifest.has(Characteristic.SINGLE_CLUSTER_INSTANCE) and others:
        scope, first = "cluster", others[0]
    elif manifest.has(Characteristic.SINGLE_GROUP_INSTANCE) and in_group:
        scope, first = "group", in_group[0]
    else:
        return []
    return [
        error(
            "single_instance",
            f"a {scope} can have one {manifest.display_name} only, and has {first.name}",
            where="type",
            remedy=f"use {first.name}, or delete it first",
        )
    ]


def deletion_problems(view: ClusterView, resources: Iterable[ResourceSpec]) -> list[Problem]:
    """Some types clean up on every node when one of theirs is deleted: no node may be down then (RS-07)."""
    down = sorted(known.record.name for node, known in view.nodes.items() if node not in view.authority.up())
    return [
        error(
            "host_node_not_available",
            f"resource {resource.name} is deleted on every node, and {', '.join(down)} is not up",
            where=f"resource.{resource.name}",
            remedy="start what is down, or evict it",
        )
        for resource in resources
        if resource.delete_requires_all_nodes and down
    ]


def deletion_guards(view: ClusterView, resources: Iterable[ResourceSpec]) -> list[Guard]:
    """Nobody has gone down when it is written."""
    if not any(resource.delete_requires_all_nodes for resource in resources):
        return []
    return [guard(keys.member(node), known.revision) for node, known in sorted(view.authority.members.items())]


def required_words(manifest: Manifest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Types, and classes, of what its resources must depend on."""
    wanted = manifest.required_dependencies
    types = tuple(" or ".join(one.type_names) for one in wanted if one.type_names)
    return types, tuple(one.resource_class.name.lower() for one in wanted if one.resource_class is not None)
