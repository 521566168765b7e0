"""A member's data are compared with the others' on real etcd: what rots on a disk is found and never trusted (0077)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from etcd_members import running_members

from faces_world import FacesWorld, faces_world
from quorate.adapters.etcd.gateway import Gateway
from quorate.adapters.etcd.store import EtcdStore
from quorate.model.records import Put
from quorate.node.member_watch import MemberWatch

pytestmark = pytest.mark.etcd


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path / "faces") as made:
        yield made


async def fill(url: str, value: bytes) -> None:
    async with Gateway([url]) as gateway:
        for number in range(12):
            await EtcdStore(gateway).commit([], [Put(f"/q/{number}", b"same" if number else value)])


async def test_a_member_that_differs_from_the_majority_is_not_trusted_and_told(
    world: FacesWorld, tmp_path: Path
) -> None:
    """Two clusters of one member stand for a member whose disk has changed a value, and for those that agree."""
    told = list[str]()
    with running_members(tmp_path, ["rotten"]) as rotten, running_members(tmp_path, ["sound"]) as sound:
        (own,), (other,) = rotten.client_urls("rotten"), sound.client_urls("sound")
        await fill(own, b"Zebra")
        await fill(other, b"zebra")
        async with Gateway([own]) as gateway:
            clock = [0.0]
            asked = {"node2": other, "node3": other}
            watch = MemberWatch(
                1, world.view, world.store, gateway, lambda: own, lambda: asked, lambda: None, "/q/",
                tmp_path / "none.log", lambda: clock[0], told.append,
            )  # fmt: skip
            assert watch.trusted
            watch.process(os.getpid())
            assert not watch.trusted, "it was started with this service, or after it"
            await watch.look()
            assert not watch.trusted
            assert "its data differ from those of node2, node3, which agree" in told[0]
            asked.update(node2=own, node3=own)
            clock[0] += 1000.0
            await watch.look()
            assert watch.trusted
            asked.clear()
            watch.process(os.getppid())
            await watch.look()
            assert watch.trusted, "there is nobody to compare with"
    while world.view.position.revision < world.engine.engine.revision:
        await world.events.moved()
    fact = world.view.store_member_fact(1)
    assert fact is not None
    assert not fact.fails, "as it was told last"
