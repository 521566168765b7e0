"""Maintenance of one resource: what is refused, how it is shown and told, and what ends it (spec/03 §14.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import groups, resource_writing, resources, wait
from quorate.control.change import Change, Done, Occasion
from quorate.control.executor import execute, new_occasion
from quorate.control.explanations import explain_resource_view
from quorate.control.groups import NewGroup
from quorate.control.history import list_history
from quorate.control.maintenance import MaintenanceWish
from quorate.control.queries import show_group, show_resource
from quorate.control.resource_maintenance import set_resource_maintenance
from quorate.control.resource_writing import NewResource
from quorate.control.status import cluster_status
from quorate.core.cluster_view import ClusterView
from quorate.core.resource_maintenance import maintained
from quorate.model import keys
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.workload import GroupFact, ResourceFact, ResourceFlags

Made = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        await run(made, lambda v, o: groups.create_group(v, NewGroup(name="web"), o))
        for name, kind in (("db", "generic_application"), ("odd", "quorate.sdk.misbehaving:NotMaintained")):
            properties: dict[str, PropertyValue] = {"command_line": "/bin/sleep 9"} if name == "db" else {}
            wish = NewResource(name=name, group="web", type=kind, properties=properties)
            await run(made, lambda v, o, wish=wish: resource_writing.create_resource(v, wish, o, made.types))  # type: ignore[misc]
        await made.assign("web", 1)
        await run(made, lambda v, o: groups.group_online(v, "web", o, made.types.find))
        await made.obey("web")
        yield made


async def run(world: FacesWorld, command: Made, reason: str = "") -> Done:
    return await execute(world, command, new_occasion(world, "ann", reason))


async def refused(world: FacesWorld, command: Made, reason: str = "") -> list[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command, reason)
    assert world.engine.engine.revision == before
    return [problem.code for problem in caught.value.problems]


def maintain(world: FacesWorld, name: str = "db", **wish: object) -> Made:
    made = MaintenanceWish(**wish)  # type: ignore[arg-type]
    return lambda v, o: set_resource_maintenance(v, name, made, o, world.types.find)


async def heed(world: FacesWorld) -> None:
    """Report what an owner would, whose hosts have been told: everything is online."""
    group = world.group_id("web")
    assignment, intent = world.view.assignments[group].record, world.view.intents[group]
    held = maintained(world.view, group, world.wall_time_s())
    facts = {
        resource: ResourceFact(state="online", flags=ResourceFlags(maintained=resource in held))
        for resource in world.view.members_of[group]
    }
    fact = GroupFact(
        group=group,
        incarnation=assignment.incarnation,
        number=assignment.number,
        resources=facts,
        intent=intent.revision,
        clear_failures=intent.record.clear_failures,
    )
    await world.put((keys.fact_group(assignment.owner, group), fact))


def warned(world: FacesWorld) -> list[str]:
    return [problem.what for problem in cluster_status(world).problems if problem.code == "in_maintenance"]


@pytest.mark.conformance("SP-05")
async def test_only_what_is_online_and_of_a_type_that_supports_it(world: FacesWorld) -> None:
    assert await refused(world, maintain(world, "nothing"), "x") == ["resource_unknown"]
    wrong = ["maintenance_duration", "maintenance_without_reason"]
    assert await refused(world, maintain(world, "db", for_s=-1)) == wrong
    assert await refused(world, maintain(world, "odd"), "x") == ["maintenance_not_supported"]
    await run(world, lambda v, o: resources.resource_offline(v, "db", o))
    await world.obey("web")
    assert await refused(world, maintain(world, "db"), "x") == ["resource_not_online"]
    await world.report_states("web", {"db": "online_pending", "odd": "offline"})
    assert await refused(world, maintain(world, "db"), "x") == ["resource_not_online"]
    assert await refused(world, maintain(world, "odd"), "x") == ["resource_not_online", "maintenance_not_supported"]
    assert not (await run(world, maintain(world, "db", on=False))).changed


@pytest.mark.conformance("SP-07")
async def test_set_and_clear_are_logged_and_shown(world: FacesWorld) -> None:
    done = await run(world, maintain(world, for_s=60), "new disks")
    assert wait.resource_maintained(done.id, on=True)(world.view) == "pending"
    await heed(world)
    assert wait.resource_maintained(done.id, on=True)(world.view) == "done"
    (told,) = warned(world)
    assert "resource db is in maintenance by ann" in told
    assert "new disks" in show_resource(world, "db").flags["in_maintenance"]
    assert "in_maintenance" in show_group(world, "web").flags
    (why,) = [line for line in explain_resource_view(world, "db").why_so if "maintenance" in line]
    assert "by ann: new disks, for 60 s more" in why
    await run(world, maintain(world, on=False))
    await heed(world)
    assert wait.resource_maintained(done.id, on=False)(world.view) == "done"
    assert warned(world) == []
    assert "in_maintenance" not in show_resource(world, "db").flags
    kinds = [event.kind for event in world.events.recent(20)]
    assert kinds.index("resource_maintenance_began") < kinds.index("resource_maintenance_ended")
    changes = (await list_history(world, "2", "db")).changes
    assert {(one.record.verb, one.record.author, one.record.reason) for one in changes} == {
        ("begin-maintenance", "ann", "new disks"),
        ("end-maintenance", "ann", ""),
    }


@pytest.mark.conformance("SP-06")
@pytest.mark.parametrize("what", ["failover", "restart of the node", "offline", "group offline", "time"])
async def test_it_ends_by_itself(world: FacesWorld, what: str) -> None:
    await run(world, maintain(world, for_s=60), "new disks")
    await heed(world)
    match what:
        case "failover":
            await world.assign("web", 2, number=2)
        case "restart of the node":
            await world.assign("web", 1, number=2)
        case "offline":
            await run(world, lambda v, o: resources.resource_offline(v, "db", o))
        case "group offline":
            await run(world, lambda v, o: groups.group_offline(v, "web", o))
        case _:
            world.now_s += 61
    assert warned(world) == []
    assert not maintained(world.view, world.group_id("web"), world.wall_time_s())
    await heed(world)
    assert "resource_maintenance_ended" in [event.kind for event in world.events.recent(10)]
    if "group" not in what:
        await run(world, maintain(world), "again")
        assert len(world.view.intent(world.group_id("web")).resource_maintenance) == 1


async def test_what_is_deleted_leaves_nothing_behind(world: FacesWorld) -> None:
    await run(world, maintain(world), "new disks")
    await world.assign("web", 2, number=2)
    await run(world, lambda v, o: resources.resource_offline(v, "odd", o))
    await world.obey("web")
    await run(world, lambda v, o: resources.resource_offline(v, "db", o))
    await world.obey("web")
    await run(world, lambda v, o: resources.delete_resource(v, "db", o, drop_dependencies=False))
    assert world.view.intent(world.group_id("web")).resource_maintenance == {}
