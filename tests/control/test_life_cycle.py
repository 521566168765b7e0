"""Life cycle of groups and resources: renamed, regrouped, destroyed, and what is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import (
    checkpoints,
    cluster,
    copying,
    groups,
    networks,
    regrouping,
    renaming,
    resource_writing,
    resources,
    weighing,
)
from quorate.control.change import Change, Done, Occasion
from quorate.control.executor import execute, new_occasion
from quorate.control.names import NewName
from quorate.control.queries import show_group, show_resource
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused
from quorate.model.resource_type import Characteristic, Manifest
from quorate.model.topology import NetworkSpec
from quorate.model.workload import ResourceState, group_state

Command = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    """Groups web and mail on node 1; in web `a` depends on `x`, `x` on `y`, `b` on `y`; `c` stands alone."""
    async with faces_world(tmp_path) as made:
        for name in ("web", "mail"):
            await run(made, lambda v, o, n=name: groups.create_group(v, groups.NewGroup(name=n), o))  # type: ignore[misc]
            await made.assign(name, 1)
        for name, depends_on in (("y", ""), ("x", "[y]"), ("a", "[x]"), ("b", "[y]"), ("c", "")):
            await make(made, name, depends_on)
        for name in ("web", "mail"):
            await made.obey(name)
        yield made


async def run(world: FacesWorld, command: Command) -> Done:
    return await execute(world, command, new_occasion(world, "ann", ""))


async def make(world: FacesWorld, name: str, depends_on: str = "", group: str = "web") -> Done:
    wish = resource_writing.NewResource(
        name=name, group=group, type="generic_application", properties={"command_line": "/bin/sleep 9"},
        depends_on=depends_on,
    )  # fmt: skip
    return await run(world, lambda v, o: resource_writing.create_resource(v, wish, o, world.types))


async def refused(world: FacesWorld, command: Command) -> list[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return [problem.code for problem in caught.value.problems]


def regroup(world: FacesWorld, name: str, to: str) -> Command:
    wish = regrouping.RegroupWish(group=to)
    return lambda v, o: regrouping.move_to_group(v, name, wish, o, world.types)


def told(world: FacesWorld, since: int) -> list[tuple[str, str]]:
    return [(event.kind, event.subject) for event in world.events.recent(1000)[since:]]


@pytest.mark.conformance("GR-03")
async def test_an_empty_group_is_offline_whatever_is_wanted(world: FacesWorld) -> None:
    assert show_group(world, "mail").state == "offline"
    await run(world, lambda v, o: groups.group_online(v, "mail", o, world.types.find))
    await world.obey("mail")
    assert show_group(world, "mail").state == "offline"


STATES: list[tuple[list[ResourceState], str]] = [
    ([], "offline"),
    (["online", "online"], "online"),
    (["online", "failed", "online_pending"], "failed"),
    (["offline_pending", "failed"], "failed"),
    (["online", "online_pending"], "pending"),
    (["offline", "offline_pending"], "pending"),
    (["online", "offline"], "partial_online"),
    (["offline", "offline"], "offline"),
]


@pytest.mark.conformance("GR-03", "GR-06", "GR-07")
@pytest.mark.parametrize(("states", "wanted"), STATES)
def test_the_state_of_a_group_follows_from_its_members(states: list[ResourceState], wanted: str) -> None:
    assert group_state(states) == wanted


@pytest.mark.conformance("GR-10")
async def test_a_renamed_group_keeps_its_id_and_the_event_tells(world: FacesWorld) -> None:
    own = world.group_id("web")
    before = len(world.events.recent(1000))
    await run(world, lambda v, o: renaming.rename_group(v, "WEB", NewName(name="shop"), o))
    assert world.group_id("shop") == own
    assert ("group_renamed", "shop") in told(world, before)
    await run(world, lambda v, o: groups.create_group(v, groups.NewGroup(name="web"), o))  # the old name is free
    for taken in ("MAIL", "Web"):
        assert await refused(world, lambda v, o, t=taken: renaming.rename_group(v, "shop", NewName(name=t), o)) == [  # type: ignore[misc]
            "name_in_use"
        ]
    await run(world, lambda v, o: renaming.rename_group(v, "shop", NewName(name="Shop"), o))  # its case alone
    assert show_group(world, "shop").name == "Shop"


async def test_a_renamed_resource_keeps_its_id_and_its_place_in_expressions(world: FacesWorld) -> None:
    own = show_resource(world, "y").id
    before = len(world.events.recent(1000))
    await run(world, lambda v, o: renaming.rename_resource(v, "y", NewName(name="disk"), o))
    assert show_resource(world, "disk").id == own
    assert show_resource(world, "x").depends_on == "[disk]"
    assert ("resource_renamed", "disk") in told(world, before)
    assert await refused(world, lambda v, o: renaming.rename_resource(v, "disk", NewName(name="A"), o)) == [
        "name_in_use"
    ]
    faults = await refused(world, lambda v, o: renaming.rename_resource(v, "dusk", NewName(name="-"), o))
    assert faults == ["resource_unknown", "name_form"]


@pytest.mark.conformance("RS-10")
@pytest.mark.parametrize("named", ["a", "b", "x", "y"])
async def test_whatever_is_connected_goes_along_and_nothing_else(world: FacesWorld, named: str) -> None:
    await run(world, regroup(world, named, "mail"))
    places = {name: show_resource(world, name).group for name in "abxyc"}
    assert places == {"a": "mail", "b": "mail", "x": "mail", "y": "mail", "c": "web"}
    assert show_resource(world, "a").depends_on == "[x]"
    assert not (await run(world, regroup(world, named, "mail"))).changed


async def test_what_was_offline_stays_offline_in_a_group_that_is_online(world: FacesWorld) -> None:
    await make(world, "z", group="mail")
    await run(world, lambda v, o: groups.group_online(v, "mail", o, world.types.find))
    await world.obey("mail")
    await run(world, regroup(world, "c", "mail"))
    assert (show_resource(world, "c").wanted, show_resource(world, "z").wanted) == ("offline", "online")


@pytest.mark.conformance("RS-09")
async def test_both_groups_must_be_on_the_same_node_that_is_up(world: FacesWorld) -> None:
    await world.assign("mail", 2, number=2)
    assert await refused(world, regroup(world, "c", "mail")) == ["groups_on_different_nodes"]
    await world.assign("mail", 1, number=3)
    await world.obey("mail")
    await world.put((keys.member(1), MemberRecord(node=1, state="down", incarnation="1.a", proof="ended")))
    assert await refused(world, regroup(world, "c", "mail")) == ["owner_down"]


async def test_what_runs_or_should_run_is_not_regrouped(world: FacesWorld) -> None:
    await run(world, lambda v, o: groups.group_online(v, "web", o, world.types.find))
    assert await refused(world, regroup(world, "b", "mail")) == ["resource_not_offline"] * 4
    await world.obey("web")
    await run(world, lambda v, o: groups.group_offline(v, "web", o))
    assert await refused(world, regroup(world, "c", "mail")) == ["resource_not_offline"], (
        "the order alone stops nothing"
    )
    await world.obey("web")
    await run(world, regroup(world, "c", "mail"))
    assert await refused(world, regroup(world, "d", "male")) == ["resource_unknown", "group_unknown"]


@pytest.mark.conformance("PP-12")
async def test_every_class_tells_that_its_properties_were_changed(world: FacesWorld) -> None:
    await world.put((keys.SPEC_NETWORK + "n1", NetworkSpec(id="n1", name="a", prefixes=("127.0.1.0/24",))))
    before = len(world.events.recent(1000))
    await run(world, lambda v, o: groups.change_group(v, "web", groups.GroupChange(properties={"priority": 1}), o))
    change = resource_writing.ResourceChange(common={"restart_delay_ms": 1})
    await run(world, lambda v, o: resource_writing.change_resource(v, "a", change, o, world.types))
    await run(
        world, lambda v, o: cluster.change_cluster(v, cluster.ClusterChange(properties={"add_evict_delay_s": 1}), o)
    )
    await run(world, lambda v, o: weighing.change_node(v, "node2", weighing.NodeChange(properties={"site": "n"}), o))
    await run(world, lambda v, o: networks.change_network(v, "a", networks.NetworkChange(properties={"metric": 5}), o))
    kinds = [kind for kind, _ in told(world, before)]
    assert {"group_changed", "resource_changed", "cluster_changed", "node_changed"} <= set(kinds)
    before = len(world.events.recent(1000))
    await run(world, lambda v, o: resources.delete_resource(v, "c", o, drop_dependencies=False))
    assert told(world, before) == [("resource_deleted", "c")]


@pytest.mark.conformance("RS-07")
async def test_what_is_deleted_on_every_node_is_not_deleted_while_one_is_down(world: FacesWorld) -> None:
    kind = "quorate.sdk.misbehaving:HearsEverything"
    for name in ("all", "none"):
        wish = resource_writing.NewResource(name=name, group="web", type=kind)
        await run(world, lambda v, o, wish=wish: resource_writing.create_resource(v, wish, o, world.types))  # type: ignore[misc]
    await world.obey("web")
    up = world.view.authority.members[3].record
    await world.put((keys.member(3), replace(up, state="down")))
    assert await refused(world, lambda v, o: resources.delete_resource(v, "all", o, drop_dependencies=False)) == [
        "host_node_not_available"
    ]
    assert await refused(world, lambda v, o: groups.delete_group(v, "web", o, with_resources=True)) == [
        "host_node_not_available", "host_node_not_available",
    ]  # fmt: skip
    await run(world, lambda v, o: resources.delete_resource(v, "c", o, drop_dependencies=False))
    await world.put((keys.member(3), up))
    await run(world, lambda v, o: resources.delete_resource(v, "all", o, drop_dependencies=False))
    await run(world, lambda v, o: groups.delete_group(v, "web", o, with_resources=True))
    assert not world.view.resources


def copy(world: FacesWorld, original: str, **wish: object) -> Command:
    made = copying.CopyWish(**wish)  # type: ignore[arg-type]
    return lambda v, o: copying.copy_resource(v, original, made, o, world.types)


async def prepare_copying(world: FacesWorld) -> None:
    change = resource_writing.ResourceChange(
        properties={"environment": ["A=1"], "stop_grace_ms": 5},
        common={"restart_delay_ms": 7, "critical": False},
        possible_owners=("node1", "node2"),
        starts_after=("c",),
    )
    await run(world, lambda v, o: resource_writing.change_resource(v, "a", change, o, world.types))
    point = checkpoints.NewCheckpoint(path="/srv/a", secret=True)
    await run(world, lambda v, o: checkpoints.add_checkpoint(v, "a", point, o))


@pytest.mark.conformance("RS-14")
async def test_a_copy_has_properties_checkpoints_and_dependencies_and_stays_offline(world: FacesWorld) -> None:
    await prepare_copying(world)
    await run(world, lambda v, o: groups.group_online(v, "web", o, world.types.find))
    await world.obey("web")
    done = await run(world, copy(world, "a", name="a2", properties={"command_line": "/bin/sleep 8"}))
    assert [problem.code for problem in done.warnings] == ["checkpoint_shared"]
    first, second = (world.view.find(world.view.resources, name, lambda r: r.name) for name in ("a", "a2"))
    assert first is not None
    assert second is not None
    (point,) = second.checkpoints
    own = {"id": first.id, "name": "a", "checkpoints": first.checkpoints, "properties": first.properties}
    assert replace(second, **own) == first
    assert (point.path, point.secret) == ("/srv/a", True)
    assert point.id != first.checkpoints[0].id
    assert second.properties == {**first.properties, "command_line": "/bin/sleep 8"}
    assert show_resource(world, "a2").wanted == "offline"
    assert show_resource(world, "a").wanted == "online"


@pytest.mark.conformance("RS-14")
async def test_in_another_group_the_whole_tree_below_is_copied_along(world: FacesWorld) -> None:
    await prepare_copying(world)
    await run(world, copy(world, "a", name="m", group="mail", names={"y": "other y"}))
    copied = {r.name: r for r in world.view.members_of[world.group_id("mail")].values()}
    assert copied.keys() == {"m", "m-x", "other y"}
    assert copied["m"].depends_on == ((copied["m-x"].id,),)
    assert copied["m-x"].depends_on == ((copied["other y"].id,),)
    assert (copied["m"].starts_after, copied["m"].restart_delay_ms) == ((), 7)
    await run(world, copy(world, "b", name="b2", with_dependencies=True))
    (below,) = (r for r in world.view.members_of[world.group_id("web")].values() if r.name == "b2-y")
    assert next(r for r in world.view.resources.values() if r.record.name == "b2").record.depends_on == ((below.id,),)


async def test_everything_wrong_with_a_copy_is_told_at_once(world: FacesWorld) -> None:
    assert await refused(world, copy(world, "nothing", name="m", group="nowhere")) == [
        "resource_unknown", "group_unknown",
    ]  # fmt: skip
    wrong = copy(world, "a", name="B", names={"z": "w"}, properties={"stop_grace": 1})
    assert sorted(await refused(world, wrong)) == ["name_in_use", "not_copied", "property_unknown"]
    assert await refused(world, copy(world, "a", name="m", group="mail", names={"x": "c"})) == ["name_in_use"]


class _Single:
    """The types of this node, with one that allows a single instance."""

    def __init__(self, world: FacesWorld, characteristic: Characteristic) -> None:
        plain = world.types.find("generic_application")
        assert plain is not None
        self._manifest = replace(plain, characteristics=characteristic.value)

    def find(self, type_name: str) -> Manifest | None:
        return self._manifest if type_name == self._manifest.name else None

    def names(self) -> tuple[str, ...]:
        return (self._manifest.name,)


@pytest.mark.conformance("RS-04")
async def test_a_second_instance_is_refused_in_the_cluster_or_in_the_group(world: FacesWorld) -> None:
    async def second(characteristic: Characteristic, group: str) -> list[str]:
        wish = resource_writing.NewResource(
            name="second", group=group, type="generic_application", properties={"command_line": "/bin/sleep 9"}
        )
        types = _Single(world, characteristic)
        return await refused(world, lambda v, o: resource_writing.create_resource(v, wish, o, types))

    await run(world, lambda v, o: groups.create_group(v, groups.NewGroup(name="third"), o))
    assert await second(Characteristic.SINGLE_CLUSTER_INSTANCE, "mail") == ["single_instance"]
    assert await second(Characteristic.SINGLE_GROUP_INSTANCE, "web") == ["single_instance"]
    await make(world, "box", group="mail")
    await world.obey("mail")
    single = _Single(world, Characteristic.SINGLE_GROUP_INSTANCE)
    wish = regrouping.RegroupWish(group="mail")
    assert await refused(world, lambda v, o: regrouping.move_to_group(v, "c", wish, o, single)) == ["single_instance"]
    lone = resource_writing.NewResource(
        name="lone", group="third", type="generic_application", properties={"command_line": "/bin/sleep 9"}
    )
    await run(world, lambda v, o: resource_writing.create_resource(v, lone, o, single))  # the first in its group
