"""A light witness as people see it, and what stands against one (decision 0035), on twins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control.change import Done
from quorate.control.executor import execute, new_occasion
from quorate.control.quorum import show_quorum, would_hold
from quorate.control.quorum_setting import QuorumWish, set_quorum
from quorate.control.status import cluster_status
from quorate.control.wait import votes_settled
from quorate.core.light_view import all_let_go, wanted_holder
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.light_witness import BOTH, CLOSED
from quorate.model.membership import MemberRecord
from quorate.model.nodes import NodeIntent
from quorate.model.problems import Refused
from quorate.model.quorum import QuorumFact, QuorumSpec

SPEC = QuorumSpec(model="light_witness", kind="share", path="/mnt/witness")


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    """Two nodes, both up and voting."""
    async with faces_world(tmp_path, nodes=2) as world:
        yield world


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path, nodes=3) as world:
        yield world


def fact(node: int, sees: int = BOTH, *, opened: bool = True, **fields: object) -> tuple[str, QuorumFact]:
    told = QuorumFact(incarnation=f"{node}.a", sees=sees, opened=opened, **fields)  # type: ignore[arg-type]
    return keys.fact_quorum(node), told


async def down(world: FacesWorld, node: int) -> None:
    await world.put((keys.member(node), MemberRecord(node=node, state="down", incarnation=f"{node}.a")))


async def change(world: FacesWorld, wish: QuorumWish) -> Done:
    occasion = new_occasion(world, "root", "")
    return await execute(world, lambda view, occasion: set_quorum(view, wish, (), occasion), occasion)


async def refused(world: FacesWorld, wish: QuorumWish) -> set[str]:
    before = world.view.quorum_spec
    with pytest.raises(Refused) as told:
        await change(world, wish)
    assert world.view.quorum_spec == before
    assert all(problem.remedy for problem in told.value.problems)
    return {problem.code for problem in told.value.problems}


async def test_either_of_two_may_be_lost_while_the_record_says_both(two: FacesWorld) -> None:
    await two.put((keys.SPEC_QUORUM, SPEC), fact(1), fact(2))
    shown = show_quorum(two)
    assert (shown.further_losses, shown.type, shown.settled) == (1, 2, True)
    assert {voter.name: voter.loss for voter in shown.voters} == {"node1": "survived", "node2": "survived"}
    assert would_hold(two, ("node1",)).answer == 0
    assert would_hold(two, ("node1", "node2")).answer == 1
    assert not {p.code for p in cluster_status(two).problems} & {"light_witness_trouble", "store_no_further_loss"}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"sees": 1}, "only that node could go on alone"),
        ({"reached": False, "problem": "it is away"}, "does not reach the light witness: it is away"),
        ({"opened": False, "problem": "the witness has lost its record"}, "has lost its record"),
    ],
    ids=["named", "unreached", "lost"],
)
async def test_what_keeps_it_from_helping_is_told(two: FacesWorld, told: dict[str, object], says: str) -> None:
    await two.put((keys.SPEC_QUORUM, SPEC), fact(1, **told), fact(2, **told))  # type: ignore[arg-type]
    problems = {p.code: p.what for p in cluster_status(two).problems}
    assert says in problems["light_witness_trouble"]
    assert says in " ".join(show_quorum(two).sentences)
    assert would_hold(two, ("node1",)).answer == 1
    assert not votes_settled(two.view)


async def test_a_node_that_has_not_asked_is_named(two: FacesWorld) -> None:
    await two.put((keys.SPEC_QUORUM, SPEC), fact(1))
    assert "has not asked the light witness" in " ".join(show_quorum(two).sentences)


async def test_it_is_for_two_nodes_that_are_up(two: FacesWorld, three: FacesWorld) -> None:
    assert await refused(three, QuorumWish(model="light_witness", share="/mnt/w")) == {"light_witness_not_two"}
    await down(two, 2)
    assert await refused(two, QuorumWish(model="light_witness", share="/mnt/w")) == {"quorum_change_unsafe"}


async def test_a_third_node_is_told_that_three_need_no_witness(three: FacesWorld) -> None:
    third = replace(three.view.nodes[3].record, votes=0)
    await three.put((keys.SPEC_QUORUM, SPEC), (f"{keys.SPEC_NODE}3", third), fact(1), fact(2), fact(3))
    shown = show_quorum(three)
    assert (shown.further_losses, shown.settled) == (1, True)
    assert "quorate quorum set node_majority" in shown.sentences[-1]
    assert (await change(three, QuorumWish(model="node_majority"))).changed
    await three.put((keys.SPEC_QUORUM, SPEC), (f"{keys.SPEC_NODE}3", replace(third, weight=0)))
    assert "set node_majority" not in show_quorum(three).sentences[-1]


async def test_what_cannot_keep_a_record_is_refused(two: FacesWorld) -> None:
    assert await refused(two, QuorumWish(model="light_witness")) == {"quorum_storage_missing"}
    assert await refused(two, QuorumWish(model="light_witness", directory="/srv")) == {"quorum_storage_unfit"}
    assert await refused(two, QuorumWish(model="disk_only", share="/srv")) == {"quorum_storage_unfit"}
    twice = QuorumWish(model="light_witness", share="/srv", s3="s3://b-1?region=x")
    assert "quorum_storage_twice" in await refused(two, twice)
    assert (await change(two, QuorumWish(model="light_witness", share="/mnt//witness/"))).changed
    assert two.view.quorum_spec == SPEC
    other = QuorumWish(model="light_witness", azure="azure://c?account=x")
    assert await refused(two, other) == {"quorum_storage_in_use"}


async def test_giving_it_up_is_under_way_until_the_record_is_closed(two: FacesWorld) -> None:
    await two.put((keys.SPEC_QUORUM, replace(SPEC, model="node_majority")), fact(1), fact(2))
    assert not votes_settled(two.view)
    assert "is being closed" in " ".join(show_quorum(two).sentences)
    assert not all_let_go(two.view)
    await two.put(fact(1, lets_go=True), fact(2, lets_go=True))
    assert all_let_go(two.view)


async def test_the_record_follows_those_who_shall_vote(two: FacesWorld) -> None:
    await two.put((keys.SPEC_QUORUM, SPEC), fact(1), fact(2))
    assert (wanted_holder(two.view, 1, 2), wanted_holder(two.view, 2, 1), wanted_holder(two.view, 1, 0)) == (0, 0, 1)
    await two.put((f"{keys.INTENT_NODE}2", NodeIntent(stopping=True)))
    assert (wanted_holder(two.view, 1, 2), wanted_holder(two.view, 2, 1)) == (1, 1)
    await two.put((f"{keys.INTENT_NODE}1", NodeIntent(stopping=True)))
    assert wanted_holder(two.view, 1, 2) == BOTH, "where both stop nobody takes the other's vote"
    await two.put((keys.SPEC_QUORUM, replace(SPEC, model="node_majority")))
    assert wanted_holder(two.view, 1, 2) == CLOSED
