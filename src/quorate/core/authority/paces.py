"""How often two nodes send to each other, and when one of them counts as silent for the other (spec/02 §4.1).

Owns: what lies between two nodes (*reach*), and the heartbeat interval and S that follow for each pair. Does not know:
records, sockets, time. Standard library only: the sentinel loads it.
How it works: nodes of different sites are *cross_site*, whatever networks they share; nodes of one site that share no
network are *cross_subnet*; all others are *same_subnet*. A network is one subnet, so its name stands for its prefix.
Both nodes of a pair see the same two records, so they agree. L and G are nobody's own: no pace changes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from quorate.core.authority.timings import PROFILES, Pace, Timings, in_force

Reach = Literal["same_subnet", "cross_subnet", "cross_site"]
REACHES: Final[tuple[Reach, ...]] = ("same_subnet", "cross_subnet", "cross_site")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a cluster has set of its heartbeats, per reach; 0 for what is not set."""

    profile: str = "default"
    delays_ms: Mapping[Reach, int] = field(default_factory=dict)
    thresholds: Mapping[Reach, int] = field(default_factory=dict)

    def timings(self, reach: Reach = "same_subnet") -> Timings:
        """The timings between two nodes with that reach.

        What is not set across subnets or sites is as it is within a subnet; what is not set there is the profile's.
        """
        delay_ms = self.delays_ms.get(reach, 0) or self.delays_ms.get("same_subnet", 0)
        threshold = self.thresholds.get(reach, 0) or self.thresholds.get("same_subnet", 0)
        return in_force(self.profile, delay_ms, threshold)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is, as far as heartbeats go: its site, and the networks over which it speaks to its peers."""

    site: str = ""
    networks: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Paces:
    """The pace of one node towards every peer; `base` holds for peers that are not named."""

    base: Pace
    by_node: Mapping[int, Pace] = field(default_factory=dict)

    def of(self, node: int) -> Pace:
        """The pace between this node and that peer."""
        return self.by_node.get(node, self.base)

    @property
    def quickest_s(self) -> float:
        """The shortest heartbeat interval."""
        return min(pace.heartbeat_s for pace in (self.base, *self.by_node.values()))

    @property
    def slowest(self) -> Pace:
        """The longest interval and the longest S: what must be waited for where any peer may be meant."""
        return self.base.calmest(*self.by_node.values())


def reach_of(one: Place, other: Place) -> Reach:
    """What lies between two nodes; names of sites and networks are compared regardless of case."""
    if one.site.casefold() != other.site.casefold():
        return "cross_site"
    shared = {name.casefold() for name in one.networks} & {name.casefold() for name in other.networks}
    return "same_subnet" if shared else "cross_subnet"


def paces_of(settings: Settings, node: int, places: Mapping[int, Place]) -> Paces:
    """The paces of that node towards all others. A node that nothing is known of yet has the base's towards all."""
    own = places.get(node)
    made = {reach: settings.timings(reach).pace for reach in REACHES}
    if own is None:
        return Paces(made["same_subnet"])
    by_node = {number: made[reach_of(own, place)] for number, place in places.items() if number != node}
    return Paces(made["same_subnet"], by_node)


def between(former: Paces, wanted: Paces) -> Paces:
    """For the time in which nodes learn of a change: of each pair the shorter interval and the longer silence."""
    nodes = former.by_node.keys() | wanted.by_node.keys()
    return Paces(former.base.mildest(wanted.base), {node: former.of(node).mildest(wanted.of(node)) for node in nodes})


def routed(own: Mapping[str, str], peer: Mapping[str, str]) -> dict[str, str]:
    """By own network, the peer's address, for two nodes that share no network; empty where they share one.

    The networks of both are put in order and taken in pairs, so that both choose the same ways: what is sent from an
    address comes back to it. Where one has more networks than the other, the last of them carry nothing to this peer.
    """
    if own.keys() & peer.keys():
        return {}
    return {network: peer[other] for network, other in zip(sorted(own), sorted(peer), strict=False)}


def settings_of_mapping(cluster: Mapping[str, object]) -> Settings:
    """The settings in a cluster's record as it lies in a file: what the sentinel reads at its start."""

    def number(name: str) -> int:
        value = cluster.get(name, 0)
        return value if isinstance(value, int) else 0

    profile = str(cluster.get("profile", "default"))
    return Settings(
        profile if profile in PROFILES else "default",
        {reach: number(f"{reach}_delay_ms") for reach in REACHES},
        {reach: number(f"{reach}_threshold") for reach in REACHES},
    )
