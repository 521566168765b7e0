"""Explanations as pages.

Owns: the order in which reasons are shown. Does not know: any reason.
"""

from __future__ import annotations

from quorate.cli.page import Page, Section, Table
from quorate.control.explanations import GroupExplanation, NodeExplanation, ResourceExplanation


def _told(*sections: Section) -> Page:
    """Without the sections that say nothing."""
    return Page(tuple(section for section in sections if section.sentences or section.facts or section.table))


def group_page(found: GroupExplanation) -> Page:
    """Why a group is where it is."""
    on = f" on {found.owner}" if found.owner else ""
    rows = tuple(
        (node.node, "owner" if node.owner else "-", str(node.rank) if node.rank else "-", node.why)
        for node in found.nodes
    )
    return _told(
        Section(sentences=(f"group {found.group} is {found.state.replace('_', ' ')}{on}",)),
        Section("Why here", sentences=found.why_here),
        Section("Why it does not run", sentences=found.why_not_running),
        Section("What it waits for", sentences=found.waits_for),
        Section("What is decided next", sentences=found.due_now),
        Section("What would help", sentences=found.what_would_help),
        Section("Nodes", table=Table(("node", "now", "rank", "why"), rows)),
    )


def node_page(found: NodeExplanation) -> Page:
    """Why a node is as it is."""
    hosts = tuple((h.group, h.state.replace("_", " "), "; ".join(h.why), "; ".join(h.next) or "-") for h in found.hosts)
    others = tuple((e.group, str(e.rank) if e.rank else "cannot", e.why) for e in found.elsewhere)
    return _told(
        Section(sentences=(f"node {found.node} is {found.state}",)),
        Section("Why", sentences=found.why_so),
        Section("Still to leave", sentences=found.leaving),
        Section("What would help", sentences=found.what_would_help),
        Section("Groups here", table=Table(("group", "state", "why here", "what follows"), hosts)),
        Section("Groups elsewhere", table=Table(("group", "rank", "why"), others)),
    )


def resource_page(found: ResourceExplanation) -> Page:
    """Why a resource is as it is."""
    return _told(
        Section(sentences=(f"resource {found.resource} of group {found.group} is {found.state.replace('_', ' ')}",)),
        Section("Why", sentences=found.why_so),
        Section("What it waits for", sentences=found.waits_for),
        Section("If it fails", sentences=found.if_it_fails),
        Section("Failures", sentences=found.failures),
        Section("What would help", sentences=found.what_would_help),
    )
