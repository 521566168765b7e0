"""This node's share in the quorum resource: its keeper ordered, and what it says reported (design §3).

Owns: when the sentinel is asked for a keeper, what the keeper is ordered, and the node's `fact/<node>/quorum`.
Does not know: how votes change (`node.vote_keeper`), or how the storage is held (`node.quorum_keeper`).
How it works: level-triggered, once a heartbeat and whenever the keeper speaks: the order follows from the configuration
as it is in the replica, the lease, and whether any active node is heard.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.member import MemberSettings, MemberTls, argv
from quorate.adapters.etcd.messages import Member
from quorate.core.quorum_keeping import Mode, wanted_mode
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.nodes import NodeSpec
from quorate.model.quorum import MEMBER_MODELS, MEMBER_NAME, QuorumFact, QuorumSpec
from quorate.model.records import Put, Unchanged
from quorate.node.member_keeper import etcd_binary
from quorate.node.quorum_link import QuorumLink
from quorate.node.service_log import log
from quorate.node.witness_watch import WitnessWatch
from quorate.ports.store import StoreError
from quorate.wire import sentinel_channel as channel
from quorate.wire.lease_page import boot_time_s
from quorate.wire.quorum_channel import DATA_FOLDER, KeeperOrder, KeeperStanding

if TYPE_CHECKING:
    from quorate.node.service import Service

PROCESS: Final = "quorum"
PROGRESS_S: Final = 1.0
"""Between questions how far the member has come."""


class QuorumShare:
    """One node's share."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.link = QuorumLink(service.places.quorum_socket, self._wake)
        self.members: tuple[Member, ...] = ()
        """The store's members, as last listed; needed to start a member that never ran."""
        self._running: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._alone_since = boot_time_s()
        self._told: QuorumFact | None = None
        self._progress = (0, 0)
        self._progress_at = 0.0
        self._leaving = False
        self._holder = 0
        self._witness = WitnessWatch(service.places)

    @property
    def spec(self) -> QuorumSpec:
        """The configuration: from the store, or as last seen."""
        service = self._service
        return service.view.quorum_spec if service.watched_at else service.replica.quorum

    @property
    def standing(self) -> KeeperStanding:
        """What the keeper has and sees; nothing where it does not speak."""
        return self.link.standing or KeeperStanding()

    def _wake(self) -> None:
        self._woken.set()

    # ---------------------------------------------------------------- running

    async def run(self) -> None:
        """Order and report until cancelled."""
        try:
            while True:
                self._follow()
                if self.standing.holder != self._holder:
                    self._holder = self.standing.holder
                    # Where the quorum resource alone votes, its member is the store.
                    self._service.reach.use_endpoints()
                await self._witness.look(self.spec)
                await self._report()
                await self._ask_progress()
                self._woken.clear()
                try:
                    async with asyncio.timeout(self._service.timings.heartbeat_s):
                        await self._woken.wait()
                except TimeoutError:
                    pass
        finally:
            await self._witness.aclose()
            if self._running is not None:
                self._running.cancel()

    async def hand_over(self, limit_s: float) -> None:
        """The node leaves: give the storage up, and wait until another node has it where there is one that could."""
        self._leaving = True
        others = self._service.view.authority.up().keys() - {self._service.node}
        if not self.standing.holds or not others:
            return
        self._follow()
        try:
            async with asyncio.timeout(limit_s):
                while self._service.view.quorum_holder() in {0, self._service.node}:
                    await self._service.turned()
        except TimeoutError:
            log.warning("no other node has taken the quorum storage over in time")

    def _follow(self) -> None:
        service, spec = self._service, self.spec
        now = boot_time_s()
        report = service.loop.sentinel_report
        if report is None or any(heard.up and not heard.silent for heard in report.heard):
            self._alone_since = now
        kept = spec.kind in {"directory", "block_device"}
        if not kept and self._running is None:
            return
        if self._running is None:
            service.tell_sentinel(channel.RunProcess(PROCESS, (sys.executable, "-m", "quorate.node.quorum_keeper")))
            self._running = asyncio.create_task(self.link.run(), name="quorum link")
        if not kept:
            self._dismiss()
            return
        lease_held = report is not None and report.lease_until > now
        own = service.own_spec()
        alone = spec.model == "disk_only" or not any(node.votes for node in service.nodes())
        mode = wanted_mode(
            here=spec.model in MEMBER_MODELS or bool(spec.votes or spec.vote_pending),
            leaving=self._leaving,
            lease_held=lease_held,
            may_run=(bool(own.votes) or alone) and not (service.prevents_quorum and not lease_held),
            alone_for_s=now - self._alone_since,
            timings=service.timings,
        )
        self.link.order(self._order(spec, own, mode))

    def _dismiss(self) -> None:
        """The quorum resource is no more: the keeper lets go, then ends."""
        service = self._service
        service.tell_sentinel(channel.EndProcess(PROCESS))
        if self._running is not None:
            self._running.cancel()
            self._running = None
        self.link = QuorumLink(service.places.quorum_socket, self._wake)

    def _order(self, spec: QuorumSpec, own: NodeSpec, mode: Mode) -> KeeperOrder:
        assert spec.kind in {"directory", "block_device"}
        # A member that may have voted must never start empty: the votes it gave would be given twice.
        may_create = any(f"{m.id:x}" == spec.member and m.isLearner and not m.name for m in self.members)
        return KeeperOrder(
            mode=mode,
            kind=spec.kind,
            path=spec.path,
            cluster=self._service.identity.cluster_id,
            node=own.node,
            profile=self._service.replica.cluster.profile,
            member=spec.member,
            may_create=may_create,
            known=bool(spec.member or spec.votes),
            argv=self._argv(own, spec),
            term=self._progress[0],
            index=self._progress[1],
        )

    def _argv(self, own: NodeSpec, spec: QuorumSpec) -> tuple[str, ...]:
        pki, timings = self._service.places.pki, self._service.timings
        client, peer = (
            f"{own.fabric_address}:{own.quorum_client_port}",
            f"{own.fabric_address}:{own.quorum_peer_port}",
        )
        listed = tuple(
            (m.name or MEMBER_NAME, m.peerURLs[0].removeprefix("https://"))
            for m in self.members
            if m.peerURLs and (m.name or f"{m.id:x}" == spec.member)
        )
        known = any(name == MEMBER_NAME for name, _ in listed)
        settings = MemberSettings(
            name=MEMBER_NAME,
            data_dir=Path(DATA_FOLDER),
            client_listen=(client,),
            client_advertise=(client,),
            peer_listen=(peer,),
            peer_advertise=(peer,),
            initial_cluster=listed if known else ((MEMBER_NAME, peer),),
            token=self._service.identity.cluster_id,
            state="existing",
            heartbeat_ms=round(timings.store_heartbeat_s * 1000),
            election_ms=round(timings.store_election_s * 1000),
            tls=MemberTls(pki / "node.pem", pki / "node.key", pki / "node-ca.pem"),
        )
        return ("/usr/bin/env", "GOMAXPROCS=1", *argv(settings, etcd_binary(self._service.settings.etcd)))

    # ---------------------------------------------------------------- reporting

    async def _report(self) -> None:
        """Write what the keeper says, where it is news, as a fact of this node's present life."""
        service = self._service
        member = service.view.authority.up().get(service.node)
        standing = self._witness.standing if self.spec.kind == "witness" else self.link.standing
        report = service.loop.sentinel_report
        said = service.view.quorum_fact(service.node)
        if standing is None and self._running is None and said is not None and said.holds:
            standing = KeeperStanding()  # what it held it has given up, and it is no more to say so itself
        if member is None or standing is None or report is None or report.incarnation != member.record.incarnation:
            return
        fact = QuorumFact(
            incarnation=member.record.incarnation,
            holds=standing.holds,
            runs=standing.runs,
            lacks_data=standing.lacks_data,
            reached=standing.reached,
            sees=standing.holder,
            code=standing.code,
            problem=standing.problem,
        )
        if fact == self._told and service.view.quorum_fact(service.node) == fact:
            return
        try:
            committed = await service.store.commit(
                [Unchanged(keys.member(service.node), member.revision)],
                [Put(keys.fact_quorum(service.node), encode(fact))],
            )
        except StoreError:
            return  # said again at the next turn
        if committed.succeeded:
            self._told = fact

    async def _ask_progress(self) -> None:
        service = self._service
        if not self.standing.runs or boot_time_s() < self._progress_at:
            return
        self._progress_at = boot_time_s() + PROGRESS_S
        own = service.own_spec()
        try:
            status = await service.gateway.status(
                f"https://{own.fabric_address}:{own.quorum_client_port}", timeout_s=service.timings.heartbeat_s
            )
        except GatewayError:
            return
        self._progress = (status.raftTerm, status.raftIndex)
