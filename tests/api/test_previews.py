"""Previews, what-if and forecast through the REST face: nothing is changed, whatever is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.api.routes import ROUTES
from quorate.cli.foresight_pages import forecast_page
from quorate.control import foreseeing, groups, nodes, resource_writing
from quorate.control.change import Done
from quorate.control.executor import Command, Previewed, execute, new_occasion
from quorate.control.explanations import explain_node_view, explain_resource_view
from quorate.control.groups import NewGroup
from quorate.control.nodes import DrainWish
from quorate.control.previews import Preview
from quorate.control.resource_writing import NewResource
from quorate.control.status import cluster_status
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.problems import Refused
from quorate.model.quorum import QuorumFact, QuorumSpec


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        await change(made, lambda v, o: groups.create_group(v, NewGroup(name="web"), o))
        wish = NewResource(name="site", group="web", type="generic_application", properties={"command_line": "x"})
        await change(made, lambda v, o: resource_writing.create_resource(v, wish, o, made.types))
        await change(made, lambda v, o: groups.group_online(v, "web", o, made.types.find))
        await made.assign("web", 1, cause="created")
        await made.obey("web")
        yield made


async def change(world: FacesWorld, command: Command[Done]) -> None:
    await execute(world, command, new_occasion(world, "ann", ""))


async def preview(world: FacesWorld, command: Command[Done]) -> Preview:
    with pytest.raises(Previewed) as previewed:
        await execute(world, command, new_occasion(world, "ann", "", preview=True))
    return await foreseeing.preview_of(world, previewed.value.imagined, "x")


async def test_a_preview_tells_the_steps_in_names_and_writes_nothing(world: FacesWorld) -> None:
    before = world.view.position
    found = await preview(world, lambda v, o: nodes.drain_node(v, "node1", DrainWish(), o))
    assert [(s.what, s.group, s.source, s.target, s.resources) for s in found.steps] == [
        ("move", "web", "node1", "node2", ()),
        ("stop", "web", "node1", "node1", ("site",)),
        ("start", "web", "node2", "node2", ("site",)),
    ]
    assert found.steps[0].why[0] == "its owner was drained, stopped or evicted"
    assert not found.unserved
    assert world.view.position == before
    assert not world.view.node_intent(1).drain


async def test_a_drain_that_would_stand_still_says_what_it_waits_for(world: FacesWorld) -> None:
    for node in ("node2", "node3"):
        await change(world, lambda v, o, node=node: nodes.pause_node(v, node, o))  # type: ignore[misc]
    found = await preview(world, lambda v, o: nodes.drain_node(v, "node1", DrainWish(), o))
    assert not found.steps
    assert [(one.group, one.node) for one in found.waiting] == [("web", "node1")]
    assert {"no other node can take it", "node2 is paused"} <= set(found.waiting[0].why)
    other = await preview(world, lambda v, o: groups.create_group(v, NewGroup(name="new"), o))
    assert not other.waiting


async def test_what_is_refused_is_refused_in_a_preview_too(world: FacesWorld) -> None:
    with pytest.raises(Refused):
        await preview(world, lambda v, o: groups.group_offline(v, "nobody", o))


async def test_every_change_can_be_previewed_but_what_makes_words_and_the_restore_that_has_its_own() -> None:
    without = {route.path for route in ROUTES if route.changes and "preview" not in route.query}
    assert without == {
        "/v1/cluster/restore", "/v1/tokens", "/v1/join", "/v1/witness-join",
    }  # fmt: skip


async def test_losses_of_nodes_and_sites(world: FacesWorld) -> None:
    found = await foreseeing.node_loss(world, ("node1",))
    assert (found.keeps_majority, found.further_losses) == (True, 0)
    assert [(s.what, s.target) for s in found.steps] == [("move", "node2"), ("start", "node2")]
    with pytest.raises(Refused, match="site"):
        await foreseeing.site_loss(world, "moon")
    with pytest.raises(Refused, match="node9"):
        await foreseeing.node_loss(world, ("node1", "node9"))
    several = await foreseeing.node_loss(world, ("node1", "node2"))
    assert (several.keeps_majority, several.of) == (False, "the loss of nodes node1, node2")
    assert [one.group for one in several.unserved] == ["web"]
    with pytest.raises(Refused, match="neither storage nor witness"):
        await foreseeing.quorum_loss(world)
    told = await foreseeing.forecast(world)
    assert [(loss.kind, loss.lost, [m.target for m in loss.moves]) for loss in told.losses] == [
        ("node", "node1", ["node2"]), ("node", "node2", []), ("node", "node3", []),
    ]  # fmt: skip
    table = forecast_page(told).sections[0].table
    assert table is not None
    assert [row[4] for row in table.rows] == ["web to node2", "-", "-"]
    web = told.losses[0].moves[0]
    for what, words in (("hold", "on hold on"), ("stop", "offline on"), ("start", "online on"), ("stay", "anew on")):
        loss = replace(told.losses[0], moves=(replace(web, what=what),))
        shown = forecast_page(replace(told, losses=(loss,))).sections[0].table
        assert shown is not None
        assert shown.rows[0][4] == f"web {words} node2"


async def test_a_group_with_nowhere_to_go_is_a_warning(world: FacesWorld) -> None:
    codes = [problem.code for problem in cluster_status(world).problems]
    assert "nowhere_to_go_if_lost" not in codes
    for node in ("node2", "node3"):
        await change(world, lambda v, o, node=node: nodes.pause_node(v, node, o))  # type: ignore[misc]
    told = [p.what for p in cluster_status(world).problems if p.code == "nowhere_to_go_if_lost"]
    assert told == ["if node1 were lost, no other node has a place for web"]
    loss = (await foreseeing.forecast(world)).losses[0]
    assert [one.group for one in loss.unserved] == ["web"]
    assert {"node2 is paused", "node3 is paused"} <= set(loss.unserved[0].why)


async def test_nodes_and_resources_explain_themselves(world: FacesWorld) -> None:
    node = explain_node_view(world, "node1")
    assert [(h.group, h.state) for h in node.hosts] == [("web", "online")]
    assert explain_node_view(world, "node2").elsewhere[0].group == "web"
    assert explain_resource_view(world, "site").why_so[0] == "it should be online, as the whole group web"
    for explain in (explain_node_view, explain_resource_view):
        with pytest.raises(Refused, match="nothing"):
            explain(world, "nothing")


@pytest.mark.parametrize("model", ["node_and_disk_majority", "light_witness"])
async def test_the_loss_of_a_witness_says_what_is_left_for_the_quorum(tmp_path: Path, model: str) -> None:
    async with faces_world(tmp_path, nodes=2) as world:
        light = model == "light_witness"
        kind = "share" if light else "directory"
        spec = QuorumSpec(model=model, kind=kind, path="/srv/q", votes=0 if light else 1)  # type: ignore[arg-type]
        facts = [
            (keys.fact_quorum(node), QuorumFact(incarnation=f"{node}.a", reached=True, holds=node == 1, runs=node == 1))
            for node in (1, 2)
        ]
        await world.put((keys.SPEC_QUORUM, spec), *facts)
        found = await foreseeing.quorum_loss(world)
        assert (found.keeps_majority, found.further_losses, found.steps) == (True, 0, ())
        losses = (await foreseeing.forecast(world)).losses
        assert [(loss.kind, loss.lost) for loss in losses][-1] == (
            "quorum",
            "light witness" if light else "quorum storage",
        )
        assert losses[-1].further_losses == 0
