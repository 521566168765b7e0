"""One incident under way: what it came of, the groups that are not settled yet, and the record that is kept in the end.

Owns: which groups it follows, and the form of its end. Does not know: when it begins or ends (`book`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.core.cluster_view import ClusterView
from quorate.core.incidents.course import Course
from quorate.core.incidents.telling import Telling, failure, outcome_of
from quorate.core.reasons import node_name
from quorate.model.incident import Incident, IncidentCause, Spent

GROUPS_KEPT = 500


@dataclass(slots=True)
class Opened:
    """One incident; times in seconds of the observer's clock."""

    id: str
    cause: IncidentCause
    node: int
    detail: str
    began_s: float
    detected_s: float
    """When the lost node was suspected, or the failing group given up."""
    subject: str = ""
    """The resource that failed."""
    courses: dict[str, Course] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    """Groups that are not settled."""
    telling: Telling = field(init=False)

    def __post_init__(self) -> None:
        """Its timeline begins with it."""
        self.telling = Telling(self.began_s)

    def follow(self, course: Course) -> None:
        """A group that is concerned."""
        self.courses[course.group] = course
        self.left.add(course.group)

    def give_away(self, group: str, now_s: float, why: str) -> None:
        """The group is another incident's from now on."""
        if group in self.left:
            self.left.remove(group)
            self.courses[group].end("lost_again", now_s, why)

    def record(self, view: ClusterView, now_s: float, wall_s: float) -> Incident:
        """What is kept of it, now that it is over."""
        courses = list(self.courses.values())
        detect_ms = round(1000 * (self.detected_s - self.began_s))
        each = [(course, course.spent(detect_ms, self.detected_s)) for course in courses]
        spent = [one for _, one in each]
        longest = Spent(
            detect_ms=detect_ms,
            fence_ms=max((one.fence_ms for one in spent), default=0),
            decide_ms=max((one.decide_ms for one in spent), default=0),
            stop_ms=max((one.stop_ms for one in spent), default=0),
            start_ms=max((one.start_ms for one in spent), default=0),
        )
        last_s = max((course.done_s or now_s for course in courses), default=now_s)
        where = node_name(view, self.node)
        lost = self.cause == "node_lost"
        what = f"{where} was lost ({self.detail})" if lost else f"{failure(self.subject, self.detail)} on {where}"
        return Incident(
            id=self.id,
            cause=self.cause,
            node=self.node,
            sentence=f"{what}; {outcome_of(view, courses)}, {last_s - self.began_s:.2f} s after it began",
            began_s=wall_s - (now_s - self.began_s),
            took_ms=round(1000 * (last_s - self.began_s)),
            spent=longest,
            groups=tuple(course.record(one) for course, one in each[:GROUPS_KEPT]),
            more_groups=max(0, len(each) - GROUPS_KEPT),
            timeline=self.telling.timeline(),
        )
