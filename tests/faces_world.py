"""A node as its faces see it, without the node: the store's twin, a replica fed by its watch, and a world for tests.

Owns: `FacesWorld`, the twin of `control.context.Context`. A test writes what coordinator and owners would write
(members, assignments, facts) with `put`; everything else comes through the faces.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quorate.adapters import pki
from quorate.control.events import EventBus
from quorate.core.authority.orders import Report
from quorate.core.authority.timings import FAST, Timings
from quorate.core.cluster_view import ClusterView
from quorate.core.paths import PathState
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.problems import Problem
from quorate.model.quorum import StorageKind
from quorate.model.records import Put
from quorate.model.workload import Assignment, GroupFact, ResourceFact, ResourceState, desired
from quorate.node.joining_authority import JoiningAuthority, make_credentials, node_files
from quorate.node.places import Places
from quorate.node.type_catalogue import InstalledTypes
from quorate.ports.fencing import MemoryAgents
from quorate.ports.store_memory import MemoryClient, MemoryStore


@dataclass
class FacesWorld:
    """Implements Context on twins; use it from one event loop."""

    signer: JoiningAuthority
    node: int = 1
    engine: MemoryStore = field(default_factory=MemoryStore)
    view: ClusterView = field(default_factory=ClusterView)
    events: EventBus = field(default_factory=lambda: EventBus("test"))
    types: InstalledTypes = field(default_factory=InstalledTypes)
    timings: Timings = FAST
    stopped: bool = False
    store_complaints: tuple[Problem, ...] = ()
    storage_complaints: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    agents: MemoryAgents = field(default_factory=MemoryAgents)
    path_states: tuple[PathState, ...] = ()
    now_s: float = 1_800_000_000.0

    def __post_init__(self) -> None:
        self.store: MemoryClient = self.engine.client("faces")
        self._chance = itertools.count(1)

    def report(self) -> Report | None:
        return None

    def paths(self) -> tuple[PathState, ...]:
        return self.path_states

    def leads(self) -> bool:
        return True

    def replica_age_s(self) -> float:
        return 0.25

    def store_problems(self) -> tuple[Problem, ...]:
        return self.store_complaints

    async def check_storage(self, kind: StorageKind, path: str) -> tuple[Problem, ...]:
        del kind
        return self.storage_complaints.get(path, ())

    @property
    def prevents_quorum(self) -> bool:
        return False

    def votes_waiting(self) -> str:
        return ""

    def wall_time(self) -> str:
        return "2027-01-15T08:00:00.000Z"

    def wall_time_s(self) -> float:
        return self.now_s

    def entropy(self, count_bytes: int) -> bytes:
        return next(self._chance).to_bytes(count_bytes, "big")

    def processes(self) -> Mapping[str, int]:
        return {"service": 4711}

    async def stop_node(self) -> None:
        self.stopped = True

    # ---------------------------------------------------------------- what others would write

    async def put(self, *records: tuple[str, Value]) -> None:
        """Write records and wait until the replica has them."""
        answer = await self.engine.client("others").commit((), [Put(key, encode(value)) for key, value in records])
        while self.view.position.revision < answer.position.revision:
            await self.events.moved()

    async def follow(self) -> None:
        """Feed the replica from the watch, for ever."""
        snapshot = await self.store.read(prefixes=[""])
        self.view.reset(snapshot.position, snapshot.items)
        self.events.observe(self.view, self.wall_time())
        async for batch in self.engine.client("watch").watch("", after_revision=snapshot.position.revision):
            self.view.apply(batch.position, batch.changes)
            self.events.observe(self.view, self.wall_time(), [change.key for change in batch.changes])

    async def populate(self, nodes: int = 3) -> None:
        """A formed cluster: nodes up, node 1 leading."""
        records: list[tuple[str, Value]] = [(keys.SPEC_CLUSTER, cluster_spec(nodes))]
        for node in range(1, nodes + 1):
            records.append((f"{keys.SPEC_NODE}{node}", node_spec(node)))
            records.append((keys.member(node), MemberRecord(node=node, state="up", incarnation=f"{node}.a")))
        records.append((keys.COORDINATOR, CoordinatorRecord(node=1, epoch=1)))
        await self.put(*records)

    async def assign(self, group: str, owner: int, number: int = 1, **fields: object) -> None:
        """Give a group to a node, as the coordinator would."""
        known = self.view.groups[self.group_id(group)].record
        made = Assignment(
            group=known.id,
            owner=owner,
            incarnation=f"{owner}.a",
            number=number,
            **fields,  # type: ignore[arg-type]
        )
        await self.put((keys.ASSIGNMENT + known.id, made))

    async def report_states(self, group: str, states: Mapping[str, ResourceState], **fields: object) -> None:
        """Report states of resources by name, as the owner would."""
        group_id = self.group_id(group)
        assignment = self.view.assignments[group_id].record
        ids = {spec.name: spec.id for spec in self.view.members_of.get(group_id, {}).values()}
        intent = self.view.intents.get(group_id)
        fact = GroupFact(
            group=group_id,
            incarnation=assignment.incarnation,
            number=assignment.number,
            resources={ids[name]: ResourceFact(state=state) for name, state in states.items()},
            **{"intent": intent.revision if intent is not None else 0, **fields},  # type: ignore[arg-type]
        )
        await self.put((keys.fact_group(assignment.owner, group_id), fact))

    async def obey(self, group: str) -> None:
        """Report every resource in the state it should have, as an owner would in the end."""
        group_id = self.group_id(group)
        members, intent = self.view.members_of.get(group_id, {}), self.view.intent(group_id)
        states: dict[str, ResourceState] = {
            spec.name: "online" if desired(spec, intent) else "offline" for spec in members.values()
        }
        await self.report_states(group, states)

    def group_id(self, name: str) -> str:
        return next(known.record.id for known in self.view.groups.values() if known.record.name == name)


def cluster_spec(nodes: int = 3) -> ClusterSpec:
    return ClusterSpec(
        name="alpha",
        id="3b6bb8b8-0000-4000-8000-000000000001",
        profile="fast",
        networks={"a": "127.0.1.0/24", "b": "127.0.2.0/24"},
        fabric_prefix="100.64.9.0/24",
        next_node=nodes + 1,
    )


def node_spec(node: int) -> NodeSpec:
    return NodeSpec(
        node=node,
        name=f"node{node}",
        addresses={"a": f"127.0.1.{node}", "b": f"127.0.2.{node}"},
        fabric_address=f"100.64.9.{node}",
    )


def make_pki(places: Places, node: int = 1) -> pki.Issued:
    """The files of a node; returns the user authority."""
    authority, users = pki.make_authority("test node authority"), pki.make_authority("test user authority")
    key = pki.make_key()
    request = pki.make_request(key, f"node{node}").decode()
    credentials = make_credentials(authority, users, os.urandom(32), request, node_spec(node))
    pki.write_files(places.pki, node_files(credentials, key))
    return users


@contextlib.asynccontextmanager
async def faces_world(root: Path, nodes: int = 3) -> AsyncIterator[FacesWorld]:
    """A world whose replica follows its store."""
    places = Places(root)
    make_pki(places)
    world = FacesWorld(JoiningAuthority(places))
    following = asyncio.create_task(world.follow())
    try:
        if nodes:
            await world.populate(nodes)
        yield world
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
