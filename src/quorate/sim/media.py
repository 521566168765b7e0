"""The networks and the store between simulated nodes: who reaches whom, and when the store answers.

Owns: cuts by direction and network, the store's leader and its elections, stalls. Does not know: what is sent.
How it works: the store is one linearizable engine (`ports.store_engine`); what is simulated is who can reach it: a
leader must be connected, both ways, with a majority of the voters that live, and a new one takes an election's time.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from quorate.core.authority.timings import Timings


class Media:
    """Connectivity of one world. Nodes are numbers; `alive` tells which run (powered, not frozen)."""

    def __init__(
        self,
        nodes: tuple[int, ...],
        networks: tuple[str, ...],
        timings: Timings,
        chance: random.Random,
        quorum_at: Callable[[], int] | None = None,
        *,
        witness: bool = False,
    ) -> None:
        """`quorum_at` tells where the quorum resource's member runs, 0 for nowhere; None: there is none.

        `witness`: one more voter is a machine of its own, which reaches every node that is not in `witness_cut`.
        """
        self._witness = witness
        self.witness_cut: set[int] = set()
        self.nodes = nodes
        self._quorum_at = quorum_at
        self.networks = networks
        self.alive: set[int] = set()
        self.lag: dict[int, float] = {}
        """Nodes whose datagrams, sent and received, are late by so many seconds."""
        self.leader = 0
        self.leader_lost_at: float | None = None
        self.elections = 0
        self._cuts: set[tuple[int, int, str]] = set()
        self._chance = chance
        self._timings = timings
        self._election_due = 0.0
        self._stalled_until = 0.0
        self._kept_out_until: dict[int, float] = {}
        self._member_stopped_until: dict[int, float] = {}
        self.split_votes = 0
        """So many of the next elections fail once before they succeed."""

    # ---------------------------------------------------------------- networks

    def cut(self, sender: int, receiver: int, network: str) -> None:
        """Nothing more arrives from `sender` at `receiver` over `network`."""
        self._cuts.add((sender, receiver, network))

    def heal(self) -> None:
        """Every path works again."""
        self._cuts.clear()
        self.lag.clear()
        self._kept_out_until.clear()

    def cut_off(self, node: int) -> frozenset[int]:
        """The other nodes that live and are not connected with that one."""
        return frozenset(n for n in self.alive if n != node and not self.connected(node, n))

    def lag_between(self, one: int, other: int) -> float:
        """How much later than usual a datagram between the two is."""
        return self.lag.get(one, 0.0) + self.lag.get(other, 0.0)

    def passes(self, sender: int, receiver: int, network: str) -> bool:
        """Tell whether a datagram would arrive."""
        return (sender, receiver, network) not in self._cuts and receiver in self.alive

    def connected(self, one: int, other: int) -> bool:
        """Tell whether the two reach each other both ways over one network (the fabric address needs that)."""
        if one == other:
            return one in self.alive
        if one not in self.alive or other not in self.alive:
            return False
        return any(
            (one, other, network) not in self._cuts and (other, one, network) not in self._cuts
            for network in self.networks
        )

    # ---------------------------------------------------------------- store

    def stall(self, until: float) -> None:
        """The store answers nobody until then."""
        self._stalled_until = max(self._stalled_until, until)

    def keep_out(self, node: int, until: float) -> None:
        """That node's requests reach no member; its heartbeats, and its own member, go on."""
        self._kept_out_until[node] = max(self._kept_out_until.get(node, 0.0), until)

    def stop_member(self, node: int, until: float) -> None:
        """That node's member of the store does not run; its service uses the others."""
        self._member_stopped_until[node] = max(self._member_stopped_until.get(node, 0.0), until)

    def _runs(self, node: int, now: float) -> bool:
        """A member runs there: the node's own, or the quorum resource's."""
        return self._members_at(node, now) > 0

    def _members_at(self, node: int, now: float) -> int:
        if node not in self.alive:
            return 0
        own = int(now >= self._member_stopped_until.get(node, 0.0))
        return own + int(self._quorum_at is not None and self._quorum_at() == node)

    def force_election(self, now: float) -> None:
        """The leader steps down."""
        self._lose(now)

    def _majority(self, node: int, now: float) -> bool:
        reached = sum(self._members_at(other, now) for other in self.nodes if self.connected(node, other))
        reached += int(self._witness and node not in self.witness_cut)
        voters = len(self.nodes) + int(self._quorum_at is not None or self._witness)
        return reached >= voters // 2 + 1

    def _lose(self, now: float) -> None:
        self.leader = 0
        self.leader_lost_at = now
        election = self._timings.store_election_s
        self._election_due = now + self._chance.uniform(1.0, 2.0) * election
        if self.split_votes > 0 or self._chance.random() < 0.05:
            self.split_votes = max(0, self.split_votes - 1)
            self._election_due += self._chance.uniform(1.0, 2.0) * election

    def settle(self, now: float) -> None:
        """Bring leadership up to date with who lives and who reaches whom."""
        if self.leader and not (self._runs(self.leader, now) and self._majority(self.leader, now)):
            self._lose(now)
        if not self.leader and now >= self._election_due:
            able = [node for node in self.nodes if self._runs(node, now) and self._majority(node, now)]
            if able:
                self.leader = self._chance.choice(able)
                self.elections += 1
            else:
                self._election_due = now + self._timings.store_election_s / 4

    def knows_no_leader(self, now: float) -> bool:
        """Tell whether the members have noticed that their leader is gone."""
        lost = self.leader_lost_at
        return self.leader == 0 and lost is not None and now - lost >= self._timings.store_election_s

    def reaches_store(self, node: int, now: float) -> bool:
        """Tell whether a request of that node would be executed now."""
        self.settle(now)
        if now < self._stalled_until or not self.leader or node not in self.alive:
            return False
        if now < self._kept_out_until.get(node, 0.0):
            return False
        return self.connected(node, self.leader) or any(
            self.connected(node, member) and self._runs(member, now) and self.connected(member, self.leader)
            for member in self.nodes
        )
