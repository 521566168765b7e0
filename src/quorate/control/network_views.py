"""Views of networks and interfaces for every face (spec/05 §6 and §7).

Owns: how they are made from the replica. Does not know: how a network stands; `core.networks` decides that. Roles
and states carry the reference's number beside our word.
"""

from __future__ import annotations

import hashlib
import ipaddress

from quorate.control.context import Context
from quorate.control.lookup import find_interface, find_network, interface_name
from quorate.control.queries import as_of
from quorate.control.views import InterfaceList, InterfaceView, NetworkList, NetworkView
from quorate.core.cluster_view import ClusterView
from quorate.core.networks import NetworkInterface, Standing, standing, standings
from quorate.core.reasons import node_name
from quorate.model.problems import Problem, Refused
from quorate.model.topology import INTERFACE_STATES, NETWORK_STATES, ROLES, NetworkSpec


def list_networks(context: Context) -> NetworkList:
    """All networks."""
    return NetworkList(as_of=as_of(context), networks=view_networks(context.view))


def view_networks(view: ClusterView) -> tuple[NetworkView, ...]:
    """All networks, by name."""
    return tuple(_network(view, found) for found in standings(view))


def show_network(context: Context, name: str) -> NetworkView:
    """One network by name. Raises Refused."""
    problems: list[Problem] = []
    spec = find_network(context.view, name, problems)
    if spec is None:
        raise Refused(problems)
    return _network(context.view, standing(context.view, spec))


def list_interfaces(context: Context) -> InterfaceList:
    """All interfaces."""
    found = tuple(interface for network in view_networks(context.view) for interface in network.interfaces)
    return InterfaceList(as_of=as_of(context), interfaces=found)


def show_interface(context: Context, name: str) -> InterfaceView:
    """One interface by name. Raises Refused."""
    problems: list[Problem] = []
    found = find_interface(context.view, name, problems)
    if found is None:
        raise Refused(problems)
    network, interface = found
    return _interface(context.view, network, interface)


def _network(view: ClusterView, found: Standing) -> NetworkView:
    spec = found.network
    subnets = [ipaddress.ip_network(prefix) for prefix in spec.prefixes]
    four, six = ([net for net in subnets if net.version == version] for version in (4, 6))
    return NetworkView(
        id=spec.id,
        name=spec.name,
        description=spec.description,
        role=spec.role,
        role_value=ROLES.index(spec.role),
        state=found.state,
        state_value=-1 if found.state == "unknown" else NETWORK_STATES.index(found.state),
        metric=spec.effective_metric,
        auto_metric=spec.auto_metric,
        prefixes=spec.prefixes,
        ipv4_addresses=tuple(str(net.network_address) for net in four),
        ipv4_prefix_lengths=tuple(net.prefixlen for net in four),
        ipv6_addresses=tuple(str(net.network_address) for net in six),
        ipv6_prefix_lengths=tuple(net.prefixlen for net in six),
        interfaces=tuple(_interface(view, spec, interface) for interface in found.interfaces),
    )


def _interface(view: ClusterView, network: NetworkSpec, interface: NetworkInterface) -> InterfaceView:
    adapter = interface.adapter
    addresses = [text.partition("/")[0] for text in adapter.addresses] if adapter else [interface.address]
    return InterfaceView(
        id=_uuid(f"{network.id} {interface.node}"),
        name=interface_name(view, network, interface),
        node=node_name(view, interface.node),
        network=network.name,
        state=interface.state,
        state_value=-1 if interface.state == "unknown" else INTERFACE_STATES.index(interface.state),
        adapter=adapter.name if adapter else "",
        adapter_id=_uuid(adapter.hardware_address) if adapter and adapter.hardware_address else "",
        carries=adapter.carries if adapter else True,
        address=interface.address,
        ipv4_addresses=tuple(address for address in addresses if ":" not in address),
        ipv6_addresses=tuple(address for address in addresses if ":" in address),
        description=network.interface_descriptions.get(interface.node, ""),
        unreachable=tuple(node_name(view, node) for node in interface.unreachable),
    )


def _uuid(seed: str) -> str:
    text = hashlib.sha256(seed.encode()).hexdigest()
    return "-".join((text[:8], text[8:12], f"8{text[13:16]}", f"8{text[17:20]}", text[20:32]))
