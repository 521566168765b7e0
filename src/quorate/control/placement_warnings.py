"""What is allowed in a group's or the cluster's placement and is hardly meant (spec/05 §11).

Owns: these warnings, and the check of the time zone. Does not know: how a group is placed.
"""

from __future__ import annotations

import zoneinfo

from quorate.core.cluster_view import ClusterView
from quorate.core.placement.choosing import objection
from quorate.core.placement.filters import BY_OTHERS
from quorate.core.placement.scene import Scene
from quorate.core.reasons import in_words
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Problem, error, warning
from quorate.model.workload import GroupSpec, wants_online


def placement_warnings(view: ClusterView, spec: GroupSpec) -> tuple[Problem, ...]:
    """Of one group."""
    found = _site_warnings(view, spec.preferred_site)
    if (spec.failback_window_start == -1) != (spec.failback_window_end == -1):
        missing = "failback_window_start" if spec.failback_window_start == -1 else "failback_window_end"
        what = f"{missing} is not set: without both ends there is no window, and the group fails back at any hour"
        found.append(
            warning("failback_window_half", what, where=f"properties.{missing}", remedy="set both hours, or neither")
        )
    return (*found, *_broken(Scene(view), spec))


def rule_warnings(view: ClusterView) -> list[Problem]:
    """Groups that run where their own rules would not put them: rules were set, or nodes changed, while they ran."""
    scene = Scene(view)
    return [problem for _, known in sorted(view.groups.items()) for problem in _broken(scene, known.record)]


def _broken(scene: Scene, spec: GroupSpec) -> list[Problem]:
    """What the owner of a running group lacks of what the group asks for."""
    view = scene.view
    known = view.assignments.get(spec.id)
    asks = spec.demand or spec.anti_affinity_class_names or spec.affinity_enforced
    if not asks or known is None or known.record.phase != "run" or not wants_online(view.intent(spec.id)):
        return []
    found = objection(scene, spec, known.record.owner)
    if found is None or found.code not in BY_OTHERS:
        return []
    what = f"group {spec.name} goes on where its rules would not put it: {in_words(view, found)}"
    remedy = f"quorate group move {spec.name!r}, or change the rule"
    return [warning("rule_broken", what, where=f"group.{spec.name}", remedy=remedy)]


def cluster_placement_warnings(view: ClusterView, spec: ClusterSpec) -> tuple[Problem, ...]:
    """Of the cluster."""
    found = _site_warnings(view, spec.preferred_site)
    least, never = spec.minimum_preemptor_priority, spec.minimum_never_preempt_priority
    if least > never:
        what = (
            f"groups preempt from priority {least} on and are never preempted from {never} on: "
            f"one of priority {never} to {least - 1} does neither"
        )
        found.append(
            warning(
                "preemption_priorities_crossed",
                what,
                where="properties.minimum_preemptor_priority",
                remedy=f"set minimum_preemptor_priority to {never} at most",
            )
        )
    return tuple(found)


def _site_warnings(view: ClusterView, site: str) -> list[Problem]:
    sites = sorted({known.record.site for known in view.nodes.values() if known.record.site})
    if not site or site in sites:
        return []
    there = f"there are: {', '.join(sites)}" if sites else "no node names a site"
    remedy = f"{there}; quorate node set NODE site={site}"
    return [warning("site_unknown", f"no node is at site {site}", where="properties.preferred_site", remedy=remedy)]


def time_zone_problems(spec: ClusterSpec) -> list[Problem]:
    """The zone must be known here: hours of windows are counted in it."""
    if not spec.time_zone:
        return []
    try:
        zoneinfo.ZoneInfo(spec.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        what = f"this node does not know the time zone {spec.time_zone!r}"
        remedy = "name one as `timedatectl list-timezones` does, like Europe/Berlin; or install the package tzdata"
        return [error("time_zone_unknown", what, where="properties.time_zone", remedy=remedy)]
    return []
