"""What may be set of a cluster's heartbeats (spec/02 §4.1, design §4).

Owns: the check of the timings that settings make, and which properties of the reference have nothing to set here.
Does not know: how settings are written (`control.cluster`) or put in force; every service reads the record. How it
works: heartbeat interval and missed heartbeats are the profile's unless they are set; whatever is set, the rules of
design §4 hold for the timings that result, or nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from quorate.core.authority.timings import PROFILES
from quorate.core.topology import timings_of
from quorate.model.problems import Problem, error
from quorate.model.workload import ClusterSpec

_ACROSS: Final = {"crosssubnetdelay", "crosssubnetthreshold", "crosssitedelay", "crosssitethreshold"}
THRESHOLD_LEAST: Final = 3
"""As in the reference (spec/02 §4.1): two heartbeats lost by chance are no silence."""
DELAY_LEAST_MS: Final = 20


def without_effect(names: Iterable[str]) -> list[Problem]:
    """A problem for each property of the reference that would have no effect here."""
    return [_nothing_across(name) for name in names if name.casefold().replace("_", "").removesuffix("ms") in _ACROSS]


def timing_problems(cluster: ClusterSpec) -> list[Problem]:
    """What forbids the timings that these settings make (design §4)."""
    found: list[Problem] = []
    if 0 < cluster.same_subnet_threshold < THRESHOLD_LEAST:
        found.append(
            error(
                "property_range",
                f"same_subnet_threshold must be 0 or {THRESHOLD_LEAST} to 120, not {cluster.same_subnet_threshold}",
                where="properties.same_subnet_threshold",
                remedy="fewer missed heartbeats would take chance for silence",
            )
        )
    if 0 < cluster.same_subnet_delay_ms < DELAY_LEAST_MS:
        found.append(
            error(
                "property_range",
                f"same_subnet_delay_ms must be 0 or at least {DELAY_LEAST_MS}, not {cluster.same_subnet_delay_ms}",
                where="properties.same_subnet_delay_ms",
                remedy="more heartbeats would find nothing sooner",
            )
        )
    timings, profile = timings_of(cluster), PROFILES[cluster.profile]
    most_ms = int((profile.lease_s - 4 * profile.store_election_s - 0.1) * 1000 + 1e-6)
    lease_ms = round(profile.lease_s * 1000)
    remedy = (
        f"profile {cluster.profile} has a lease of {lease_ms} ms: delay at most {most_ms} ms, "
        f"delay x threshold below {lease_ms} ms"
    )
    found += [
        error("timings_impossible", what, where="properties.same_subnet_delay_ms", remedy=remedy)
        for what in timings.problems()
    ]
    return found


def _nothing_across(name: str) -> Problem:
    return error(
        "property_without_effect",
        f"{name}: nodes speak to each other within subnets alone, there is no path across",
        where=f"properties.{name}",
        remedy="leave it out; same_subnet_delay_ms and same_subnet_threshold hold for every path",
    )
