"""A member of the store that does not serve: told everywhere, counted as lost, made anew by a command (0077)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world, node_spec
from quorate.control import nodes
from quorate.control.executor import execute, new_occasion
from quorate.control.rebuilding import RebuildWish, node_rebuilt, rebuild_member
from quorate.control.status import cluster_status
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused
from quorate.model.quorum import QuorumFact, QuorumSpec
from quorate.model.store_member import MemberFact


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def tell(world: FacesWorld, node: int, **fields: object) -> None:
    fact = MemberFact(node=node, incarnation=f"{node}.a", **fields)  # type: ignore[arg-type]
    await world.put((keys.fact_store(node), fact))


async def ask(world: FacesWorld, name: str = "node3", *, force: bool = False) -> None:
    wish = RebuildWish(force=force)
    await execute(world, lambda v, o: rebuild_member(v, name, wish, o), new_occasion(world, "ann", ""))


async def refused(world: FacesWorld, name: str = "node3", *, force: bool = False) -> set[str]:
    with pytest.raises(Refused) as caught:
        await ask(world, name, force=force)
    return {problem.code for problem in caught.value.problems}


async def test_a_failing_member_is_no_voter_that_is_up_and_is_named_with_its_cause(world: FacesWorld) -> None:
    before = cluster_status(world).store
    await tell(world, 3, fails=True, detail="walpb: crc mismatch")
    status = cluster_status(world)
    assert (before.further_losses, status.store.further_losses) == (1, 0)
    assert status.store.voters_up == ("node1", "node2")
    (told,) = [problem for problem in status.problems if problem.code == "store_member_fails"]
    assert "walpb: crc mismatch" in told.what
    assert "rebuild-member node3" in told.remedy
    await world.put((keys.member(3), MemberRecord(node=3, state="up", incarnation="3.b")))
    assert cluster_status(world).store.further_losses == 1, "what a former life said does not count (rule 14)"


async def test_a_slow_disk_is_a_warning(world: FacesWorld) -> None:
    await tell(world, 2, slow_ms=250)
    (told,) = [problem for problem in cluster_status(world).problems if problem.code == "store_disk_slow"]
    assert "node2 takes 250 ms" in told.what
    assert cluster_status(world).store.further_losses == 1


async def test_a_member_is_made_anew_where_the_others_have_the_data(world: FacesWorld) -> None:
    assert await refused(world) == {"member_serves"}
    assert await refused(world, "nobody") == {"node_unknown"}
    await tell(world, 3, fails=True)
    done = node_rebuilt(3)
    await ask(world)
    await ask(world)
    assert world.view.node_intent(3).rebuild
    assert done(world.view) == "pending"
    assert "member_rebuilt" in {problem.code for problem in cluster_status(world).problems}
    await execute(world, lambda v, o: nodes.pause_node(v, "node3", o), new_occasion(world, "ann", ""))
    assert world.view.node_intent(3).rebuild, "another wish keeps this one"
    await world.put((f"{keys.INTENT_NODE}3", replace(world.view.node_intent(3), rebuild="")))
    await tell(world, 3)
    assert done(world.view) == "done"


async def test_it_is_refused_where_the_others_could_not_give_the_data(world: FacesWorld) -> None:
    await tell(world, 3, fails=True)
    await tell(world, 2, fails=True)
    assert await refused(world) == {"others_too_few"}
    await tell(world, 2)
    await world.put((keys.member(2), MemberRecord(node=2, state="down", incarnation="2.a")))
    assert await refused(world, force=True) == {"others_too_few"}
    assert await refused(world, "node2") == {"node_down"}
    await world.put((f"{keys.SPEC_NODE}1", replace(node_spec(1), votes=0)))
    assert await refused(world, "node1") == {"member_without_vote"}


async def test_of_two_it_is_possible_where_a_light_witness_lets_the_other_go_on_alone(tmp_path: Path) -> None:
    async with faces_world(tmp_path, nodes=2) as two:
        assert await refused(two, "node2", force=True) == {"others_too_few"}
        light = QuorumSpec(model="light_witness", kind="share", path="/mnt/w")
        told = QuorumFact(incarnation="1.a", reached=True, opened=True)
        await two.put((keys.SPEC_QUORUM, light), (keys.fact_quorum(1), replace(told, sees=2)))
        assert await refused(two, "node2", force=True) == {"others_too_few"}, "the record names node2"
        await two.put((keys.fact_quorum(1), told))
        assert await refused(two, "node2") == {"member_serves"}
        await ask(two, "node2", force=True)
        assert two.view.node_intent(2).rebuild
