"""Maintenance with owner, reason and end; moves that wait and are taken back; group sets (spec/03 §10 and §13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import group_sets, groups, maintenance, moving, resource_writing
from quorate.control.change import Change, Done, Occasion
from quorate.control.executor import execute, new_occasion
from quorate.control.group_sets import ALL, GroupDependencyWish, GroupSetWish
from quorate.control.groups import NewGroup
from quorate.control.maintenance import MaintenanceWish
from quorate.control.moving import MoveWish
from quorate.control.resource_writing import NewResource
from quorate.control.status import cluster_status
from quorate.core.cluster_view import ClusterView
from quorate.model.base import Value
from quorate.model.problems import Refused

Made = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        for name in ("db", "web"):
            wish = NewGroup(name=name)
            await run(made, lambda v, o, wish=wish: groups.create_group(v, wish, o))  # type: ignore[misc]
            await made.assign(name, 1)
        yield made


async def run(world: FacesWorld, command: Made, reason: str = "") -> Done:
    return await execute(world, command, new_occasion(world, "ann", reason))


async def refused(world: FacesWorld, command: Made, reason: str = "") -> set[str]:
    """Codes of all problems; nothing was written."""
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command, reason)
    assert world.engine.engine.revision == before
    return {problem.code for problem in caught.value.problems}


def maintain(kind: maintenance.Kind, name: str, **wish: object) -> Made:
    return lambda v, o: maintenance.set_maintenance(v, kind, name, MaintenanceWish(**wish), o)  # type: ignore[arg-type]


def move(**wish: object) -> Made:
    return lambda v, o: moving.move_group(v, "web", MoveWish(**wish), o)  # type: ignore[arg-type]


def cancel(view: ClusterView, occasion: Occasion) -> Change[Done]:
    return moving.cancel_move(view, "web", occasion)


async def make_set(world: FacesWorld, name: str, **wish: object) -> Done:
    made = GroupSetWish(name=name, **wish)  # type: ignore[arg-type]
    return await run(world, lambda v, o: group_sets.create_set(v, made, o))


def depend(group: str, expression: str) -> Made:
    return lambda v, o: group_sets.set_group_dependency(v, group, GroupDependencyWish(depends_on=expression), o)


@pytest.mark.parametrize(("kind", "name"), [("group", "web"), ("node", "node1"), ("cluster", "")])
async def test_it_has_an_owner_a_reason_and_an_end_and_says_so(
    world: FacesWorld, kind: maintenance.Kind, name: str
) -> None:
    assert await refused(world, maintain(kind, name)) == {"maintenance_without_reason"}
    assert await refused(world, maintain(kind, name, for_s=-1), "x") == {"maintenance_duration"}
    await run(world, maintain(kind, name, for_s=60), "new disks")
    (told,) = [problem for problem in cluster_status(world).problems if problem.code == "in_maintenance"]
    assert "by ann" in told.what
    assert "new disks" in told.what
    wish = NewResource(name="r", group="web", type="generic_application", properties={"command_line": "/bin/sleep 9"})
    await run(world, lambda v, o: resource_writing.create_resource(v, wish, o, world.types))
    assert await refused(world, lambda v, o: groups.group_online(v, "web", o, world.types.find)) == {"in_maintenance"}
    assert await refused(world, move(to="node2")) == {"in_maintenance"}
    await run(world, maintain(kind, name, on=False))
    assert not (await run(world, maintain(kind, name, on=False))).changed
    assert (await run(world, move(to="node2"))).changed


async def test_what_does_not_exist_cannot_be_in_maintenance(world: FacesWorld) -> None:
    assert await refused(world, maintain("group", "nothing"), "x") == {"group_unknown"}
    assert await refused(world, maintain("node", "nothing"), "x") == {"node_unknown"}


@pytest.mark.conformance("MV-08")
async def test_a_move_waits_where_that_was_asked_for_and_can_be_taken_back(world: FacesWorld) -> None:
    assert await refused(world, cancel) == {"nothing_to_cancel"}
    await world.put(("intent/node/2", _paused()))
    assert await refused(world, move(to="node2")) == {"node_cannot_own"}
    await run(world, move(to="node2", queue=True, return_on_error=True))
    asked = world.view.intent(world.group_id("web")).move
    assert asked is not None
    assert (asked.queue, asked.return_on_error) == (True, True)
    assert await refused(world, move(to="node3")) == {"operation_under_way"}
    await run(world, cancel)
    asked = world.view.intent(world.group_id("web")).move
    assert asked is not None
    assert asked.cancels


def _paused() -> Value:
    from quorate.model.nodes import NodeIntent

    return NodeIntent(paused=True)


async def test_a_set_is_made_changed_and_deleted(world: FacesWorld) -> None:
    await make_set(world, "databases", groups=("DB",), startup_setting=2, startup_count=0, startup_delay_s=5)
    (shown,) = group_sets.list_sets(world.view, world.wall_time_s()).sets
    assert (shown.groups, shown.needed, shown.ready) == (("db",), 1, False)
    wish = GroupSetWish(startup_count=ALL, is_global=True, description="first of all")
    await run(world, lambda v, o: group_sets.change_set(v, "databases", wish, o))
    (shown,) = group_sets.list_sets(world.view, world.wall_time_s()).sets
    assert (shown.startup_count, shown.is_global, shown.groups, shown.startup_delay_s) == (None, True, ("db",), 5)
    await run(world, depend("web", "[databases]"))
    assert await refused(world, lambda v, o: group_sets.delete_set(v, "databases", o)) == {"set_in_use"}
    await run(world, depend("web", ""))
    await run(world, lambda v, o: group_sets.delete_set(v, "databases", o))
    assert group_sets.list_sets(world.view, world.wall_time_s()).sets == ()


async def test_everything_wrong_with_a_set_is_told_at_once(world: FacesWorld) -> None:
    await make_set(world, "databases", groups=("db",))
    wish = GroupSetWish(
        name="Databases", groups=("db", "nothing"), startup_setting=9, startup_delay_s=-1, depends_on="[nowhere]"
    )
    assert await refused(world, lambda v, o: group_sets.create_set(v, wish, o)) == {
        "name_in_use",
        "group_unknown",
        "group_in_other_set",
        "property_range",
        "group_or_set_unknown",
    }


@pytest.mark.conformance("PR-11")
async def test_nobody_may_wait_for_itself_by_way_of_sets_or_groups(world: FacesWorld) -> None:
    await make_set(world, "databases", groups=("db",))
    assert await refused(world, depend("db", "[databases]")) == {"circular_dependency"}
    assert await refused(world, depend("db", "[db]")) == {"circular_dependency"}
    await run(world, depend("web", "[databases]"))
    assert await refused(world, depend("db", "[web]")) == {"circular_dependency"}
    wish = GroupSetWish(name="other", groups=("web",))
    await make_set(world, "front", groups=("web",))
    assert await refused(world, lambda v, o: group_sets.create_set(v, wish, o)) == {"group_in_other_set"}
    back = GroupSetWish(depends_on="[front]")
    assert await refused(world, lambda v, o: group_sets.change_set(v, "databases", back, o)) == {"circular_dependency"}
