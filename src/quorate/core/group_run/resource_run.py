"""What is known of one resource on its owner, and what is under way.

Owns: that record, and what a report of its host changes in it. Does not know: other resources, or policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from quorate.core.group_run import restart_policy
from quorate.core.group_run.restart_policy import Counts
from quorate.model.probation import DIGESTS_KEPT, digest_of
from quorate.model.workload import FALLEN, NO_FLAGS, QUIET, ResourceFact, ResourceFlags, ResourceSpec, ResourceState


@dataclass(slots=True)
class ResourceRun:
    """One resource."""

    state: ResourceState = "offline"
    known: bool = True
    """What the host says of it is up to date; False from a lost connection to the next inventory."""
    detail: str = ""
    asked: str = ""
    counts: Counts = field(default_factory=Counts)
    failures: int = 0
    """Since counts were last cleared, restarts and attempts to come online that failed included."""
    last_failure: str = ""
    """What was said of the newest failure; kept when it is online again."""
    changed: bool = False
    """The state has changed, or it failed, since the fact was last made: the wall time is still to be noted."""
    failed_anew: bool = False
    changed_at_s: float = 0.0
    failed_at_s: float = 0.0
    retry_at_s: float = 0.0
    flags: ResourceFlags = NO_FLAGS
    failing: str = ""
    """Why it is being ended as if it had failed; empty where it is not."""
    failing_for_good: bool = False
    answered: str = ""
    """Id of the newest request to fail it that was carried out."""
    embedded_at: float | None = None
    """When something inside it failed last and that was recovered from."""
    trying: str = ""
    """Digest of what it was last brought online with, in this life of the service."""
    proven: tuple[str, ...] = ()
    digest: str = ""
    _digest_of: ResourceSpec | None = None
    _was_online: bool = False
    """So said a release that noted no proofs: what is specified now has to be taken for what was online."""
    retry_noted: float | None = None
    """The retry whose wall time was noted: computed anew at every step it would differ by a little each time."""

    def enter(self, state: ResourceState, detail: str, flags: ResourceFlags = NO_FLAGS) -> None:
        """It is in that state now, by what its host said or by what became of its host."""
        self.flags = flags
        if self.failing and state in QUIET:
            state, detail = ("failed", self.failing) if state == "offline" else (state, detail)
            if self.failing_for_good:
                self.counts = replace(self.counts, settled="exhausted")
            self.failing, self.failing_for_good = "", False
        if state in FALLEN and (self.asked == "online" or self.state not in FALLEN):
            self.failed_anew = True
            self.last_failure = detail
            self.failures += state == "failed"
        if state == "online":
            self.counts = restart_policy.came_online(self.counts)
        self.changed = self.changed or state != self.state
        self.state, self.detail, self.asked, self.known = state, detail, "", True

    def fail(self, why: str, *, for_good: bool = False) -> None:
        """It is being ended by command and counts as failed when that is done."""
        self.failing, self.failing_for_good, self.asked = why, for_good, "offline"

    def take_spec(self, spec: ResourceSpec, proofs: frozenset[str]) -> None:
        """Note what it is specified as, and whether that has been online here or, by the proofs, anywhere."""
        if self._digest_of is not spec:
            self._digest_of, self.digest = spec, digest_of(spec)
        shown = (self.trying or self.digest) if self.state == "online" else self.digest if self._was_online else ""
        self._was_online = False
        if not shown and self.digest in proofs:
            shown = self.digest  # whoever owns it keeps the proof: the node that gave it may be evicted
        if shown and shown not in self.proven:
            self.proven = (shown, *self.proven)[:DIGESTS_KEPT]

    @property
    def on_probation(self) -> bool:
        """It has never been online as it is specified now."""
        return self.digest not in self.proven

    @property
    def spares_node(self) -> bool:
        """What runs of it, or is to, has never been online: it does not cost the node its life."""
        return (self.trying or self.digest) not in self.proven

    def rest(self) -> None:
        """A failed one counts as offline from now on: it is no longer wanted, or may start anew."""
        if self.state in FALLEN:
            self.state, self.changed = "offline", True
        self.counts = Counts(restarts=self.counts.restarts)

    def start_anew(self) -> None:
        """Counts are void after a change of hands and after an administrator's online (spec/03 §7.3)."""
        self.rest()
        self.counts, self.failures = Counts(), 0

    def resume(self, known: ResourceFact, now: float, wall_s: float) -> None:
        """Go on from what a former service of this life has reported; its restarts count as if all were made now."""
        retry_at = now + max(known.retry_at_s - wall_s, 0.0) if known.retry_at_s else None
        self.counts = Counts(
            restarts=(now,) * known.restarts,
            settled="exhausted" if known.exhausted and known.state in FALLEN else "",
            retry_at=retry_at,
            retried=known.retried,
        )
        self.retry_noted, self.retry_at_s = retry_at, known.retry_at_s
        self.failures, self.last_failure = known.failures, known.last_failure
        self.changed_at_s, self.failed_at_s = known.changed_at_s, known.failed_at_s
        self.answered, self.proven = known.fail_request, known.proven
        self._was_online = known.state == "online" and not known.proven

    def fact(self, now: float, wall_s: float) -> ResourceFact:
        """What is reported of it, with the wall time noted of what is new."""
        if self.changed:
            self.changed, self.changed_at_s = False, round(wall_s, 3)
        if self.failed_anew:
            self.failed_anew, self.failed_at_s = False, round(wall_s, 3)
        if self.counts.retry_at != self.retry_noted:
            self.retry_noted = self.counts.retry_at
            self.retry_at_s = round(wall_s + self.retry_noted - now, 1) if self.retry_noted is not None else 0.0
        return ResourceFact(
            state=self.state,
            detail=self.detail,
            restarts=len(self.counts.restarts),
            failures=self.failures,
            exhausted=self.counts.settled in {"exhausted", "cannot"},
            retried=self.counts.retried,
            retry_at_s=self.retry_at_s,
            changed_at_s=self.changed_at_s,
            last_failure=self.last_failure,
            failed_at_s=self.failed_at_s,
            fail_request=self.answered,
            flags=self.flags,
            proven=self.proven,
        )
