"""What is told of an incident: its timeline, and in few words how it ended.

Owns: the words, and how many entries are kept. Does not know: when something happens (`book`, `course`).
"""

from __future__ import annotations

from collections import Counter

from quorate.core.cluster_view import ClusterView
from quorate.core.incidents.course import Course
from quorate.core.reasons import node_name
from quorate.model.incident import IncidentEntry

EACH_GROUP_UP_TO = 20
"""Of more groups than these the timeline tells the first and the last of each kind of step."""


class Telling:
    """The timeline of one incident."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._entries: list[IncidentEntry] = []
        self._counts: Counter[str] = Counter()
        self._latest: dict[str, IncidentEntry] = {}

    def silent(self, view: ClusterView, node: int, author: int, at_s: float) -> None:
        """A node was suspected."""
        name = node_name(view, node)
        self._tell(self._began_s, name, "is heard for the last time")
        self._tell(at_s, node_name(view, author), f"suspects {name}")

    def lost(self, view: ClusterView, node: int, proof: str, at_s: float) -> None:
        """A node is down."""
        self._tell(at_s, node_name(view, node), f"is out of the cluster: {proof}")

    def proved(self, view: ClusterView, node: int, proof: str, at_s: float) -> None:
        """More is known of its end."""
        self._tell(at_s, node_name(view, node), f"is known to run nothing any more: {proof}")

    def leads(self, view: ClusterView, node: int, at_s: float) -> None:
        """Another node coordinates from now on."""
        self._tell(at_s, node_name(view, node), "leads the cluster from now on")

    def failed(self, view: ClusterView, node: int, resource: str, detail: str, at_s: float) -> None:
        """A resource failed."""
        told = f": {detail}" if detail else ""
        self._tell(at_s, node_name(view, node), f"resource {resource} fails{told}" if resource else f"a failure{told}")

    def given_up(self, view: ClusterView, node: int, group: str, why: str, at_s: float) -> None:
        """The owner cannot keep a group."""
        self._tell(at_s, node_name(view, node), f"gives group {group} up: {why}")

    def group(self, view: ClusterView, word: str, course: Course, of: int, at_s: float) -> None:
        """A step of one group."""
        owner, name = node_name(view, course.owner), course.name
        known = view.assignments.get(course.group)
        to = node_name(view, known.record.to) if known is not None and known.record.to else ""
        words = {
            "leaves": (owner, f"group {name} leaves it for {to}"),
            "assigned": (owner, f"is given group {name}"),
            "held": (owner, f"keeps group {name}, which waits"),
            "stopped": (owner, f"nothing of group {name} runs on it any more"),
            "given up": (owner, f"cannot keep group {name} either"),
            "online": (owner, f"group {name} is online"),
            "deleted": ("", f"group {name} was deleted"),
        }
        node, what = words[word]
        if of <= EACH_GROUP_UP_TO:
            self._tell(at_s, node, what)
            return
        self._counts[word] += 1
        entry = IncidentEntry(at_ms=self._ms(at_s), node=node, what=what)
        if self._counts[word] == 1:
            self._entries.append(entry)
        else:
            self._latest[word] = entry

    def timeline(self) -> tuple[IncidentEntry, ...]:
        """What happened, in order."""
        entries = list(self._entries)
        for word, entry in self._latest.items():
            told = f"{entry.what}, the last of {self._counts[word]}"
            entries.append(IncidentEntry(at_ms=entry.at_ms, node=entry.node, what=told))
        return tuple(sorted(entries, key=lambda entry: entry.at_ms))

    def _tell(self, at_s: float, node: str, what: str) -> None:
        self._entries.append(IncidentEntry(at_ms=self._ms(at_s), node=node, what=what))

    def _ms(self, at_s: float) -> int:
        return max(0, round(1000 * (at_s - self._began_s)))


def failure(subject: str, detail: str) -> str:
    """That a resource failed, in few words."""
    told = f" ({detail})" if detail else ""
    return f"resource {subject} failed{told}" if subject else f"a resource failed{told}"


def outcome_of(view: ClusterView, courses: list[Course]) -> str:
    """What became of the groups, in few words."""
    if not courses:
        return "no group was to run there"
    online = [course for course in courses if course.outcome == "online"]
    told: list[str] = []
    if online:
        where = ", ".join(node_name(view, node) for node in sorted({course.owner for course in online}))
        told.append(f"{_groups(online)} {'is' if len(online) == 1 else 'are'} online on {where}")
    for outcome, words in (
        ("waits", "has to wait"),
        ("failed", "could not be brought online"),
        ("offline", "is wanted no more"),
        ("lost_again", "lost its next owner too"),
        ("open", "is not settled yet"),
    ):
        found = [course for course in courses if course.outcome == outcome]
        told += [f"{_groups(found)}: {words}"] if found else []
    return "; ".join(told)


def _groups(courses: list[Course]) -> str:
    if len(courses) <= 3:
        return ("group " if len(courses) == 1 else "groups ") + ", ".join(course.name for course in courses)
    return f"{len(courses)} groups"
