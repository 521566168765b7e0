"""The weight of a node: what is refused, what is warned of, what is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world, node_spec
from quorate.control.change import Done, altered
from quorate.control.executor import execute, new_occasion
from quorate.control.queries import show_node
from quorate.control.wait import node_weighed
from quorate.control.weighing import NodeChange, change_node
from quorate.model import keys
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def weigh(world: FacesWorld, name: str, **properties: PropertyValue) -> Done:
    wish = NodeChange(properties=properties)
    return await execute(world, lambda v, o: change_node(v, name, wish, o), new_occasion(world, "ann", ""))


async def refused(world: FacesWorld, name: str, **properties: PropertyValue) -> set[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await weigh(world, name, **properties)
    assert world.engine.engine.revision == before
    return {problem.code for problem in caught.value.problems}


async def down(world: FacesWorld, node: int) -> None:
    await world.put((keys.member(node), MemberRecord(node=node, state="down", incarnation=f"{node}.a")))


async def test_wrong_input_is_told_whole(world: FacesWorld) -> None:
    assert await refused(world, "node9", weight=2, height=3) == {
        "node_unknown",
        "property_range",
        "property_unknown",
    }
    assert await refused(world, "node3") == {"nothing_given"}


@pytest.mark.conformance("QU-17")
async def test_a_node_without_weight_shall_have_no_vote_and_may_have_it_back(world: FacesWorld) -> None:
    done = await weigh(world, "node3", NodeWeight=0)
    assert [problem.code for problem in done.warnings] == ["store_no_further_loss"]
    assert world.view.nodes[3].record.weight == 0
    assert node_weighed(3)(world.view) == "pending", "its vote is taken by the coordinator"
    assert not (await weigh(world, "node3", weight=0)).changed
    await world.put((f"{keys.SPEC_NODE}3", altered(node_spec(3), weight=0, votes=0)))
    assert node_weighed(3)(world.view) == "done"
    assert (show_node(world, "node3").voter, show_node(world, "node3").weight) == (False, 0)
    assert (await weigh(world, "node3", weight=None)).changed
    assert world.view.nodes[3].record.weight == 1


async def test_a_weight_is_kept_where_the_votes_left_could_not_commit(world: FacesWorld) -> None:
    await down(world, 2)
    assert await refused(world, "node3", weight=0) == {"store_would_lose_majority"}
    await weigh(world, "node2", weight=0)  # its own vote is the one that is missing


async def test_wishes_that_are_not_carried_out_yet_count(world: FacesWorld) -> None:
    await weigh(world, "node1", weight=0)
    await weigh(world, "node2", weight=0)
    assert await refused(world, "node3", weight=0) == {"last_weight"}
    await down(world, 3)
    await weigh(world, "node1", weight=1)
    assert await refused(world, "node1", weight=0) == {"store_would_lose_majority"}
