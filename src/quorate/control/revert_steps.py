"""The ordinary commands that make objects what they were (0072).

Owns: the translation of wanted objects into commands of each class, and their order: what was added goes first, users
before providers; then what was removed comes back, providers before users; then fields. Does not know: transactions,
or whether anything stands in the way (`control.reverting`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from quorate.control import (
    checkpoints,
    cluster,
    fencing,
    groups,
    networks,
    nodes,
    regrouping,
    renaming,
    resource_writing,
    resources,
    weighing,
)
from quorate.control.change import Change, Done, Occasion
from quorate.control.lookup import interface_name
from quorate.control.names import NewName
from quorate.control.specifications import known_record, record_of
from quorate.control.types import TypeCatalogue
from quorate.core.cluster_view import ClusterView
from quorate.core.networks import standings
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.checkpoint import Checkpoint
from quorate.model.common_properties import (
    CLUSTER_PROPERTIES,
    GROUP_PROPERTIES,
    NETWORK_PROPERTIES,
    NODE_PROPERTIES,
    RESOURCE_PROPERTIES,
    values_of,
)
from quorate.model.dependency import Expression, format_dependency, providers
from quorate.model.fencing import FenceDevice
from quorate.model.history import Plain
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Refused, error
from quorate.model.properties import PropertyDefinition, PropertyValue
from quorate.model.topology import NetworkSpec
from quorate.model.workload import GroupSpec, ResourceSpec

Step = Callable[[ClusterView, Occasion], Change[Done]]


@dataclass(frozen=True, slots=True)
class Steps:
    """What is asked for: every key with the object that it shall hold; None: none."""

    view: ClusterView
    wanted: dict[str, Plain | None]
    types: TypeCatalogue


def steps_of(asked: Steps) -> Iterator[Step]:
    """The commands, in order."""
    view = asked.view
    gone = [key for key, value in asked.wanted.items() if value is None and known_record(view, key) is not None]
    back = [key for key, value in asked.wanted.items() if value is not None and known_record(view, key) is None]
    present = [key for key, value in asked.wanted.items() if value is not None and key not in back]
    for key in reversed(_ordered(gone, lambda key: known_record(view, key).record)):  # type: ignore[union-attr]
        yield from _removal(view, key)
    for key in _ordered(back, lambda key: record_of(key, asked.wanted[key] or {})):
        yield from _return(asked, record_of(key, asked.wanted[key] or {}))
    for key in present:
        known = known_record(view, key)
        assert known is not None
        yield from _changes(asked, known.record, record_of(key, asked.wanted[key] or {}))


def _ordered(found: list[str], record: Callable[[str], Value]) -> list[str]:
    """Groups before resources, and a resource after those that it needs."""
    ranked: list[str] = sorted(key for key in found if not key.startswith(keys.SPEC_RESOURCE))
    left = {key.removeprefix(keys.SPEC_RESOURCE): key for key in found if key.startswith(keys.SPEC_RESOURCE)}
    while left:
        free = [
            own
            for own, key in sorted(left.items())
            if not left.keys() & _needed(cast("ResourceSpec", record(key))) - {own}
        ]
        ranked += [left.pop(own) for own in free or sorted(left)]
    return ranked


def _needed(spec: ResourceSpec) -> set[str]:
    return {*providers(spec.depends_on), *spec.starts_after}


def _removal(view: ClusterView, key: str) -> Iterator[Step]:
    known = known_record(view, key)
    match known.record if known is not None else None:
        case ResourceSpec(id=own):
            yield lambda view, occasion: resources.delete_resource(view, own, occasion, drop_dependencies=False)
        case GroupSpec(id=own):
            yield lambda view, occasion: groups.delete_group(view, own, occasion, with_resources=False)
        case FenceDevice(name=name):
            yield lambda view, occasion: fencing.delete_device(view, name, occasion)
        case _:
            return


def _return(asked: Steps, record: Value) -> Iterator[Step]:
    """The command that makes an object anew under its former id."""
    match record:
        case GroupSpec():
            new = groups.NewGroup(
                name=record.name,
                preferred_owners=_nodes(asked.view, record.preferred_owners),
                properties=values_of(record, GROUP_PROPERTIES),
            )
            yield lambda view, occasion: groups.create_group(view, new, replace(occasion, id=record.id))
        case ResourceSpec():
            yield lambda view, occasion: resource_writing.create_resource(
                view, _resource(asked, view, record), replace(occasion, id=record.id), asked.types
            )
            yield from _checkpoints(record.id, (), record.checkpoints)
        case FenceDevice():
            yield lambda view, occasion: _device(view, record, occasion)
        case _:
            return


def _resource(asked: Steps, view: ClusterView, record: ResourceSpec) -> resource_writing.NewResource:
    return resource_writing.NewResource(
        name=record.name,
        group=record.group,
        type=record.type,
        properties=record.properties,
        common=values_of(record, RESOURCE_PROPERTIES),
        depends_on=_expression(asked, view, record.depends_on),
        possible_owners=_nodes(view, record.possible_owners),
        starts_after=record.starts_after,
    )


def _device(view: ClusterView, record: FenceDevice, occasion: Occasion) -> Change[Done]:
    if record.secrets:
        what = (
            f"the history keeps no secrets, and fence device {record.name} needs: {', '.join(sorted(record.secrets))}"
        )
        remedy = "make it anew: quorate fence create; quorate history show has everything else"
        raise Refused([error("secret_not_kept", what, where=record.name, remedy=remedy)])
    fields = {name: getattr(record, name) for name in record.__struct_fields__ if name not in {"plugs", "secrets"}}
    plugs = {node_name(view, int(node)): plug for node, plug in record.plugs.items()}
    return fencing.create_device(view, fencing.NewFenceDevice(**fields, plugs=plugs), installed=True, occasion=occasion)


def _changes(asked: Steps, now: Value, wanted: Value) -> Iterator[Step]:
    if now == wanted:
        return
    match now, wanted:
        case ClusterSpec(), ClusterSpec():
            values = _differing(now, wanted, CLUSTER_PROPERTIES)
            if values:
                yield lambda view, occasion: cluster.change_cluster(
                    view, cluster.ClusterChange(properties=values), occasion
                )
            if now.name != wanted.name:
                yield lambda view, occasion: cluster.rename_cluster(view, NewName(name=wanted.name), occasion)
        case NodeSpec(), NodeSpec():
            if now.name != wanted.name:
                own = str(now.node)
                yield lambda view, occasion: nodes.rename_node(view, own, NewName(name=wanted.name), occasion)
            weighed = _differing(now, wanted, NODE_PROPERTIES)
            if weighed:
                change = weighing.NodeChange(properties=weighed)
                yield lambda view, occasion: weighing.change_node(view, str(now.node), change, occasion)
        case GroupSpec(), GroupSpec():
            if now.name != wanted.name:
                yield lambda view, occasion: renaming.rename_group(view, now.id, NewName(name=wanted.name), occasion)
            wishes = _differing(now, wanted, GROUP_PROPERTIES)
            if now.preferred_owners != wanted.preferred_owners:
                wishes["preferred_owners"] = list(_nodes(asked.view, wanted.preferred_owners))
            if wishes:
                yield lambda view, occasion: groups.change_group(
                    view, now.id, groups.GroupChange(properties=wishes), occasion
                )
        case NetworkSpec(), NetworkSpec():
            yield from _network(asked.view, now, wanted)
        case ResourceSpec(), ResourceSpec():
            if now.name != wanted.name:
                yield lambda view, occasion: renaming.rename_resource(view, now.id, NewName(name=wanted.name), occasion)
            if now.group != wanted.group:
                back = regrouping.RegroupWish(group=wanted.group)
                yield lambda view, occasion: regrouping.move_to_group(view, now.id, back, occasion, asked.types)
            yield lambda view, occasion: resource_writing.change_resource(
                view, now.id, _resource_change(asked, view, now, wanted), occasion, asked.types
            )
            yield from _checkpoints(now.id, now.checkpoints, wanted.checkpoints)
        case _:
            return


def _network(view: ClusterView, now: NetworkSpec, wanted: NetworkSpec) -> Iterator[Step]:
    values = _differing(now, wanted, NETWORK_PROPERTIES)
    parts = [values]
    if wanted.auto_metric and "metric" in values:  # to write a metric turns auto_metric off
        parts = [{name: value for name, value in values.items() if name != "auto_metric"}, {"auto_metric": True}]
    for part in parts:
        if part:
            change = networks.NetworkChange(properties=part)
            yield lambda view, occasion, c=change: networks.change_network(view, now.id, c, occasion)  # type: ignore[misc]
    if now.name != wanted.name:
        yield lambda view, occasion: networks.rename_network(view, now.id, NewName(name=wanted.name), occasion)
    before, after = now.interface_descriptions, wanted.interface_descriptions
    for standing in standings(view):
        for interface in standing.interfaces if standing.network.id == now.id else ():
            words = after.get(interface.node, "")
            if before.get(interface.node, "") != words:
                told = networks.NetworkChange(properties={"description": words})
                name = interface_name(view, now, interface)
                yield lambda view, occasion, n=name, c=told: networks.change_interface(view, n, c, occasion)  # type: ignore[misc]


def _checkpoints(own: str, now: tuple[Checkpoint, ...], wanted: tuple[Checkpoint, ...]) -> Iterator[Step]:
    """Under their former ids; what was saved of a removed one is gone, and is saved anew."""
    for point in now:
        if point not in wanted:
            yield lambda view, occasion, p=point: checkpoints.remove_checkpoint(view, own, p.id, occasion)  # type: ignore[misc]
    for point in wanted:
        if point not in now:
            new = checkpoints.NewCheckpoint(path=point.path, secret=point.secret)
            yield lambda view, occasion, p=point, n=new: checkpoints.add_checkpoint(  # type: ignore[misc]
                view, own, n, replace(occasion, id=p.id)
            )


def _resource_change(
    asked: Steps, view: ClusterView, now: ResourceSpec, wanted: ResourceSpec
) -> resource_writing.ResourceChange:
    names = dict.fromkeys((*now.properties, *wanted.properties))
    changed = {n: wanted.properties.get(n) for n in names if now.properties.get(n) != wanted.properties.get(n)}
    return resource_writing.ResourceChange(
        properties=changed,
        common=_differing(now, wanted, RESOURCE_PROPERTIES),
        depends_on=_expression(asked, view, wanted.depends_on) if now.depends_on != wanted.depends_on else None,
        possible_owners=_nodes(view, wanted.possible_owners) if now.possible_owners != wanted.possible_owners else None,
        starts_after=wanted.starts_after if now.starts_after != wanted.starts_after else None,
    )


def _differing(now: Value, wanted: Value, definitions: tuple[PropertyDefinition, ...]) -> dict[str, PropertyValue]:
    present = values_of(now, definitions)
    return {name: value for name, value in values_of(wanted, definitions).items() if present[name] != value}


def _nodes(view: ClusterView, numbers: tuple[int, ...]) -> tuple[str, ...]:
    """Names; a node that is gone keeps its number, and the command refuses it."""
    return tuple(node_name(view, node) if node in view.nodes else str(node) for node in numbers)


def _expression(asked: Steps, view: ClusterView, expression: Expression) -> str:
    """Names of resources as they are; one that is gone is named as the history has it."""

    def name(own: str) -> str:
        known = view.resources.get(own)
        value = asked.wanted.get(keys.SPEC_RESOURCE + own)
        return known.record.name if known is not None else str((value or {}).get("name", own))

    return format_dependency(expression, name)
