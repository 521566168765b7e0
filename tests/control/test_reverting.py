"""Former values are kept with every change, shown, compared, and put back by ordinary commands (decision 0072)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import cluster, fencing, groups, networks, resource_writing, resources, weighing
from quorate.control.change import Change, Done, Occasion, altered
from quorate.control.executor import Command, Previewed, execute, new_occasion
from quorate.control.groups import NewGroup
from quorate.control.history_reading import read_chronology, show_change, show_difference
from quorate.control.names import NewName
from quorate.control.resource_writing import NewResource, ResourceChange
from quorate.control.reverting import revert_change
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.history import Edit, HistoryFloor, PastValues, pack, unpack
from quorate.model.problems import Refused
from quorate.model.topology import NetworkSpec


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def run(world: FacesWorld, command: Command[Done], author: str = "ann") -> Done:
    return await execute(world, command, new_occasion(world, author, "because"))


async def make_group(world: FacesWorld) -> None:
    """Group `web` with `addr` and, needing it, `site`."""
    wish = NewGroup(name="web", preferred_owners=("node2", "node1"), properties={"priority": 7})
    await run(world, lambda view, occasion: groups.create_group(view, wish, occasion))
    for name, needs in (("addr", ""), ("site", "[addr]")):
        new = NewResource(
            name=name, group="web", type="generic_application", depends_on=needs, possible_owners=("node1", "node2"),
            properties={"command_line": "/bin/sleep 9"},
        )  # fmt: skip
        await run(world, lambda v, o, new=new: resource_writing.create_resource(v, new, o, world.types))  # type: ignore[misc]


async def set_resource(world: FacesWorld, author: str = "ann", **fields: object) -> None:
    wish = ResourceChange(**fields)  # type: ignore[arg-type]
    await run(world, lambda v, o: resource_writing.change_resource(v, "site", wish, o, world.types), author)


async def newest(world: FacesWorld) -> str:
    return str((await read_chronology(world)).changes[0].revision)


async def revert(world: FacesWorld, word: str, *, force: bool = False, preview: bool = False) -> Done:
    occasion = new_occasion(world, "bob", "a mistake", preview=preview)
    return await revert_change(world, word, occasion, force=force)


async def refused(world: FacesWorld, word: str) -> dict[str, str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await revert(world, word)
    assert world.engine.engine.revision == before
    return {problem.code: problem.what for problem in caught.value.problems}


def specs(world: FacesWorld) -> dict[str, object]:
    found: dict[str, object] = {key: known.record for key, known in world.view.resources.items()}
    return found | {key: known.record for key, known in world.view.groups.items()}


def site(world: FacesWorld) -> tuple[object, object]:
    spec = next(k.record for k in world.view.resources.values() if k.record.name == "site")
    return spec.properties["command_line"], spec.restart_threshold


async def test_a_change_is_shown_with_former_values_and_taken_back(world: FacesWorld) -> None:
    await make_group(world)
    await set_resource(world, properties={"command_line": "/bin/other"}, common={"restart_threshold": 9})
    change = await newest(world)
    shown = await show_change(world, change)
    assert (shown.author, shown.reason, shown.what) == ("ann", "because", "set resource site")
    (one,) = shown.objects
    fields = {field.field: (field.before, field.after) for field in one.fields}
    assert fields == {
        "properties.command_line": ("/bin/sleep 9", "/bin/other"),
        "restart_threshold": (3, 9),
    }
    with pytest.raises(Previewed) as seen:
        await revert(world, change, preview=True)
    assert seen.value.alters
    assert site(world) == ("/bin/other", 9)
    await revert(world, change)
    assert site(world) == ("/bin/sleep 9", 3)
    taken = await show_change(world, await newest(world))
    assert (taken.author, taken.reason, taken.what) == ("bob", "a mistake", "revert resource site")
    assert not (await revert(world, change)).changed
    await revert(world, taken.id.lower())
    assert site(world) == ("/bin/other", 9), "taking back is a change like others"


async def test_later_changes_stay_and_stand_in_the_way_only_where_they_touch_the_same(world: FacesWorld) -> None:
    await make_group(world)
    await set_resource(world, properties={"command_line": "/bin/two"}, common={"restart_threshold": 9})
    change = await newest(world)
    await set_resource(world, common={"restart_delay_ms": 1})
    await revert(world, change)
    assert site(world) == ("/bin/sleep 9", 3)
    spec = next(k.record for k in world.view.resources.values() if k.record.name == "site")
    assert spec.restart_delay_ms == 1
    await set_resource(world, "carl", properties={"command_line": "/bin/three"}, common={"restart_threshold": 1})
    with pytest.raises(Refused) as caught:
        await revert(world, change)
    told = [problem.what for problem in caught.value.problems]
    assert len(told) == 2, "every field is told"
    assert all("by carl" in what for what in told)
    done = await revert(world, change, force=True)
    assert {problem.code for problem in done.warnings} == {"changed_since"}
    assert site(world) == ("/bin/sleep 9", 3)


async def test_what_was_deleted_comes_back_whole_and_what_was_made_goes(world: FacesWorld) -> None:
    await make_group(world)
    before = specs(world)
    await run(world, lambda v, o: groups.delete_group(v, "web", o, with_resources=True))
    deletion = await newest(world)
    await revert(world, deletion)
    assert specs(world) == before, "under the same ids"
    await run(world, lambda v, o: resources.delete_resource(v, "addr", o, drop_dependencies=True))
    await revert(world, await newest(world))
    assert specs(world) == before
    made = next(change for change in reversed((await read_chronology(world)).changes) if change.edits)
    assert made.record.verb == "create"
    assert "group_not_empty" in await refused(world, made.id), "the ordinary command refuses"
    await revert(world, deletion)  # it is so already
    for name in ("site", "addr"):
        await run(world, lambda v, o, name=name: resources.delete_resource(v, name, o, drop_dependencies=False))  # type: ignore[misc]
    await revert(world, made.id)
    assert not world.view.groups


async def test_everything_in_the_way_is_told_at_once(world: FacesWorld) -> None:
    await make_group(world)
    await set_resource(world, possible_owners=("node1", "node3"))
    await set_resource(world, possible_owners=("node1",))
    change = await newest(world)
    await set_resource(world, depends_on="")
    dropped = await newest(world)
    await run(world, lambda v, o: resources.delete_resource(v, "addr", o, drop_dependencies=False))
    assert "resource_unknown" in await refused(world, dropped)
    await run(world, lambda v, o: resources.delete_resource(v, "site", o, drop_dependencies=False))
    assert "is gone" in (await refused(world, change))["object_gone"]
    assert "change_unknown" in await refused(world, "NONE")


async def test_fields_that_no_command_sets_are_refused(world: FacesWorld) -> None:
    def level(view: ClusterView, occasion: Occasion) -> Change[Done]:
        assert view.cluster is not None
        raised = altered(view.cluster.record, functional_level=2)
        return cluster.write_cluster(view.cluster, raised, occasion, "upgrade-level")

    await run(world, level)
    assert "functional_level of cluster alpha" in (await refused(world, await newest(world)))["cannot_revert"]


async def test_names_metrics_and_properties_of_the_cluster_come_back(world: FacesWorld) -> None:
    spec = NetworkSpec(id="n1", name="a", prefixes=("127.0.1.0/24",))
    await world.put((keys.SPEC_NETWORK + "n1", spec))
    first = world.view.position.revision
    await run(world, lambda v, o: cluster.rename_cluster(v, NewName(name="beta"), o))
    wish = cluster.ClusterChange(properties={"quarantine_threshold": 5})
    await run(world, lambda v, o: cluster.change_cluster(v, wish, o))
    await run(world, lambda v, o: networks.rename_network(v, "a", NewName(name="lan"), o))
    metric = networks.NetworkChange(properties={"metric": 7})
    await run(world, lambda v, o: networks.change_network(v, "lan", metric, o))
    told = await show_difference(world, str(first), "", "")
    assert {(one.kind, one.name) for one in told.objects} == {
        ("cluster", "beta"), ("network", "lan"), ("node", "node1"), ("node", "node2"), ("node", "node3"),
    }  # fmt: skip
    assert [one.name for one in (await show_difference(world, str(first), "", "LAN")).objects] == ["lan"]
    for change in (await read_chronology(world)).changes:
        await revert(world, change.id)
    assert (await show_difference(world, str(first), "", "")).objects == ()
    assert world.view.networks["n1"].record == spec


async def test_properties_of_groups_and_weights_of_nodes_come_back(world: FacesWorld) -> None:
    await make_group(world)
    first = world.view.position.revision
    wish = groups.GroupChange(properties={"priority": 9, "failover_threshold": 4, "preferred_owners": ["node3"]})
    await run(world, lambda v, o: groups.change_group(v, "web", wish, o))
    weight = weighing.NodeChange(properties={"weight": 0})
    await run(world, lambda v, o: weighing.change_node(v, "node3", weight, o))
    assert len((await show_difference(world, str(first), "", "")).objects) == 2
    for change in (await read_chronology(world)).changes[:2]:
        await revert(world, change.id)
    assert (await show_difference(world, str(first), "", "")).objects == ()


async def test_a_secret_is_neither_kept_nor_shown(world: FacesWorld) -> None:
    wish = fencing.NewFenceDevice(name="pdu", agent="fence_apc", plugs={"node1": "1"}, secrets={"passwd": "hush"})
    await run(world, lambda v, o: fencing.create_device(v, wish, True, o))
    made = await newest(world)
    await run(world, lambda v, o: fencing.delete_device(v, "pdu", o))
    gone = await newest(world)
    kept = await world.store.read(prefixes=(keys.PAST, keys.AUDIT))
    assert not any(b"hush" in item.value for item in kept.items)
    assert "passwd" in (await refused(world, gone))["secret_not_kept"]
    assert not (await revert(world, made)).changed


async def test_what_is_forgotten_is_said_to_be(world: FacesWorld) -> None:
    await make_group(world)
    await world.put((keys.HISTORY_FLOOR, HistoryFloor(revision=3)))
    for word in ("2", "99999", ""):
        with pytest.raises(Refused) as caught:
            await show_difference(world, word, "", "")
        codes = {problem.code for problem in caught.value.problems}
        assert codes <= {"history_forgotten", "revision_unknown", "field_missing"}
    with pytest.raises(Refused) as caught:
        await show_change(world, "2")
    assert caught.value.problems[0].code == "history_forgotten"


def test_many_values_are_packed_and_too_many_left_out() -> None:
    edits = tuple(Edit(key=f"spec/resource/{n}", after={"name": f"r{n}", "text": "x" * 100}) for n in range(1000))
    packed = pack(edits)
    assert not packed.edits
    assert unpack(packed, "it") == edits
    noise = tuple(Edit(key=f"k{n}", after={"text": json.dumps([hash((n, m)) for m in range(60)])}) for n in range(900))
    assert pack(noise) == PastValues(left_out=900)
