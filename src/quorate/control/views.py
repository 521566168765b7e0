"""What every face shows: the form of each view (design §7).

Owns: fields and their words. Does not know: how a view is made (`control.queries`) or shown.
"""

from __future__ import annotations

from typing import Literal

from quorate.model.backup import BackupStanding
from quorate.model.base import Value
from quorate.model.problems import Problem
from quorate.model.properties import PropertyValue

NodeState = Literal["up", "paused", "draining", "stopping", "joining", "down", "evicting", "quarantined"]


class AsOf(Value, frozen=True, kw_only=True):
    """Which state of the database a view shows, and how long ago the node last knew it to be complete."""

    generation: int
    revision: int
    age_s: float
    answered_by: str


class NodeView(Value, frozen=True, kw_only=True):
    """One node."""

    number: int
    name: str
    state: NodeState
    coordinator: bool = False
    voter: bool = False
    weight: int = 1
    """0: it never votes."""
    site: str = ""
    """Where it stands; nodes without one are in one site together."""
    addresses: dict[str, str] = {}
    fabric_address: str = ""
    api_port: int = 0
    groups: tuple[str, ...] = ()
    incarnation: str = ""
    proof: str = ""
    """How its last life was proved to be over; for a node that is down."""
    attestation: str = ""
    """Who vouched that it is off, when and why; for a node that is down, or marked and about to be declared down."""
    suspected: bool = False
    """A mark stands on it: it was silent, and is declared down unless it clears that in time."""
    version: str = ""
    release: int = 1
    lowest_release: int = 1
    """What it runs, or last ran, and the oldest release that works together with."""
    quarantined_until: str = ""
    """It failed too often and is kept out until then (UTC); empty where it is not."""
    failures: int = 0
    """Failures counted against it, of the last hour before the newest."""
    processes: dict[str, int] = {}
    """Process ids, of the answering node only."""


class FailureCounts(Value, frozen=True, kw_only=True):
    """Failures since counts were last cleared (`clusctl-resource-get-failure-info.md`)."""

    this_node: int = 0
    """On the node that owns it now."""
    other_nodes: int = 0


class ResourceView(Value, frozen=True, kw_only=True):
    """One resource."""

    id: str
    name: str
    type: str
    group: str
    state: str
    wanted: str
    owner: str = ""
    detail: str = ""
    reported: str = ""
    """What the type reported, where that is more than the state says: cannot_here (127), cannot_anywhere (126)."""
    restarts: int = 0
    failures: FailureCounts = FailureCounts()
    changed_at: str = ""
    """When its owner saw the state change; empty where that is not known."""
    last_failure: str = ""
    failed_at: str = ""
    retry_at: str = ""
    """When it is tried again though no restart is left; empty where it is not."""
    flags: dict[str, str] = {}
    """What is to be known beside the state, each with its words."""
    depends_on: str = ""
    starts_after: tuple[str, ...] = ()
    possible_owners: tuple[str, ...] = ()
    properties: dict[str, PropertyValue] = {}
    common: dict[str, PropertyValue] = {}


class GroupView(Value, frozen=True, kw_only=True):
    """One group."""

    id: str
    name: str
    state: str
    wanted: str
    owner: str = ""
    moving_to: str = ""
    assignment: int = 0
    cause: str = ""
    reasons: tuple[str, ...] = ()
    preferred_owners: tuple[str, ...] = ()
    failback: str = "prevent"
    failures: FailureCounts = FailureCounts()
    """Of all its resources together."""
    failovers: int = 0
    """Because of failed resources, as far as they are counted against its threshold."""
    flags: tuple[str, ...] = ()
    """Of any of its resources."""
    resources: tuple[ResourceView, ...] = ()
    properties: dict[str, PropertyValue] = {}


class StoreView(Value, frozen=True, kw_only=True):
    """The database: who votes, and what may still be lost."""

    voters: tuple[str, ...] = ()
    voters_up: tuple[str, ...] = ()
    majority: int = 0
    further_losses: int = 0
    """Voters that may still be lost before changes stop."""
    votes: str = "static"


class InterfaceView(Value, frozen=True, kw_only=True):
    """One interface: what a node has on a network."""

    id: str
    name: str
    node: str
    network: str
    state: str
    state_value: int
    adapter: str = ""
    adapter_id: str = ""
    """A stable id made from the hardware address; empty where there is none."""
    carries: bool = True
    """The card has a carrier."""
    address: str = ""
    """Where the other nodes find it."""
    ipv4_addresses: tuple[str, ...] = ()
    ipv6_addresses: tuple[str, ...] = ()
    description: str = ""
    unreachable: tuple[str, ...] = ()
    """Nodes that are up and that it does not reach there."""


class NetworkView(Value, frozen=True, kw_only=True):
    """One network."""

    id: str
    name: str
    description: str
    role: str
    role_value: int
    state: str
    state_value: int
    metric: int
    """The metric that counts."""
    auto_metric: bool
    prefixes: tuple[str, ...]
    ipv4_addresses: tuple[str, ...] = ()
    ipv4_prefix_lengths: tuple[int, ...] = ()
    ipv6_addresses: tuple[str, ...] = ()
    ipv6_prefix_lengths: tuple[int, ...] = ()
    interfaces: tuple[InterfaceView, ...] = ()


class PaceView(Value, frozen=True, kw_only=True):
    """Heartbeats between nodes that are so far apart."""

    reach: str
    """same_subnet, cross_subnet (no network in common) or cross_site."""
    heartbeat_ms: int
    threshold: int
    suspicion_ms: int
    pairs: tuple[str, ...] = ()
    """Which nodes are, as `one - other`."""


class ClusterStatus(Value, frozen=True, kw_only=True):
    """The whole cluster at a glance."""

    id: str
    name: str
    as_of: AsOf
    profile: str
    coordinator: str
    epoch: int
    takeover_bound_s: float
    """Takeover of a silent node, without commits and the start of its resources (design §4)."""
    heartbeat_ms: int
    """Within a subnet; see `paces` for the others."""
    suspicion_ms: int
    paces: tuple[PaceView, ...]
    store: StoreView
    functional_level: int
    highest_release: int
    lowest_release: int
    properties: dict[str, PropertyValue]
    nodes: tuple[NodeView, ...]
    groups: tuple[GroupView, ...]
    networks: tuple[NetworkView, ...] = ()
    backup: BackupStanding | None = None
    """What came of the schedule; None where none was ever due."""
    problems: tuple[Problem, ...] = ()


class NodeList(Value, frozen=True, kw_only=True):
    """All nodes."""

    as_of: AsOf
    nodes: tuple[NodeView, ...]


class GroupList(Value, frozen=True, kw_only=True):
    """All groups."""

    as_of: AsOf
    groups: tuple[GroupView, ...]


class ResourceList(Value, frozen=True, kw_only=True):
    """All resources."""

    as_of: AsOf
    resources: tuple[ResourceView, ...]


class NetworkList(Value, frozen=True, kw_only=True):
    """All networks, by name."""

    as_of: AsOf
    networks: tuple[NetworkView, ...]


class InterfaceList(Value, frozen=True, kw_only=True):
    """All interfaces, by network and node."""

    as_of: AsOf
    interfaces: tuple[InterfaceView, ...]


class WhoAmI(Value, frozen=True, kw_only=True):
    """Who the caller is to this node."""

    name: str
    role: str
    node: str
