"""`cluster create`: this machine becomes node 1 of a new cluster, without anybody else.

Owns: every check of what was asked for, ids and default prefixes, the making of both authorities.
Does not know: the database; the service writes cluster and node into it when it first forms.
How it works: `plan_cluster` is a pure function from the wish to two records, or raises Refused with every problem;
`create_cluster` makes keys and has `node.founding` put everything down at once.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from quorate.adapters import pki
from quorate.adapters.profiles import Profile, save_profile
from quorate.control.names import name_problems, taken, unknown
from quorate.core.authority.timings import PROFILES
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Problem, Refused, error, stops, warning
from quorate.model.versions import RELEASE
from quorate.node.founding import Founding, address_problems, chosen_ports, found, machine_problems
from quorate.node.identity import Identity, Replica
from quorate.node.joining_authority import make_credentials, node_files
from quorate.node.places import Places

FABRIC_SPACE: Final = ipaddress.IPv4Network("100.64.0.0/10")
"""Shared address space (RFC 6598): ours by default, because no network of a site is numbered from it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What `cluster create` was asked for. Addresses stand with their prefix length."""

    name: str
    node_name: str
    networks: Mapping[str, str]
    client_networks: Mapping[str, str] = field(default_factory=dict)
    profile: str = "default"
    fabric_prefix: str = ""
    fabric: bool = True
    ports: Mapping[str, int] = field(default_factory=dict)
    check_addresses: bool = True


def create_cluster(places: Places, wish: Wish) -> tuple[Replica, tuple[Problem, ...]]:
    """Make this machine the first node of a new cluster; returns its records and warnings.

    Raises Refused with every problem; nothing is left behind then.
    """
    ports, port_problems = chosen_ports(places, wish.ports)
    problems = machine_problems(places) + port_problems
    if wish.check_addresses:
        problems += address_problems({**wish.networks, **wish.client_networks})
    cluster_id = str(uuid.uuid4())
    replica: Replica | None = None
    try:
        replica = plan_cluster(wish, cluster_id, ports)
    except Refused as refused:
        problems += refused.problems
    if replica is None or stops(problems):
        raise Refused(problems)
    node = replica.nodes[0]
    short = cluster_id[:8]
    authority = pki.make_authority(f"Quorate node authority {short}")
    users = pki.make_authority(f"Quorate user authority {short}")
    key = pki.make_key()
    request = pki.make_request(key, node.name).decode()
    heartbeat_key = os.urandom(pki.HEARTBEAT_KEY_BYTES)
    credentials = make_credentials(authority, users, heartbeat_key, request, node)
    identity = Identity(cluster_id=cluster_id, cluster_name=wish.name, node=node.node, name=node.name)
    found(places, Founding(identity, replica, node_files(credentials, key), ports))
    return replica, _save_administrator(authority, users, wish.name, node)


def _save_administrator(authority: pki.Issued, users: pki.Issued, cluster: str, node: NodeSpec) -> tuple[Problem, ...]:
    """A profile by which this user administers the cluster from elsewhere too; local root needs none."""
    administrator = pki.issue_user(users, "administrator", "administrator")
    profile = Profile(
        cluster=cluster,
        endpoints=tuple(f"https://{_host(address)}:{node.api_port}" for address in node.addresses.values()),
        certificate=administrator.certificate.decode(),
        key=administrator.key.decode(),
        authority=authority.certificate.decode(),
    )
    try:
        save_profile(profile)
    except OSError as problem:
        return (
            warning(
                "profile_not_saved",
                f"the administrator's profile could not be saved: {problem}",
                remedy="the cluster is complete; use it from this machine as root",
            ),
        )
    return ()


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def plan_cluster(wish: Wish, cluster_id: str, ports: Mapping[str, int]) -> Replica:
    """The records of cluster and first node. Raises Refused with everything that is wrong with the wish."""
    problems = name_problems(wish.name, "name") + name_problems(wish.node_name, "node_name", host=True)
    if wish.profile not in PROFILES:
        problems.append(unknown("profile", wish.profile, PROFILES, "profile"))
    everything, network_problems = _interfaces(wish.networks, wish.client_networks)
    problems += network_problems
    interfaces = {name: interface for name, interface in everything.items() if name in wish.networks}
    prefix = ""
    if wish.fabric:
        prefix, fabric_problems = _fabric_prefix(wish, cluster_id, everything)
        problems += fabric_problems
    elif wish.fabric_prefix:
        problems.append(
            error("fabric_contradiction", "--no-fabric and --fabric-prefix", where="fabric_prefix", remedy="give one")
        )
    if problems:
        raise Refused(problems)
    addresses = {network: str(interface.ip) for network, interface in interfaces.items()}
    cluster = ClusterSpec(
        name=wish.name,
        id=cluster_id,
        profile=wish.profile,
        networks={network: str(interface.network) for network, interface in interfaces.items()},
        client_networks={n: str(i.network) for n, i in everything.items() if n not in interfaces},
        fabric_prefix=prefix,
        functional_level=RELEASE,
    )
    fabric = str(ipaddress.ip_network(prefix)[1]) if prefix else next(iter(addresses.values()))
    node = NodeSpec(
        node=1, name=wish.node_name, addresses=addresses, fabric_address=fabric, votes=1,
        api_port=ports["api_port"], heartbeat_port=ports["heartbeat_port"],
        client_port=ports["client_port"], peer_port=ports["peer_port"],
    )  # fmt: skip
    return Replica(cluster_id=cluster_id, cluster=cluster, nodes=(node,))


Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _interfaces(
    networks: Mapping[str, str], client_networks: Mapping[str, str]
) -> tuple[dict[str, Interface], list[Problem]]:
    """Both kinds of networks together, by name: names and subnets must differ among all of them."""
    problems = [
        taken("network", name, f"client_network.{name}")
        for name in client_networks
        if name.casefold() in {other.casefold() for other in networks}
    ]
    interfaces: dict[str, Interface] = {}
    if not networks:
        problems.append(
            error(
                "network_missing",
                "no network is given",
                where="network",
                remedy="add --network NAME=ADDRESS/PREFIX for each network between the nodes; two are recommended",
            )
        )
    for network, given in {**client_networks, **networks}.items():
        where = f"network.{network}" if network in networks else f"client_network.{network}"
        problems += name_problems(network, where)
        try:
            interface = ipaddress.ip_interface(given)
        except ValueError:
            problems.append(
                error(
                    "network_address_form",
                    f"{given!r} is not an address with prefix length",
                    where=where,
                    remedy="write it like 10.77.1.1/24",
                )
            )
            continue
        if "/" not in given or interface.network.prefixlen == interface.max_prefixlen:
            problems.append(
                error("network_prefix_missing", f"{given} names no network", where=where, remedy=f"write {given}/24")
            )
        for other, known in interfaces.items():
            if known.network.overlaps(interface.network):
                problems.append(
                    error(
                        "networks_overlap",
                        f"networks {other!r} and {network!r} share addresses ({known.network}, {interface.network})",
                        where=where,
                        remedy="networks must differ: one that fails must not take the other with it",
                    )
                )
        interfaces[network] = interface
    return interfaces, problems


def _fabric_prefix(wish: Wish, cluster_id: str, interfaces: Mapping[str, Interface]) -> tuple[str, list[Problem]]:
    if wish.fabric_prefix:
        try:
            chosen = ipaddress.ip_network(wish.fabric_prefix)
        except ValueError as problem:
            return "", [
                error(
                    "fabric_prefix_form",
                    f"{wish.fabric_prefix!r} is not a prefix: {problem}",
                    where="fabric_prefix",
                    remedy="write it like 100.100.7.0/24",
                )
            ]
    else:
        digest = hashlib.sha256(cluster_id.encode()).digest()
        base = int(FABRIC_SPACE.network_address) + (int.from_bytes(digest[:2], "big") % 2**14 << 8)
        chosen = ipaddress.ip_network((base, 24))
    problems = [
        error(
            "fabric_overlaps",
            f"the fabric prefix {chosen} shares addresses with network {network!r} ({interface.network})",
            where="fabric_prefix",
            remedy="choose a prefix that is used nowhere else with --fabric-prefix",
        )
        for network, interface in interfaces.items()
        if chosen.version == interface.version and chosen.overlaps(interface.network)
    ]
    if chosen.num_addresses < 8:
        problems.append(
            error(
                "fabric_too_small",
                f"{chosen} is too small: node numbers are never reused",
                where="fabric_prefix",
                remedy="give a /24, or at least a /29",
            )
        )
    return str(chosen), problems
