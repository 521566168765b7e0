"""This node beside a light witness: it reads the record, and does what `core.lone_survivor` says (decision 0035).

Owns: what this node knows of both voters, the swaps, and the taking away of a vote. Does not know: the rules, where the
record lies, how a stand-in runs (`node.light_stand_in`).

How it works: a look every second, more often while the store has no leader. Everything about votes comes from this
node's own member, as that has applied it. A vote is taken away by this node alone, while the record names it; which
one is written down first, and the record does not say *both* again before that member is gone.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final, Literal

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.messages import Member, Status
from quorate.adapters.etcd.peers import Peers, PeerUnreachable
from quorate.core.light_view import all_let_go, has_head_start, wanted_holder
from quorate.core.lone_survivor import Patience, Play, Situation, Stand, Swap, light_step
from quorate.model import keys
from quorate.model.base import Damaged, encode, replace
from quorate.model.light_address import LightKind
from quorate.model.light_witness import BOTH, CLOSED, LightRecord
from quorate.model.problems import Refused
from quorate.model.quorum import LIGHT_KINDS, QuorumFact, QuorumSpec
from quorate.model.records import Put, Unchanged
from quorate.model.workload import NodeSpec
from quorate.node.identity import load_replica
from quorate.node.light_memory import LightMemory
from quorate.node.light_place import light_kind, open_light
from quorate.node.light_stand_in import LightStandIn
from quorate.node.service_log import log
from quorate.node.stand_in import peer_url
from quorate.node.store_link import tls_context
from quorate.ports.light_witness import LightWitness, WitnessLost
from quorate.ports.store import StoreError
from quorate.wire.lease_page import boot_time_s

if TYPE_CHECKING:
    from quorate.node.service import Service

LOOK_S: Final = 1.0
LOOK_OFTEN_S: Final = 0.2
STATUS_LIMIT_S: Final = 0.3
WITNESS_LIMIT_S: Final = 5.0
START_PATIENCE_S: Final = 3.0
"""Nodes that are started together find each other."""
BEHIND_S: Final = 1.5
"""How much later a node without groups asks for the record."""
HEARD_PATIENCE_S: Final = 15.0
"""The other is heard, and the store stands still: its member has failed, not the node."""
PLAY_LIMIT_S: Final = 60.0
"""A stand-in that has not brought an election by then is begun anew."""


class LightKeeper:
    """One node's care of the record. `record`, `reached` and `why` are for views."""

    def __init__(self, service: Service) -> None:
        self.record: LightRecord | None = None
        self.reached = False
        self.why = ""
        """Why this node would not go on alone, or what is wrong with the witness."""
        self._service = service
        self._stand_in = LightStandIn(service)
        self._witness: LightWitness | None = None
        self._place = ("", "")
        self._memory: LightMemory | None = None
        self._peers: Peers | None = None
        self._won: LightRecord | None = None
        self._needed_both: tuple[int, int, int] | None = None
        """Both members, and the revision of a change that was answered after both votes were known."""
        self._led_at = boot_time_s() + START_PATIENCE_S
        self._heard_at = self._led_at
        self._told: QuorumFact | None = None
        self._wanted = BOTH

    # ---------------------------------------------------------------- for others

    @property
    def spec(self) -> QuorumSpec:
        """The configuration: from the store, or as last seen."""
        return self._service.quorum.spec

    def record_open(self) -> str:
        """Why the record counts as open, for whoever would change votes; empty where it does not."""
        spec = self.spec
        if spec.kind not in LIGHT_KINDS:
            return ""
        if spec.model != "light_witness" and all_let_go(self._service.view):
            return ""
        if not self.reached:
            return "the light witness does not answer, and its record may be open"
        if self.record is not None and self.record.holder != CLOSED:
            return "the record of the light witness is not closed yet"
        return "" if self._memory is not None and (self.record or not self._memory.note.seen) else "its record is gone"

    async def cede(self, limit_s: float) -> None:
        """The node leaves: wait until the other has taken its vote away, so that the store does not stand still."""
        service, view = self._service, self._service.view
        others = {n for n in view.authority.up() if n != service.node and not view.node_intent(n).stopping}
        if self.spec.model != "light_witness" or not any(view.nodes[n].record.votes for n in others if n in view.nodes):
            return
        try:
            async with asyncio.timeout(limit_s):
                while (own := view.nodes[service.node].record).votes or own.vote_pending:
                    await service.turned()
        except TimeoutError:
            log.warning("the other node has not taken this one's vote away in time")

    async def forbids_start(self) -> bool:
        """This node's member, as the only voter, would lead by itself, and the record names the other: a forced start.

        A witness that does not answer forbids nothing: that the survivor of a loss can be restarted matters more.
        """
        kind = light_kind(self.spec)
        if kind is None:
            return False
        try:
            await self._read(await self._open(kind, self.spec.path))
        except (Refused, Damaged, OSError) as problem:
            log.warning("light witness", detail=f"not asked before the start: {problem}")
            return False
        assert self._memory is not None
        node = self._service.node
        sole = not any(spec.votes for spec in self._service.nodes() if spec.node != node)
        other = self.reached and self.record is not None and self.record.holder not in {BOTH, CLOSED, node}
        if other and (sole or self._memory.note.alone):
            log.warning("light witness", detail="this node's data are the only voter's, and the record names the other")
            return True
        return False

    # ---------------------------------------------------------------- running

    async def run(self) -> None:
        """Look and act until cancelled."""
        try:
            while True:
                try:
                    pause_s = await self._turn()
                except (GatewayError, StoreError, PeerUnreachable, WitnessLost, Refused, OSError, Damaged) as problem:
                    pause_s = LOOK_OFTEN_S
                    if str(problem) != self.why:
                        self.why = str(problem)
                        log.info("light witness", detail=f"not yet: {problem}")
                await asyncio.sleep(pause_s)
        finally:
            if self._peers is not None:
                await self._peers.aclose()

    async def _turn(self) -> float:
        spec = self.spec
        kind = light_kind(spec)
        if not self._stand_in.nothing_runs and self._stand_in.played is None:
            await self._stand_in.end()  # of a former service, or not ended yet
            return LOOK_OFTEN_S
        if kind is None:
            self._witness, self._place, self.record, self.reached, self.why = None, ("", ""), None, False, ""
            return LOOK_S
        witness = await self._open(kind, spec.path)
        await self._read(witness)
        status = await self._status()
        leads = status is not None and status.leader != 0
        now = boot_time_s()
        self._led_at = max(self._led_at, now) if leads else self._led_at
        if status is None:
            self.why = "this node's member of the store does not answer"
            await self._report("")
            return LOOK_OFTEN_S if self._service.own_spec().votes else LOOK_S
        members = await self._listed()
        if self._stand_in.played is not None:
            await self._playing(members, status, leads=leads)
            return LOOK_OFTEN_S
        own, other = _own_and_other(members, status.header.member_id)
        await self._act(witness, own, other, status, now)
        await self._report(f"{own.id:x}" if own is not None else "")
        return LOOK_S if leads and self._is_settled() else LOOK_OFTEN_S

    def _is_settled(self) -> bool:
        return self.record is not None and self.record.holder == self._wanted and self.reached

    async def _open(self, kind: LightKind, path: str) -> LightWitness:
        place = (kind, path)
        if self._witness is None or place != self._place:
            places = self._service.places
            self._memory = LightMemory(places.light_note)
            self._memory.at(*place)
            self._witness = await open_light(places, kind, path, self._service.identity.cluster_id, WITNESS_LIMIT_S)
            self._place, self.record, self._won = place, None, None
        return self._witness

    async def _read(self, witness: LightWitness) -> None:
        assert self._memory is not None
        try:
            self.record = await witness.read()
        except WitnessLost as lost:
            self.reached, self.why = False, f"the witness does not answer: {lost}"
            return
        self.reached = True
        if self.record is not None:
            if self.record.cluster != self._service.identity.cluster_id:
                self.reached, self.why = False, "the record is another cluster's"
                return
            self._memory.has_seen(self.record.generation)

    async def _status(self) -> Status | None:
        own = self._service.own_spec()
        try:
            url = f"https://{own.fabric_address}:{own.client_port}"
            return await self._service.gateway.status(url, timeout_s=STATUS_LIMIT_S)
        except GatewayError:
            return None

    async def _listed(self) -> tuple[Member, ...]:
        self._peers = self._peers or Peers(tls_context(self._service.places))
        return await self._peers.members(peer_url(self._service.own_spec()))

    # ---------------------------------------------------------------- what is known

    async def _act(
        self, witness: LightWitness, own: Member | None, other: Member | None, status: Status, now: float
    ) -> None:
        memory = self._memory
        assert memory is not None
        service, node, leads = self._service, self._service.node, status.leader != 0
        spec = self._spec_of(other)
        wanted = self._wanted = wanted_holder(service.view, node, spec.node if spec is not None else 0)
        heard = spec is not None and self._hears(spec.node)
        self._heard_at = max(self._heard_at, now) if heard else self._heard_at
        holder = self.record.holder if self.record is not None else CLOSED
        if memory.note.removing and leads and own is not None and other is None:
            memory.removes(0)
        voters: Literal["alone", "both", "other"] = "other" if own is None else "alone" if other is None else "both"
        if leads and own is not None and other is not None and spec is not None:
            if holder == node and (memory.note.removing == other.id or wanted == node):
                await self._remove(other, spec)
                return
            needed = wanted != CLOSED and holder in {node, CLOSED}
            await self._need_both(own, other, needed=needed)
        situation = Situation(
            node=node,
            record=self.record,
            seen=memory.note.seen,
            reached=self.reached,
            leads=leads,
            silent_s=self._silent_s(now),
            head_start=spec is None or has_head_start(service.view, node, spec.node),
            voters=voters,
            applied=heard and other is not None and self._says_applied(spec, other),
            confirmed=self._is_confirmed(own, other, status),
            wanted=wanted,
            coordinates=service.faces.leads(),
        )
        patience = Patience(suspicion_s=service.timings.suspicion_s, behind_s=BEHIND_S)
        match light_step(situation, patience, self._won):
            case Swap(holder=holder):
                await self._swap(witness, holder, alone=not leads)
            case Play() if spec is not None:
                self.why = await self._stand_in.start(spec)
                log.warning("going on alone", detail=f"a stand-in of {spec.name} is started", problem=self.why)
            case Stand(why=why):
                self.why = why if self.reached else self.why
            case Play() | None:
                self.why = ""

    def _silent_s(self, now: float) -> float:
        service = self._service
        if not service.loop.membership.links_up or service.prevents_quorum or self._lets_go():
            return -1.0
        leaderless, unheard = now - self._led_at, now - self._heard_at
        return max(min(leaderless, unheard), leaderless - HEARD_PATIENCE_S)

    def _hears(self, node: int) -> bool:
        report = self._service.loop.sentinel_report
        return report is not None and any(h.peer.node == node and not h.silent for h in report.heard)

    def _says_applied(self, spec: NodeSpec | None, other: Member) -> bool:
        fact = self._service.view.quorum_fact(spec.node) if spec is not None else None
        return fact is not None and fact.member == f"{other.id:x}"

    def _spec_of(self, member: Member | None) -> NodeSpec | None:
        if member is None:
            return None
        return next((spec for spec in self._service.nodes() if peer_url(spec) in member.peerURLs), None)

    # ---------------------------------------------------------------- acting

    async def _swap(self, witness: LightWitness, holder: int, *, alone: bool) -> None:
        assert self._memory is not None
        former, self._won = self.record, None
        generation = max(former.generation if former is not None else 0, self._memory.note.seen) + 1
        wanted = LightRecord(
            cluster=self._service.identity.cluster_id,
            generation=generation,
            holder=holder,
            claim=f"{self._service.node}-{secrets.token_hex(8)}",
        )
        if holder == BOTH and not self._stand_in.nothing_runs:
            return
        if holder == self._service.node:
            self._memory.swaps(alone=True)
        won = await witness.swap(former, wanted)
        log.info("light witness", detail=f"record {generation} for {_words(holder)}: {'done' if won else 'refused'}")
        if won:
            self._memory.has_seen(generation)
            self._memory.swaps(alone=holder == self._service.node)
            self.record, self._won = wanted, wanted if alone else None

    async def _remove(self, other: Member, spec: NodeSpec) -> None:
        """Take that member's vote: written down here, recorded as pending, asked for; it may be refused for 5 s."""
        assert self._memory is not None
        service = self._service
        self._memory.removes(other.id)
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

    async def _playing(self, members: tuple[Member, ...], status: Status, *, leads: bool) -> None:
        own, other = _own_and_other(members, status.header.member_id)
        spec = self._spec_of(other)
        named = self.record is None or self.record.holder == self._service.node
        too_long = boot_time_s() > self._stand_in.since + PLAY_LIMIT_S
        if other is None or spec is None or (self.reached and not named) or (too_long and not leads):
            self._won = None
            await self._stand_in.end()
        elif leads and own is not None:
            await self._remove(other, spec)

    async def _need_both(self, own: Member, other: Member, *, needed: bool) -> None:
        """A change after both votes were known: once it is answered, both have whatever came before it."""
        service, view = self._service, self._service.view
        if not needed or view.authority.pending_voters:
            self._needed_both = None
        elif self._needed_both is None or self._needed_both[:2] != (own.id, other.id):
            member = view.authority.up().get(service.node)
            if member is not None:
                guard = Unchanged(keys.member(service.node), member.revision)
                fact = self._fact(member.record.incarnation, f"{own.id:x}")
                answered = await service.store.commit([guard], [Put(keys.fact_quorum(service.node), encode(fact))])
                if answered.succeeded:
                    self._needed_both = (own.id, other.id, answered.position.revision)

    def _is_confirmed(self, own: Member | None, other: Member | None, status: Status) -> bool:
        needed = self._needed_both
        if needed is None or own is None or other is None or self._service.view.authority.pending_voters:
            return False
        return needed[:2] == (own.id, other.id) and status.header.revision >= needed[2]

    # ---------------------------------------------------------------- reporting

    def _lets_go(self) -> bool:
        """No light witness is heeded here any more, whatever happens to this node: it is written down."""
        if self.spec.model == "light_witness" or self._stand_in.played is not None:
            return False
        replica = load_replica(self._service.places, self._service.identity)
        return replica.quorum.model != "light_witness"

    def _fact(self, incarnation: str, member: str) -> QuorumFact:
        record = self.record
        opened = record is not None and record.holder != CLOSED
        return QuorumFact(
            incarnation=incarnation,
            reached=self.reached,
            sees=record.holder if record is not None else BOTH,
            opened=opened,
            member=member,
            lets_go=self._lets_go(),
            code="" if self.reached else "light_witness_unreachable",
            problem="" if self.reached and opened else self.why,
        )

    async def _report(self, member_id: str) -> None:
        """Write what this node knows, where it is news, as a fact of its present life."""
        service = self._service
        member, report = service.view.authority.up().get(service.node), service.loop.sentinel_report
        if member is None or report is None or report.incarnation != member.record.incarnation:
            return
        fact = self._fact(member.record.incarnation, member_id)
        if fact == self._told and service.view.quorum_fact(service.node) == fact:
            return
        guard = Unchanged(keys.member(service.node), member.revision)
        committed = await service.store.commit([guard], [Put(keys.fact_quorum(service.node), encode(fact))])
        self._told = fact if committed.succeeded else self._told


def _own_and_other(members: tuple[Member, ...], own_id: int) -> tuple[Member | None, Member | None]:
    """This node's vote and the other one's; both None where there are other voters than these two, or not this one."""
    voters = {m.id: m for m in members if not m.isLearner}
    own = voters.pop(own_id, None)
    if own is None or len(voters) > 1:
        return None, None
    return own, next(iter(voters.values()), None)


def _words(holder: int) -> str:
    return {BOTH: "both", CLOSED: "nobody (closed)"}.get(holder, f"node {holder}")
