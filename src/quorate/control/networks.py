"""Commands on networks and interfaces: properties, roles, names (spec/01 §5, spec/05 §6 and §7).

Owns: what each change demands and the records it writes. Does not know: who hears whom; roles and metrics take effect
because every node reads the same records. How it works: a network is never taken from the nodes as their last one that
works, and never from the clients of an address that is on it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from quorate.control.change import Change, Done, Occasion, altered, audited, delete, guard, put, unchanged
from quorate.control.lookup import find_interface, find_network
from quorate.control.names import NewName, name_problems, taken
from quorate.core.cluster_view import ClusterView
from quorate.core.networks import standing
from quorate.model import keys
from quorate.model.base import Value, replace
from quorate.model.common_properties import INTERFACE, NETWORK, read_common
from quorate.model.problems import Problem, Refused, error
from quorate.model.properties import PropertyValue
from quorate.model.records import Guard, Put, Write
from quorate.model.topology import ROLES, NetworkSpec


class NetworkChange(Value, frozen=True, kw_only=True):
    """Common properties to change, under our names or the reference's; all are changed or none."""

    properties: dict[str, PropertyValue] = {}


def change_network(view: ClusterView, name: str, wish: NetworkChange, occasion: Occasion) -> Change[Done]:
    """Change role, metric or description."""
    problems: list[Problem] = []
    spec = find_network(view, name, problems)
    values, more = read_common(NETWORK, role_by_name(wish.properties), "properties")
    problems += more
    if "metric" in values and values.get("auto_metric") is True:
        problems.append(
            error(
                "metric_contradiction",
                "a metric is given, and that the cluster chooses it",
                where="properties.metric",
                remedy="give one of them: writing metric turns auto_metric off",
            )
        )
    if spec is None or problems:
        raise Refused(problems)
    if "metric" in values and "auto_metric" not in values:
        values["auto_metric"] = False  # spec/01 §5.2
    wanted = altered(spec, **values)
    if wanted == spec:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    problems = _role_problems(view, spec, wanted)
    if problems:
        raise Refused(problems)
    change = Change(
        guards=_all_guards(view) if wanted.role != spec.role else (_guard(view, spec),),
        writes=(put(keys.SPEC_NETWORK + spec.id, wanted),),
        answer=Done(id=spec.id, name=spec.name),
    )
    return audited(change, occasion, verb="change", kind="network", object_id=spec.id, object_name=spec.name)


def rename_network(view: ClusterView, name: str, wish: NewName, occasion: Occasion) -> Change[Done]:
    """Give a network another name, wherever it is named."""
    problems: list[Problem] = []
    spec = find_network(view, name, problems)
    problems += name_problems(wish.name, "name")
    same = spec is not None and wish.name.casefold() == spec.name.casefold()
    if not same and view.find(view.networks, wish.name, lambda network: network.name) is not None:
        problems.append(taken("network", wish.name, "name"))
    if spec is None or problems:
        raise Refused(problems)
    if wish.name == spec.name:
        return unchanged(Done(id=spec.id, name=spec.name, changed=False))
    guards: list[Guard] = [_guard(view, spec)]
    writes: list[Write] = [put(keys.SPEC_NETWORK + spec.id, replace(spec, name=wish.name))]
    if not same:
        new_key = keys.name("network", wish.name)
        guards.append(guard(new_key, None))
        writes += [Put(new_key, spec.id.encode()), delete(keys.name("network", spec.name))]
    _rename_in_nodes(view, spec.name, wish.name, guards, writes)
    change = Change(tuple(guards), tuple(writes), Done(id=spec.id, name=wish.name))
    return audited(
        change, occasion, verb="rename", kind="network", object_id=spec.id, object_name=wish.name,
        detail=f"it was {spec.name}",
    )  # fmt: skip


def change_interface(view: ClusterView, name: str, wish: NetworkChange, occasion: Occasion) -> Change[Done]:
    """Change the description of an interface; everything else of it follows from what is found."""
    problems: list[Problem] = []
    found = find_interface(view, name, problems)
    values, more = read_common(INTERFACE, wish.properties, "properties")
    problems += more
    if found is None or problems:
        raise Refused(problems)
    network, interface = found
    described = dict(network.interface_descriptions)
    if "description" in values:
        described[interface.node] = str(values["description"])
    wanted = replace(network, interface_descriptions={node: words for node, words in described.items() if words})
    if wanted == network:
        return unchanged(Done(id=network.id, name=name, changed=False))
    change = Change(
        guards=(_guard(view, network),),
        writes=(put(keys.SPEC_NETWORK + network.id, wanted),),
        answer=Done(id=network.id, name=name),
    )
    return audited(change, occasion, verb="change", kind="interface", object_id=network.id, object_name=name)


def role_by_name(given: Mapping[str, PropertyValue]) -> dict[str, PropertyValue]:
    """The reference's numbers for roles stand for our words."""

    def named(name: str, value: PropertyValue) -> PropertyValue:
        number = int(value) if isinstance(value, str) and value.isdigit() else value
        is_role = name.casefold().endswith("role") and isinstance(number, int) and not isinstance(number, bool)
        return ROLES[number] if is_role and isinstance(number, int) and 0 <= number < len(ROLES) else value

    return {name: named(name, value) for name, value in given.items()}


def _role_problems(view: ClusterView, spec: NetworkSpec, wanted: NetworkSpec) -> list[Problem]:
    """What forbids the new role (spec/01 §5.1)."""
    problems: list[Problem] = []
    if wanted.role in {"none", "cluster"} and spec.role not in {"none", "cluster"}:
        for resource in addresses_on(view, spec):
            problems.append(
                error(
                    "network_in_use",
                    f"resource {resource} has its address on network {spec.name}",
                    where="properties.role",
                    remedy="take that resource elsewhere first; clients need a network with role client or both",
                )
            )
    if spec.carries_heartbeats and not wanted.carries_heartbeats:
        others = [k.record for k in view.networks.values() if k.record.carries_heartbeats and k.record.id != spec.id]
        if not any(standing(view, other).state == "up" for other in others):
            why = "it is the only one" if not others else "no other one is up"
            problems.append(
                error(
                    "network_is_needed",
                    f"the nodes need network {spec.name} to speak to each other: {why}",
                    where="properties.role",
                    remedy="have another network with role cluster or both up first",
                )
            )
    return problems


def addresses_on(view: ClusterView, spec: NetworkSpec) -> tuple[str, ...]:
    """Names of the resources that have an address in the network, or name it."""
    subnets = [ipaddress.ip_network(prefix) for prefix in spec.prefixes]

    def refers(value: PropertyValue) -> bool:
        if not isinstance(value, str):
            return False
        if value.casefold() == spec.name.casefold():
            return True
        try:
            return any(ipaddress.ip_address(value) in subnet for subnet in subnets)
        except ValueError:
            return value in spec.prefixes

    found = [k.record for k in view.resources.values() if k.record.type == "ip_address"]
    return tuple(
        sorted(r.name for r in found if any(refers(r.properties.get(name)) for name in ("address", "network")))
    )


def _rename_in_nodes(view: ClusterView, old: str, new: str, guards: list[Guard], writes: list[Write]) -> None:
    """Networks are named where addresses of nodes are kept, and where the cluster keeps what it was created with."""

    def renamed(table: dict[str, str]) -> dict[str, str]:
        return {new if name == old else name: value for name, value in table.items()}

    for node, known in sorted(view.nodes.items()):
        if old in known.record.addresses:
            key = f"{keys.SPEC_NODE}{node}"
            guards.append(guard(key, known.revision))
            writes.append(put(key, replace(known.record, addresses=renamed(known.record.addresses))))
    cluster = view.cluster
    if cluster is not None and old in {**cluster.record.networks, **cluster.record.client_networks}:
        networks, clients = renamed(cluster.record.networks), renamed(cluster.record.client_networks)
        guards.append(guard(keys.SPEC_CLUSTER, cluster.revision))
        writes.append(put(keys.SPEC_CLUSTER, replace(cluster.record, networks=networks, client_networks=clients)))


def _guard(view: ClusterView, spec: NetworkSpec) -> Guard:
    return guard(keys.SPEC_NETWORK + spec.id, view.networks[spec.id].revision)


def _all_guards(view: ClusterView) -> tuple[Guard, ...]:
    """Every network is as the view has it: two changes at once must not take the last one that the nodes have."""
    return tuple(_guard(view, known.record) for known in view.networks.values())
