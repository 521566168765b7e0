"""What is known of failures, for faces: counts here and elsewhere, and the flags of resources and groups.

Owns: FR-21 and the words for states and flags. Does not know: when a failure is counted (`core.group_run`).
How it works: every node that ran a group has left its last word on it. Counts that were made under an older clearing
than the present one are void (spec/03 §7.3), whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from quorate.control.resource_maintenance import maintenance_words
from quorate.control.standing import assignment_of, shown_fact
from quorate.control.views import FailureCounts
from quorate.core.cluster_view import ClusterView
from quorate.core.probation import on_probation
from quorate.model.problems import Problem, warning
from quorate.model.workload import QUIET, ResourceSpec, ResourceState, desired

REPORTED_AS: Final[Mapping[ResourceState, str]] = MappingProxyType(
    {"cannot_here": "offline", "cannot_anywhere": "failed"}
)
"""How the two special reports of a type show to people (spec/03 §1)."""

FLAGS: Final = (
    "locked",
    "in_maintenance",
    "was_active",
    "embedded_failure",
    "network_failure",
    "failed_for_good",
    "failed_not_critical",
    "on_probation",
)
"""Every flag that a resource can show; docs/reference/resources.md describes each."""


def state_in_words(state: ResourceState) -> str:
    """The state that faces show."""
    return REPORTED_AS.get(state, state)


def failure_counts(view: ClusterView, resource: ResourceSpec) -> FailureCounts:
    """Failures of one resource on its owner and on all other nodes, since counts were last cleared."""
    assignment, valid = assignment_of(view, resource.group), view.intent(resource.group).clear_failures
    here = elsewhere = 0
    for node in view.nodes:
        known = view.facts.get((node, resource.group))
        if known is None or known.record.clear_failures != valid:
            continue
        fact = known.record.resources.get(resource.id)
        if fact is None:
            continue
        if assignment is not None and assignment.owner == node:
            here = fact.failures
        else:
            elsewhere += fact.failures
    return FailureCounts(this_node=here, other_nodes=elsewhere)


def sum_of_failures(counts: Iterable[FailureCounts]) -> FailureCounts:
    """Those of a group."""
    found = tuple(counts)
    return FailureCounts(this_node=sum(c.this_node for c in found), other_nodes=sum(c.other_nodes for c in found))


def counted_failovers(view: ClusterView, group: str) -> int:
    """Failovers because of failed resources that still count (spec/03 §8.4); their period may have ended since."""
    assignment = assignment_of(view, group)
    if assignment is None or assignment.clear_failures != view.intent(group).clear_failures:
        return 0
    return len(assignment.failovers)


def resource_flags(view: ClusterView, resource: ResourceSpec) -> dict[str, str]:
    """What is to be known of a resource beside its state: flags, each with its words where there are any."""
    return dict(_flags(view, resource))


def _flags(view: ClusterView, resource: ResourceSpec) -> Iterator[tuple[str, str]]:
    fact = shown_fact(view, resource)
    wanted = desired(resource, view.intent(resource.group))
    if fact.flags.locked:
        yield "locked", fact.flags.locked
    if fact.flags.maintained:
        held = view.intent(resource.group).resource_maintenance.get(resource.id)
        yield "in_maintenance", maintenance_words(held) if held is not None else ""
    if fact.flags.found:
        yield "was_active", fact.flags.found
    if fact.flags.embedded:
        yield "embedded_failure", fact.flags.embedded
    if fact.flags.network_failure:
        yield "network_failure", fact.detail
    if wanted and fact.exhausted and fact.state in QUIET:
        yield ("failed_for_good" if resource.critical else "failed_not_critical"), fact.detail
    if on_probation(view, resource):
        yield "on_probation", "it has not been online yet as it is specified now"


def group_flags(view: ClusterView, group: str) -> tuple[str, ...]:
    """A flag that resources have is the group's too (spec/03 §2.1)."""
    members = view.members_of.get(group, {}).values()
    return tuple(dict.fromkeys(flag for resource in members for flag in resource_flags(view, resource)))


def failure_problems(view: ClusterView) -> list[Problem]:
    """What of failures an administrator should know beside the states of groups."""
    found: list[Problem] = []
    for known in sorted(view.resources.values(), key=lambda known: known.record.name):
        resource = known.record
        fact = shown_fact(view, resource)
        if not (fact.exhausted or fact.flags.embedded):
            continue  # nothing to say; probation alone concerns nobody
        flags, what = resource_flags(view, resource), f"resource {resource.name}"
        show = f"see what fails: quorate resource show {resource.name!r}"
        told = f": {fact.detail}" if fact.detail else ""
        if "failed_not_critical" in flags:
            what += f" is not critical and failed for good; its group goes on without it{told}"
            found.append(_told("resource_failed_not_critical", what, resource, f"{show}; then bring it online again"))
        elif "failed_for_good" in flags and "on_probation" in flags:
            what += f" is on probation and failed for good: its group stays where it is{told}"
            found.append(_told("resource_on_probation", what, resource, f"{show}; or move the group by hand"))
        if "embedded_failure" in flags:
            what = f"something inside resource {resource.name} failed: {flags['embedded_failure']}"
            found.append(_told("embedded_failure", what, resource, show))
    return found


def _told(code: str, what: str, resource: ResourceSpec, remedy: str) -> Problem:
    return warning(code, what, where=f"resource.{resource.name}", remedy=remedy)
