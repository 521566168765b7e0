"""What a joining machine says of its networks: the cluster's own ones, or subnets that no node was in before.

Owns: the checks of those addresses, and the records of networks that come with a machine. Does not know: the rest of
enrolment (`control.enrolment`), or how nodes without a common network speak to each other (`core.authority.paces`).
How it works: a machine has an address on every network over which the nodes speak to each other; or it stands apart,
names its own networks instead, and is reached through routers. That takes a cluster without a fabric: the store then
uses the addresses themselves, to which routers know the way.
"""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Mapping

from quorate.control.names import name_problems
from quorate.core.cluster_view import ClusterView
from quorate.core.topology import Interface, network_id, quiet_networks
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Problem, error
from quorate.model.topology import NetworkSpec


def network_problems(view: ClusterView, cluster: ClusterSpec, networks: dict[str, str]) -> list[Problem]:
    """Whether the machine has one free address on every network over which the nodes speak to each other."""
    problems: list[Problem] = []
    in_use = {address: k.record.name for k in view.nodes.values() for address in k.record.addresses.values()}
    optional = set(quiet_networks(view)) | set(cluster.client_networks)
    recorded = {known.record.name: known.record.prefixes[0] for known in view.networks.values()}
    prefixes = {**recorded, **cluster.client_networks, **cluster.networks}
    apart = _apart(cluster, networks, prefixes)
    for network, prefix in prefixes.items():
        given = networks.get(network)
        if given is None and apart:
            continue  # it stands in other subnets, and is reached through routers
        if given is None and (network in optional or network not in cluster.networks):
            continue  # where this machine has an address there, it is found
        if given is None:
            problems.append(
                error(
                    "network_missing",
                    f"no address on network {network!r} ({prefix})",
                    where=f"network.{network}",
                    remedy=f"add --network {network}=<address in {prefix}>",
                )
            )
            continue
        try:
            interface = ipaddress.ip_interface(given)
        except ValueError:
            problems.append(
                error(
                    "network_address_form",
                    f"{given!r} is not an address with prefix length",
                    where=f"network.{network}",
                    remedy=f"write it like {ipaddress.ip_network(prefix)[2]}/{prefix.partition('/')[2]}",
                )
            )
            continue
        if str(interface.network) != prefix:
            problems.append(
                error(
                    "network_mismatch",
                    f"{given} is not on network {network!r}, which is {prefix}",
                    where=f"network.{network}",
                    remedy=f"give this machine's address in {prefix}, with its prefix length",
                )
            )
        elif str(interface.ip) in in_use:
            problems.append(
                error(
                    "address_in_use",
                    f"node {in_use[str(interface.ip)]} has the address {interface.ip} already",
                    where=f"network.{network}",
                    remedy="give this machine's own address",
                )
            )
    for network in sorted(networks.keys() - prefixes.keys()):
        if network in apart:
            problems += _new_problems(network, apart[network], prefixes, in_use)
            continue
        known = ", ".join(f"{name} ({prefix})" for name, prefix in prefixes.items())
        why = ""
        if cluster.fabric_prefix:
            why = "; a machine in another subnet can join a cluster that was made with --no-fabric"
        problems.append(
            error(
                "network_unknown",
                f"the cluster has no network {network!r}",
                where=f"network.{network}",
                remedy=f"its networks are: {known}{why}",
            )
        )
    return problems


def new_networks(view: ClusterView, cluster: ClusterSpec, networks: dict[str, str]) -> tuple[NetworkSpec, ...]:
    """The networks that the machine brings: its own subnets, in which no node was before."""
    recorded = {known.record.name for known in view.networks.values()}
    known = dict.fromkeys((*recorded, *cluster.client_networks, *cluster.networks), "")
    return tuple(
        NetworkSpec(id=network_id(cluster, str(at.network)), name=name, prefixes=(str(at.network),), role="both")
        for name, at in sorted(_apart(cluster, networks, known).items())
    )


def _apart(cluster: ClusterSpec, networks: dict[str, str], known: Mapping[str, str]) -> dict[str, Interface]:
    """Its addresses on networks that the cluster does not have. None where the fabric would not lead there.

    Routers know the subnets, and nothing of the addresses of a fabric.
    """
    if cluster.fabric_prefix:
        return {}
    found = {}
    names = {name.casefold() for name in known}
    for network, given in networks.items():
        with contextlib.suppress(ValueError):
            if network.casefold() not in names:
                found[network] = ipaddress.ip_interface(given)
    return found


def _new_problems(
    network: str, interface: Interface, prefixes: Mapping[str, str], in_use: Mapping[str, str]
) -> list[Problem]:
    where = f"network.{network}"
    problems = name_problems(network, where)
    for name, prefix in prefixes.items():
        other = ipaddress.ip_network(prefix)
        if other.version == interface.version and other.overlaps(interface.network):
            problems.append(
                error(
                    "network_overlaps",
                    f"{interface} is on network {name!r} of the cluster, which is {prefix}",
                    where=where,
                    remedy=f"call it by its name: --network {name}={interface.ip}/{prefix.partition('/')[2]}",
                )
            )
    if str(interface.ip) in in_use:
        what = f"node {in_use[str(interface.ip)]} has the address {interface.ip} already"
        problems.append(error("address_in_use", what, where=where, remedy="give this machine's own address"))
    return problems
