"""Which heartbeats hold between which nodes, for people (spec/02 §4.1).

Owns: the table of paces with the pairs of each. Does not know: heartbeats themselves; `control.path_views` shows what
is heard.
"""

from __future__ import annotations

from itertools import combinations

from quorate.control.views import PaceView
from quorate.core.authority.paces import REACHES, Reach, reach_of
from quorate.core.authority.timings import Timings
from quorate.core.cluster_view import ClusterView
from quorate.core.topology import places_of, quiet_networks, settings_of
from quorate.model.nodes import ClusterSpec


def pairs_by_reach(view: ClusterView) -> dict[Reach, tuple[tuple[int, int], ...]]:
    """Every pair of nodes, by what lies between them."""
    places = places_of((known.record for _, known in sorted(view.nodes.items())), quiet_networks(view))
    found: dict[Reach, list[tuple[int, int]]] = {reach: [] for reach in REACHES}
    for one, other in combinations(sorted(places), 2):
        found[reach_of(places[one], places[other])].append((one, other))
    return {reach: tuple(pairs) for reach, pairs in found.items()}


def view_paces(view: ClusterView, cluster: ClusterSpec) -> tuple[PaceView, ...]:
    """The paces in force, the nearest first."""
    settings, pairs = settings_of(cluster), pairs_by_reach(view)
    name = {node: known.record.name for node, known in view.nodes.items()}
    shown = []
    for reach in REACHES:
        timings = settings.timings(reach)
        shown.append(
            PaceView(
                reach=reach,
                heartbeat_ms=round(timings.heartbeat_s * 1000),
                threshold=round(timings.suspicion_s / timings.heartbeat_s),
                suspicion_ms=round(timings.suspicion_s * 1000),
                pairs=tuple(f"{name[one]} - {name[other]}" for one, other in pairs[reach]),
            )
        )
    return tuple(shown)


def slowest_timings(view: ClusterView, cluster: ClusterSpec) -> Timings:
    """L and G with the heartbeats of the pair that suspects last: what a takeover is bounded by, whoever is silent."""
    settings = settings_of(cluster)
    paces = [settings.timings(reach).pace for reach, pairs in pairs_by_reach(view).items() if pairs]
    base = settings.timings()
    return base.at(paces[0].calmest(*paces[1:])) if paces else base
