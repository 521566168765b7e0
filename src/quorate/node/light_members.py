"""The two members of the store beside a light witness, as this node's own member has applied them (decision 0035).

Owns: what this node's member lists, the taking away of the other's vote, and the change that needed both. Does not
know: the record, or when a vote may go.

How it works: a member of etcd opens its port for clients when it has met a leader for the first time since its start.
Until then its port for peers tells whom it lists, and which of them it is itself was written down when it last said so.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.messages import Member, Status
from quorate.adapters.etcd.peers import Peers, PeerUnreachable
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.nodes import NodeSpec
from quorate.model.quorum import QuorumFact
from quorate.model.records import Put, Unchanged
from quorate.node.light_memory import LightMemory
from quorate.node.service_log import log
from quorate.node.stand_in import peer_url
from quorate.node.store_link import tls_context

if TYPE_CHECKING:
    from quorate.node.service import Service

STATUS_LIMIT_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Pair:
    """This node's vote and the other one's, at one look. Both None where this node has no vote, or there are three."""

    leads: bool
    """The store answers here: this node's member has a leader."""
    revision: int
    """How far this node's member is, as it says itself; 0 where it does not."""
    own: Member | None
    other: Member | None
    spec: NodeSpec | None
    """The node of `other`."""

    @property
    def voters(self) -> Literal["alone", "both", "other"]:
        """As `core.lone_survivor.Situation` has it."""
        if self.own is None:
            return "other"
        return "alone" if self.other is None else "both"

    @property
    def ids(self) -> tuple[int, int]:
        """Of both; 0 for one that is not there."""
        return (self.own.id if self.own else 0, self.other.id if self.other else 0)


class LightMembers:
    """This node's way to both."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._peers: Peers | None = None
        self._needed_both: tuple[tuple[int, int], int] | None = None
        """Both members, and the revision of a change that was answered after both votes were known."""

    async def aclose(self) -> None:
        """Close the connection."""
        if self._peers is not None:
            await self._peers.aclose()

    async def look(self, memory: LightMemory) -> Pair | None:
        """Both; None where this node's member does not answer. Raises OSError where its id cannot be written down."""
        own = self._service.own_spec()
        status: Status | None = None
        with contextlib.suppress(GatewayError):
            url = f"https://{own.fabric_address}:{own.client_port}"
            status = await self._service.gateway.status(url, timeout_s=STATUS_LIMIT_S)
        if status is not None:
            await memory.is_member(status.header.member_id)
        self._peers = self._peers or Peers(tls_context(self._service.places))
        try:
            members = await self._peers.members(peer_url(own))
        except PeerUnreachable:
            return None
        mine, other = _own_and_other(members, memory.note.member)
        urls = other.peerURLs if other is not None else ()
        spec = next((spec for spec in self._service.nodes() if peer_url(spec) in urls), None)
        leads, revision = (status.leader != 0, status.header.revision) if status is not None else (False, 0)
        return Pair(leads, revision, mine, other, spec)

    async def remove(self, other: Member, spec: NodeSpec, memory: LightMemory) -> None:
        """Take that member's vote: written down here, recorded as pending, asked for; it may be refused for 5 s."""
        service = self._service
        await memory.removes(other.id)
        self._needed_both = None
        known = service.view.nodes.get(spec.node)
        if known is None:
            return
        if known.record.votes or not known.record.vote_pending:
            changed = replace(known.record, votes=0, vote_pending=True)
            key = f"{keys.SPEC_NODE}{spec.node}"
            await service.store.commit([Unchanged(key, known.revision)], [Put(key, encode(changed))])
            return
        await service.gateway.remove_member(other.id)
        log.info("light witness", detail=f"{spec.name} has lost its vote for now: this node goes on alone")

    async def need_both(self, pair: Pair, fact: QuorumFact | None, *, needed: bool) -> None:
        """A change after both votes were known, `fact`: once it is answered both have whatever came before it."""
        service = self._service
        member = service.view.authority.up().get(service.node)
        if not needed or pair.voters != "both" or service.view.authority.pending_voters:
            self._needed_both = None
        elif (
            member is not None and fact is not None and (self._needed_both is None or self._needed_both[0] != pair.ids)
        ):
            guard = Unchanged(keys.member(service.node), member.revision)
            answered = await service.store.commit([guard], [Put(keys.fact_quorum(service.node), encode(fact))])
            if answered.succeeded:
                self._needed_both = (pair.ids, answered.position.revision)

    def is_confirmed(self, pair: Pair) -> bool:
        """That change was answered, this node's member has it, and no change of votes is under way."""
        needed = self._needed_both
        if needed is None or pair.voters != "both" or self._service.view.authority.pending_voters:
            return False
        return needed[0] == pair.ids and pair.revision >= needed[1]

    def says_applied(self, pair: Pair) -> bool:
        """The other reports, in its present life, that it has applied the vote of its present member."""
        fact = self._service.view.quorum_fact(pair.spec.node) if pair.spec is not None else None
        return fact is not None and pair.other is not None and fact.member == f"{pair.other.id:x}"


def _own_and_other(members: tuple[Member, ...], own_id: int) -> tuple[Member | None, Member | None]:
    voters = {m.id: m for m in members if not m.isLearner}
    own = voters.pop(own_id, None)
    if own is None or len(voters) > 1:
        return None, None
    return own, next(iter(voters.values()), None)
