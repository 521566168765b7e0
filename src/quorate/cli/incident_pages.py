"""Incidents as pages.

Owns: which facts are shown, and in what order. Does not know: terminals.
"""

from __future__ import annotations

from quorate.cli.page import Page, Section, Table
from quorate.control.incidents import IncidentList, IncidentView
from quorate.model.incident import Spent

PHASES = ("detect", "fence", "decide", "stop", "start")


def _spent(spent: Spent) -> tuple[str, ...]:
    times = (spent.detect_ms, spent.fence_ms, spent.decide_ms, spent.stop_ms, spent.start_ms)
    return tuple(f"{time_ms} ms" if time_ms else "-" for time_ms in times)


def incident_list_page(found: IncidentList) -> Page:
    """The newest first."""
    if not found.incidents:
        return Page((Section(sentences=("no such failure is kept",)),))
    rows = tuple((one.id, one.at[:19].replace("T", " "), one.node, one.sentence) for one in found.incidents)
    return Page((Section(table=Table(("id", "began (UTC)", "node", "what happened"), rows)),))


def incident_page(found: IncidentView) -> Page:
    """What happened, where the time went, what became of each group, and the course."""
    began = f"incident {found.id}, began {found.at[:19].replace('T', ' ')} UTC"
    rows = tuple(
        (one.group, one.former, one.owner, one.outcome.replace("_", " "), *_spent(one.spent)) for one in found.groups
    )
    whys = tuple(f"group {one.group}: {one.why}" for one in found.groups if one.why)
    more = (f"and {found.more_groups} groups more",) if found.more_groups else ()
    course = tuple((f"{entry.at_ms} ms", entry.node or "-", entry.what) for entry in found.timeline)
    return Page(
        tuple(
            section
            for section in (
                Section(sentences=(found.sentence, began)),
                Section("Time spent", table=Table((*PHASES, "all"), ((*_spent(found.spent), f"{found.took_ms} ms"),))),
                Section("Groups", sentences=more, table=Table(("group", "from", "to", "outcome", *PHASES), rows))
                if rows
                else None,
                Section("Why not online", sentences=whys) if whys else None,
                Section("Course", table=Table(("after", "node", "what"), course)),
            )
            if section is not None
        )
    )
