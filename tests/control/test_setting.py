"""Properties of several objects at once, and the view of all properties."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import group_sets, groups, resource_writing
from quorate.control.change import Done
from quorate.control.executor import execute, new_occasion
from quorate.control.properties import list_properties
from quorate.control.property_views import PropertyView
from quorate.control.setting import ObjectWish, SettingWish, set_properties
from quorate.model import keys
from quorate.model.base import decode
from quorate.model.enrolment import AuditRecord
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.topology import NetworkSpec


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        await made.put((keys.SPEC_NETWORK + "n1", NetworkSpec(id="n1", name="a", prefixes=("127.0.1.0/24",))))
        group = groups.NewGroup(name="web")
        await execute(made, lambda v, o: groups.create_group(v, group, o), new_occasion(made, "ann", ""))
        tier = group_sets.GroupSetWish(name="tier", groups=("web",))
        await execute(made, lambda v, o: group_sets.create_set(v, tier, o), new_occasion(made, "ann", ""))
        for name in ("site", "log"):
            wish = resource_writing.NewResource(
                name=name, group="web", type="generic_application", properties={"command_line": "/bin/sleep 9"}
            )
            await execute(
                made,
                lambda v, o, w=wish: resource_writing.create_resource(v, w, o, made.types),  # type: ignore[misc]
                new_occasion(made, "ann", ""),
            )
        yield made


def one(kind: str, name: str = "", **given: PropertyValue) -> ObjectWish:
    return ObjectWish(kind=kind, name=name, properties=given)


async def set_all(world: FacesWorld, *objects: ObjectWish) -> Done:
    wish = SettingWish(objects=objects)
    return await execute(world, lambda v, o: set_properties(v, wish, o, world.types), new_occasion(world, "ann", ""))


@pytest.mark.conformance("PP-08")
async def test_objects_of_all_classes_change_in_one_transaction(world: FacesWorld) -> None:
    before = world.engine.engine.revision
    done = await set_all(
        world,
        one("group", "WEB", priority=3000),
        one("resource", "site", restart_threshold=1, command_line="/bin/sleep 8"),
        one("resource", "log", RestartDelay=7),
        one("set", "tier", StartupCount=1, is_global=True),
        one("cluster", add_evict_delay_s=10),
        one("node", "node2", site="north"),
        one("network", "a", metric=5),
        one("interface", "node1 - a", description="left port"),
    )
    assert world.engine.engine.revision == before + 1
    assert done.changed
    view = world.view
    group = view.groups[world.group_id("web")].record
    site, log = (next(r for r in view.members_of[group.id].values() if r.name == name) for name in ("site", "log"))
    assert (group.priority, site.restart_threshold, site.properties["command_line"]) == (3000, 1, "/bin/sleep 8")
    assert (log.restart_delay_ms, view.nodes[2].record.site) == (7, "north")
    assert view.cluster is not None
    assert view.cluster.record.add_evict_delay_s == 10
    assert (view.networks["n1"].record.metric, view.networks["n1"].record.auto_metric) == (5, False)
    (tier,) = (known.record for known in view.sets.values())
    assert (tier.startup_count, tier.is_global, tier.groups) == (1, True, (group.id,))
    assert view.networks["n1"].record.interface_descriptions == {1: "left port"}


@pytest.mark.conformance("PP-08", "PP-02", "PP-03")
async def test_one_fault_anywhere_and_nothing_changes_and_all_faults_are_told(world: FacesWorld) -> None:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await set_all(
            world,
            one("cluster", add_evict_delay_s=10),
            one("group", "web", priority=5000, Id="x"),
            one("group", "wep", priority=1),
            one("resource", "site", restart_threshold=-1, colour="red"),
            one("castle", "high", walls=1),
            one("network", "a", role="castle"),
        )
    assert world.engine.engine.revision == before
    assert [(problem.code, problem.where) for problem in caught.value.problems] == [
        ("property_range", "group/web.properties.priority"),
        ("property_read_only", "group/web.properties.Id"),
        ("group_unknown", "group/wep.group"),
        ("property_range", "resource/site.common.restart_threshold"),
        ("property_unknown", "resource/site.common.colour"),
        ("class_unknown", "castle/high.kind"),
        ("property_choice", "network/a.properties.role"),
    ]


async def test_the_same_object_twice_is_one_change_of_both(world: FacesWorld) -> None:
    await set_all(world, one("group", "web", priority=10), one("group", "web", sticky=False))
    spec = world.view.groups[world.group_id("web")].record
    assert (spec.priority, spec.sticky) == (10, False)
    assert not (await set_all(world, one("group", "web", priority=10))).changed


def of(world: FacesWorld, kind: str, name: str, wanted: str) -> PropertyView:
    (found,) = list_properties(world, kind, name).objects
    return next(entry for entry in found.properties if entry.name == wanted)


async def test_every_value_tells_where_it_comes_from(world: FacesWorld) -> None:
    def told(kind: str, name: str, wanted: str) -> tuple[PropertyValue, PropertyValue, str]:
        found = of(world, kind, name, wanted)
        return found.value, found.effective, found.source

    assert told("group", "web", "priority") == (2000, 2000, "default")
    assert told("group", "web", "failover_threshold") == (4294967295, 2, "nodes")
    assert told("resource", "site", "is_alive_poll_interval_ms") == (60_000, 60_000, "type")
    assert told("cluster", "alpha", "same_subnet_delay_ms") == (0, 50, "profile")
    assert told("cluster", "alpha", "cross_site_threshold") == (0, 3, "profile")
    await set_all(
        world,
        one("group", "web", priority=1),
        one("cluster", preferred_site="north", cluster_enforced_anti_affinity=True),
        one("resource", "site", is_alive_poll_interval_ms=70),
    )
    assert told("group", "web", "priority") == (1, 1, "set")
    assert told("group", "web", "preferred_site") == ("", "north", "cluster")
    assert told("group", "web", "anti_affinity_enforced") == (False, True, "cluster")
    assert told("resource", "site", "is_alive_poll_interval_ms") == (70, 70, "set")
    assert told("group", "web", "id") == (world.group_id("web"), world.group_id("web"), "shown")


async def test_every_class_is_listed_with_all_that_it_has(world: FacesWorld) -> None:
    from quorate.model.common_properties import CLASSES

    found = list_properties(world, "", "").objects
    assert {one.kind for one in found} == set(CLASSES)
    for one_object in found:
        defined = CLASSES[one_object.kind]
        assert [p.name for p in one_object.properties] == [d.name for d in (*defined.settable, *defined.read_only)]
        assert [p.name for p in one_object.properties if p.read_only and p.value is None] == [], one_object.name
    with pytest.raises(Refused) as caught:
        list_properties(world, "grop", "")
    assert "did you mean group?" in caught.value.problems[0].remedy
    with pytest.raises(Refused) as caught:
        list_properties(world, "group", "wep")
    assert "did you mean web?" in caught.value.problems[0].remedy


async def test_the_audit_names_every_object_and_value(world: FacesWorld) -> None:
    await set_all(world, one("group", "web", priority=9), one("cluster", add_evict_delay_s=1))
    records = [
        decode(item.value, AuditRecord, item.key) for item in (await world.store.read(prefixes=(keys.AUDIT,))).items
    ]
    assert records[-1].object_name == "group/web, cluster"
    assert records[-1].detail == "group/web: priority=9; cluster: add_evict_delay_s=1"
