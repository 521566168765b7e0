"""Groups and resources as the cluster database holds them: specification, intent, assignment, fact (design §5).

Owns: the form of these records and their defaults (spec/05 §3 and §4). Does not know: what is decided from them.
Times end in their unit. `depends_on` is a conjunction of alternatives, each a tuple of resource ids (spec/03 §3.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from quorate.model.base import Value
from quorate.model.checkpoint import Checkpoint
from quorate.model.maintenance import Maintenance, ResourceMaintenance
from quorate.model.proofs import ProofLevel

PropertyValue = None | bool | int | float | str | list[str | int | float | bool]
ResourceState = Literal[
    "offline", "online_pending", "online", "offline_pending", "failed", "cannot_here", "cannot_anywhere", "stop_failed"
]
"""*stop_failed*: it was to end and did not; something of it may run."""
QUIET: Final[frozenset[ResourceState]] = frozenset({"offline", "failed", "cannot_here", "cannot_anywhere"})
"""States in which nothing of a resource runs."""
FALLEN: Final[frozenset[ResourceState]] = frozenset({"failed", "cannot_here", "cannot_anywhere"})
"""States in which nothing runs because it could not: policy says what follows."""
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
    delete_requires_all_nodes: bool = False
    """What its type demands: every node hears of its deletion, so none may be down then (spec/04 §13)."""
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
    resource_maintenance: dict[str, ResourceMaintenance] = {}
    """Maintenance of single resources, by id."""
    asked_s: float = 0.0
    """Wall time of the newest request for it to be online, in seconds; for start order alone."""
    unordered: bool = False
    """That request said: now, whatever it should wait for."""


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
    maintained: bool = False
    """Its health checks have no consequence: it is in maintenance."""


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


def wants_online(intent: GroupIntent) -> bool:
    """Something of the group should be online."""
    return intent.persistent_state or any(intent.own_states.values())


def as_wanted(members: Iterable[ResourceSpec], intent: GroupIntent, fact: GroupFact) -> bool:
    """Every resource is as it should be, or has failed for good and does not matter."""
    return all(
        (known := fact.resources.get(spec.id)) is not None
        and (
            known.state == ("online" if desired(spec, intent) else "offline") or (known.exhausted and not spec.critical)
        )
        for spec in members
    )
