"""What changes of networks and interfaces mean to people: found, renamed, up, down, partitioned, and who is cut off.

Owns: these happenings and their sentences. Does not know: who reads them; `control.chronicle` asks for them together
with all others. How it works: it remembers how every network stood when it was last told, and compares.
"""

from __future__ import annotations

from collections.abc import Iterator

from quorate.control.lookup import interface_name
from quorate.core.cluster_view import ClusterView
from quorate.core.networks import Standing, standings
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.topology import InterfaceState, NetworkSpec, NetworkState

Told = tuple[str, str, str, dict[str, str | int]]
"""Kind, subject, sentence, data."""

_WORDS = {
    "unknown": "is in an unknown state",
    "unavailable": "is unavailable: none of its nodes is up",
    "down": "is down: no two nodes reach each other over it",
    "partitioned": "is partitioned: some nodes do not reach each other over it",
    "up": "is up",
}

CONCERN = (keys.SPEC_NETWORK, keys.SPEC_NODE, keys.MEMBER)


def concerns(key: str) -> bool:
    """Whether a change of this key may change how a network stands."""
    return key.startswith(CONCERN) or (key.startswith(keys.FACT) and key.endswith(("/adapters", "/paths")))


class NetworkChronicle:
    """Tells changes of networks; remembers what was told."""

    def __init__(self) -> None:
        self._specs: dict[str, NetworkSpec] = {}
        self._states: dict[str, NetworkState] = {}
        self._interfaces: dict[tuple[str, int], InterfaceState] = {}

    def look(self, view: ClusterView) -> Iterator[Told]:
        """What happened to networks since the last look."""
        for network_id in self._specs.keys() - view.networks.keys():
            gone = self._specs.pop(network_id)
            self._states.pop(network_id, None)
            yield "network_deleted", gone.name, f"network {gone.name} is gone", {}
        for found in standings(view):
            yield from self._look_spec(found)
            yield from self._look_state(found)
            yield from self._look_interfaces(view, found)

    def _look_spec(self, found: Standing) -> Iterator[Told]:
        spec, former = found.network, self._specs.get(found.network.id)
        self._specs[spec.id] = spec
        if former is None:
            subnets = ", ".join(spec.prefixes)
            what = f"network {spec.name} ({subnets}) was found; its role is {spec.role}"
            yield "network_added", spec.name, what, {"role": spec.role}
        elif former != spec:
            renamed = f"network {former.name} is now called {spec.name}" if former.name != spec.name else ""
            yield "network_property", spec.name, renamed or f"network {spec.name} was changed", {"role": spec.role}

    def _look_state(self, found: Standing) -> Iterator[Told]:
        name, former = found.network.name, self._states.get(found.network.id)
        self._states[found.network.id] = found.state
        if former is not None and former != found.state:
            data: dict[str, str | int] = {"state": found.state, "former": former}
            yield "network_state", name, f"network {name} {_WORDS[found.state]}", data

    def _look_interfaces(self, view: ClusterView, found: Standing) -> Iterator[Told]:
        for interface in found.interfaces:
            key = (found.network.id, interface.node)
            former = self._interfaces.get(key)
            self._interfaces[key] = interface.state
            if former is None or former == interface.state:
                continue
            name = interface_name(view, found.network, interface)
            away = ", ".join(node_name(view, node) for node in interface.unreachable)
            link = " (no link)" if interface.adapter is not None and not interface.adapter.carries else ""
            why = f", it does not reach {away}" if away and interface.state == "unreachable" else link
            what = f"interface {name} is {interface.state} on network {found.network.name}{why}"
            data: dict[str, str | int] = {"state": interface.state, "former": former, "node": interface.node}
            yield "interface_state", name, what, data
