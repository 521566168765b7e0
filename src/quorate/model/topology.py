"""Networks and network interfaces as the cluster database holds them (spec/01 §5, spec/05 §6 and §7).

Owns: the form of a network's specification, of what each node reports of its interfaces and of the paths to its peers,
and the words and numbers of roles and states. Does not know: how a state follows from facts (`core.networks`).
How it works: a network is a subnet that nodes share, or one of each address family on the same cards. An interface is
what one node has there; it is no record of its own, it follows from the node's facts.
"""

from __future__ import annotations

from typing import Final, Literal

from quorate.model.base import Value

NetworkRole = Literal["none", "cluster", "client", "both"]
NetworkState = Literal["unknown", "unavailable", "down", "partitioned", "up"]
InterfaceState = Literal["unknown", "unavailable", "failed", "unreachable", "up"]

ROLES: Final[tuple[NetworkRole, ...]] = ("none", "cluster", "client", "both")
"""By the reference's number, 0 to 3 (spec/01 §5.1)."""

NETWORK_STATES: Final[tuple[NetworkState, ...]] = ("unavailable", "down", "partitioned", "up")
"""By the reference's number, 0 to 3; unknown is -1 (spec/01 §5.3)."""

INTERFACE_STATES: Final[tuple[InterfaceState, ...]] = ("unavailable", "failed", "unreachable", "up")
"""By the reference's number, 0 to 3; unknown is -1 (spec/01 §5.4)."""

DEFAULT_METRIC: Final = 100
METRIC_MOST: Final = 0x0FFFFFFF


class NetworkSpec(Value, frozen=True, kw_only=True):
    """A network of the cluster. `prefixes` are its subnets; nodes speak to each other over the first one."""

    id: str
    name: str
    prefixes: tuple[str, ...]
    role: NetworkRole = "both"
    metric: int = DEFAULT_METRIC
    """Lower is used first; counts only where `auto_metric` is off."""
    auto_metric: bool = True
    description: str = ""
    interface_descriptions: dict[int, str] = {}
    """What an administrator wrote about the interface of each node there."""

    @property
    def carries_heartbeats(self) -> bool:
        """Whether nodes speak to each other over it: never with the roles none and client (spec/01 §5.1)."""
        return self.role in {"cluster", "both"}

    @property
    def effective_metric(self) -> int:
        """The metric that counts. Chosen automatically, a network without clients comes before one with them."""
        if not self.auto_metric:
            return self.metric
        return DEFAULT_METRIC - 10 if self.role == "cluster" else DEFAULT_METRIC


class AdapterFact(Value, frozen=True, kw_only=True):
    """One card of a node. `addresses` stand with their prefix lengths, without those that follow groups."""

    name: str
    hardware_address: str = ""
    carries: bool = True
    """It is up and has a carrier."""
    addresses: tuple[str, ...] = ()


class AdaptersFact(Value, frozen=True, kw_only=True):
    """All cards of a node that have addresses, as that node reports them."""

    node: int
    incarnation: str
    adapters: tuple[AdapterFact, ...] = ()


class PathsFact(Value, frozen=True, kw_only=True):
    """Whom a node hears: per id of a network, the numbers of the nodes (its row of the matrix)."""

    node: int
    incarnation: str
    heard: dict[str, tuple[int, ...]] = {}
