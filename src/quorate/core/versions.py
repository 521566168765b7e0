"""Which software may work together, and when a cluster may use what is new (spec/02 §2.1, decision 0043).

Owns: the rule of joining, and what stands against a higher functional level. Pure.
Does not know: how a node is kept out (`core.gate`), or how a level is written (`control.upgrading`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.model.versions import Software


@dataclass(frozen=True, slots=True)
class Range:
    """ClusterHighestVersion and ClusterLowestVersion, as releases."""

    highest: int
    lowest: int


def cluster_range(active: Iterable[Software]) -> Range | None:
    """The smallest release and the largest lowest one of the nodes that are active; None where there is none."""
    found = tuple(active)
    if not found:
        return None
    return Range(min(one.release for one in found), max(one.lowest_release for one in found))


def software_of(view: ClusterView, node: int) -> Software:
    """What the node last said that it runs; one that never said anything runs the first release."""
    known = view.software.get(node)
    return known.record if known is not None else Software()


def active_software(view: ClusterView, without: int = 0) -> tuple[Software, ...]:
    """What the nodes that are up run."""
    return tuple(software_of(view, node) for node in sorted(view.authority.up()) if node != without)


def functional_level(view: ClusterView) -> int:
    """The release whose records the cluster may hold."""
    return view.cluster.record.functional_level if view.cluster is not None else 1


def incompatibility(view: ClusterView, node: int, offered: Software) -> str:
    """Why a node with that software may not become active now; empty where it may."""
    level = functional_level(view)
    if offered.release < level:
        return f"release {offered.release} cannot read a cluster of functional level {level}"
    active = active_software(view, without=node)
    span = cluster_range(active)
    if span is None:
        return ""
    if span.highest not in (offered.release, offered.lowest_release) and offered.release != span.lowest:
        return (
            f"release {offered.release}, compatible down to {offered.lowest_release}, does not work together with a "
            f"cluster of release {span.highest}, compatible down to {span.lowest}"
        )
    far = sorted({one.release for one in active if abs(one.release - offered.release) > 1})
    if far:
        return f"release {offered.release} and release {far[0]}, which is active, are more than one apart"
    return ""
