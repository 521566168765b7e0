"""The clean stop of a node: whose groups can still move, and how the node says that it is being stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.membership import MemberRecord
from quorate.model.nodes import NodeIntent, NodeSpec
from quorate.model.records import Change, Position, Put
from quorate.model.workload import Assignment, GroupSpec, ResourceSpec
from quorate.node.create import Wish, create_cluster
from quorate.node.leaving import Leaving
from quorate.node.places import Places
from quorate.node.service import Service
from quorate.node.store_link import PrefixedStore
from quorate.ports.store_memory import Fault, MemoryClient, MemoryStore


class Node:
    """Node 1's service, not running, on a store in memory; its view is written like a database."""

    def __init__(self, root: Path) -> None:
        wish = Wish(name="alpha", node_name="n1", networks={"a": "127.0.1.1/24"}, fabric=False)
        create_cluster(Places(root), wish)
        self.service = Service(Places(root))
        self.memory = MemoryStore()
        self.client: MemoryClient = self.memory.client()
        self.service.store = PrefixedStore(self.client, "p/")
        self.leaving = Leaving(self.service)
        self._revision = 1

    def know(self, key: str, value: Value) -> None:
        self._revision += 1
        change = Change(key, encode(value), self._revision)
        self.service.view.apply(Position(1, self._revision), [change])

    def member(self, node: int, *, up: bool = True) -> None:
        self.know(keys.member(node), MemberRecord(node=node, state="up" if up else "down", incarnation=f"{node}.a"))
        self.know(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}"))

    def group(self, owner: int, **resource: object) -> None:
        self.know(f"{keys.SPEC_GROUP}g", GroupSpec(id="g", name="g"))
        made = ResourceSpec(id="r", name="r", type="t", group="g", **resource)  # type: ignore[arg-type]
        self.know(f"{keys.SPEC_RESOURCE}r", made)
        assigned = Assignment(group="g", owner=owner, incarnation=f"{owner}.a", number=1)
        self.know(f"{keys.ASSIGNMENT}g", assigned)


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path))
    monkeypatch.setenv("QUORATE_ETCD", "/opt/etcd")
    made = Node(tmp_path)
    yield made
    await made.service.gateway.aclose()


async def test_a_group_of_ours_that_another_node_can_take_is_waited_for(node: Node) -> None:
    node.member(1)
    node.member(2)
    node.group(owner=1)
    assert node.leaving._can_still_move()


async def test_a_group_of_somebody_else_is_not(node: Node) -> None:
    node.member(1)
    node.member(2)
    node.group(owner=2)
    assert not node.leaving._can_still_move()


@pytest.mark.parametrize("why", ["alone", "down", "paused", "stopping", "not_possible"])
async def test_a_group_that_nobody_can_take_is_not_waited_for(node: Node, why: str) -> None:
    node.member(1)
    if why != "alone":
        node.member(2, up=why != "down")
        node.know(f"{keys.INTENT_NODE}2", NodeIntent(paused=why == "paused", stopping=why == "stopping"))
    node.group(owner=1, possible_owners=(1,) if why == "not_possible" else ())
    assert not node.leaving._can_still_move()


async def follow(node: Node) -> None:
    """What the service's own watch does: the view learns what the store holds."""
    async for batch in node.service.store.watch("", after_revision=node.memory.engine.revision):
        node.service.view.apply(Position(1, batch.position.revision + 1000), batch.changes)


@pytest.mark.parametrize("faults", [(), (Fault.UNAVAILABLE,), (Fault.LOST_ANSWER,), (Fault.NEVER_EXECUTED, None)])
async def test_that_it_is_stopping_is_said_until_it_is_known(node: Node, faults: tuple[Fault | None, ...]) -> None:
    node.client.inject(*faults)
    following = asyncio.create_task(follow(node))
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await node.leaving._say_stopping()
    assert node.service.view.node_intent(1).stopping
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_what_an_administrator_wanted_of_the_node_is_kept(node: Node) -> None:
    paused = encode(NodeIntent(paused=True))
    following = asyncio.create_task(follow(node))
    await asyncio.sleep(0)
    await node.service.store.commit([], [Put(f"{keys.INTENT_NODE}1", paused)])
    async with asyncio.timeout(20):
        await node.leaving._say_stopping()
    assert node.service.view.node_intent(1) == NodeIntent(paused=True, stopping=True)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
