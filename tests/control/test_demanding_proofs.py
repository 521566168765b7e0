"""A group that demands a proof, through the commands: what is set, refused, shown, and what ends the wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import evicting, groups
from quorate.control.change import Change, Done, Occasion
from quorate.control.confirming import ConfirmOffWish, confirm_off
from quorate.control.executor import execute, new_occasion
from quorate.control.groups import GroupChange, NewGroup
from quorate.control.queries import show_group, show_node
from quorate.control.resource_writing import NewResource, create_resource
from quorate.control.status import cluster_status
from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import owed
from quorate.model import keys
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.node.type_catalogue import InstalledTypes

Made = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    """A group on node 3 that demands to know that its owner is off."""
    async with faces_world(tmp_path) as made:
        await run(made, lambda v, o: groups.create_group(v, NewGroup(name="web"), o))
        await made.assign("web", 3)
        await run(made, change(required_proof="fenced"))
        yield made


async def run(world: FacesWorld, command: Made) -> Done:
    return await execute(world, command, new_occasion(world, "ann", "looked"))


def change(**properties: PropertyValue) -> Made:
    return lambda view, occasion: groups.change_group(view, "web", GroupChange(properties=properties), occasion)


def add(view: ClusterView, occasion: Occasion) -> Change[Done]:
    wish = NewResource(name="r", group="web", type="Generic Application", properties={"command_line": "/bin/sleep 9"})
    return create_resource(view, wish, occasion, InstalledTypes())


def off(heard: frozenset[int] = frozenset()) -> Made:
    return lambda view, occasion: confirm_off(view, "node3", ConfirmOffWish(name="node3"), heard, occasion)


async def refused(world: FacesWorld, command: Made) -> set[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return {problem.code for problem in caught.value.problems}


async def lose(world: FacesWorld) -> None:
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a", proof="lease_over")))


def problems(world: FacesWorld) -> set[str]:
    return {problem.code for problem in cluster_status(world).problems}


async def test_a_demand_is_set_shown_and_warned_of_where_nothing_could_meet_it(world: FacesWorld) -> None:
    assert show_group(world, "web").properties["required_proof"] == "fenced"
    assert "proof_without_means" in problems(world)
    assert not (await run(world, change(required_proof="fenced"))).changed
    wrong = change(required_proof="sworn", Prioritty=3)
    assert await refused(world, wrong) == {"property_unknown", "property_choice"}
    await run(world, change(required_proof=None, Priority=3000))
    assert "proof_without_means" not in problems(world)


async def test_while_it_waits_it_is_shown_as_failed_and_neither_demand_nor_node_goes(
    world: FacesWorld,
) -> None:
    await run(world, add)
    await world.report_states("web", {"r": "online"})
    assert show_group(world, "web").state == "online"
    await lose(world)
    shown = show_group(world, "web")
    assert (shown.state, shown.owner) == ("failed", "node3"), "what a lost owner said last is not shown as true"
    assert "waits for fenced" in shown.resources[0].detail
    assert "group_waits_for_proof" in problems(world)
    assert await refused(world, change(required_proof="lease")) == {"group_waits_for_proof"}
    await run(world, change(priority=3000))
    evict: Made = lambda v, o: evicting.evict_node(v, "node3", evicting.EvictWish(force=True), o)  # noqa: E731
    assert await refused(world, evict) == {"group_waits_for_proof"}


async def test_an_operator_who_looked_ends_the_wait_after_the_verdict(world: FacesWorld) -> None:
    await lose(world)
    assert await refused(world, off(frozenset({3}))) == {"node_is_heard"}
    assert (await run(world, off())).changed
    shown = show_node(world, "node3")
    assert (shown.proof, shown.attestation) == ("confirmed", f"confirmed by ann at {world.wall_time()}: looked")
    assert owed(world.view, world.group_id("web")) is None
    assert not (await run(world, off())).changed, "nothing waits for it any more"
    assert "group_waits_for_proof" not in problems(world)
