"""Where the other nodes are reached: told to the sentinel for heartbeats, and to the gateway for the store.

Owns: which endpoints are asked, in which order, and which of them last. Does not know: sockets, or what is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate.core.authority.orders import Report
from quorate.core.topology import metrics, quiet_networks
from quorate.model.nodes import NodeSpec
from quorate.wire import sentinel_channel as channel

if TYPE_CHECKING:
    from quorate.node.service import Service


class Reach:
    """The peers of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._told: channel.Peers | None = None
        self._unheard: frozenset[int] = frozenset()

    def announce(self) -> None:
        """Tell the sentinel whom to speak to, where that has changed, and the gateway whom to ask."""
        service = self._service
        nodes, view = service.nodes(), service.view
        quiet = quiet_networks(view) if view.nodes else service.replica.quiet_networks
        peers = channel.Peers(
            {spec.node: {n: a for n, a in spec.addresses.items() if n not in quiet} for spec in nodes},
            {spec.node: spec.fabric_address for spec in nodes},
            metrics(view),
            service.replica.cluster.route_history_length,
        )
        if peers != self._told and service.linked:
            self._told = peers
            service.tell_sentinel(peers)
        self.use_endpoints()

    def hear(self, report: Report) -> None:
        """Whom the sentinel hears."""
        service = self._service
        heard = {one.peer.node for one in report.heard if not one.silent}
        unheard = frozenset(spec.node for spec in service.nodes()) - heard - {service.node}
        if unheard != self._unheard:
            self._unheard = unheard
            self.use_endpoints()

    def use_endpoints(self) -> None:
        """Endpoints of nodes that are not heard are asked last."""
        service = self._service
        specs = {spec.node: f"https://{spec.fabric_address}:{spec.client_port}" for spec in service.nodes()}
        doubtful = [url for node, url in specs.items() if node in self._unheard]
        if not service.keepers.member_watch.trusted and len(self._unheard) + 1 < len(specs):
            doubtful.append(specs.get(service.node, ""))  # its data were not compared with the others' yet
        told = ((node, service.view.store_member_fact(node)) for node in specs)
        doubtful += [specs[node] for node, fact in told if fact is not None and fact.fails]
        service.gateway.use(self.endpoints(), doubtful)

    def endpoints(self) -> list[str]:
        """Etcd's client endpoints, this node's own member first (design §3)."""
        service = self._service
        ordered = sorted(service.nodes(), key=lambda spec: (spec.node != service.node, spec.node))
        found = [f"https://{spec.fabric_address}:{spec.client_port}" for spec in ordered if self._has_member(spec)]
        holder = service.quorum.standing.holder
        if service.quorum.spec.votes:  # last: beside members of nodes it answers nothing that they do not
            found += [
                f"https://{spec.fabric_address}:{spec.quorum_client_port}" for spec in ordered if spec.node == holder
            ]
        return found

    def _has_member(self, spec: NodeSpec) -> bool:
        quorum = self._service.quorum.spec
        light = quorum.model == "light_witness" and bool(spec.weight)  # the other may have gone on alone
        return bool(spec.votes) or spec.vote_pending or light
