"""Views of everything are made beside the loop, from a picture of the node that nobody changes."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from faces_world import faces_world
from quorate.control.queries import list_groups, list_resources
from quorate.control.reading import Reading, in_a_thread, pictured
from quorate.control.status import cluster_status
from quorate.model import keys
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Refused, error

WAIT_S = 20.0


async def test_a_picture_shows_what_was_and_the_same_as_the_node_did(tmp_path: Path) -> None:
    async with faces_world(tmp_path) as world:
        world.store_complaints = (error("store_full", "no room", remedy="make some"),)
        seen, picture = cluster_status(world), pictured(world)
        await world.put((f"{keys.SPEC_NODE}9", NodeSpec(node=9, name="late")))
        world.store_complaints = ()
        assert cluster_status(picture) == seen
        assert "late" in {node.name for node in cluster_status(world).nodes}
        assert "store_full" in {problem.code for problem in seen.problems}
        assert await in_a_thread(cluster_status, picture) == seen
        assert await in_a_thread(list_groups, world) == list_groups(world)
        assert await in_a_thread(list_resources, world) == list_resources(world)


async def test_the_loop_goes_on_while_something_is_looked_at(tmp_path: Path) -> None:
    went_on = threading.Event()

    def look(reading: Reading) -> int:
        assert went_on.wait(WAIT_S), "the loop stood still"
        return reading.node

    async with faces_world(tmp_path) as world:
        looking = asyncio.create_task(in_a_thread(look, world))
        await asyncio.sleep(0)
        went_on.set()
        assert await looking == world.node


async def test_what_a_look_refuses_is_refused(tmp_path: Path) -> None:
    async with faces_world(tmp_path) as world:
        world.view.cluster = None
        with pytest.raises(Refused, match="has not read the database"):
            await in_a_thread(cluster_status, world)
