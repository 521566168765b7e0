"""Finding objects by the names that people give, with a problem where there is none.

Owns: look-up of groups, resources, nodes, networks and interfaces in the replica, by name regardless of case, or by id.
Does not know: what is done with them. How it works: each function appends to the caller's list of problems and returns
None, so that a command can go on and find the rest of what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface

from quorate.control.change import guard
from quorate.control.names import unknown
from quorate.core.cluster_view import ClusterView
from quorate.core.networks import NetworkInterface, standings
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Problem, error
from quorate.model.records import Guard
from quorate.model.topology import NetworkSpec
from quorate.model.workload import GroupSpec, ResourceSpec


def find_group(view: ClusterView, name: str, problems: list[Problem], where: str = "group") -> GroupSpec | None:
    """The group of that name or id."""
    found = view.groups.get(name)
    spec = found.record if found else view.find(view.groups, name, lambda group: group.name)
    if spec is None:
        problems.append(unknown("group", name, [k.record.name for k in view.groups.values()], where))
    return spec


def find_resource(
    view: ClusterView, name: str, problems: list[Problem], where: str = "resource"
) -> ResourceSpec | None:
    """The resource of that name or id."""
    found = view.resources.get(name)
    spec = found.record if found else view.find(view.resources, name, lambda resource: resource.name)
    if spec is None:
        problems.append(unknown("resource", name, [k.record.name for k in view.resources.values()], where))
    return spec


def find_node(view: ClusterView, name: str, problems: list[Problem], where: str = "node") -> NodeSpec | None:
    """The node of that name or number."""
    found = view.nodes.get(int(name)) if name.isdigit() else None
    folded = name.casefold()
    named = (known.record for known in view.nodes.values() if known.record.name.casefold() == folded)
    spec = found.record if found else next(named, None)
    if spec is None and not view.nodes:
        remedy = "try again when `quorate cluster status` answers, or ask another node"
        problems.append(error("cluster_not_formed", "this node has not read the database yet", remedy=remedy))
    elif spec is None:
        problems.append(unknown("node", name, [k.record.name for k in view.nodes.values()], where))
    return spec


def find_network(view: ClusterView, name: str, problems: list[Problem], where: str = "network") -> NetworkSpec | None:
    """The network of that name, id or subnet."""
    found = view.networks.get(name)
    spec = found.record if found else view.find(view.networks, name, lambda network: network.name)
    spec = spec or next((k.record for k in view.networks.values() if name in k.record.prefixes), None)
    if spec is None:
        problems.append(unknown("network", name, [k.record.name for k in view.networks.values()], where))
    return spec


def interface_name(view: ClusterView, network: NetworkSpec, interface: NetworkInterface) -> str:
    """`<node> - <adapter>` (spec/01 §5.5); where no card is known, the network stands for it."""
    adapter = interface.adapter
    name = f"{node_name(view, interface.node)} - {adapter.name if adapter else network.name}"
    subnets = {str(ip_interface(text).network) for text in adapter.addresses} if adapter else set()
    others = (known.record for known in view.networks.values() if known.record.id != network.id)
    # A card that is on two networks is two interfaces.
    return f"{name} ({network.name})" if any(subnets & set(other.prefixes) for other in others) else name


def find_interface(
    view: ClusterView, name: str, problems: list[Problem], where: str = "interface"
) -> tuple[NetworkSpec, NetworkInterface] | None:
    """The interface of that name, with its network."""
    known = {
        interface_name(view, standing.network, interface): (standing.network, interface)
        for standing in standings(view)
        for interface in standing.interfaces
    }
    found = next((pair for entry, pair in known.items() if entry.casefold() == name.casefold()), None)
    if found is None:
        problems.append(unknown("interface", name, known, where))
    return found


def find_nodes(view: ClusterView, names: Iterable[str], problems: list[Problem], where: str) -> tuple[int, ...]:
    """The numbers of these nodes, each once, in order."""
    found = [find_node(view, name, problems, f"{where}.{rank}") for rank, name in enumerate(names)]
    return tuple(dict.fromkeys(node.node for node in found if node is not None))


def guard_group(view: ClusterView, group: str) -> Guard:
    """The group's specification is as the view has it.

    Members are created, changed and deleted under this guard and write the specification anew: so one group's
    members change one after the other, and neither a cycle nor a deleted group with members can slip through.
    """
    known = view.groups.get(group)
    return guard(keys.SPEC_GROUP + group, known.revision if known else None)


def guard_intent(view: ClusterView, group: str) -> Guard:
    """The group's intent is as the view has it."""
    known = view.intents.get(group)
    return guard(keys.INTENT_GROUP + group, known.revision if known else None)
