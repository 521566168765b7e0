"""This node beside a light witness: it looks, and does what `core.lone_survivor` says (decision 0035).

Owns: the looks, what this node knows at one of them, and its report. Does not know: the rules, how the record is
reached (`node.light_record`), members of the store (`node.light_members`), how a stand-in runs (`node.light_stand_in`).

How it works: a look every second, more often while the store has no leader or something is to be done. A vote is taken
away by this node alone, while the record names it; which one is written down first, and the record does not say *both*
again before that member is gone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.peers import PeerUnreachable
from quorate.core.light_view import all_let_go, has_head_start, wanted_holder
from quorate.core.lone_survivor import Patience, Play, Situation, Stand, Swap, light_step, may_take_vote
from quorate.model import keys
from quorate.model.base import Damaged, encode
from quorate.model.light_witness import BOTH, CLOSED
from quorate.model.problems import Problem, Refused, warning
from quorate.model.quorum import QuorumFact, QuorumSpec
from quorate.model.records import Put, Unchanged
from quorate.node.disk_work import DiskSilent
from quorate.node.identity import load_replica
from quorate.node.light_members import LightMembers, Pair
from quorate.node.light_place import light_kind
from quorate.node.light_record import LightAccess
from quorate.node.light_stand_in import LightStandIn
from quorate.node.service_log import log
from quorate.ports.light_witness import WitnessLost
from quorate.ports.store import StoreError
from quorate.wire.lease_page import boot_time_s

if TYPE_CHECKING:
    from quorate.node.service import Service

LOOK_S: Final = 1.0
LOOK_OFTEN_S: Final = 0.2
START_PATIENCE_S: Final = 3.0
"""Nodes that are started together find each other."""
BEHIND_S: Final = 1.5
"""How much later a node without groups asks for the record."""
HEARD_PATIENCE_S: Final = 15.0
"""The other is heard, and the store stands still: its member has failed, not the node."""
PLAY_LIMIT_S: Final = 60.0
"""A stand-in that has not brought an election by then is begun anew."""

TROUBLE: Final = (GatewayError, StoreError, PeerUnreachable, WitnessLost, Refused, DiskSilent, OSError, Damaged)


class LightKeeper:
    """One node's care of the record."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._access = LightAccess(service)
        self._members = LightMembers(service)
        self._stand_in = LightStandIn(service)
        self._why = ""
        """Why this node would not go on alone, or what stands against the last step."""
        self._stands_still = False
        self._led_at = boot_time_s() + START_PATIENCE_S
        self._heard_at = self._led_at
        self._told: QuorumFact | None = None

    @property
    def _spec(self) -> QuorumSpec:
        """The configuration: from the store, or as last seen."""
        return self._service.quorum.spec

    # ---------------------------------------------------------------- for others

    def record_open(self) -> str:
        """Why the record counts as open, for whoever would change votes; empty where it does not."""
        if light_kind(self._spec) is None or (self._spec.model != "light_witness" and all_let_go(self._service.view)):
            return ""
        return self._access.is_open()

    def problem(self) -> Problem | None:
        """Why this node stands still, where the store has no leader; None where it has one."""
        if not self._why or not self._stands_still:
            return None
        remedy = "start the other node, or see that this one reaches the witness"
        what = f"this node does not go on alone: {self._why}"
        return warning("light_witness_waits", what, where="quorum", remedy=remedy)

    async def cede(self, limit_s: float) -> None:
        """The node leaves: wait until the other has taken its vote away, so that the store does not stand still."""
        service, view = self._service, self._service.view
        others = {n for n in view.authority.up() if n != service.node and not view.node_intent(n).stopping}
        helps = any(view.nodes[n].record.votes for n in others if n in view.nodes)
        if self._spec.model != "light_witness" or not helps:
            return
        try:
            async with asyncio.timeout(limit_s):
                while (known := view.nodes.get(service.node)) and (known.record.votes or known.record.vote_pending):
                    await service.turned()
        except TimeoutError:
            log.warning("the other node has not taken this one's vote away in time")

    async def forbids_start(self) -> bool:
        """This node's member, as the only voter, would lead by itself, and the record names the other: a forced start.

        A witness that does not answer forbids nothing: that the survivor of a loss can be restarted matters more.
        """
        kind = light_kind(self._spec)
        if kind is None:
            return False
        try:
            await self._access.open(kind, self._spec.path)
            await self._access.read()
        except (Refused, Damaged, DiskSilent, OSError) as problem:
            log.warning("light witness", detail=f"not asked before the start: {problem}")
            return False
        sole = not any(spec.votes for spec in self._service.nodes() if spec.node != self._service.node)
        if self._access.names_another() and (sole or self._access.memory.note.alone):
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
                except TROUBLE as problem:
                    pause_s = LOOK_OFTEN_S
                    self._stands(f"not yet: {problem}")
                await asyncio.sleep(pause_s)
        finally:
            await self._members.aclose()

    def _stands(self, why: str) -> None:
        if why and why != self._why:
            log.info("light witness", detail=why)
        self._why = why

    async def _turn(self) -> float:
        spec, stand_in = self._spec, self._stand_in
        kind = light_kind(spec)
        if not stand_in.nothing_runs and (stand_in.played is None or kind is None):
            await stand_in.end()  # of a former service, or not ended yet
            return LOOK_OFTEN_S
        if kind is None:
            self._access.close()
            self._why = ""
            return LOOK_S
        await self._access.open(kind, spec.path)
        await self._access.read()
        pair = await self._members.look(self._access.memory)
        now = boot_time_s()
        self._stands_still = pair is None or not pair.leads
        if pair is None:
            self._stands("this node's member of the store does not answer")
            await self._report("")
            return LOOK_OFTEN_S if self._service.own_spec().votes else LOOK_S
        self._led_at = max(self._led_at, now) if pair.leads else self._led_at
        if pair.spec is not None and self._hears(pair.spec.node):
            self._heard_at = max(self._heard_at, now)
        if stand_in.played is not None:
            await self._playing(pair, now)
            return LOOK_OFTEN_S
        settled = await self._act(pair, now)
        await self._report(f"{pair.own.id:x}" if pair.own is not None else "")
        said = self._told is not None and self._service.view.quorum_fact(self._service.node) == self._told
        return LOOK_S if settled and said else LOOK_OFTEN_S

    async def _act(self, pair: Pair, now: float) -> bool:
        """One step; whether there was none to take, and the store answers."""
        access, memory = self._access, self._access.memory
        if pair.leads and not self._service.watched_at:
            return False  # what the record shall say stands in the database, which was not read yet
        situation = self._situation(pair, now)
        if memory.note.removing and pair.leads and pair.voters == "alone":
            await memory.removes(0)
        goes = situation.wanted == self._service.node
        if may_take_vote(situation) and goes and pair.other is not None and pair.spec is not None:
            await self._members.remove(pair.other, pair.spec, memory)
            return False
        holder = access.record.holder if access.record is not None else CLOSED
        needed = pair.leads and situation.wanted != CLOSED and holder in {self._service.node, CLOSED}
        await self._members.need_both(pair, self._fact(f"{pair.ids[0]:x}"), needed=needed)
        step = light_step(situation, Patience(self._service.timings.suspicion_s, BEHIND_S), access.won)
        match step:
            case Swap(holder=wanted):
                back_to_both = wanted == BOTH and (memory.note.removing in pair.ids or not self._stand_in.nothing_runs)
                if not back_to_both:
                    await access.swap(wanted, alone=not pair.leads)
            case Play() if pair.spec is not None:
                problem = await self._stand_in.start(pair.spec)
                log.warning("going on alone", detail=f"a stand-in of {pair.spec.name} is started", problem=problem)
            case Stand(why=why):
                self._stands(access.problem or why)
            case Play() | None:
                self._why = ""
        return pair.leads and step is None

    async def _playing(self, pair: Pair, now: float) -> None:
        access, stand_in = self._access, self._stand_in
        named = access.record is None or not access.reached or access.record.holder == self._service.node
        too_long = now > stand_in.since + PLAY_LIMIT_S and not pair.leads
        if pair.other is None or pair.spec is None or not named or too_long:
            access.won = None
            await stand_in.end()
        elif pair.leads:
            await self._members.remove(pair.other, pair.spec, access.memory)

    # ---------------------------------------------------------------- what is known

    def _situation(self, pair: Pair, now: float) -> Situation:
        service, access = self._service, self._access
        other = pair.spec.node if pair.spec is not None else 0
        begun = bool(pair.ids[1]) and access.memory.note.removing == pair.ids[1]
        return Situation(
            node=service.node,
            record=access.record,
            seen=access.memory.note.seen,
            reached=access.reached,
            leads=pair.leads,
            silent_s=self._silent_s(now),
            head_start=not other or has_head_start(service.view, service.node, other),
            voters=pair.voters,
            applied=bool(other) and self._hears(other) and self._members.says_applied(pair),
            confirmed=self._members.is_confirmed(pair),
            wanted=service.node if begun else wanted_holder(service.view, service.node, other),
            coordinates=service.faces.leads(),
            doubt=access.doubt,
        )

    def _silent_s(self, now: float) -> float:
        service = self._service
        if not service.loop.membership.links_up or service.prevents_quorum or self._lets_go():
            return -1.0
        leaderless, unheard = now - self._led_at, now - self._heard_at
        return max(min(leaderless, unheard), leaderless - HEARD_PATIENCE_S)

    def _hears(self, node: int) -> bool:
        report = self._service.loop.sentinel_report
        return report is not None and any(h.peer.node == node and not h.silent for h in report.heard)

    def _lets_go(self) -> bool:
        """No light witness is heeded here any more, whatever happens to this node: it is written down."""
        if self._spec.model == "light_witness" or self._stand_in.played is not None:
            return False
        replica = load_replica(self._service.places, self._service.identity)
        return replica.quorum.model != "light_witness"

    # ---------------------------------------------------------------- reporting

    def _fact(self, member: str) -> QuorumFact | None:
        """What this node tells of the witness; None where its present life is not up."""
        service, access = self._service, self._access
        known, report = service.view.authority.up().get(service.node), service.loop.sentinel_report
        if known is None or report is None or report.incarnation != known.record.incarnation:
            return None
        opened = access.record is not None and access.record.holder != CLOSED
        return QuorumFact(
            incarnation=known.record.incarnation,
            reached=access.reached,
            sees=access.record.holder if access.record is not None else BOTH,
            opened=opened,
            member=member,
            lets_go=self._lets_go(),
            code="" if access.reached else "light_witness_unreachable",
            problem="" if access.reached and opened else access.problem or self._why,
        )

    async def _report(self, member: str) -> None:
        """Write what this node knows, where it is news, as a fact of its present life."""
        service, fact = self._service, self._fact(member)
        known = service.view.authority.up().get(service.node)
        if fact is None or known is None or (fact == self._told and service.view.quorum_fact(service.node) == fact):
            return
        guard = Unchanged(keys.member(service.node), known.revision)
        committed = await service.store.commit([guard], [Put(keys.fact_quorum(service.node), encode(fact))])
        self._told = fact if committed.succeeded else self._told
