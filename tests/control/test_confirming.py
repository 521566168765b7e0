"""An operator's word that a node is off: refusals, what is written, and that it dies with the mark it was said on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control.change import Change, Done, Occasion
from quorate.control.confirming import ConfirmOffWish, confirm_off
from quorate.control.executor import execute, new_occasion
from quorate.control.queries import show_node
from quorate.core.authority.frame import attestation_of
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.membership import Attestation, Mark, MemberRecord
from quorate.model.problems import Refused
from quorate.model.topology import PathsFact

Made = Callable[[ClusterView, Occasion], Change[Done]]
MARK = Mark(kind="suspicion", id="1.a.1", author=1, epoch=1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


def off(name: str = "node3", again: str = "node3", heard: frozenset[int] = frozenset()) -> Made:
    return lambda view, occasion: confirm_off(view, name, ConfirmOffWish(name=again), heard, occasion)


async def run(world: FacesWorld, command: Made) -> Done:
    return await execute(world, command, new_occasion(world, "ann", "pulled the plug"))


async def refused(world: FacesWorld, command: Made) -> set[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return {problem.code for problem in caught.value.problems}


async def mark(world: FacesWorld, node: int = 3, incarnation: str = "3.a") -> None:
    record = MemberRecord(node=node, state="up", incarnation=incarnation, mark=MARK)
    await world.put((keys.member(node), record))


async def test_a_node_that_nobody_suspects_is_not_confirmed_off_and_all_objections_are_told(world: FacesWorld) -> None:
    assert await refused(world, off(again="node2", heard=frozenset({3}))) == {
        "name_differs",
        "node_not_suspected",
        "node_is_heard",
    }
    assert await refused(world, off("node9")) == {"node_unknown"}


async def test_a_marked_node_that_somebody_hears_is_not_confirmed_off(world: FacesWorld) -> None:
    await mark(world)
    assert await refused(world, off(heard=frozenset({3}))) == {"node_is_heard"}
    await world.put((keys.fact_paths(2), PathsFact(node=2, incarnation="2.a", heard={"n1": (1, 3)})))
    assert await refused(world, off()) == {"node_is_heard"}
    await world.put((keys.fact_paths(2), PathsFact(node=2, incarnation="2.a", heard={"n1": (1,)})))
    assert (await run(world, off())).changed


async def test_the_word_stands_in_the_mark_with_author_time_and_reason(world: FacesWorld) -> None:
    await mark(world)
    assert (await run(world, off())).changed
    said = attestation_of(world.view.authority.members[3].record)
    assert said == Attestation(kind="confirmed", by="ann", at=world.wall_time(), reason="pulled the plug")
    shown = show_node(world, "node3")
    assert shown.suspected
    assert shown.attestation == f"confirmed by ann at {world.wall_time()}: pulled the plug"
    assert not (await run(world, off())).changed


async def test_a_node_that_clears_its_mark_takes_the_word_with_it(world: FacesWorld) -> None:
    await mark(world)
    await run(world, off())
    await world.put((keys.member(3), MemberRecord(node=3, state="up", incarnation="3.a")))
    await mark(world)  # suspected anew, in the same life: nothing was said about that
    assert attestation_of(world.view.authority.members[3].record) is None


async def test_nothing_is_confirmed_of_a_node_that_is_down(world: FacesWorld) -> None:
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a", proof="lease_over")))
    assert not (await run(world, off())).changed
