"""The course of one group through an incident: when it was let go, assigned, stopped, and online again.

Owns: the marks in time of one group, and the phases that follow from them. Does not know: incidents.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import in_words
from quorate.model.incident import IncidentGroup, IncidentOutcome, Spent
from quorate.model.workload import as_wanted, wants_online

STAYS_S = 5.0
"""A group that its owner has given up, or that is on hold, for so long without a new decision is not going anywhere."""


@dataclass(slots=True)
class Course:
    """One group; times in seconds of the observer's clock, None where something has not happened."""

    group: str
    name: str
    former: int
    owner: int
    free_s: float | None
    """Since when it may be decided on: the owner's end is proved, or the owner gave it up."""
    number: int
    """Of the newest assignment seen."""
    leaves_s: float | None = None
    stopped_s: float | None = None
    assigned_s: float | None = None
    gave_up_s: float | None = None
    held_s: float | None = None
    done_s: float | None = None
    outcome: IncidentOutcome = "open"
    why: str = ""

    @property
    def done(self) -> bool:
        """It is settled, or it is somebody else's incident."""
        return self.done_s is not None

    def end(self, outcome: IncidentOutcome, now_s: float, why: str = "") -> None:
        """It is settled."""
        self.outcome, self.done_s, self.why = outcome, now_s, why

    def look(self, view: ClusterView, now_s: float) -> list[str]:
        """What happened to the group since the last look, one word each; it may be done after that."""
        known = view.assignments.get(self.group)
        if known is None or self.group not in view.groups:
            self.end("offline", now_s, "it was deleted")
            return ["deleted"]
        told: list[str] = []
        now, fact = known.record, view.fact(known.record)
        if now.number != self.number:
            self.number, self.owner, self.gave_up_s = now.number, now.owner, None
            self.held_s = now_s if now.phase == "hold" else None
            if now.phase == "stop":
                self.leaves_s = now_s
                told.append("leaves")
            else:
                self.assigned_s = now_s
                told.append("assigned" if now.phase == "run" else "held")
        if fact is not None and fact.stopped and self.leaves_s is not None and self.stopped_s is None:
            self.stopped_s = now_s
            told.append("stopped")
        if not wants_online(view.intent(self.group)):
            self.end("offline", now_s, "nobody wants it online any more")
        elif now.phase == "hold":
            self.held_s = now_s if self.held_s is None else self.held_s
            if now_s >= self.held_s + STAYS_S:
                self.end("waits", self.held_s, "; ".join(in_words(view, reason) for reason in now.reasons))
        elif not view.owner_lives(now) or fact is None or now.phase == "stop":
            pass  # it is not settled under anybody
        elif fact.gives_up is not None:
            told += ["given up"] if self.gave_up_s is None else []
            self.gave_up_s = now_s if self.gave_up_s is None else self.gave_up_s
            if now_s >= self.gave_up_s + STAYS_S:
                self.end("failed", self.gave_up_s, in_words(view, fact.gives_up))
        elif as_wanted(view.members_of.get(self.group, {}).values(), view.intent(self.group), fact):
            self.end("online", now_s)
            told.append("online")
        return told

    def spent(self, detect_ms: int, fenced_from_s: float) -> Spent:
        """Where the time went; `fenced_from_s`: when the lost owner was suspected, or the group given up."""
        free_s = self.free_s
        decided_s = self.leaves_s if self.leaves_s is not None else self.assigned_s
        return Spent(
            detect_ms=detect_ms,
            fence_ms=_ms(fenced_from_s, free_s),
            decide_ms=_ms(free_s, decided_s),
            stop_ms=_ms(self.leaves_s, self.stopped_s),
            start_ms=_ms(self.assigned_s, self.done_s) if self.outcome == "online" else 0,
        )

    def record(self, spent: Spent) -> IncidentGroup:
        """What is kept of it."""
        return IncidentGroup(
            id=self.group,
            name=self.name,
            former=self.former,
            owner=self.owner,
            outcome=self.outcome,
            why=self.why,
            spent=spent,
        )


def _ms(begin_s: float | None, end_s: float | None) -> int:
    return max(0, round(1000 * (end_s - begin_s))) if begin_s is not None and end_s is not None else 0
