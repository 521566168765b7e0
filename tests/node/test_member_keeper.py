"""When a node's store member is started, with which arguments, and when it is not: a lost data directory is a loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate.adapters.etcd.gateway import Gateway
from quorate.core.authority.timings import FAST
from quorate.core.cluster_view import ClusterView
from quorate.core.votes import VOTERS_MOST
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.nodes import NodeSpec
from quorate.model.records import Change, Position
from quorate.node.identity import Identity
from quorate.node.member_keeper import MemberKeeper, member_name
from quorate.node.places import Places
from quorate.ports.store_memory import MemoryStore


def spec(node: int, votes: int = 1, *, pending: bool = False) -> NodeSpec:
    return NodeSpec(
        node=node, name=f"n{node}", fabric_address=f"100.64.7.{node}", votes=votes, vote_pending=pending,
        client_port=17402, peer_port=17403,
    )  # fmt: skip


class Keeper:
    """The keeper of node 1 and what it asked for."""

    def __init__(self, root: Path, gateway: Gateway) -> None:
        self.places = Places(root)
        self.places.state.mkdir(parents=True)
        self.started: list[tuple[str, tuple[str, ...]]] = []
        self.said: list[str] = []
        self.news = asyncio.Event()
        self.view = ClusterView()
        identity = Identity(cluster_id="c1", cluster_name="demo", node=1, name="n1")
        self.keeper = MemberKeeper(
            self.places,
            identity,
            FAST,
            gateway,
            MemoryStore().client(),
            self.view,
            lambda name, argv: self.started.append((name, argv)),
            lambda name: None,
            lambda: False,
            lambda members: True,
            self._say,
            etcd=Path("/opt/etcd"),
        )

    def _say(self, text: str) -> None:
        self.said.append(text)
        self.news.set()

    def start(self, own: NodeSpec, *others: NodeSpec) -> bool:
        return self.keeper.start_existing(own, (own, *others))

    def know(self, *nodes: NodeSpec) -> None:
        changes = [Change(f"{keys.SPEC_NODE}{one.node}", encode(one), 5) for one in nodes]
        self.view.apply(Position(1, 5), changes)

    def flags(self) -> dict[str, str]:
        ((_, argv),) = self.started
        assert "/opt/etcd" in argv
        return dict(word.removeprefix("--").split("=", 1) for word in argv if word.startswith("--"))


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    async with Gateway(["http://127.0.0.1:1"]) as gateway:  # nobody listens there
        yield Keeper(tmp_path, gateway)


async def test_the_first_node_of_a_new_cluster_makes_the_store(keeper: Keeper) -> None:
    assert keeper.start(spec(1))
    flags = keeper.flags()
    assert flags["initial-cluster-state"] == "new"
    assert flags["initial-cluster"] == "node-1=https://100.64.7.1:17403"
    assert flags["initial-cluster-token"] == "c1"
    assert flags["data-dir"] == str(keeper.places.store / member_name(1))
    assert flags["listen-peer-urls"] == flags["initial-advertise-peer-urls"] == "https://100.64.7.1:17403"
    assert flags["advertise-client-urls"] == "https://100.64.7.1:17402"
    assert (flags["heartbeat-interval"], flags["election-timeout"]) == ("10", "90")
    assert not keeper.keeper.data_dir.exists()  # made by etcd itself: until then this stays a first start


async def test_a_member_with_data_is_started_again_whoever_votes(keeper: Keeper) -> None:
    keeper.keeper.data_dir.mkdir(parents=True)
    assert keeper.start(spec(1, 0, pending=True), spec(2), spec(3))
    assert keeper.flags()["initial-cluster-state"] == "existing"


async def test_a_node_that_joined_waits_for_its_turn(keeper: Keeper) -> None:
    assert not keeper.start(spec(1, 0), spec(2))
    assert not keeper.start(spec(1), spec(2))
    assert keeper.started == []


async def test_a_lost_data_directory_is_never_replaced_by_a_second_store(keeper: Keeper) -> None:
    """Alone and voting it looks like the first node of a new cluster; founding again would forget everything."""
    keeper.keeper.founded()
    keeper.keeper.founded()
    assert not keeper.start(spec(1))
    assert keeper.started == []
    assert "restore" in keeper.said[0]
    assert not keeper.keeper.data_dir.exists()


async def going(keeper: Keeper) -> str:
    """What the keeper says first."""
    running = asyncio.create_task(keeper.keeper.run())
    async with asyncio.timeout(10):
        await keeper.news.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return keeper.said[0]


async def test_a_node_on_its_way_to_a_vote_goes_on_although_there_are_enough_by_now(keeper: Keeper) -> None:
    keeper.know(spec(1, 0, pending=True), *(spec(node) for node in range(2, VOTERS_MOST + 2)))
    assert "not a voter yet" in await going(keeper)
