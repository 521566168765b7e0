"""Nodes and the cluster as the cluster database holds them: specification and intent (design §5).

Owns: the form of these records and their defaults (spec/05 §1 and §2). Does not know: what is decided from them.
Times end in their unit.
"""

from __future__ import annotations

from quorate.model.base import Value
from quorate.model.maintenance import Maintenance
from quorate.model.topology import NetworkRole


class NodeSpec(Value, frozen=True, kw_only=True):
    """A node of the cluster and where it is reached."""

    node: int
    name: str
    addresses: dict[str, str] = {}
    """Address on each network, by network name."""
    fabric_address: str = ""
    votes: int = 1
    vote_pending: bool = False
    """The node is about to become a voter of the store: until it is recorded, both counts must hold (rule 4)."""
    weight: int = 1
    """0: the node never votes; it is a full node otherwise (NodeWeight, spec/02 §8.6)."""
    description: str = ""
    site: str = ""
    """A word for what fails together with it (spec/01 §9); nodes without one are in one site together."""
    fault_domain: tuple[str, ...] = ()
    """Below the site, widest first: room, rack, chassis."""
    capacity: dict[str, int] = {}
    """What groups may demand of it, by name; what is not named here it does not have."""
    api_port: int = 7400
    heartbeat_port: int = 7401
    client_port: int = 7402
    peer_port: int = 7403

    @property
    def quorum_client_port(self) -> int:
        """Where the quorum resource's member takes clients while this node runs it (7412 by default)."""
        return self.client_port + 10

    @property
    def quorum_peer_port(self) -> int:
        """Where the quorum resource's member takes peers while this node runs it (7413 by default)."""
        return self.peer_port + 10


class Eviction(Value, frozen=True, kw_only=True):
    """A request to remove a node from the cluster."""

    id: str
    author: str = ""
    reason: str = ""
    force: bool = False
    """Groups that no other node can take are taken offline; else they hold the eviction up."""
    member: str = ""
    """Id of the node's member of the store, in hexadecimal; written before it is removed."""


class EvictedNode(Value, frozen=True, kw_only=True):
    """What is kept of a node that was evicted: by this the machine itself learns of it when it starts again."""

    node: int
    name: str
    at: str
    at_s: float
    """Wall time, in seconds; for the delay after an eviction (spec/02 §5.1), never for authority."""
    author: str = ""
    reason: str = ""
    member: str = ""
    """Id of its member of the store; empty where it had none."""
    peer: str = ""
    """Where that member listened: one that is found there later, and belongs to nobody, is removed too."""


class NodeIntent(Value, frozen=True, kw_only=True):
    """What an administrator wants of a node."""

    paused: bool = False
    drain: str = ""
    """Id of the drain asked for; empty where there is none."""
    drain_target: int = 0
    stopping: bool = False
    """The node is being stopped: its groups leave first. The node takes this back when it starts again."""
    rebuild: str = ""
    """Id of the wish that its member of the store is made anew; the node takes it back when its folder is aside."""
    eviction: Eviction | None = None
    """The node shall be removed for good: its groups leave first, then it does."""
    takes_back: str = ""
    """Id of the wish that groups which a drain has moved away return here at once."""
    maintenance: Maintenance | None = None


class ClusterIntent(Value, frozen=True, kw_only=True):
    """What an administrator wants of the cluster as a whole."""

    maintenance: Maintenance | None = None


class Destruction(Value, frozen=True, kw_only=True):
    """A request to end the cluster for good."""

    id: str
    author: str = ""
    reason: str = ""
    at: str = ""


class ClusterSpec(Value, frozen=True, kw_only=True):
    """The cluster itself."""

    name: str
    id: str
    description: str = ""
    profile: str = "default"
    networks: dict[str, str] = {}
    """Prefix of each network between the nodes, by name: every node must have an address there."""
    client_networks: dict[str, str] = {}
    """Prefix of each network that was given for clients alone, by name."""
    default_network_role: NetworkRole = "both"
    """Role of networks that are found later (spec/05 §1, DefaultNetworkRole)."""
    same_subnet_delay_ms: int = 0
    """Heartbeat interval; 0: the profile's."""
    same_subnet_threshold: int = 0
    """Heartbeats that may be missed before a path or node counts as silent; 0: the profile's."""
    cross_subnet_delay_ms: int = 0
    """Heartbeat interval between nodes of one site that share no network; 0: as within a subnet."""
    cross_subnet_threshold: int = 0
    cross_site_delay_ms: int = 0
    """Heartbeat interval between nodes of different sites; 0: as within a subnet."""
    cross_site_threshold: int = 0
    route_history_length: int = 10
    """Heartbeats kept of a path that is lost."""
    fabric_prefix: str = ""
    next_node: int = 2
    """Node numbers are never reused."""
    functional_level: int = 1
    """The release whose records may be written; raised by a command, never lowered (spec/02 §2.1)."""
    destroyed: Destruction | None = None
    """The cluster is being ended for good: every node stops and steps aside."""
    add_evict_delay_s: int = 60
    """So long after an eviction no machine joins (spec/02 §5.1)."""
    quarantine_threshold: int = 3
    """So many failures of a node within an hour keep it out; 0: never (spec/02 §6)."""
    quarantine_duration_s: int = 7200
    """So long after its newest failure."""
    cluster_enforced_anti_affinity: bool = False
    """Groups that are kept apart stay offline rather than share a place."""
    preferred_site: str = ""
    """Its nodes come first for groups that prefer none themselves."""
    cluster_group_wait_delay_s: int = 120
    """When the cluster forms, a group waits so long for its preferred node."""
    group_dependency_timeout_s: int = 600
    """So long a group waits for what it depends on; then it starts without."""
    priority_stagger_s: int = 30
    """So long, at most, groups of lower priority wait for those of higher."""
    start_limit: int = 0
    """Groups that start on one node at a time; 0: no limit."""
    drain_limit: int = 0
    """Groups that leave one node at a time; 0: no limit."""
    minimum_preemptor_priority: int = 1
    minimum_never_preempt_priority: int = 3000
    ignore_persistent_state_on_startup: bool = False
    """When the cluster forms, every group stays offline."""
    time_zone: str = ""
    """Name of the zone in which hours of windows count; empty: that of the node which leads."""
    expulsion_limit: int = 10
    """So many nodes may be put out within the period; then the cluster holds still. 0: no limit."""
    expulsion_period_s: int = 600
    expulsions_released_s: float = 0.0
    """What was put out before this wall time is not counted any more: somebody has looked."""
    history_keep_days: int = 365
    """Changes older than this are forgotten, with what they replaced."""
    history_keep_number: int = 10_000
    """The newest so many changes are kept."""
    token_keep_days: int = 30
    """Tokens are forgotten so long after they expired."""
    token_keep_number: int = 100
    """The newest so many expired tokens are kept."""
    backup_interval_min: int = 0
    """Between scheduled backups; 0: none are made."""
    backup_folder: str = ""
    """Where the node that leads puts them; it must be there on every node."""
    backup_keep: int = 14
    """The newest so many of the schedule's own backups stay in the folder."""
    checkpoint_limit_kib: int = 1024
    """No checkpoint of a resource may be larger."""
