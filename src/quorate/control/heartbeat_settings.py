"""What may be set of a cluster's heartbeats (spec/02 §4.1, design §4).

Owns: the check of the timings that settings make, within a subnet, across subnets, and between sites. Does not know:
how settings are written (`control.cluster`) or put in force; every service reads the record. How it works: heartbeat
interval and missed heartbeats are the profile's unless they are set; whatever is set, the rules of design §4 hold for
the timings that result between any two nodes, or nothing is changed.
"""

from __future__ import annotations

from typing import Final

from quorate.core.authority.paces import REACHES, Reach
from quorate.core.authority.timings import PROFILES
from quorate.core.topology import settings_of
from quorate.model.nodes import ClusterSpec
from quorate.model.problems import Problem, error

THRESHOLD_LEAST: Final = 3
"""As in the reference (spec/02 §4.1): two heartbeats lost by chance are no silence."""
DELAY_LEAST_MS: Final = 20


def timing_problems(cluster: ClusterSpec) -> list[Problem]:
    """What forbids the timings that these settings make (design §4), whatever lies between two nodes.

    Settings across subnets and sites are checked also where no two nodes are that far apart yet: a node that joins, or
    is given a site, must not make them wrong.
    """
    found: list[Problem] = []
    told: set[str] = set()
    for reach in REACHES:
        found += _least_problems(cluster, reach)
        for problem in _impossible(cluster, reach):
            if problem.what not in told:  # what is not set is as within a subnet, and so are its faults
                told.add(problem.what)
                found.append(problem)
    return found


def _least_problems(cluster: ClusterSpec, reach: Reach) -> list[Problem]:
    found: list[Problem] = []
    settings = settings_of(cluster)
    threshold, delay_ms = settings.thresholds[reach], settings.delays_ms[reach]
    if 0 < threshold < THRESHOLD_LEAST:
        found.append(
            error(
                "property_range",
                f"{reach}_threshold must be 0 or {THRESHOLD_LEAST} to 120, not {threshold}",
                where=f"properties.{reach}_threshold",
                remedy="fewer missed heartbeats would take chance for silence",
            )
        )
    if 0 < delay_ms < DELAY_LEAST_MS:
        found.append(
            error(
                "property_range",
                f"{reach}_delay_ms must be 0 or at least {DELAY_LEAST_MS}, not {delay_ms}",
                where=f"properties.{reach}_delay_ms",
                remedy="more heartbeats would find nothing sooner",
            )
        )
    return found


def _impossible(cluster: ClusterSpec, reach: Reach) -> list[Problem]:
    timings, profile = settings_of(cluster).timings(reach), PROFILES[cluster.profile]
    most_ms = int((profile.lease_s - 4 * profile.store_election_s - 0.1) * 1000 + 1e-6)
    lease_ms = round(profile.lease_s * 1000)
    remedy = (
        f"profile {cluster.profile} has a lease of {lease_ms} ms: delay at most {most_ms} ms, "
        f"delay x threshold below {lease_ms} ms, within a subnet, across subnets and between sites"
    )
    return [
        error("timings_impossible", what, where=f"properties.{reach}_delay_ms", remedy=remedy)
        for what in timings.problems()
    ]
