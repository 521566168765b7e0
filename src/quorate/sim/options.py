"""What may go wrong in a simulated world, as one value drawn from a seed (design §10).

Owns: `Options`, every number of which can also be set by hand, and `Fault`, one injury at one time.
Does not know: how a fault is done to a world; `faults` draws them, `world` does them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.paces import Paces
from quorate.core.authority.timings import DEFAULT, Pace, Timings
from quorate.model.proofs import ProofLevel
from quorate.model.workload import StopFailureAction

FaultKind = Literal[
    "power_off",
    "power_on",
    "kill_service",
    "hang_service",
    "pause_sentinel",
    "pause_host",
    "kill_host",
    "break_host",
    "lose_command",
    "freeze_node",
    "suspend_node",
    "kill_sentinel",
    "leave",
    "leave_for_good",
    "cut",
    "cut_one_way",
    "cut_network",
    "partition",
    "heal",
    "stall_store",
    "break_channel",
    "stall_channel",
    "cut_store",
    "stop_member",
    "elect",
    "power_off_all",
    "fail_resource",
    "move_group",
    "kill_keeper",
    "cut_storage",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One injury: what, when (virtual seconds), whom, and for how long where it ends by itself."""

    at_s: float
    kind: FaultKind
    nodes: tuple[int, ...] = ()
    duration_s: float = 0.0
    network: str = ""


@dataclass(frozen=True, slots=True)
class Chaos:
    """What strikes at any time, without being a fault of its own; probabilities per event."""

    loss: float = 0.0
    answer_lost: float = 0.0
    executed_late: float = 0.0
    late_s: float = 4.0
    """A request executes so late at most."""
    ending_slow: float = 0.0
    """How often an oath comes late."""
    ending_fails: float = 0.0
    """How often something cannot be said to be gone: no oath, and a new sentinel."""


ROOM_S = 1.0
"""Commits, elections, starts and restarts of resources on the way to recovery."""


@dataclass(frozen=True, slots=True)
class Options:
    """A simulated world before it starts. Delays are bounds of uniform draws."""

    seed: int
    nodes: int = 3
    groups: int = 3
    timings: Timings = DEFAULT
    sites: tuple[int, ...] = ()
    """Where each node stands; empty: all at one place."""
    between_sites: Pace | None = None
    """Heartbeats between nodes of different sites; None: as within one."""
    networks: tuple[str, ...] = ("a", "b")
    faults: tuple[Fault, ...] = ()
    quiet_after_s: float = 30.0
    """No fault and no chaos after this; then progress is demanded."""
    chaos: Chaos = Chaos()
    end_s: float = 60.0
    drift: float = 0.0
    """Largest rate error of a clock; at most the bound of the proofs."""
    delay_s: float = 0.002
    store_delay_s: float = 0.002
    channel_delay_s: float = 0.001
    start_s: float = 0.05
    stop_s: float = 0.03
    service_start_s: float = 0.5
    mutations: frozenset[Mutation] = NONE
    nothing_ends: bool = False
    """A calm world: no node but those that a fault touches may end its resources (promise 3)."""
    storage: Literal["", "lock", "claim", "witness"] = ""
    """The kind of quorum storage: its lock falls with its holder, its claim has to be watched, or a witness host keeps
    the member; empty: none."""
    storage_counted: bool = True
    """False is a mutation: the records do not say that the quorum resource votes (rules 4 and 13)."""
    required_proof: ProofLevel = "lease"
    """What every group demands before it leaves a lost owner."""
    kept_apart: bool = False
    """The first two groups must never run on one node; only the first says so."""
    stop_failure_action: StopFailureAction = "end"
    """What follows where a resource does not stop."""
    expulsion_limit: int = 0
    """So many nodes may be put out; then the cluster holds still. 0: no limit."""
    watchdog_s: float = 0.0
    """Time-out of the watchdog that every node has; 0.0: none."""
    first_at_s: tuple[float, ...] = ()
    """When each node is switched on; empty: all at the start."""

    @property
    def recovery_limit_s(self) -> float:
        """Everything that can be online is online so long after the last disturbance."""
        return 1.5 * self.service_start_s + self.slowest.recovery_bound_s + ROOM_S

    @property
    def slowest(self) -> Timings:
        """The timings with the longest interval and the longest S of any two nodes."""
        return self.timings.at(self.timings.pace.calmest(*(self.paces(n).slowest for n in range(1, self.nodes + 1))))

    def paces(self, node: int) -> Paces:
        """The paces of that node towards the others."""
        across, sites = self.between_sites, self.sites
        if across is None or not sites:
            return Paces(self.timings.pace)
        others = range(1, self.nodes + 1)
        away = {other: across for other in others if other != node and sites[other - 1] != sites[node - 1]}
        return Paces(self.timings.pace, away)

    def node_timings(self, node: int) -> Timings:
        """L and G with the slowest heartbeats that this node has with anybody."""
        return self.timings.at(self.paces(node).slowest)
