"""Groups and resources as the cluster database holds them: specification, intent, assignment, fact (design §5).

Owns: the form of these records and their defaults (spec/05 §3 and §4). Does not know: what is decided from them.
Times end in their unit. `depends_on` is a conjunction of alternatives, each a tuple of resource ids (spec/03 §3.2).
"""

from __future__ import annotations

from typing import Final, Literal

from quorate.model.base import Value
from quorate.model.checkpoint import Checkpoint
from quorate.model.proofs import ProofLevel
from quorate.model.topology import NetworkRole

PropertyValue = None | bool | int | float | str | list[str | int | float | bool]
ResourceState = Literal[
    "offline", "online_pending", "online", "offline_pending", "failed", "cannot_here", "cannot_anywhere", "stop_failed"
]
"""*stop_failed*: it was to end and did not; something of it may run."""
StopFailureAction = Literal["hold", "end", "fence"]
AlreadyRunningAction = Literal["adopt", "restart", "fail"]
EmbeddedFailureAction = Literal["none", "log", "recover"]
GroupState = Literal["online", "offline", "failed", "partial_online", "pending"]
Phase = Literal["run", "stop", "hold"]
"""*hold*: the owner keeps the group and runs nothing of it, until something that stands in its reasons has changed."""
SeparationLevel = Literal["node", "fault_domain", "site"]


class ResourceSpec(Value, frozen=True, kw_only=True):
    """A resource as an administrator wrote it (spec/05 §4)."""

    id: str
    name: str
    type: str
    group: str
    description: str = ""
    properties: dict[str, PropertyValue] = {}
    depends_on: tuple[tuple[str, ...], ...] = ()
    possible_owners: tuple[int, ...] = ()
    """Node numbers; empty means every node."""
    restart_action: int = 2
    restart_threshold: int = 3
    restart_period_ms: int = 900_000
    restart_delay_ms: int = 500
    restart_backoff_factor: float = 1.0
    """Every further restart within the period waits so many times longer, up to `restart_delay_limit_ms`."""
    restart_delay_limit_ms: int = 300_000
    retry_period_on_failure_ms: int = 3_600_000
    retry_repeats: bool = False
    """The late retry is made again and again; else once (C53)."""
    embedded_failure_action: EmbeddedFailureAction = "recover"
    """What follows where its type reports that something inside it failed: nothing, an event, or its restart policy."""
    already_running_action: AlreadyRunningAction = "restart"
    """What becomes of what is active before it is brought online and was not started here."""
    critical: bool = True
    """False: where it fails for good the group neither moves nor counts as failed."""
    starts_after: tuple[str, ...] = ()
    """Members that come online before it and go offline after it, where both do: an order, no dependency."""
    pending_timeout_ms: int = 180_000
    deadlock_timeout_ms: int = 300_000
    looks_alive_poll_interval_ms: int = 5_000
    is_alive_poll_interval_ms: int = 60_000
    separate_monitor: bool = False
    stop_failure_action: StopFailureAction = "end"
    """What follows where it does not stop: the group stays and waits, it is ended by force, or the node ends."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """Files that travel with the group."""
    required_proof: ProofLevel = "lease"
    """What its type demands: not all that it takes hold of can be ended by the kernel within G (design §4)."""


class FailRequest(Value, frozen=True, kw_only=True):
    """A request to treat a resource as failed, for one assignment alone: under any other it means nothing."""

    id: str
    number: int
    author: str = ""


class GroupSpec(Value, frozen=True, kw_only=True):
    """A group as an administrator wrote it (spec/05 §3)."""

    id: str
    name: str
    description: str = ""
    preferred_owners: tuple[int, ...] = ()
    auto_failback_type: int = 0
    failover_threshold: int | None = None
    """Attempts in `failover_period_h`; None means number of nodes − 1, evaluated when used."""
    failover_period_h: int = 6
    failback_window_start: int = -1
    """Hour of the cluster's day in which failback may begin; there is a window only where both ends are set."""
    failback_window_end: int = -1
    failback_stable_s: int = 0
    """So long a node must have been up before the group returns to it."""
    priority: int = 2000
    """Higher first, in placement and in start; 0: it never starts by itself."""
    required_proof: ProofLevel = "lease"
    """Proof of a lost owner's end without which the group goes nowhere else (design §4)."""
    anti_affinity_class_names: tuple[str, ...] = ()
    """Groups that share one of these are kept apart."""
    anti_affinity_enforced: bool = False
    """It stays offline rather than share a place with one of them."""
    affinity_class_names: tuple[str, ...] = ()
    """Groups that share one of these are kept together."""
    affinity_enforced: bool = False
    """It stays offline rather than be apart from them."""
    spread_class_names: tuple[str, ...] = ()
    """Groups that share one of these are spread evenly."""
    separation_level: SeparationLevel = "node"
    """What counts as one place where groups are kept apart or spread."""
    preferred_site: str = ""
    """Its nodes come first where no preferred owner is able; empty: the cluster's."""
    sticky: bool = True
    """It returns to the node it was on last where nothing that weighs more speaks for another."""
    demand: dict[str, int] = {}
    """What it needs of a node's capacity, by name."""
    locked_from_moving: bool = False
    """Neither moved, nor drained, nor failed back; a lost owner's group goes elsewhere all the same."""
    cold_start_setting: int = 0
    """When the cluster forms: 0 start, 1 stay offline, 2 start this once (spec/03 §12)."""
    group_start_delay_ms: int = 0
    """Before it is started by itself."""
    depends_on: tuple[tuple[str, ...], ...] = ()
    """Groups and group sets that must be ready before it starts: all parts, one of each part; by id."""


class Move(Value, frozen=True, kw_only=True):
    """A request to move a group; `to` is 0 for the best node."""

    id: str
    to: int = 0
    reason: str = ""
    author: str = ""
    return_on_error: bool = False
    """Where it does not come online there, it goes back."""
    queue: bool = False
    """Where it cannot go now, the request waits."""
    cancels: bool = False
    """It ends a move that is under way: the group stays on, or returns to, its owner."""


class Maintenance(Value, frozen=True, kw_only=True):
    """Somebody works here by hand: the cluster neither restarts, moves nor starts by itself what it concerns."""

    author: str
    reason: str = ""
    since: str = ""
    """Wall time, for people."""
    until_s: float = 0.0
    """Wall time at which it ends by itself, in seconds; 0: it does not."""


class GroupSetSpec(Value, frozen=True, kw_only=True):
    """Groups whose start others wait for together (spec/03 §13, spec/05 §8)."""

    id: str
    name: str
    description: str = ""
    groups: tuple[str, ...] = ()
    is_global: bool = False
    """Ready before anything starts that is in no global set."""
    startup_setting: int = 1
    """Ready means: 1 only the delay has passed; 2 to 4 groups are online."""
    startup_count: int | None = None
    """So many of its groups; 0: a majority; None: all."""
    startup_delay_s: int = 20
    """So long after that."""
    depends_on: tuple[tuple[str, ...], ...] = ()
    """Group sets that must be ready before its groups start; by id."""


class GroupIntent(Value, frozen=True, kw_only=True):
    """What should be so now (spec/03 §5): P-1 and P-2, and the move asked for."""

    persistent_state: bool = False
    own_states: dict[str, bool] = {}
    """Persistent states of single resources; where one has none, the group's counts."""
    move: Move | None = None
    clear_failures: int = 0
    """Rises with every online or move by an administrator: failure counts before it are void (spec/03 §7.3)."""
    fail: dict[str, FailRequest] = {}
    """The newest request to fail a resource, by resource."""
    maintenance: Maintenance | None = None
    asked_s: float = 0.0
    """Wall time of the newest request for it to be online, in seconds; for start order alone."""
    unordered: bool = False
    """That request said: now, whatever it should wait for."""


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


class Reason(Value, frozen=True, kw_only=True):
    """Why, as data: a code of the list in `core.reasons`, whom it concerns, and what fills its sentence."""

    code: str
    node: int = 0
    subject: str = ""
    detail: str = ""


class Assignment(Value, frozen=True, kw_only=True):
    """Who owns a group, and whether it may run there. `number` rises with every change (the fencing token)."""

    group: str
    owner: int
    incarnation: str
    """The owner's life for which this holds; any other life must wait for a new assignment."""
    number: int
    phase: Phase = "run"
    to: int = 0
    """Where the group goes when it has stopped."""
    cause: str = ""
    reasons: tuple[Reason, ...] = ()
    failovers: tuple[float, ...] = ()
    """Coordinator's wall times, in seconds, of the failovers counted against the threshold (spec/03 §8.4)."""
    clear_failures: int = 0
    at_s: float = 0.0
    """Coordinator's wall time, in seconds; for delays and for people, never for authority."""
    drained_from: int = 0
    former: int = 0
    returns_to: int = 0
    """Where the group goes back if it does not come online here: the move asked for that."""
    stay_against: tuple[Reason, ...] = ()
    """Nodes, each with the life it had, to which the group does not fail back: it was moved away by hand or failed
    there (spec/03 §9)."""


class ResourceFlags(Value, frozen=True, kw_only=True):
    """What the type of a resource says beside its state; gone when nothing of it runs any more (spec/03 §14)."""

    embedded: str = ""
    """What failed inside it, in words, while it runs on; empty: nothing did, or it was cleared."""
    locked: str = ""
    """Why it shall not be brought online, taken offline or moved; empty: it is not locked."""
    network_failure: bool = False
    """It failed because its network did."""
    found: str = ""
    """What of it was active before it was brought online under this assignment, and had not been started here."""


NO_FLAGS: Final = ResourceFlags()


class ResourceFact(Value, frozen=True, kw_only=True):
    """What the owner reports of one resource."""

    state: ResourceState
    detail: str = ""
    restarts: int = 0
    """Within the period, on this node."""
    failures: int = 0
    """Since counts were last cleared, on this node."""
    exhausted: bool = False
    """It failed, and no restart here is left or wanted."""
    retried: bool = False
    """The late retry of this failure has been made."""
    retry_at_s: float = 0.0
    """Wall time of the late retry; 0.0: none is planned. Wall times are for people, never for authority."""
    changed_at_s: float = 0.0
    """Wall time of the last change of state, as the owner saw it; 0.0: not known."""
    last_failure: str = ""
    failed_at_s: float = 0.0
    fail_request: str = ""
    """Id of the newest request to fail it that was carried out."""
    flags: ResourceFlags = NO_FLAGS
    proven: tuple[str, ...] = ()
    """Digests of type and private properties with which it was online somewhere, newest first (`model.probation`)."""


class GroupFact(Value, frozen=True, kw_only=True):
    """What the owner reports of one group, under one assignment and in one life."""

    group: str
    incarnation: str
    number: int
    resources: dict[str, ResourceFact] = {}
    stopped: bool = False
    """The order to stop was seen, everything is ended, and nothing will start again under this number."""
    gives_up: Reason | None = None
    """The owner cannot keep the group here: the coordinator should fail it over."""
    intent: int = 0
    """Revision of the intent that the owner went by: what it says answers no later wish."""
    clear_failures: int = 0
    """That of the intent it went by: counts of an older one are void."""


def group_state(states: list[ResourceState]) -> GroupState:
    """The state of a group from the states of its members (spec/03 §2)."""
    if any(state in {"failed", "cannot_anywhere", "stop_failed"} for state in states):
        return "failed"
    if any(state in {"online_pending", "offline_pending"} for state in states):
        return "pending"
    if all(state in {"offline", "cannot_here"} for state in states):
        return "offline"
    if all(state == "online" for state in states):
        return "online"
    return "partial_online"


def desired(spec: ResourceSpec, intent: GroupIntent) -> bool:
    """Tell whether the resource should be online (spec/03 §5, P-2)."""
    return intent.own_states.get(spec.id, intent.persistent_state)
