"""This node's member of the store: started, made a voter, kept (design §3).

Owns: when the sentinel is asked to run etcd and with which arguments, and the steps from *no member* over *learner* to
*voter*. Votes are static otherwise in this release. Does not know: membership of the cluster.
How it works: a node that joins is full without a member of its own. Its vote follows in the background: added as a
learner, recorded as pending (so that rule 4 counts both ways), promoted when it has caught up, recorded as voter. Each
step is repeated until it is done, and any of them may have been done by a former service.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.member import MemberSettings, MemberTls, argv, find_binary
from quorate.adapters.etcd.messages import Member
from quorate.core.authority.timings import Timings
from quorate.core.authority.view import Known
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.records import Put, Unchanged
from quorate.model.workload import NodeSpec
from quorate.node.identity import Identity, write_file
from quorate.node.places import Places
from quorate.ports.store import Store, StoreError

STEP_PAUSE_S = 0.5
"""Between attempts; a learner needs about that long to catch up, and etcd wants all voters connected for 5 s."""

VOTERS_LIMIT = 7
"""More voters make every write slower and no loss more survivable (design §3)."""


def member_name(node: int) -> str:
    """The name of a node's member."""
    return f"node-{node}"


class MemberKeeper:
    """One node's member."""

    def __init__(
        self,
        places: Places,
        identity: Identity,
        timings: Timings,
        gateway: Gateway,
        store: Store,
        view: ClusterView,
        run_process: Callable[[str, tuple[str, ...]], None],
        log: Callable[[str], None],
        *,
        etcd: str,
    ) -> None:
        self._places = places
        self._identity = identity
        self._timings = timings
        self._gateway = gateway
        self._store = store
        self._view = view
        self._run_process = run_process
        self._log = log
        self._binary = Path(etcd) if etcd else find_binary(os.environ)

    @property
    def data_dir(self) -> Path:
        """Where the member keeps its data."""
        return self._places.store / member_name(self._identity.node)

    def start_existing(self, own: NodeSpec, nodes: tuple[NodeSpec, ...]) -> bool:
        """Start the member where it has data, or is the first of a new cluster; tells whether it was started."""
        first = bool(own.votes) and not any(spec.votes for spec in nodes if spec.node != own.node)
        if not self.data_dir.exists():
            if not first:
                return False
            if self._places.founded.exists():
                self._log(
                    f"{self.data_dir} is missing although this cluster was founded; restore it, nothing is started"
                )
                return False
        initial = ((member_name(own.node), self._peer(own)),)
        self._start(own, initial, new=not self.data_dir.exists())
        return True

    def founded(self) -> None:
        """The store has content: from now on a missing data directory is a loss, never a first start."""
        if not self._places.founded.exists():
            write_file(self._places.founded, self._identity.cluster_id.encode())

    def _peer(self, spec: NodeSpec) -> str:
        return f"{spec.fabric_address}:{spec.peer_port}"

    def _start(self, own: NodeSpec, initial: tuple[tuple[str, str], ...], *, new: bool) -> None:
        pki = self._places.pki
        settings = MemberSettings(
            name=member_name(own.node),
            data_dir=self.data_dir,
            client_listen=(f"{own.fabric_address}:{own.client_port}",),
            client_advertise=(f"{own.fabric_address}:{own.client_port}",),
            peer_listen=(self._peer(own),),
            peer_advertise=(self._peer(own),),
            initial_cluster=initial,
            token=self._identity.cluster_id,
            state="new" if new else "existing",
            heartbeat_ms=round(self._timings.store_heartbeat_s * 1000),
            election_ms=round(self._timings.store_election_s * 1000),
            tls=MemberTls(pki / "node.pem", pki / "node.key", pki / "node-ca.pem"),
        )
        self._places.store.mkdir(parents=True, exist_ok=True)
        # One scheduler thread: an idle member's processor time falls by a quarter (measured, leader: 6.0 to 4.5 %).
        self._run_process("etcd", ("/usr/bin/env", "GOMAXPROCS=1", *argv(settings, self._binary)))

    async def run(self) -> None:
        """Lead this node to a vote; ends when it has one, or when there are enough voters."""
        while True:
            known = self._view.nodes.get(self._identity.node)
            if known is not None and known.record.votes and not known.record.vote_pending:
                return
            voters = sum(1 for k in self._view.nodes.values() if k.record.votes)
            if known is not None and not known.record.vote_pending and voters >= VOTERS_LIMIT:
                self._log(f"{voters} voters are enough; this node stays without a member of its own")
                return
            if known is not None:
                try:
                    await self._advance(known)
                except (GatewayError, StoreError) as problem:
                    self._log(f"not a voter yet: {problem}")
            await asyncio.sleep(STEP_PAUSE_S)

    async def _advance(self, known: Known[NodeSpec]) -> None:
        spec = known.record
        members = await self._gateway.members(timeout_s=1.0)
        url = f"https://{self._peer(spec)}"
        mine = next((m for m in members if url in m.peerURLs), None)
        if mine is None:
            if any(m.isLearner for m in members):
                return  # one learner at a time
            added = await self._gateway.add_member([url], learner=True)
            self._log("added to the store as a learner")
            self._start(spec, self._initial(spec, added.members), new=False)
            return
        if mine.isLearner:
            if not self.data_dir.exists():
                self._start(spec, self._initial(spec, members), new=False)
            if not spec.vote_pending:
                await self._record(known, replace(spec, vote_pending=True))
                return
            await self._gateway.promote_member(mine.id)
            self._log("the learner has caught up and votes")
            return
        await self._record(known, replace(spec, votes=1, vote_pending=False))

    def _initial(self, own: NodeSpec, members: tuple[Member, ...]) -> tuple[tuple[str, str], ...]:
        """Name and peer address of every member; one that never started has no name yet, and it is this one."""
        return tuple((m.name or member_name(own.node), m.peerURLs[0].removeprefix("https://")) for m in members)

    async def _record(self, known: Known[NodeSpec], spec: NodeSpec) -> None:
        key = f"{keys.SPEC_NODE}{spec.node}"
        await self._store.commit([Unchanged(key, known.revision)], [Put(key, encode(spec))])
