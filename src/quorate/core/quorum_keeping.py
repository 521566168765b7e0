"""Who controls the quorum storage: when to claim, to renew, to start and end the member, and to let go (design §3).

Owns: these decisions of one node, and their clocks. Does not know: storages, processes, the store. Pure: whoever turns
it carries out one action at a time and tells what came of it.

How it works: a claim counts from the moment its write was *sent*. Its holder ends the member when it has not renewed
for L; a challenger needs either the fall of the lock, or to have watched the same claim stand still for (L + G) on the
slowest clock. Authority and control are kept apart: the holder of the storage needs no lease to hold it while it tries
to form the cluster, but it lets go when its authority has ended, or when none came within the arbitration time.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Literal

from quorate.core.authority.timings import Timings

Mode = Literal["hold", "stay", "release"]
"""`hold`: claim where nobody controls the storage. `stay`: keep what is held, claim nothing. `release`: let go."""

ARBITRATION_LIMIT_S: Final = 20.0
"""QuorumArbitrationTimeMax: a claim that brought no authority within that time is given up (spec/02 §8.4)."""

LOOK_SELDOM: Final = 5
"""A node that would not claim looks once in so many heartbeats, to know who holds the storage."""

FAILED_STARTS: Final = 5
"""A member that ended so often without having run for long: another node shall try."""


@dataclass(frozen=True, slots=True)
class Look:
    """See who controls the storage."""


@dataclass(frozen=True, slots=True)
class TakeControl:
    """Claim. `still` is the claim watched standing still, None where none had to be watched."""

    still: Hashable | None


@dataclass(frozen=True, slots=True)
class Renew:
    """Raise the beat of the claim."""


@dataclass(frozen=True, slots=True)
class StartMember:
    """Start the member on the storage."""


@dataclass(frozen=True, slots=True)
class EndMember:
    """End the member; `at_once` where every further write of it is a danger."""

    at_once: bool
    reason: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """Give up control; the member has ended."""

    reason: str


Action = Look | TakeControl | Renew | StartMember | EndMember | LetGo


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look showed. `claim` is any value that differs whenever the claim or its beat differs."""

    claim: Hashable | None
    free: bool
    """Given up by its holder, or never claimed."""
    locked: bool
    """A living holder keeps others out."""


def patience_s(timings: Timings) -> float:
    """How long control outlives the node's authority.

    The store may need just this member to give the lease back; and while the others take over what ran here, a member
    that moves would make them wait for an election besides (measured: 0.5 to 1 s more).
    """
    return timings.takeover_bound_s + timings.lease_s


class Keeping:
    """One node's share in the quorum storage. All times are boot-time seconds of this node."""

    def __init__(self, timings: Timings, *, falls_with_holder: bool) -> None:
        self.timings = timings
        self.falls_with_holder = falls_with_holder
        self.mode: Mode = "stay"
        self.holding = False
        self.runs = False
        """The member runs."""
        self.can_run = True
        """There is something to start: the folder of the member, or leave to make it."""
        self._sight: Sight | None = None
        self._tried = False
        """A claim was tried on what was seen last."""
        self._still_since = 0.0
        self._look_at = 0.0
        self._claimed_at = 0.0
        self._renewed_at = 0.0
        self._lease_seen = False
        self._lease_at = 0.0
        """When the lease was last seen to hold."""
        self._start_at = 0.0
        self._failed_starts = 0
        self._hold_off_until = 0.0

    # ---------------------------------------------------------------- what happened

    def looked(self, sight: Sight | None, now: float) -> None:
        """A look ended; None where the storage does not answer: nothing was watched then."""
        if sight is None or self._sight is None or sight.claim != self._sight.claim:
            self._still_since = now
        self._sight, self._tried = sight, False
        self._look_at = now + self.timings.heartbeat_s * (1 if self.mode == "hold" else LOOK_SELDOM)

    def claimed(self, sent_at: float, now: float) -> None:
        """The claim was granted; its write was sent at `sent_at`."""
        self.holding, self._claimed_at, self._renewed_at = True, now, sent_at
        self._lease_seen, self._failed_starts, self._start_at = False, 0, now

    def refused(self, now: float) -> None:
        """The claim was refused."""
        self._look_at = now + self.timings.heartbeat_s

    def renewed(self, sent_at: float) -> None:
        """The beat was raised by a write sent at `sent_at`."""
        self._renewed_at = max(self._renewed_at, sent_at)

    def lost(self) -> None:
        """The storage failed, or somebody else controls it."""
        self._renewed_at = -1e9

    def started(self) -> None:
        """The member runs."""
        self.runs = True

    def ended(self, now: float, *, after_s: float) -> None:
        """The member has ended, of itself or not, after it had run for so long."""
        self.runs = False
        steady = after_s > 10 * self.timings.lease_s
        self._failed_starts = 0 if steady else self._failed_starts + 1
        self._start_at = now + self.timings.heartbeat_s * (2**self._failed_starts - 1)

    def gone(self, now: float) -> None:
        """Control was given up."""
        self.holding = False
        self._sight, self._look_at, self._still_since = None, now, now
        self._hold_off_until = now + 10 * self.timings.heartbeat_s

    # ---------------------------------------------------------------- what to do

    def step(self, now: float, lease_until: float) -> Action | None:
        """What to do now; None where nothing is due before `deadline`."""
        return self._keep(now, lease_until) if self.holding else self._watch(now)

    def deadline(self, now: float) -> float:
        """When to step again at the latest."""
        if not self.holding:
            return self._look_at
        return min(self._renew_at(), self._renewed_at + self.timings.lease_s, now + self.timings.heartbeat_s)

    def _renew_at(self) -> float:
        return self._renewed_at + self.timings.heartbeat_s

    def _keep(self, now: float, lease_until: float) -> Action | None:
        if now >= self._renewed_at + self.timings.lease_s:
            reason = "the claim could not be renewed"
            return EndMember(at_once=True, reason=reason) if self.runs else LetGo(reason)
        reason = self._reason_to_leave(now, lease_until)
        if reason:
            return EndMember(at_once=False, reason=reason) if self.runs else LetGo(reason)
        if now >= self._renew_at():
            return Renew()
        if not self.runs and self.can_run and now >= self._start_at:
            return StartMember()
        return None

    def _reason_to_leave(self, now: float, lease_until: float) -> str:
        if self.mode == "release":
            return "it was told to"
        if lease_until > now:
            self._lease_seen, self._lease_at = True, now
        if self._failed_starts >= FAILED_STARTS:
            return f"the member ended {self._failed_starts} times in a row"
        if self._lease_seen and now >= self._lease_at + patience_s(self.timings):
            return "this node's authority has ended"
        if not self._lease_seen and now >= self._claimed_at + ARBITRATION_LIMIT_S:
            return f"no authority came within {ARBITRATION_LIMIT_S:.0f} s"
        return ""

    def _watch(self, now: float) -> Action | None:
        if now >= self._look_at:
            return Look()
        sight = self._sight
        if sight is None or self._tried:
            return None
        if self.mode != "hold" or now < self._hold_off_until or sight.locked:
            return None
        if sight.free or self.falls_with_holder:
            return self._claim(None)
        if now - self._still_since > self.timings.verdict_wait_s:
            return self._claim(sight.claim)
        return None

    def _claim(self, still: Hashable | None) -> Action:
        self._tried = True  # whatever comes of it, what was seen is used up
        return TakeControl(still)


def wanted_mode(
    *, here: bool, leaving: bool, lease_held: bool, may_run: bool, alone_for_s: float, timings: Timings
) -> Mode:
    """What a node wants of its keeper.

    `here`: the configuration names a quorum storage. `may_run`: this node votes, or nobody but the quorum resource
    does. `alone_for_s`: how long this node has heard no active node. A starting node first looks for active ones, and
    takes control only where there are none (CF-01); a node that is up claims what has lost its holder.
    """
    if not here or leaving:
        return "release"
    if not may_run:
        return "stay"
    return "hold" if lease_held or alone_for_s >= timings.suspicion_s else "stay"
