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
from quorate.core.votes import VOTERS_MOST
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.nodes import NodeSpec
from quorate.model.records import Put, Unchanged
from quorate.node.identity import Identity, write_file
from quorate.node.places import Places
from quorate.ports.store import Store, StoreError

STEP_PAUSE_S = 0.5
"""Between attempts; a learner needs about that long to catch up, and etcd wants all voters connected for 5 s."""

MISSED_MOST = 4
"""A member that was missed so often in a row was removed, and is not one whose announcement is under way."""


def member_name(node: int) -> str:
    """The name of a node's member."""
    return f"node-{node}"


def member_settings(
    spec: NodeSpec,
    data_dir: Path,
    initial: tuple[tuple[str, str], ...],
    *,
    cluster: str,
    timings: Timings,
    tls: MemberTls,
    new: bool,
) -> MemberSettings:
    """The member of that node."""
    client, peer = f"{spec.fabric_address}:{spec.client_port}", f"{spec.fabric_address}:{spec.peer_port}"
    return MemberSettings(
        name=member_name(spec.node),
        data_dir=data_dir,
        client_listen=(client,),
        client_advertise=(client,),
        peer_listen=(peer,),
        peer_advertise=(peer,),
        initial_cluster=initial,
        token=cluster,
        state="new" if new else "existing",
        heartbeat_ms=round(timings.store_heartbeat_s * 1000),
        election_ms=round(timings.store_election_s * 1000),
        tls=tls,
    )


def etcd_binary(setting: str) -> Path:
    """The etcd binary that node.toml names, else the one that is found. Raises EtcdMissing."""
    return Path(setting) if setting else find_binary(os.environ)


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
        end_process: Callable[[str], None],
        runs: Callable[[], bool],
        may_vote: Callable[[tuple[Member, ...]], bool],
        log: Callable[[str], None],
        *,
        etcd: Path,
    ) -> None:
        self._places = places
        self._identity = identity
        self._timings = timings
        self._gateway = gateway
        self._store = store
        self._view = view
        self._run_process = run_process
        self._end_process = end_process
        self._runs = runs
        self._may_vote = may_vote
        self._missed = 0
        self._ended = False
        """The sentinel was told to start the removed member no more."""
        self._log = log
        self._binary = etcd

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
        settings = member_settings(
            own,
            self.data_dir,
            initial,
            cluster=self._identity.cluster_id,
            timings=self._timings,
            tls=MemberTls(pki / "node.pem", pki / "node.key", pki / "node-ca.pem"),
            new=new,
        )
        self._places.store.mkdir(parents=True, exist_ok=True)
        # One scheduler thread: an idle member's processor time falls by a quarter (measured, leader: 6.0 to 4.5 %).
        self._run_process("etcd", ("/usr/bin/env", "GOMAXPROCS=1", *argv(settings, self._binary)))

    async def run(self) -> None:
        """Lead this node to a vote whenever it has none and should have one."""
        said = ""
        while True:
            known = self._view.nodes.get(self._identity.node)
            if known is not None and (known.record.vote_pending or not known.record.votes):
                try:
                    waiting = await self._advance(known)
                except (GatewayError, StoreError) as problem:
                    waiting = f"not a voter yet: {problem}"
                if waiting and waiting != said:
                    self._log(waiting)
                said = waiting
            await asyncio.sleep(STEP_PAUSE_S)

    async def _advance(self, known: Known[NodeSpec]) -> str:
        """One step; tells why there is none to take, where that is so."""
        spec = known.record
        members = await self._gateway.members(timeout_s=1.0)
        url = f"https://{self._peer(spec)}"
        mine = next((m for m in members if url in m.peerURLs), None)
        self._missed = self._missed + 1 if mine is None else 0
        if mine is None and self.data_dir.exists():
            return self._retire() if self._missed >= MISSED_MOST else ""
        if mine is None and not spec.vote_pending:
            await self._take_back_rebuild()
        if not self._may_vote(members):
            return "this node shall have no vote"
        if mine is None:
            voters = sum(1 for m in members if not m.isLearner)
            if voters >= VOTERS_MOST:
                return f"{voters} voters are enough; this node stays without a member of its own"
            if any(m.isLearner for m in members):
                return "another member is on its way to a vote"  # one learner at a time
            added = await self._gateway.add_member([url], learner=True)
            self._log("added to the store as a learner")
            self._start(spec, self._initial(spec, added.members), new=False)
            return ""
        if mine.isLearner:
            if not (self.data_dir / "member" / "wal").exists():
                # It refuses to start with a list that is not the present one: another member has gone since then.
                self._start(spec, self._initial(spec, members), new=False)
            if not spec.vote_pending:
                await self._record(known, replace(spec, vote_pending=True))
                return ""
            await self._gateway.promote_member(mine.id)
            self._log("the learner has caught up and votes")
            return ""
        await self._record(known, replace(spec, votes=1, vote_pending=False))
        return ""

    async def _take_back_rebuild(self) -> None:
        """The member that was to be made anew is gone and its folder aside: from here on it joins like any other."""
        known = self._view.node_intents.get(self._identity.node)
        if known is not None and known.record.rebuild:
            key = f"{keys.INTENT_NODE}{self._identity.node}"
            renewed = replace(known.record, rebuild="")
            await self._store.commit([Unchanged(key, known.revision)], [Put(key, encode(renewed))])

    def _retire(self) -> str:
        """The member was removed from the store: its folder is renamed and kept, and never used again (design §3)."""
        if self._runs() or not self._ended:
            self._end_process("etcd")  # also one that ended by itself would be started again, and make a folder anew
            self._ended = True
            return "the store has removed this node's member; its process is ended"
        number = 1
        while (kept := self.data_dir.with_name(f"{self.data_dir.name}.retired-{number}")).exists():
            number += 1
        self.data_dir.rename(kept)
        self._ended = False
        return f"the folder of the removed member is kept as {kept}"

    def _initial(self, own: NodeSpec, members: tuple[Member, ...]) -> tuple[tuple[str, str], ...]:
        """Name and peer address of every member; one that never started has no name yet, and it is this one."""
        return tuple(
            (m.name or member_name(own.node), m.peerURLs[0].removeprefix("https://"))
            for m in sorted(members, key=lambda member: member.id)
        )

    async def _record(self, known: Known[NodeSpec], spec: NodeSpec) -> None:
        key = f"{keys.SPEC_NODE}{spec.node}"
        await self._store.commit([Unchanged(key, known.revision)], [Put(key, encode(spec))])
