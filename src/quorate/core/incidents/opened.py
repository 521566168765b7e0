"""One incident under way: what it came of, and the groups that are not settled yet.

Owns: which groups it follows. Does not know: when it begins or ends (`book`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.core.incidents.course import Course
from quorate.core.incidents.telling import Telling
from quorate.model.incident import IncidentCause


@dataclass(slots=True)
class Opened:
    """One incident under way."""

    id: str
    cause: IncidentCause
    node: int
    subject: str
    """The resource that failed."""
    detail: str
    began_s: float
    began_wall_s: float
    detect_ms: int
    suspected_s: float | None
    telling: Telling
    courses: dict[str, Course] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    """Groups that are not settled."""

    def follow(self, course: Course) -> None:
        """A group that is concerned."""
        self.courses[course.group] = course
        self.left.add(course.group)

    def give_away(self, group: str, now_s: float, why: str) -> None:
        """The group is another incident's from now on."""
        if group in self.left:
            self.left.remove(group)
            self.courses[group].end("lost_again", now_s, why)
