"""Heartbeats of this node towards every other one, as the records have them now (spec/02 §4.1).

Owns: when paces are looked at anew, and telling them to the membership and to the sentinel. Does not know: what a pace
follows from (`core.authority.paces`), or how a change is made calm (`node.sentinel_loop`).
How it works: nothing but heartbeats may change while a cluster runs; so L and G stay what they were at the start. What
waits for any peer waits at the slowest pace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.core.topology import node_paces, quiet_networks, timings_of
from quorate.wire import sentinel_channel as channel

if TYPE_CHECKING:
    from quorate.node.service import Service


class Pacing:
    """The paces of one node's service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._told: channel.Pace | None = None
        self._use()

    def look(self) -> None:
        """The records may have changed: keep to them, and tell the sentinel what is new."""
        pace = self._use()
        if pace != self._told:
            self._told = pace
            self._service.tell_sentinel(pace)

    def _use(self) -> channel.Pace:
        service, view = self._service, self._service.view
        cluster = view.cluster.record if view.cluster else service.replica.cluster
        quiet = quiet_networks(view) if view.nodes else service.replica.quiet_networks
        paces = node_paces(cluster, service.node, service.nodes(), quiet)
        membership = service.loop.membership
        service.timings = membership.timings = timings_of(cluster).at(paces.slowest)
        membership.paces = paces
        return channel.Pace(
            cluster.same_subnet_delay_ms,
            cluster.same_subnet_threshold,
            {
                node: (round(pace.heartbeat_s * 1000, 3), round(pace.suspicion_s * 1000, 3))
                for node, pace in sorted(paces.by_node.items())
            },
        )
