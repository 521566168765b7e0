"""Incidents for every face: the list of those that are kept, and one with its whole course (promise 5).

Owns: the form of these views. Does not know: when an incident begins or ends (`core.incidents`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from quorate.control.context import Context
from quorate.control.lookup import find_group
from quorate.control.queries import as_of
from quorate.control.views import AsOf
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.model.base import Value
from quorate.model.incident import Incident, IncidentEntry, Spent, order_of
from quorate.model.problems import Problem, Refused, error

LAST: Final = "last"
"""In place of an id: the newest."""


class IncidentLine(Value, frozen=True, kw_only=True):
    """One incident in few words."""

    id: str
    at: str
    """UTC, when it began."""
    cause: str
    node: str
    took_ms: int
    groups: int
    sentence: str


class IncidentList(Value, frozen=True, kw_only=True):
    """The incidents that are kept, newest first."""

    as_of: AsOf
    incidents: tuple[IncidentLine, ...] = ()


class IncidentGroupView(Value, frozen=True, kw_only=True):
    """What became of one group."""

    group: str
    former: str
    owner: str
    outcome: str
    why: str = ""
    spent: Spent = Spent()


class IncidentView(Value, frozen=True, kw_only=True):
    """One incident: cause, course, and where the time went."""

    as_of: AsOf
    id: str
    at: str
    cause: str
    node: str
    sentence: str
    took_ms: int
    spent: Spent
    groups: tuple[IncidentGroupView, ...] = ()
    more_groups: int = 0
    timeline: tuple[IncidentEntry, ...] = ()
    recorded_by: str = ""


def list_incidents(context: Context, group: str = "") -> IncidentList:
    """All that are kept; with `group`, those that concerned a group of that name, there or gone. Raises Refused."""
    wanted = group.casefold()
    kept = [i for i in _kept(context.view) if not wanted or wanted in {one.name.casefold() for one in i.groups}]
    problems: list[Problem] = []
    if wanted and not kept and find_group(context.view, group, problems) is None:
        raise Refused(problems)
    lines = tuple(
        IncidentLine(
            id=incident.id,
            at=_utc(incident.began_s),
            cause=incident.cause,
            node=node_name(context.view, incident.node),
            took_ms=incident.took_ms,
            groups=len(incident.groups) + incident.more_groups,
            sentence=incident.sentence,
        )
        for incident in kept
    )
    return IncidentList(as_of=as_of(context), incidents=lines)


def show_incident(context: Context, incident: str) -> IncidentView:
    """One of them. Raises Refused."""
    view = context.view
    kept = _kept(view)
    found = next((one for one in kept if incident in {one.id, LAST}), None)
    if found is None:
        what = f"there is no incident {incident!r}" if kept else "nothing has failed so far that is still kept"
        raise Refused([error("incident_unknown", what, where="incident", remedy="quorate explain incidents")])
    return IncidentView(
        as_of=as_of(context),
        id=found.id,
        at=_utc(found.began_s),
        cause=found.cause,
        node=node_name(view, found.node),
        sentence=found.sentence,
        took_ms=found.took_ms,
        spent=found.spent,
        groups=tuple(
            IncidentGroupView(
                group=one.name,
                former=node_name(view, one.former),
                owner=node_name(view, one.owner),
                outcome=one.outcome,
                why=one.why,
                spent=one.spent,
            )
            for one in found.groups
        ),
        more_groups=found.more_groups,
        timeline=found.timeline,
        recorded_by=node_name(view, found.recorded_by),
    )


def _kept(view: ClusterView) -> list[Incident]:
    """Newest first."""
    return sorted((known.record for known in view.incidents.values()), key=lambda one: order_of(one.id), reverse=True)


def _utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
