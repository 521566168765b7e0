"""How networks and their interfaces stand, from who hears whom and from the cards' links (spec/01 §5.3 and §5.4).

Owns: the states of interfaces and networks, and the matrix from which they follow. Does not know: heartbeats, or where
facts come from. How it works: two interfaces reach each other if both nodes say they hear the other one there and both
cards have a carrier. Where nodes do not speak to each other by role, or have not told yet, the carriers alone count.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.model.nodes import NodeSpec
from quorate.model.topology import AdapterFact, InterfaceState, NetworkSpec, NetworkState, PathsFact


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """What a node has on a network."""

    node: int
    address: str
    """Where its peers find it there."""
    adapter: AdapterFact | None
    """None where the node has not told yet, or has the address no more."""
    state: InterfaceState = "unknown"
    unreachable: tuple[int, ...] = ()
    """Nodes that are up and that it does not reach there."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A network with its interfaces, in the order of nodes."""

    network: NetworkSpec
    state: NetworkState
    interfaces: tuple[NetworkInterface, ...]


def standing(view: ClusterView, network: NetworkSpec) -> Standing:
    """How a network stands, as far as the replica knows."""
    interfaces = [made for node in sorted(view.nodes) if (made := _interface(view, view.nodes[node].record, network))]
    up = {i.node: i for i in interfaces if i.node in view.authority.up()}
    reached = {node: _reached(view, network, node, up) for node in up}
    states = _interface_states(up, reached)
    shown = tuple(
        NetworkInterface(
            i.node,
            i.address,
            i.adapter,
            states.get(i.node, "unavailable"),
            tuple(sorted(up.keys() - reached[i.node] - {i.node})) if i.node in up else (),
        )
        for i in interfaces
    )
    return Standing(network, _network_state(up, reached), shown)


def standings(view: ClusterView) -> tuple[Standing, ...]:
    """All networks, by name."""
    specs = sorted((known.record for known in view.networks.values()), key=lambda spec: spec.name.casefold())
    return tuple(standing(view, spec) for spec in specs)


def adapter_of(view: ClusterView, node: int, network: NetworkSpec, address: str) -> AdapterFact | None:
    """The card that has this address, or else any with an address in the network."""
    known = view.adapters.get(node)
    adapters = known.record.adapters if known else ()
    exact = [a for a in adapters if any(text.partition("/")[0] == address for text in a.addresses)]
    subnets = {ipaddress.ip_network(prefix) for prefix in network.prefixes}
    near = [a for a in adapters if any(ipaddress.ip_interface(text).network in subnets for text in a.addresses)]
    return next(iter([*exact, *near]), None)


def _interface(view: ClusterView, node: NodeSpec, network: NetworkSpec) -> NetworkInterface | None:
    address = node.addresses.get(network.name, "")
    adapter = adapter_of(view, node.node, network, address)
    if not address and adapter is None:
        return None
    return NetworkInterface(node.node, address, adapter)


def _carries(view: ClusterView, interface: NetworkInterface) -> bool:
    """Whether its card has a carrier; a node that has told nothing of its cards in this life is believed."""
    if interface.adapter is not None:
        return interface.adapter.carries
    fact = view.adapters.get(interface.node)
    member = view.authority.members.get(interface.node)
    told = fact is not None and member is not None and fact.record.incarnation == member.record.incarnation
    # A loopback address is on no card; so is one of a node that cannot look at its cards.
    return not told or not interface.address or ipaddress.ip_address(interface.address).is_loopback


def _row(view: ClusterView, network: NetworkSpec, node: int) -> tuple[int, ...] | None:
    """Whom a node says it hears there, in its present life; None where it has not told."""
    known = view.paths.get(node)
    member = view.authority.members.get(node)
    if known is None or member is None or known.record.incarnation != member.record.incarnation:
        return None
    fact: PathsFact = known.record
    return fact.heard.get(network.id)


def _reached(view: ClusterView, network: NetworkSpec, node: int, up: Mapping[int, NetworkInterface]) -> frozenset[int]:
    """Nodes that this one reaches there, and that reach it."""
    if not _carries(view, up[node]):
        return frozenset()
    own = _row(view, network, node) if network.carries_heartbeats else None
    found = set()
    for other, interface in up.items():
        row = _row(view, network, other) if network.carries_heartbeats else None
        hears = own is None or other in own
        heard = row is None or node in row
        if other != node and _carries(view, interface) and hears and heard:
            found.add(other)
    return frozenset(found)


def _interface_states(
    up: Mapping[int, NetworkInterface], reached: Mapping[int, frozenset[int]]
) -> dict[int, InterfaceState]:
    """States of the interfaces whose nodes are up (spec/01 §5.4)."""
    if len(up) == 1:
        return {node: "up" if i.adapter is None or i.adapter.carries else "failed" for node, i in up.items()}
    working = {node for node in up if reached[node]}
    return {
        node: "failed" if node not in working else "up" if working - {node} <= reached[node] else "unreachable"
        for node in up
    }


def _network_state(up: Mapping[int, NetworkInterface], reached: Mapping[int, frozenset[int]]) -> NetworkState:
    """State of a network from the matrix over the interfaces whose nodes are up (spec/01 §5.4, derivation)."""
    if not up:
        return "unavailable"
    if len(up) == 1:
        alone = next(iter(up.values()))
        return "up" if alone.adapter is None or alone.adapter.carries else "down"
    if not any(reached.values()):
        return "down"
    everybody = all(up.keys() - {node} <= reached[node] for node in up)
    return "up" if everybody else "partitioned"
