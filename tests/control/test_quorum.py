"""`quorum show`, `quorum set` and `would-hold` on twins: what is told, what is written, what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control.change import Done
from quorate.control.executor import execute, new_occasion
from quorate.control.nodes import stop_node
from quorate.control.quorum import QuorumView, show_quorum, would_hold
from quorate.control.quorum_setting import QuorumWish, set_quorum
from quorate.control.silence import silence_problem
from quorate.control.status import cluster_status
from quorate.model import keys
from quorate.model.membership import MemberRecord
from quorate.model.nodes import NodeIntent
from quorate.model.problems import Problem, Refused, error
from quorate.model.quorum import QuorumFact, QuorumSpec

PATH = "/srv/quorum"


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    """Two nodes, both up."""
    async with faces_world(tmp_path, nodes=2) as world:
        yield world


async def with_disk(world: FacesWorld, holder: int = 1, **fields: object) -> None:
    """The quorum resource votes, and every node sees its holder."""
    spec = QuorumSpec(model="node_and_disk_majority", kind="directory", path=PATH, votes=1, member="a1", **fields)  # type: ignore[arg-type]
    facts = [
        (
            keys.fact_quorum(node),
            QuorumFact(incarnation=f"{node}.a", holds=node == holder, runs=node == holder, sees=holder),
        )
        for node in world.view.nodes
    ]
    await world.put((keys.SPEC_QUORUM, spec), *facts)


async def down(world: FacesWorld, node: int) -> None:
    await world.put((keys.member(node), MemberRecord(node=node, state="down", incarnation=f"{node}.a")))


async def change(world: FacesWorld, wish: QuorumWish, problems: tuple[Problem, ...] = ()) -> Done:
    occasion = new_occasion(world, "root", "")
    return await execute(world, lambda view, occasion: set_quorum(view, wish, problems, occasion), occasion)


async def refused(world: FacesWorld, wish: QuorumWish, problems: tuple[Problem, ...] = ()) -> set[str]:
    """The codes of everything that stands against it; nothing is written."""
    before = world.view.quorum_spec
    with pytest.raises(Refused) as told:
        await change(world, wish, problems)
    assert world.view.quorum_spec == before
    assert all(problem.remedy for problem in told.value.problems)
    return {problem.code for problem in told.value.problems}


def losses(shown: QuorumView) -> dict[str, str]:
    return {voter.name: voter.loss for voter in shown.voters}


@pytest.mark.conformance("QU-31", "QU-02")
async def test_two_voters_can_lose_none(two: FacesWorld) -> None:
    shown = show_quorum(two)
    assert (shown.model, shown.type, shown.needed, shown.further_losses) == ("node_majority", 1, 2, 0)
    assert set(losses(shown).values()) == {"fatal"}
    assert "You can lose none of them." in shown.sentences


@pytest.mark.conformance("QU-03", "QU-04")
async def test_with_a_quorum_resource_one_of_the_three_may_go(two: FacesWorld) -> None:
    await with_disk(two)
    shown = show_quorum(two)
    assert (shown.type, shown.holder, shown.further_losses, shown.settled) == (3, "node1", 1, True)
    assert losses(shown) == {"node1": "survived", "node2": "survived", "quorum resource": "survived"}
    assert any("You can lose 1 more of these" in sentence for sentence in shown.sentences)
    await down(two, 2)
    shown = show_quorum(two)
    assert losses(shown) == {"node1": "fatal", "node2": "nothing", "quorum resource": "fatal"}


@pytest.mark.conformance("QU-15")
async def test_would_it_hold_is_answered_and_changes_nothing(two: FacesWorld) -> None:
    await with_disk(two)
    revision = two.view.position.revision
    assert would_hold(two, ("node2",)).answer == 0
    assert would_hold(two, ("node1",)).answer == 0  # the other takes the storage over
    assert would_hold(two, ("quorum",)).answer == 0
    assert would_hold(two, ("node1", "quorum")).answer == 1
    assert two.view.position.revision == revision


async def test_a_storage_that_no_heir_reaches_goes_with_its_holder(two: FacesWorld) -> None:
    await with_disk(two)
    await two.put((keys.fact_quorum(2), QuorumFact(incarnation="2.a", reached=False)))
    assert would_hold(two, ("node1",)).answer == 1
    assert would_hold(two, ("node2",)).answer == 0


@pytest.mark.conformance("QU-16")
async def test_what_is_neither_node_nor_quorum_resource_is_refused(two: FacesWorld) -> None:
    with pytest.raises(Refused) as told:
        would_hold(two, ("web", "quorum", ""))
    codes = {problem.code for problem in told.value.problems}
    assert codes == {"node_unknown", "no_quorum_resource", "node_name_empty"}


@pytest.mark.conformance("QU-11")
async def test_another_model_is_written_and_the_votes_follow(two: FacesWorld) -> None:
    done = await change(two, QuorumWish(model="node_and_disk_majority", directory=PATH + "/"))
    assert done.changed
    spec = two.view.quorum_spec
    assert (spec.model, spec.kind, spec.path, spec.votes) == ("node_and_disk_majority", "directory", PATH, 0)
    shown = show_quorum(two)
    assert not shown.settled
    assert shown.waiting == "node1 has not looked at the quorum storage yet"
    assert any(problem.code == "quorum_resource_waits" for problem in cluster_status(two).problems)
    assert not (await change(two, QuorumWish(directory=PATH))).changed


async def test_two_storages_of_one_name_are_told_apart_from_one_that_is_shared(two: FacesWorld) -> None:
    await change(two, QuorumWish(model="node_and_disk_majority", directory=PATH))
    facts = [(keys.fact_quorum(node), QuorumFact(incarnation=f"{node}.a", holds=True, sees=node)) for node in (1, 2)]
    await two.put(*facts)
    assert "it is not shared" in show_quorum(two).waiting


@pytest.mark.conformance("QU-08")
async def test_bad_wishes_are_refused_completely(two: FacesWorld) -> None:
    assert await refused(two, QuorumWish(model="disk")) == {"quorum_model_unknown"}
    assert await refused(two, QuorumWish(model="node_and_disk_majority")) == {"quorum_storage_missing"}
    assert await refused(two, QuorumWish(model="node_majority", directory=PATH)) == {"quorum_storage_unused"}
    unfit = error("quorum_storage_without_locks", "it has none", remedy="use another")
    wish = QuorumWish(
        model="node_and_disk_majority", directory="quorum", device="/dev/sdz", lower_priority_node="nobody"
    )
    assert await refused(two, wish, (unfit,)) == {
        "quorum_storage_without_locks", "quorum_storage_twice", "quorum_path_relative", "node_unknown",
    }  # fmt: skip


async def test_unsafe_steps_are_refused_with_the_reason(two: FacesWorld) -> None:
    await with_disk(two)
    assert await refused(two, QuorumWish(directory="/srv/other")) == {"quorum_storage_in_use"}
    await down(two, 2)
    assert await refused(two, QuorumWish(model="node_majority")) == {"quorum_change_unsafe"}
    assert await refused(two, QuorumWish(model="disk_only")) == {"quorum_change_unsafe"}


async def test_a_lower_priority_is_named_and_taken_back(two: FacesWorld) -> None:
    await change(two, QuorumWish(lower_priority_node="node2", dynamic_votes=False))
    assert (two.view.quorum_spec.lower_priority_node, two.view.quorum_spec.dynamic_votes) == (2, False)
    assert show_quorum(two).lower_priority_node == "node2"
    await change(two, QuorumWish(lower_priority_node=""))
    assert two.view.quorum_spec.lower_priority_node == 0


def test_a_node_without_its_database_says_so_and_what_became_of_its_groups() -> None:
    assert silence_problem(1.0, lease_over=True) is None
    runs, ended = silence_problem(39.0, lease_over=False), silence_problem(39.0, lease_over=True)
    assert runs is not None
    assert ended is not None
    assert "39 s" in runs.what
    assert "ended" not in runs.what
    assert "whatever ran here was ended" in ended.what


def test_a_node_that_never_heard_from_its_database_says_that_from_the_start() -> None:
    runs = silence_problem(1.0, lease_over=False, ever=False)
    alone = silence_problem(1.0, lease_over=True, ever=False)
    assert runs is not None
    assert alone is not None
    assert runs.code == alone.code == "database_silent"
    assert "has not heard from the database since it started, 1 s ago" in runs.what
    assert "lease" not in runs.what
    assert alone.what.endswith("It has no lease: nothing runs here until the database answers")


async def test_a_stop_warns_of_what_it_costs_and_counts_the_quorum_resource(two: FacesWorld) -> None:
    async def warned() -> list[str]:
        done = await execute(two, lambda v, o: stop_node(v, "node2", o), new_occasion(two, "root", ""))
        return [problem.code for problem in done.warnings]

    await with_disk(two)
    assert await warned() == []
    await two.put((keys.fact_quorum(1), QuorumFact(incarnation="1.a", holds=True, runs=False, sees=1)))
    await two.put((keys.INTENT_NODE + "2", NodeIntent()))
    assert await warned() == ["store_loses_majority"]
