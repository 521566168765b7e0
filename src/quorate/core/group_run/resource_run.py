"""What is known of one resource on its owner, and what is under way.

Owns: that record, and what a report of its host changes in it. Does not know: other resources, or policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.core.group_run import restart_policy
from quorate.core.group_run.commands import FALLEN
from quorate.core.group_run.restart_policy import Counts
from quorate.model.workload import ResourceFact, ResourceState


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
    retry_noted: float | None = None
    """The retry whose wall time was noted: computed anew at every step it would differ by a little each time."""

    def enter(self, state: ResourceState, detail: str) -> None:
        """It is in that state now, by what its host said or by what became of its host."""
        if state in FALLEN and (self.asked == "online" or self.state not in FALLEN):
            self.failed_anew = True
            self.last_failure = detail
            self.failures += state == "failed"
        if state == "online":
            self.counts = restart_policy.came_online(self.counts)
        self.changed = self.changed or state != self.state
        self.state, self.detail, self.asked, self.known = state, detail, "", True

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
        )
