"""The timings of a cluster and every sum made of them, each beside its formula (design §4).

Owns: heartbeat, suspicion time S (every pair of nodes may have its own, `paces`), lease L, ending time G, the clock
bound, and the three profiles.
Does not know: any clock. Values are seconds; what people see is milliseconds (`docs/reference/timings.md`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CLOCK_RATE_BOUND = 0.01
"""ρ: the largest rate error of one clock that the proofs allow for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Heartbeats between two nodes: the interval, and S, the silence after which one suspects the other."""

    heartbeat_s: float
    suspicion_s: float

    def mildest(self, other: Pace) -> Pace:
        """The shorter interval and the longer silence of both: right whichever of the two the peer keeps."""
        return Pace(min(self.heartbeat_s, other.heartbeat_s), max(self.suspicion_s, other.suspicion_s))

    def calmest(self, *others: Pace) -> Pace:
        """The longest interval and the longest silence of all."""
        paces = (self, *others)
        return Pace(max(pace.heartbeat_s for pace in paces), max(pace.suspicion_s for pace in paces))


@dataclass(frozen=True, slots=True)
class Timings:
    """One consistent set of timings, in seconds."""

    heartbeat_s: float
    suspicion_s: float
    lease_s: float
    ending_s: float
    store_heartbeat_s: float
    store_election_s: float
    hang_limit_s: float = 1.0

    @property
    def pace(self) -> Pace:
        """What of these concerns heartbeats."""
        return Pace(self.heartbeat_s, self.suspicion_s)

    def at(self, pace: Pace) -> Timings:
        """The same L and G with other heartbeats."""
        if pace == self.pace:
            return self
        return replace(self, heartbeat_s=pace.heartbeat_s, suspicion_s=pace.suspicion_s)

    @property
    def verdict_wait_s(self) -> float:
        """(L + G)(1 + ρ)/(1 − ρ): how long a mark must stand on one's own clock before a verdict (rule 7)."""
        return (self.lease_s + self.ending_s) * (1 + CLOCK_RATE_BOUND) / (1 - CLOCK_RATE_BOUND)

    @property
    def renew_margin_s(self) -> float:
        """A lease with less than this left is renewed through the store: acknowledgements are missing (rule 3)."""
        return self.lease_s - 2 * self.heartbeat_s - 0.02

    @property
    def store_read_limit_s(self) -> float:
        """Election + 30 ms: how long one read may take.

        A request that a member handed to a leader that died is lost, so it must be asked again while the lease still
        holds (L ≥ 4 elections + heartbeat + 100 ms leaves room for that).
        """
        return self.store_election_s + 0.03

    @property
    def store_commit_limit_s(self) -> float:
        """1.2 x election + 20 ms: how long one transaction may take before its outcome counts as unknown (rule 8)."""
        return 1.2 * self.store_election_s + 0.02

    @property
    def takeover_bound_s(self) -> float:
        """max(S, election) + wait: takeover of a silent node without commits and start (design §4, published)."""
        return max(self.suspicion_s, 2 * self.store_election_s) + self.verdict_wait_s

    @property
    def recovery_bound_s(self) -> float:
        """S + 2 x takeover: from total loss to a settled membership, without boot, commits and start.

        Who forms waits for the recorded coordinator, and then, as coordinator, for other nodes that were recorded up
        and have not come back in that life.
        """
        return self.suspicion_s + 2 * self.takeover_bound_s

    def problems(self) -> tuple[str, ...]:
        """What forbids these timings; empty when they may be used."""
        found: list[str] = []
        least = 4 * self.store_election_s + self.heartbeat_s + 0.1
        if self.lease_s < least - 1e-9:
            found.append(
                f"lease {self.lease_s * 1000:.0f} ms is below 4 x store election + heartbeat + 100 ms"
                f" = {least * 1000:.0f} ms: two survivors that split a vote would end healthy resources"
            )
        if self.suspicion_s < 2 * self.heartbeat_s:
            found.append("suspicion time below two heartbeats: one lost datagram would raise suspicion")
        if self.lease_s <= self.suspicion_s:
            found.append("lease not longer than suspicion time: a silent network would end healthy resources")
        return tuple(found)


DEFAULT = Timings(0.200, 0.600, 1.400, 0.200, 0.030, 0.270)
FAST = Timings(0.050, 0.150, 0.550, 0.100, 0.010, 0.090)
WIDE = Timings(0.500, 2.500, 5.000, 1.000, 0.100, 1.000, hang_limit_s=2.0)

PROFILES = {"default": DEFAULT, "fast": FAST, "wide": WIDE}


def in_force(profile: str, delay_ms: int = 0, threshold: int = 0) -> Timings:
    """The profile with another heartbeat interval, or another number of heartbeats that may be missed; 0 keeps its own.

    Only these two may change while the cluster runs: no proof rests on them. Everybody's lease L and ending time G must
    be what those believe who wait for them to end (rule 7).
    """
    timings = PROFILES[profile]
    missed = threshold or round(timings.suspicion_s / timings.heartbeat_s)
    heartbeat_s = delay_ms / 1000 if delay_ms else timings.heartbeat_s
    if not delay_ms and not threshold:
        return timings
    return replace(timings, heartbeat_s=heartbeat_s, suspicion_s=round(heartbeat_s * missed, 6))
