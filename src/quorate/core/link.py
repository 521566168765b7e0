"""Liveness of peers: what was heard, over which network, and since when there is silence.

Owns: the last heartbeat of every peer per network, and the silence of watched peers. Does not know: authority, sockets.
How it works: times come in as arguments. When this process itself was stopped for a while, what it did not hear in
that time proves nothing, so every watch starts anew (`stalled`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.core.authority.orders import Heartbeat, Peer
from quorate.core.authority.paces import Paces

MISSED_LIMIT = 2
"""A path on which so many heartbeats did not come that another network delivered is lost."""


@dataclass(slots=True)
class _Sight:
    heartbeat: Heartbeat
    at: float
    by_network: dict[str, tuple[float, int]] = field(default_factory=dict)
    """When a heartbeat was last heard there, and its serial number."""


class Links:
    """All peers of one node, as its sentinel hears them; each has an S of its own (`core.authority.paces`)."""

    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self._sights: dict[Peer, _Sight] = {}
        self._watched: dict[Peer, float] = {}
        self._due = 0.0
        """No watched peer falls silent before; in the past where that has to be looked up anew."""

    def use(self, paces: Paces) -> None:
        """Judge silence by these from now on."""
        self._paces = paces
        self._due = 0.0

    def _limit_s(self, peer: Peer) -> float:
        """S between this node and that peer."""
        return self._paces.of(peer.node).suspicion_s

    def hear(self, heartbeat: Heartbeat, network: str, now: float) -> bool:
        """Take a heartbeat; tells whether it brings news (another life, oath, row or standing)."""
        sight = self._sights.get(heartbeat.sender)
        if sight is None:
            self._sights[heartbeat.sender] = _Sight(heartbeat, now, {network: (now, heartbeat.serial)})
            self._forget_former(heartbeat.sender)
            return True
        sight.by_network[network] = (now, heartbeat.serial)
        was_silent = now - sight.at >= self._limit_s(heartbeat.sender)
        sight.at = now
        if heartbeat.serial <= sight.heartbeat.serial:
            return was_silent
        old, sight.heartbeat = sight.heartbeat, heartbeat
        return was_silent or (
            (old.ended, old.released_epoch, old.up, old.acting, old.epoch, old.heard)
            != (
                heartbeat.ended,
                heartbeat.released_epoch,
                heartbeat.up,
                heartbeat.acting,
                heartbeat.epoch,
                heartbeat.heard,
            )
        )

    def _forget_former(self, sender: Peer) -> None:
        """Keep at most the two latest lives of a node."""
        lives = [peer for peer in self._sights if peer.node == sender.node]
        for peer in lives[:-2]:
            del self._sights[peer]

    def watch(self, peers: tuple[Peer, ...], now: float) -> None:
        """Watch exactly these peers; a newly watched one is given S from now."""
        self._watched = {peer: self._watched.get(peer, now) for peer in peers}
        self._due = 0.0

    def stalled(self, now: float) -> None:
        """This process was stopped; count silence anew."""
        self._watched = dict.fromkeys(self._watched, now)
        self._due = 0.0

    def silent(self, now: float) -> tuple[Peer, ...]:
        """Watched peers of which nothing was heard for S on any network (rule 5)."""
        return tuple(peer for peer in self._watched if now - self._last(peer) >= self._limit_s(peer))

    def deadline(self, now: float) -> float | None:
        """When to look again: no watched peer falls silent before.

        Looked up anew only when that time has come: hearing a peer moves its own end alone, and only later. Asked after
        every datagram, with 64 nodes this was a third of a coordinator's work.
        """
        if self._due <= now:
            due = [self._last(peer) + self._limit_s(peer) for peer in self._watched]
            self._due = min((when for when in due if when > now), default=0.0)
        return self._due or None

    def _last(self, peer: Peer) -> float:
        sight = self._sights.get(peer)
        return max(self._watched.get(peer, 0.0), sight.at if sight else 0.0)

    def sights(self) -> tuple[tuple[Heartbeat, float], ...]:
        """The latest heartbeat of every peer and life known, with the time it came."""
        return tuple((sight.heartbeat, sight.at) for sight in self._sights.values())

    def heard_nodes(self, now: float) -> frozenset[int]:
        """Nodes heard within S, each by its own."""
        return frozenset(peer.node for peer, sight in self._sights.items() if now - sight.at < self._limit_s(peer))

    def alive_networks(self, node: int, now: float) -> tuple[str, ...]:
        """Networks that bring that node's heartbeats, the freshest first: heard within S, and missing none of late.

        Missing ones are told from those that another network brought. So a dead network is known in two heartbeats
        where a dead node takes S: what runs over it can be moved while its connections still retry.
        """
        sights = [sight for peer, sight in self._sights.items() if peer.node == node]
        if not sights:
            return ()
        sight = max(sights, key=lambda one: one.at)
        limit_s = self._paces.of(node).suspicion_s
        newest = max(serial for _, serial in sight.by_network.values())
        fresh = {
            network: at
            for network, (at, serial) in sight.by_network.items()
            if now - at < limit_s and (newest - serial < MISSED_LIMIT or now - at < limit_s / 2)
        }
        return tuple(sorted(fresh, key=lambda network: -fresh[network]))
