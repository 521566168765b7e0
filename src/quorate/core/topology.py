"""Which networks there are: found in what nodes report of their cards, named, and kept (spec/01 §5.5).

Owns: which addresses say anything about a network, the grouping of subnets, names of new networks, and which address of
a node counts on each network. Does not know: who reports (`node.network_keeper`), or how a change is committed.
How it works: `discover` compares the facts with the records and returns the records that must be written; nothing is
ever taken away, because an address that is gone now is the best guess at where its node will be back.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from quorate.core.authority.paces import Paces, Place, Settings, paces_of
from quorate.core.authority.timings import Timings
from quorate.core.cluster_view import ClusterView
from quorate.model.base import replace
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.topology import AdapterFact, NetworkRole, NetworkSpec

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

NODES_LEAST: Final = 2
"""So many nodes must have an address of their own in a subnet before it counts as a network between them: a bridge of
a container engine has the same subnet, and even the same address, on every machine and leads nowhere."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What must be written so that the records say what the facts say; empty where they do."""

    networks: tuple[NetworkSpec, ...] = ()
    """New ones, and known ones that have gained a subnet."""
    nodes: tuple[NodeSpec, ...] = ()
    """With the addresses that they have now."""

    def __bool__(self) -> bool:
        return bool(self.networks or self.nodes)


@dataclass(slots=True)
class _Sighting:
    """Who has an address in a subnet, and what else is on the same cards."""

    addresses: dict[int, str] = field(default_factory=dict)
    beside: list[frozenset[Subnet]] = field(default_factory=list)


def service_addresses(view: ClusterView) -> frozenset[str]:
    """Addresses that belong to resources: every value of a property that is an address."""
    values = (value for known in view.resources.values() for value in known.record.properties.values())
    return frozenset(address for value in values if isinstance(value, str) and (address := _address(value)))


def reportable(view: ClusterView, adapters: Iterable[AdapterFact]) -> tuple[AdapterFact, ...]:
    """What of a node's cards is worth telling: no service addresses, none of the fabric, none of a link alone."""
    services = service_addresses(view)
    fabric = _fabric(view)
    found = []
    for adapter in adapters:
        kept = tuple(text for text in adapter.addresses if _tells(text, services, fabric))
        if kept:
            found.append(replace(adapter, addresses=kept))
    return tuple(sorted(found, key=lambda adapter: adapter.name))


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _fabric(view: ClusterView) -> Subnet | None:
    prefix = view.cluster.record.fabric_prefix if view.cluster else ""
    return ipaddress.ip_network(prefix) if prefix else None


def _tells(text: str, services: frozenset[str], fabric: Subnet | None) -> bool:
    interface = ipaddress.ip_interface(text)
    address = interface.ip
    if str(address) in services or address.is_link_local or address.is_loopback or address.is_multicast:
        return False
    if fabric is not None and address.version == fabric.version and address in fabric:
        return False
    return interface.network.prefixlen < interface.max_prefixlen


def quiet_networks(view: ClusterView) -> tuple[str, ...]:
    """Names of the networks over which nodes do not speak to each other: their role says so, or is not known yet."""
    recorded = {known.record.name: known.record.carries_heartbeats for known in view.networks.values()}
    given = view.cluster.record.client_networks if view.cluster else {}
    return tuple(sorted({name for name, carries in recorded.items() if not carries} | given.keys() - recorded.keys()))


def metrics(view: ClusterView) -> dict[str, int]:
    """The metric that counts, of every network by name."""
    return {known.record.name: known.record.effective_metric for known in view.networks.values()}


def timings_of(cluster: ClusterSpec) -> Timings:
    """The timings in force within a subnet: the profile's, with the cluster's own heartbeats."""
    return settings_of(cluster).timings()


def settings_of(cluster: ClusterSpec) -> Settings:
    """What the cluster has set of its heartbeats."""
    return Settings(
        cluster.profile,
        {
            "same_subnet": cluster.same_subnet_delay_ms,
            "cross_subnet": cluster.cross_subnet_delay_ms,
            "cross_site": cluster.cross_site_delay_ms,
        },
        {
            "same_subnet": cluster.same_subnet_threshold,
            "cross_subnet": cluster.cross_subnet_threshold,
            "cross_site": cluster.cross_site_threshold,
        },
    )


def places_of(nodes: Iterable[NodeSpec], quiet: Iterable[str]) -> dict[int, Place]:
    """Where each node is for its peers: its site, and its networks but those that carry no heartbeats."""
    silent = frozenset(quiet)
    return {spec.node: Place(spec.site, spec.addresses.keys() - silent) for spec in nodes}


def node_paces(cluster: ClusterSpec, node: int, nodes: Iterable[NodeSpec], quiet: Iterable[str]) -> Paces:
    """The paces of that node towards all others."""
    return paces_of(settings_of(cluster), node, places_of(nodes, quiet))


def discover(view: ClusterView) -> Findings:
    """Everything that the records lack of what the facts say."""
    if view.cluster is None:
        return Findings()
    cluster = view.cluster.record
    known = {spec.id: spec for spec in (k.record for k in view.networks.values())}
    networks = {**_named_at_creation(cluster, known), **known}
    sightings = _sightings(view)
    for subnet in sorted(sightings, key=lambda net: (net.version, int(net.network_address), net.prefixlen)):
        sighting = sightings[subnet]
        if any(_overlap(subnet, prefix) for spec in networks.values() for prefix in spec.prefixes):
            continue
        twin = _other_family(subnet, sighting, networks)
        if twin is not None:
            networks[twin.id] = replace(twin, prefixes=(*twin.prefixes, str(subnet)))
        elif len(set(sighting.addresses.values())) == len(sighting.addresses) >= NODES_LEAST:
            made = NetworkSpec(
                id=network_id(cluster, str(subnet)),
                name=_free_name(spec.name for spec in networks.values()),
                prefixes=(str(subnet),),
                role=cluster.default_network_role,
            )
            networks[made.id] = made
    changed = tuple(spec for spec in networks.values() if known.get(spec.id) != spec)
    return Findings(changed, _moved_nodes(view, networks.values()))


def network_id(cluster: ClusterSpec, prefix: str) -> str:
    """The id of the network of that subnet: whoever finds it, it is the same one."""
    digest = hashlib.sha256(f"{cluster.id} {prefix}".encode()).digest()
    number = int.from_bytes(digest[:16], "big") & ~(0xF << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62
    text = f"{number:032x}"  # a UUID of version 8 (RFC 9562): what it is made of is ours to choose
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _named_at_creation(cluster: ClusterSpec, known: Mapping[str, NetworkSpec]) -> dict[str, NetworkSpec]:
    """Networks that `cluster create` was given and that have no record yet."""
    given: list[tuple[str, str, NetworkRole]] = [(name, prefix, "both") for name, prefix in cluster.networks.items()]
    given += [(name, prefix, "client") for name, prefix in cluster.client_networks.items()]
    names = {spec.name.casefold() for spec in known.values()}
    made = [
        NetworkSpec(id=network_id(cluster, prefix), name=name, prefixes=(prefix,), role=role)
        for name, prefix, role in given
        if name.casefold() not in names
    ]
    return {spec.id: spec for spec in made if spec.id not in known}


def _sightings(view: ClusterView) -> dict[Subnet, _Sighting]:
    found: dict[Subnet, _Sighting] = {}
    for node, known in sorted(view.adapters.items()):
        if node not in view.nodes:
            continue
        for adapter in known.record.adapters:
            interfaces = [ipaddress.ip_interface(text) for text in adapter.addresses]
            subnets = frozenset(interface.network for interface in interfaces)
            for interface in interfaces:
                sighting = found.setdefault(interface.network, _Sighting())
                sighting.addresses.setdefault(node, str(interface.ip))
                sighting.beside.append(subnets)
    return found


def _overlap(subnet: Subnet, prefix: str) -> bool:
    other = ipaddress.ip_network(prefix)
    return subnet.version == other.version and subnet.overlaps(other)


def _other_family(subnet: Subnet, sighting: _Sighting, networks: Mapping[str, NetworkSpec]) -> NetworkSpec | None:
    """The network that has its other family on every card on which this subnet was seen."""
    for spec in networks.values():
        prefixes = {ipaddress.ip_network(prefix) for prefix in spec.prefixes}
        if all(prefix.version != subnet.version for prefix in prefixes) and all(
            beside & prefixes for beside in sighting.beside
        ):
            return spec
    return None


def _free_name(taken: Iterable[str]) -> str:
    used = {name.casefold() for name in taken}
    return next(name for number in range(1, len(used) + 2) if (name := f"network_{number}") not in used)


def _moved_nodes(view: ClusterView, networks: Iterable[NetworkSpec]) -> tuple[NodeSpec, ...]:
    """Nodes whose address on some network is not the recorded one."""
    changed: list[NodeSpec] = []
    networks = list(networks)
    for node, known in sorted(view.nodes.items()):
        fact = view.adapters.get(node)
        if fact is None:
            continue
        spec = known.record
        here = [ipaddress.ip_interface(text) for adapter in fact.record.adapters for text in adapter.addresses]
        addresses = dict(spec.addresses)
        for network in networks:
            found = _address_in(here, network.prefixes[0], addresses.get(network.name, ""))
            if found:
                addresses[network.name] = found
        if addresses != spec.addresses:
            changed.append(replace(spec, addresses=addresses))
    return tuple(changed)


def _address_in(here: Iterable[Interface], prefix: str, recorded: str) -> str:
    """The node's address in that subnet: the recorded one if it is there, else the first; empty where there is none."""
    subnet = ipaddress.ip_network(prefix)
    found = [str(interface.ip) for interface in here if interface.network == subnet]
    return recorded if recorded in found else next(iter(found), "")
