"""The coordinator's care of the store's votes: one step at a time, as `core.votes` decides (design §3).

Owns: the picture of members and votes, and the carrying out of a step. Does not know: when a step is right.
How it works: only who acts as coordinator does anything. A record of votes is guarded by the coordinator's epoch and by
the record that it replaces; what is done to members may be repeated, and the next look shows what became of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.messages import Member
from quorate.core import votes
from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.core.eviction import gives_way, has_left
from quorate.core.light_view import gives_up_vote
from quorate.core.quorum_outlook import storage_objection
from quorate.core.votes import NodeVote, Picture, StoreMember
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.nodes import NodeSpec
from quorate.model.quorum import MEMBER_MODELS, MEMBER_NAME, QUORUM_VOTER, QuorumSpec
from quorate.model.records import Absent, Delete, Guard, Put, Unchanged
from quorate.node.service_log import log
from quorate.ports.store import StoreError

if TYPE_CHECKING:
    from quorate.node.service import Service

LOOK_S: Final = 0.5
LOOK_SELDOM_S: Final = 5.0
"""Between looks while nothing of votes has changed."""


class VoteKeeper:
    """Votes, kept by whichever node leads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.waiting = ""
        """Why a step that is due is not taken."""

    async def run(self) -> None:
        """Look and step until cancelled."""
        looked: object = None
        looked_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            service = self._service
            known = self._known()
            busy = service.view.authority.pending_voters or service.view.quorum_spec.kind
            if known == looked and not (busy and self._unfinished()) and loop.time() < looked_at + LOOK_SELDOM_S:
                continue
            try:
                members = await service.gateway.members(timeout_s=1.0)
                service.quorum.members = members
                step = votes.next_step(self.picture(members)) if service.faces.leads() else None
                if step is not None:
                    await self._take(step)
                    continue
                looked, looked_at = known, loop.time()
            except (GatewayError, StoreError) as problem:
                log.info("votes", detail=f"not yet: {problem}")

    def _known(self) -> object:
        """Whatever a step may follow from, as far as the replica tells it."""
        view = self._service.view
        nodes = tuple((n, known.revision) for n, known in sorted(view.nodes.items()))
        facts = tuple((n, known.revision) for n, known in sorted(view.quorum_facts.items()))
        up = tuple(sorted(view.authority.up()))
        left = tuple(sorted(_going(view)))
        forced = view.forced.revision if view.forced is not None else 0
        return (nodes, facts, up, forced, left, view.quorum.revision if view.quorum else 0, self._service.faces.leads())

    def _unfinished(self) -> bool:
        spec = self._service.view.quorum_spec
        wanted = spec.model in MEMBER_MODELS
        left_over = spec.model == "node_majority" and bool(spec.kind)
        return bool(self._service.view.authority.pending_voters) or wanted != bool(spec.votes) or left_over

    # ---------------------------------------------------------------- the picture

    def picture(self, members: tuple[Member, ...]) -> Picture:
        """Everything that steps follow from."""
        view = self._service.view
        spec = view.quorum_spec
        up = view.authority.up()
        holder = view.quorum_holder()
        told = view.quorum_told()
        going = _going(view)
        nodes = {
            node: NodeVote(
                bool(k.record.votes),
                k.record.vote_pending,
                0 if node in going else k.record.weight,
                node in up,
                returns=bool(view.node_intent(node).rebuild and k.record.weight) and not has_left(view, node),
            )
            for node, k in view.nodes.items()
        }
        return Picture(
            model=spec.model,
            nodes=nodes,
            members=tuple(self._member(member, holder) for member in members),
            quorum_votes=bool(spec.votes),
            quorum_pending=spec.vote_pending,
            quorum_member=spec.member,
            storage=bool(spec.kind),
            placed=told is not None,
            runs=told is not None and told.runs,
            lacks_data=told is not None and told.lacks_data,
            objection=storage_objection(view),
            record_open=self._service.light.record_open(),
            dynamic=spec.dynamic_votes,
            lower_priority=spec.lower_priority_node,
            forced_without=frozenset(view.forced.record.without) if view.forced is not None else None,
        )

    def _member(self, member: Member, holder: int) -> StoreMember:
        urls = set(member.peerURLs)
        specs = {node: known.record for node, known in self._service.view.nodes.items()}
        voter = next((node for node, spec in specs.items() if _peer_url(spec) in urls), -1)
        in_place = True
        witness = _witness_url(self._service.view.quorum_spec)
        if witness in urls:
            return StoreMember(member.id, QUORUM_VOTER, member.isLearner)
        if member.name == MEMBER_NAME or any(_quorum_url(spec) in urls for spec in specs.values()):
            voter = QUORUM_VOTER
            in_place = holder in specs and _quorum_url(specs[holder]) in urls
        return StoreMember(member.id, voter, member.isLearner, in_place)

    # ---------------------------------------------------------------- steps

    async def _take(self, step: votes.Step) -> None:
        gateway, view = self._service.gateway, self._service.view
        if not isinstance(step, votes.Wait):
            log.info("votes", step=type(step).__name__, detail=str(step))
            self.waiting = ""
        match step:
            case votes.AddQuorumMember():
                url = _witness_url(view.quorum_spec) or _quorum_url(view.nodes[view.quorum_holder()].record)
                added = await gateway.add_member([url], learner=True)
                self._service.quorum.members = added.members
            case votes.MoveQuorumMember(id=member):
                await gateway.move_member(member, [_quorum_url(view.nodes[view.quorum_holder()].record)])
            case votes.Promote(id=member):
                await gateway.promote_member(member)
            case votes.Remove(id=member):
                await gateway.remove_member(member)
            case votes.RecordQuorum(votes=has, pending=pending, member=name, forget_storage=forget):
                changed = replace(view.quorum_spec, votes=int(has), vote_pending=pending, member=name)
                if forget:
                    changed = replace(changed, kind="", path="")
                await self._record(keys.SPEC_QUORUM, view.quorum, changed)
            case votes.RecordNode(node=node, votes=has, pending=pending):
                known = view.nodes[node]
                spec = replace(known.record, votes=int(has), vote_pending=pending)
                await self._record(f"{keys.SPEC_NODE}{node}", known, spec)
            case votes.ForgetForce():
                await self._forget_force()
            case votes.Wait(why=why):
                self.waiting = why

    async def _forget_force(self) -> None:
        forced, coordinator = self._service.view.forced, self._service.view.authority.coordinator
        if forced is not None and coordinator is not None:
            guards = [Unchanged(keys.COORDINATOR, coordinator.revision), Unchanged(keys.FORCED, forced.revision)]
            await self._service.store.commit(guards, [Delete(keys.FORCED)])

    async def _record(
        self, key: str, known: Known[QuorumSpec] | Known[NodeSpec] | None, value: QuorumSpec | NodeSpec
    ) -> None:
        coordinator = self._service.view.authority.coordinator
        if coordinator is None:
            return
        guards: list[Guard] = [
            Unchanged(keys.COORDINATOR, coordinator.revision),
            Absent(key) if known is None else Unchanged(key, known.revision),
        ]
        await self._service.store.commit(guards, [Put(key, encode(value))])


def _going(view: ClusterView) -> set[int]:
    """Nodes whose member shall go."""
    goes = gives_up_vote if view.quorum_spec.model == "light_witness" else gives_way
    return {node for node in view.nodes if goes(view, node)}


def _peer_url(spec: NodeSpec) -> str:
    return f"https://{spec.fabric_address}:{spec.peer_port}"


def _witness_url(spec: QuorumSpec) -> str:
    """The peer address of the witness, empty where the quorum resource is none."""
    return f"https://{spec.path}" if spec.kind == "witness" else ""


def _quorum_url(spec: NodeSpec) -> str:
    return f"https://{spec.fabric_address}:{spec.quorum_peer_port}"
