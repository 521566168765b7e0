"""Every property of an object: its value, the value that counts, and where that comes from (spec/05).

Owns: these views of cluster, nodes, groups, networks and interfaces, and the list of classes. Does not know: what a
property brings about; resources and types are in `control.resource_properties`.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate.control import queries
from quorate.control.context import Context
from quorate.control.enrolment import NODES_MOST
from quorate.control.group_sets import list_sets
from quorate.control.names import unknown
from quorate.control.network_views import list_interfaces, list_networks
from quorate.control.pace_views import view_paces
from quorate.control.property_views import Effective, ObjectProperties, object_properties
from quorate.control.quorum import show_quorum
from quorate.control.resource_properties import resource_properties, type_properties
from quorate.control.views import AsOf
from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import demanded
from quorate.core.reasons import node_name
from quorate.model.base import Value
from quorate.model.common_properties import CLASSES
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.topology import NetworkSpec
from quorate.model.workload import GroupSpec


class PropertyList(Value, frozen=True, kw_only=True):
    """Objects with their properties."""

    as_of: AsOf
    objects: tuple[ObjectProperties, ...]


def list_properties(context: Context, kind: str, name: str) -> PropertyList:
    """Of one object, of all objects of a class, or of all. Raises Refused where there is none such."""
    if kind and kind not in CLASSES:
        raise Refused([unknown("class", kind, CLASSES, "kind")])
    found = [made for each in ((kind,) if kind else CLASSES) for made in _OBJECTS[each](context)]
    chosen = [one for one in found if not name or one.name.casefold() == name.casefold()]
    if name and not chosen:
        raise Refused([unknown(kind or "object", name, [one.name for one in found], "name")])
    return PropertyList(as_of=queries.as_of(context), objects=tuple(chosen))


def _cluster(context: Context) -> list[ObjectProperties]:
    view = context.view
    if view.cluster is None:
        return []
    spec = view.cluster.record
    quorum = show_quorum(context, context.votes_waiting())
    coordinator = view.authority.coordinator
    shown: dict[str, PropertyValue] = {
        "id": spec.id,
        "name": spec.name,
        "profile": spec.profile,
        "functional_level": spec.functional_level,
        "max_number_of_nodes": NODES_MOST,
        "quorum_type": quorum.model,
        "fix_quorum": quorum.forced,
        "coordinator": node_name(view, coordinator.record.node) if coordinator is not None else "",
        "networks": [f"{name}={prefix}" for name, prefix in sorted(spec.networks.items())],
    }
    return [object_properties("cluster", spec.name, spec, _heartbeats(view, spec), shown)]


def _heartbeats(view: ClusterView, spec: ClusterSpec) -> Effective:
    """0 stands for what holds nearer by, and in the end for the profile's."""
    made: Effective = {}
    paces = {pace.reach: pace for pace in view_paces(view, spec)}
    for reach, pace in paces.items():
        for name, value in ((f"{reach}_delay_ms", pace.heartbeat_ms), (f"{reach}_threshold", pace.threshold)):
            if not getattr(spec, name):
                nearest = getattr(spec, name.replace(reach, "same_subnet"))
                made[name] = (value, "cluster" if nearest else "profile")
    return made


def _nodes(context: Context) -> list[ObjectProperties]:
    made = []
    for number, known in sorted(context.view.nodes.items()):
        spec: NodeSpec = known.record
        seen = queries.view_node(context, number)
        intent = context.view.node_intent(number)
        shown: dict[str, PropertyValue] = {
            "id": number,
            "name": spec.name,
            "state": seen.state,
            "node_instance_id": seen.incarnation,
            "dynamic_weight": int(spec.votes > 0),
            "node_drain_status": "draining" if intent.drain else "not initiated",
            "node_drain_target": intent.drain_target if intent.drain and intent.drain_target else -1,
            "node_highest_version": seen.release,
            "node_lowest_version": seen.lowest_release,
            "addresses": [f"{name}={address}" for name, address in sorted(spec.addresses.items())],
        }
        made.append(object_properties("node", spec.name, spec, {}, shown))
    return made


def _groups(context: Context) -> list[ObjectProperties]:
    view, made = context.view, []
    for own, known in sorted(view.groups.items(), key=lambda entry: entry[1].record.name.casefold()):
        spec: GroupSpec = known.record
        seen = queries.view_group(view, own)
        assigned = view.assignments.get(own)
        shown: dict[str, PropertyValue] = {
            "id": own,
            "name": spec.name,
            "state": seen.state,
            "owner": seen.owner,
            "persistent_state": view.intent(own).persistent_state,
            "preferred_owners": list(seen.preferred_owners),
            "default_owner": assigned.record.owner if assigned is not None else -1,
            "failovers": seen.failovers,
            "status_information": list(seen.flags),
            "group_type": 9999,
            "is_core": False,
        }
        made.append(object_properties("group", spec.name, spec, _of_group(view, spec), shown))
    return made


def _of_group(view: ClusterView, spec: GroupSpec) -> Effective:
    made: Effective = {}
    cluster = view.cluster.record if view.cluster is not None else None
    if spec.failover_threshold is None:
        made["failover_threshold"] = (max(len(view.nodes) - 1, 0), "nodes")
    if cluster is not None and not spec.preferred_site and cluster.preferred_site:
        made["preferred_site"] = (cluster.preferred_site, "cluster")
    if cluster is not None and not spec.anti_affinity_enforced and cluster.cluster_enforced_anti_affinity:
        made["anti_affinity_enforced"] = (True, "cluster")
    wanted = demanded(view, spec.id)
    if wanted != spec.required_proof:
        made["required_proof"] = (wanted, "resources")
    return made


def _sets(context: Context) -> list[ObjectProperties]:
    made = []
    for seen in list_sets(context.view, context.wall_time_s()).sets:
        shown: dict[str, PropertyValue] = {
            "id": seen.id,
            "name": seen.name,
            "status_information": "ready" if seen.ready else "not ready",
            "groups": list(seen.groups),
            "depends_on": seen.depends_on,
        }
        made.append(object_properties("set", seen.name, context.view.sets[seen.id].record, {}, shown))
    return made


def _networks(context: Context) -> list[ObjectProperties]:
    made = []
    for seen in list_networks(context).networks:
        spec: NetworkSpec = context.view.networks[seen.id].record
        first, _, length = spec.prefixes[0].partition("/")
        shown: dict[str, PropertyValue] = {
            "id": seen.id,
            "name": seen.name,
            "state": seen.state,
            "address": first,
            "address_mask": length,
            "prefixes": list(seen.prefixes),
            "ipv4_addresses": list(seen.ipv4_addresses),
            "ipv4_prefix_lengths": list(seen.ipv4_prefix_lengths),
            "ipv6_addresses": list(seen.ipv6_addresses),
            "ipv6_prefix_lengths": list(seen.ipv6_prefix_lengths),
            "characteristics": 0,
            "flags": 0,
        }
        automatic: Effective = {"metric": (seen.metric, "cluster")} if spec.auto_metric else {}
        made.append(object_properties("network", spec.name, spec, automatic, shown))
    return made


class _Described(Value, frozen=True, kw_only=True):
    description: str = ""


def _interfaces(context: Context) -> list[ObjectProperties]:
    made = []
    for seen in list_interfaces(context).interfaces:
        shown: dict[str, PropertyValue] = {
            "id": seen.id,
            "name": seen.name,
            "state": seen.state,
            "node": seen.node,
            "network": seen.network,
            "adapter": seen.adapter,
            "adapter_id": seen.adapter_id,
            "address": seen.address,
            "ipv4_addresses": list(seen.ipv4_addresses),
            "ipv6_addresses": list(seen.ipv6_addresses),
            "dhcp_enabled": 0,
        }
        made.append(object_properties("interface", seen.name, _Described(description=seen.description), {}, shown))
    return made


_OBJECTS: dict[str, Callable[[Context], list[ObjectProperties]]] = {
    "cluster": _cluster,
    "node": _nodes,
    "group": _groups,
    "set": _sets,
    "resource": resource_properties,
    "type": type_properties,
    "network": _networks,
    "interface": _interfaces,
}
