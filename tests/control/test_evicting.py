"""The command that evicts a node: refusals, what is written, what joining has to wait for; waiting for the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import cluster, enrolment, evicting, groups, nodes, tokens
from quorate.control.change import Change, Done, Occasion
from quorate.control.ending import DestroyWish, destroy_cluster, stop_cluster
from quorate.control.evicting import EvictWish
from quorate.control.executor import execute, execute_reading, new_occasion
from quorate.control.groups import NewGroup
from quorate.control.names import NewName
from quorate.control.queries import show_node
from quorate.control.status import cluster_status
from quorate.control.wait import node_evicted
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.enrolment import EnrolmentRequest
from quorate.model.membership import MemberRecord
from quorate.model.nodes import EvictedNode
from quorate.model.problems import Refused
from quorate.wire.join_token import decode_token

Made = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def run(world: FacesWorld, command: Made, reason: str = "") -> Done:
    return await execute(world, command, new_occasion(world, "ann", reason))


def evict(name: str = "node3", *, force: bool = False) -> Made:
    return lambda view, occasion: evicting.evict_node(view, name, EvictWish(force=force), occasion)


async def refused(world: FacesWorld, command: Made) -> set[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return {problem.code for problem in caught.value.problems}


async def test_an_eviction_is_asked_for_once_and_shown(world: FacesWorld) -> None:
    asked = await run(world, evict("NODE3"), "sold")
    eviction = world.view.node_intent(3).eviction
    assert eviction is not None
    assert (eviction.id, eviction.author, eviction.reason) == (asked.operation, "ann", "sold")
    assert show_node(world, "node3").state == "evicting"
    assert not (await run(world, evict())).changed
    assert (await run(world, evict(force=True))).changed, "force may be added"
    assert node_evicted(3)(world.view) == "pending"
    assert await refused(world, evict("node4")) == {"node_unknown"}


async def test_a_group_that_cannot_move_holds_it_up_unless_forced(world: FacesWorld) -> None:
    await run(world, lambda v, o: groups.create_group(v, NewGroup(name="web"), o))
    await world.assign("web", 3)
    for name in ("node1", "node2"):
        await run(world, lambda v, o, name=name: nodes.pause_node(v, name, o))  # type: ignore[misc]
    assert await refused(world, evict()) == {"group_stays"}
    forced = await run(world, evict(force=True))
    assert [problem.code for problem in forced.warnings] == ["group_stays_behind"]


async def test_an_eviction_that_waits_is_told_and_can_be_taken_back(world: FacesWorld) -> None:
    await run(world, lambda v, o: groups.create_group(v, NewGroup(name="web"), o))
    await world.assign("web", 3)
    await run(world, evict())
    for name in ("node1", "node2"):
        await run(world, lambda v, o, name=name: nodes.pause_node(v, name, o))  # type: ignore[misc]
    assert "eviction_waits" in {problem.code for problem in cluster_status(world).problems}
    assert node_evicted(3)(world.view) == "failed"
    await run(world, lambda v, o: nodes.resume_node(v, "node3", nodes.ResumeWish(), o))
    assert world.view.node_intent(3).eviction is None
    assert show_node(world, "node3").state == "up"


async def test_once_it_has_left_there_is_no_way_back(world: FacesWorld) -> None:
    await run(world, evict())
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a", proof="released")))
    assert await refused(world, lambda v, o: nodes.resume_node(v, "node3", nodes.ResumeWish(), o)) == {
        "node_leaving_for_good"
    }


async def test_a_vote_that_cannot_be_spared_keeps_its_node(world: FacesWorld) -> None:
    await world.put((keys.member(2), MemberRecord(node=2, state="down", incarnation="2.a")))
    assert await refused(world, evict()) == {"store_would_lose_majority"}
    assert await refused(world, evict(force=True)) == {"store_would_lose_majority"}, "no force against arithmetic"
    await run(world, evict("node2"))


@pytest.mark.conformance("ND-17")
async def test_the_last_node_stays(tmp_path: Path) -> None:
    async with faces_world(tmp_path, nodes=1) as world:
        assert await refused(world, evict("node1")) == {"last_node"}
        assert await refused(world, evict("node1", force=True)) == {"last_node"}


# ---------------------------------------------------------------- joining after an eviction


async def enrol(world: FacesWorld, name: str = "node4") -> enrolment.Enrolled:
    fingerprint = world.signer.fingerprint()
    made = await execute(
        world,
        lambda v, o: tokens.create_token(
            v, o, tokens.TokenWish(hours=1), fingerprint=fingerprint, secret=world.entropy(16)
        ),
        new_occasion(world, "ann", ""),
    )
    request = EnrolmentRequest(
        secret=decode_token(made.token).secret.hex(),
        name=name,
        networks={"a": "127.0.1.9/24", "b": "127.0.2.9/24"},
        certificate_request="",
        version="0.1.0",
    )
    key = enrolment.token_key(request.secret)
    return await execute_reading(
        world,
        (key,),
        lambda v, snapshot, o: enrolment.enrol(v, request, snapshot.get(key), "hash", o),
        new_occasion(world, "machine", "join"),
    )


@pytest.mark.conformance("CF-18")
async def test_no_machine_joins_soon_after_an_eviction(world: FacesWorld) -> None:
    gone = EvictedNode(node=9, name="node9", at="08:00", at_s=world.now_s - 20.0)
    await world.put((f"{keys.EVICTED}9", gone))
    with pytest.raises(Refused) as caught:
        await enrol(world)
    (problem,) = caught.value.problems
    assert problem.code == "add_evict_delay"
    assert "40 s from now" in problem.what
    await run(world, lambda v, o: cluster.change_cluster(v, cluster.ClusterChange(properties={"AddEvictDelay": 30}), o))
    with pytest.raises(Refused, match="10 s from now"):
        await enrol(world)
    world.now_s += 10.0
    assert (await enrol(world)).node.name == "node4"


async def test_properties_of_the_cluster_have_bounds(world: FacesWorld) -> None:
    def change(**given: int) -> Made:
        return lambda v, o: cluster.change_cluster(v, cluster.ClusterChange(properties={**given}), o)

    assert await refused(world, change(AddEvictDelay=601, delay=1)) == {"property_range", "property_unknown"}
    assert not (await run(world, change(add_evict_delay_s=60))).changed
    assert cluster_status(world).properties["add_evict_delay_s"] == 60


# ---------------------------------------------------------------- names, and the end of a cluster


async def test_a_node_is_renamed_and_its_old_name_is_free(world: FacesWorld) -> None:
    def rename(name: str, new_name: str) -> Made:
        return lambda v, o: nodes.rename_node(v, name, NewName(name=new_name), o)

    assert await refused(world, rename("node3", "NODE2")) == {"name_in_use"}
    assert await refused(world, rename("node9", "a b")) == {"node_unknown", "name_form"}
    await run(world, rename("node3", "Node3"))
    assert show_node(world, "node3").name == "Node3", "only its case has changed"
    await run(world, rename("node3", "annex"))
    assert not (await run(world, rename("annex", "annex"))).changed
    assert show_node(world, "ANNEX").number == 3
    await run(world, rename("node2", "node3"))
    names = (await world.store.read(prefixes=[f"{keys.NAME}node/"])).items
    assert {item.key: item.value for item in names} == {
        keys.name("node", "annex"): b"3", keys.name("node", "node3"): b"2",
    }  # fmt: skip


async def test_a_name_that_is_being_taken_is_not_given_twice(world: FacesWorld) -> None:
    """The key of the name decides, not the replica: two commands at once cannot both have it."""
    change = nodes.rename_node(world.view, "node3", NewName(name="annex"), new_occasion(world, "ann", ""))
    await run(world, lambda v, o: nodes.rename_node(v, "node2", NewName(name="Annex"), o))
    assert not (await world.store.commit(change.guards, change.writes)).succeeded


async def test_the_cluster_is_renamed_and_told_when_that_is_published(world: FacesWorld) -> None:
    made = await run(world, lambda v, o: cluster.rename_cluster(v, NewName(name="omega"), o))
    (later,) = made.warnings
    assert "published when the core name next comes online" in later.what
    assert cluster_status(world).name == "omega"
    assert await refused(world, lambda v, o: cluster.rename_cluster(v, NewName(name="-"), o)) == {"name_form"}


@pytest.mark.conformance("CF-16")
async def test_a_stop_of_the_cluster_tells_every_node_at_once(world: FacesWorld) -> None:
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a")))
    before = world.engine.engine.revision
    await run(world, stop_cluster)
    assert world.engine.engine.revision == before + 1, "one transaction"
    assert [world.view.node_intent(node).stopping for node in (1, 2, 3)] == [True, True, False]
    assert not (await run(world, stop_cluster)).changed


async def test_a_destruction_names_whom_it_cannot_reach(world: FacesWorld) -> None:
    assert await refused(world, lambda v, o: destroy_cluster(v, DestroyWish(), o)) == {"destruction_not_confirmed"}
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a")))
    made = await run(world, lambda v, o: destroy_cluster(v, DestroyWish(force=True), o), "moved out")
    assert ["node3" in problem.what for problem in made.warnings] == [True]
    assert world.view.cluster is not None
    assert world.view.cluster.record.destroyed is not None
    assert world.view.node_intent(1).stopping
