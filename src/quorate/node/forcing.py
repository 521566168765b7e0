"""Forced quorum: one node's data become the cluster's, because every other voter is declared lost (spec/02 §8.9).

Owns: the steps, the stand-ins, and that nothing of them stays behind. Does not know: how an administrator is asked.

How it works: the node is stopped. Its own member of the store is started beside *stand-ins*: empty members under the
identity of lost ones, at their addresses, which this machine takes for as long as that lasts. An empty log votes for
any other, so this node's member is elected with its whole log, and nothing that it ever accepted is dropped (etcd's own
`--force-new-cluster` drops what it does not know to be committed: the last acknowledged write was lost in 8 of 8 runs).
Then every lost voter is removed for good: one that returns is told so by the store, retires its data and joins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quorate.adapters.etcd.errors import GatewayError
from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.member import argv
from quorate.adapters.etcd.messages import Member
from quorate.adapters.etcd.store import EtcdStore
from quorate.adapters.routes import Routes
from quorate.core.authority.timings import PROFILES
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.light_witness import following
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.problems import Refused, error
from quorate.model.quorum import MEMBER_NAME, QUORUM_VOTER, ForcedQuorum
from quorate.model.records import Put, Unchanged, Write
from quorate.node.forcing_plan import Plan
from quorate.node.light_memory import LightMemory
from quorate.node.light_place import light_kind, open_light
from quorate.node.member_keeper import etcd_binary, member_name, member_settings
from quorate.node.places import Places
from quorate.node.settings import load
from quorate.node.stand_in import PeerList, listed_by, peer_list, peer_url, stand_in_certificate
from quorate.node.store_link import PrefixedStore, tls_context
from quorate.ports.light_witness import WitnessLost
from quorate.ports.store import StoreError

RECORD_LIMIT_S: Final = 10.0
LEADER_LIMIT_S: Final = 30.0
LISTED_LIMIT_S: Final = 5.0
"""For every recorded voter to be listed; one may have been removed and not been recorded so."""
REMOVAL_LIMIT_S: Final = 60.0
"""etcd wants every voter connected for 5 s before it lets one go."""
END_LIMIT_S: Final = 5.0
PAUSE_S: Final = 0.2
EPOCH_STEP: Final = 1000
"""The other side may have gone on for a while: the epoch must be above the highest it can have seen."""

Say = Callable[[str], None]


# ---------------------------------------------------------------- doing it


async def force_quorum(places: Places, plan: Plan, *, author: str, at: str, say: Say) -> int:
    """Do it; the revision of the database that it ended with. Raises Refused and leaves nothing running.

    Interrupted at any point it can be given again: until the lost voters are removed nothing has changed, and each
    removal is for good.
    """
    folder = places.run / "forcing"
    shutil.rmtree(folder, ignore_errors=True)  # stand-ins of an interrupted attempt; they hold nothing of their own
    folder.mkdir(parents=True, mode=0o700)
    settings = load(places.settings)
    try:
        if plan.light:
            await _take_record(places, plan, say)
        async with (
            _addresses(plan, managed=settings.manage_fabric and os.geteuid() == 0),
            _members(places, plan, folder, settings.etcd) as running,
        ):
            endpoint = f"https://{plan.own.fabric_address}:{plan.own.client_port}"
            async with Gateway([endpoint], tls=tls_context(places)) as gateway:
                await _led(gateway, running)
                say(f"the data of {plan.own.name} have a leader; nothing that it ever accepted is dropped")
                await _remove_others(gateway, plan, say)
                return await _write_down(gateway, plan, author=author, at=at)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _take_record(places: Places, plan: Plan, say: Say) -> None:
    """The light witness names this node from now on, whatever it said: a lost one that starts alone stands still."""
    spec = plan.replica.quorum
    kind = light_kind(spec)
    assert kind is not None
    cluster, node = plan.identity.cluster_id, plan.identity.node
    memory = LightMemory(places.light_note)
    await memory.at(kind, spec.path)
    remedy = "see that this node reaches it; or declare it lost too: --without quorum"
    try:
        witness = await open_light(places, kind, spec.path, cluster, RECORD_LIMIT_S)
        former = await witness.read()
        if former is None and memory.note.seen:
            what = f"there is no record at {spec.path}, although there was one: perhaps it is not mounted"
            raise Refused([error("light_witness_empty", what, remedy=remedy)])
        claim = f"{node}-{secrets.token_hex(8)}"
        record = following(former, memory.note.seen, cluster=cluster, holder=node, claim=claim)
        won = await witness.swap(former, record)
    except WitnessLost as lost:
        what = f"the light witness at {spec.path} does not answer: {lost}"
        raise Refused([error("light_witness_unreachable", what, remedy=remedy)]) from lost
    if not won:
        what = f"somebody else wrote the record at {spec.path}: another node is at work"
        raise Refused([error("light_witness_busy", what, remedy="see that every lost node is off")])
    await memory.has_seen(record.generation)
    await memory.swaps(alone=True)
    say(f"the light witness names {plan.own.name}: a lost node that starts alone stands still")


@contextlib.asynccontextmanager
async def _addresses(plan: Plan, *, managed: bool) -> AsyncIterator[None]:
    """This machine has the fabric addresses of itself and of those that are stood in for."""
    if not managed:
        yield
        return
    routes = Routes()
    addresses = [spec.fabric_address for spec in (plan.own, *plan.stand_ins)]
    try:
        for address in addresses:
            routes.own(address)
        yield
    finally:
        for address in addresses:
            with contextlib.suppress(OSError):
                routes.disown(address)
        routes.close()


@dataclass(slots=True)
class _Running:
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    def ended(self) -> str:
        """The last words of a process that has ended although it should run; empty where all run."""
        for process, log in zip(self.processes, self.logs, strict=True):
            if process.returncode is not None:
                lines = log.read_text(errors="replace").strip().splitlines() or ["without a word"]
                return f"{log.stem} ended: {lines[-1][:500]}"
        return ""


@contextlib.asynccontextmanager
async def _members(places: Places, plan: Plan, folder: Path, etcd: str) -> AsyncIterator[_Running]:
    """This node's member and the stand-ins, as children that end with this."""
    timings = PROFILES[plan.replica.cluster.profile]
    binary = etcd_binary(etcd)
    peers: PeerList = ((member_name(plan.own.node), f"{plan.own.fabric_address}:{plan.own.peer_port}"),)
    tls = stand_in_certificate(places, plan.own, plan.stand_ins, folder / "pki")
    jobs = [(plan.own, places.store / member_name(plan.own.node))]
    jobs += [(spec, folder / member_name(spec.node)) for spec in plan.stand_ins]
    running = _Running()
    try:
        for spec, data_dir in jobs:
            if spec is not plan.own and len(running.processes) == 1:
                peers = await _listed(places, plan)
            if spec is not plan.own and f"{spec.fabric_address}:{spec.peer_port}" not in dict(peers).values():
                continue  # a former attempt has removed it already
            settings = member_settings(
                spec, data_dir, peers, cluster=plan.identity.cluster_id, timings=timings, tls=tls, new=False
            )
            log = await asyncio.to_thread((folder / f"{member_name(spec.node)}.log").open, "wb")
            with log:
                running.logs.append(Path(log.name))
                running.processes.append(
                    await asyncio.create_subprocess_exec(
                        *("setpriv", "--pdeathsig", "KILL", "--", *argv(settings, binary)), stdout=log, stderr=log
                    )
                )
        yield running
    finally:
        for process in running.processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in running.processes:
            try:
                await asyncio.wait_for(process.wait(), END_LIMIT_S)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _listed(places: Places, plan: Plan) -> PeerList:
    """Every member as the own one lists them. Raises Refused where it lists nobody."""
    voters = [peer_url(spec) for spec in (plan.own, *plan.lost) if spec.votes]
    found = await listed_by(places, plan.own, voters, LISTED_LIMIT_S)
    found = found or await listed_by(places, plan.own, [peer_url(plan.own)], LEADER_LIMIT_S)
    if not found:
        what = f"the copy of {plan.own.name} does not say within {LEADER_LIMIT_S:.0f} s who the voters are"
        raise Refused([error("no_leader", what, remedy="nothing was changed, and the command may be given again")])
    return peer_list(found)


async def _led(gateway: Gateway, running: _Running) -> None:
    remedy = "see that no lost node still runs; nothing was changed, and the command may be given again"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LEADER_LIMIT_S):
            while not running.ended():
                with contextlib.suppress(GatewayError):
                    await gateway.members(timeout_s=1.0)
                    return
                await asyncio.sleep(PAUSE_S)
    what = running.ended() or f"the store found no leader within {LEADER_LIMIT_S:.0f} s"
    raise Refused([error("no_leader", what, remedy=remedy)])


async def _remove_others(gateway: Gateway, plan: Plan, say: Say) -> None:
    """Those whose place nobody takes first: the stand-ins are needed for as long as anybody else is counted."""
    played = {peer_url(spec) for spec in plan.stand_ins}

    def rank(member: Member) -> bool:
        return bool(played & set(member.peerURLs))

    own = peer_url(plan.own)
    try:
        async with asyncio.timeout(REMOVAL_LIMIT_S):
            while True:
                members = await gateway.members(timeout_s=5.0)
                others = sorted((m for m in members if own not in m.peerURLs), key=rank)
                if not others:
                    return
                try:
                    await gateway.remove_member(others[0].id)
                    say(f"{others[0].name or MEMBER_NAME} has lost its vote, for good")
                except GatewayError:
                    await asyncio.sleep(PAUSE_S)
    except (TimeoutError, GatewayError) as problem:
        what = "not every lost voter could be removed"
        remedy = "give the command again: it goes on where it ended"
        raise Refused([error("not_removed", what, remedy=remedy)]) from problem


async def _write_down(gateway: Gateway, plan: Plan, *, author: str, at: str) -> int:
    """The lost are down, confirmed by whoever forced it; the epoch is above all that the other side can have seen."""
    etcd = EtcdStore(gateway, generation=plan.identity.store_generation)
    store = PrefixedStore(etcd, f"/quorate/{plan.identity.cluster_id}/")
    try:
        snapshot = await store.read(prefixes=keys.REPLICA, timeout_s=10.0)
        view = ClusterView()
        view.reset(snapshot.position, snapshot.items)
        writes: list[Write] = []
        for node, known in view.nodes.items():
            if node != plan.own.node and (known.record.votes or known.record.vote_pending):
                spec = replace(known.record, votes=0, vote_pending=False)
                writes.append(Put(f"{keys.SPEC_NODE}{node}", encode(spec)))
        for node, member in view.authority.up().items():
            if node != plan.own.node:
                record = member.record
                down = MemberRecord(
                    node=node,
                    state="down",
                    incarnation=record.incarnation,
                    proof="confirmed",
                    boot_id=record.boot_id,
                )
                writes.append(Put(keys.member(node), encode(down)))
        if plan.quorum_lost or plan.light_lost:
            former = view.quorum_spec
            gone = replace(former, model="node_majority", kind="", path="", votes=0, vote_pending=False, member="")
            writes.append(Put(keys.SPEC_QUORUM, encode(gone)))
        coordinator = view.authority.coordinator
        if coordinator is not None:
            leader = CoordinatorRecord(node=coordinator.record.node, epoch=coordinator.record.epoch + EPOCH_STEP)
            writes.append(Put(keys.COORDINATOR, encode(leader)))
        lost = (*(spec.node for spec in plan.lost), *((QUORUM_VOTER,) if plan.quorum_lost else ()))
        forced = ForcedQuorum(at=at, author=author, node=plan.own.node, without=lost)
        writes.append(Put(keys.FORCED, encode(forced)))
        guards = [Unchanged(keys.COORDINATOR, coordinator.revision)] if coordinator is not None else []
        committed = await store.commit(guards, writes, timeout_s=10.0)
    except StoreError as problem:
        remedy = "give the command again: it goes on where it ended"
        raise Refused([error("not_written", f"the database took no change: {problem}", remedy=remedy)]) from problem
    if not committed.succeeded:
        raise Refused([error("not_written", "somebody else wrote meanwhile", remedy="give the command again")])
    return committed.position.revision
