"""Commands through the executor on the store's twin: what is written, what is refused, what a hostile store does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import executor, groups, nodes, resource_writing, resources
from quorate.control.change import Change, Done, Occasion
from quorate.control.executor import CannotNow, Unsettled, execute, new_occasion
from quorate.control.groups import GroupChange, NewGroup
from quorate.control.moving import MoveWish, move_group
from quorate.control.properties import list_properties
from quorate.control.queries import show_group, show_node, show_resource
from quorate.control.resource_writing import NewResource, ResourceChange
from quorate.control.status import cluster_status
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused, error
from quorate.ports.store_memory import Fault

Made = Callable[[ClusterView, Occasion], Change[Done]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def run(world: FacesWorld, command: Made, reason: str = "") -> Done:
    return await execute(world, command, new_occasion(world, "ann", reason))


async def refused(world: FacesWorld, command: Made) -> dict[str, str]:
    """Codes of all problems, with what they say; nothing was written."""
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return {problem.code: problem.what + " | " + problem.remedy for problem in caught.value.problems}


async def make_group(world: FacesWorld, name: str = "web", **fields: object) -> Done:
    wish = NewGroup(name=name, **fields)  # type: ignore[arg-type]
    return await run(world, lambda view, occasion: groups.create_group(view, wish, occasion))


async def make_resource(world: FacesWorld, name: str, **fields: object) -> Done:
    given = {"group": "web", "type": "generic_application", "properties": {"command_line": "/bin/sleep 9"}, **fields}
    wish = NewResource(name=name, **given)  # type: ignore[arg-type]
    return await run(world, lambda v, o: resource_writing.create_resource(v, wish, o, world.types))


def online(world: FacesWorld, name: str = "web") -> Made:
    return lambda view, occasion: groups.group_online(view, name, occasion, world.types.find)


def offline(name: str = "web") -> Made:
    return lambda view, occasion: groups.group_offline(view, name, occasion)


def move(to: str = "") -> Made:
    return lambda view, occasion: move_group(view, "web", MoveWish(to=to), occasion)


async def running(world: FacesWorld) -> None:
    """Group `web` with resources `addr` and `site`, online on node 1."""
    await make_group(world, preferred_owners=("node1", "node2"))
    await make_resource(world, "addr")
    await make_resource(world, "site", depends_on="[addr]")
    await world.assign("web", 1)
    await run(world, online(world))
    await world.obey("web")


@pytest.mark.conformance("GR-02", "AP-05")
async def test_a_group_is_made_once(world: FacesWorld) -> None:
    await make_group(world, preferred_owners=("node2", "NODE1"), failback="immediate")
    made = show_group(world, "WEB")
    assert (made.preferred_owners, made.failback, made.state) == (("node2", "node1"), "immediate", "offline")
    assert "name_in_use" in await refused(world, lambda v, o: groups.create_group(v, NewGroup(name="Web"), o))


@pytest.mark.conformance("AP-06")
async def test_setting_the_preferred_owners_replaces_the_whole_list(world: FacesWorld) -> None:
    await make_group(world, preferred_owners=("node1", "node2"))

    def set_to(names: list[str] | None, called: str = "preferred_owners") -> Made:
        wish = GroupChange(properties={called: list(names) if names is not None else None})
        return lambda v, o: groups.change_group(v, "web", wish, o)

    def shown() -> tuple[str, ...]:
        listed = {p.name: p for p in list_properties(world, "group", "web").objects[0].properties}["preferred_owners"]
        group = show_group(world, "web")
        assert listed.value == listed.effective == group.properties["preferred_owners"] == list(group.preferred_owners)
        assert listed.source == ("set" if group.preferred_owners else "default")
        return group.preferred_owners

    assert (await run(world, set_to(["node3", "NODE1"]))).changed
    assert shown() == ("node3", "node1")
    assert not (await run(world, set_to(["node3", "node1"]))).changed
    found = await refused(world, set_to(["node1", "nod2"], "PreferredOwnerNodes"))
    assert found.keys() == {"node_unknown"}
    assert "did you mean node2?" in found["node_unknown"]
    await run(world, set_to(["node2"], "PreferredOwnerNodes"))
    assert shown() == ("node2",)
    await run(world, set_to(None))
    assert shown() == ()
    await run(world, set_to(["node3"]))
    await run(world, set_to([]))
    assert shown() == ()


async def test_preferred_owners_are_a_property_of_a_new_group_too_and_given_once(world: FacesWorld) -> None:
    await make_group(world, properties={"preferred_owners": ["node3", "node2"]})
    assert show_group(world, "web").preferred_owners == ("node3", "node2")
    twice = NewGroup(name="db", preferred_owners=("node1",), properties={"preferred_owners": ["node2"]})
    wrong = NewGroup(name="db", properties={"preferred_owners": "node2"})
    for wish, code in ((twice, "property_given_twice"), (wrong, "property_kind")):
        found = await refused(world, lambda v, o, wish=wish: groups.create_group(v, wish, o))  # type: ignore[misc]
        assert found.keys() == {code}


async def test_every_fault_of_a_group_is_told_at_once(world: FacesWorld) -> None:
    wish = NewGroup(
        name="-", preferred_owners=("node1", "nod2"), failback="immediately", properties={"Priority": 9999, "prio": 1}
    )
    found = await refused(world, lambda v, o: groups.create_group(v, wish, o))
    assert found.keys() == {"name_form", "node_unknown", "failback_unknown", "property_range", "property_unknown"}
    assert "did you mean node2?" in found["node_unknown"]


@pytest.mark.conformance("GR-04")
async def test_a_group_is_deleted_when_it_is_offline_and_empty(world: FacesWorld) -> None:
    await running(world)

    def delete(*, force: bool) -> Made:
        return lambda v, o: groups.delete_group(v, "web", o, with_resources=force)

    assert (await refused(world, delete(force=False))).keys() == {"group_not_offline", "group_not_empty"}
    assert (await refused(world, delete(force=True))).keys() == {"group_not_offline"}
    await run(world, offline())
    assert (await refused(world, delete(force=True))).keys() == {"group_not_offline"}, "intent alone stops nothing"
    await world.obey("web")
    await run(world, delete(force=True))
    left = {**world.view.groups, **world.view.resources, **world.view.assignments}
    assert not left
    assert not world.view.facts
    await make_group(world)  # its name is free again


@pytest.mark.conformance("AP-10")
async def test_unknown_names_are_told_with_the_nearest(world: FacesWorld) -> None:
    await make_group(world)
    assert "did you mean web?" in (await refused(world, online(world, "wep")))["group_unknown"]


@pytest.mark.conformance("ND-03")
async def test_nothing_comes_online_on_a_paused_owner_and_everything_goes_offline(world: FacesWorld) -> None:
    await running(world)
    await run(world, lambda v, o: nodes.pause_node(v, "node1", o))
    await run(world, offline())
    await world.obey("web")
    assert "node1 is paused" in (await refused(world, online(world)))["owner_cannot"]


async def test_where_no_node_has_room_it_is_not_brought_online(world: FacesWorld) -> None:
    await running(world)
    await run(world, offline())
    await world.obey("web")
    wish = GroupChange(properties={"demand": ["memory=1"]})
    await run(world, lambda v, o: groups.change_group(v, "web", wish, o))
    told = await refused(world, online(world))
    assert "memory" in told["owner_cannot"]


async def test_a_rule_that_a_running_group_breaks_is_set_and_told(world: FacesWorld) -> None:
    await running(world)
    wish = GroupChange(properties={"demand": ["memory=1"]})
    done = await run(world, lambda v, o: groups.change_group(v, "web", wish, o))
    assert [problem.code for problem in done.warnings] == ["rule_broken"]
    assert "rule_broken" in {problem.code for problem in cluster_status(world).problems}


@pytest.mark.conformance("MV-03")
async def test_a_move_that_cannot_be_is_refused_with_the_reason(world: FacesWorld) -> None:
    await running(world)
    await run(world, lambda v, o: nodes.pause_node(v, "node2", o))
    assert "node2 is paused" in (await refused(world, move("node2")))["node_cannot_own"]
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a")))
    assert "node3 is down" in (await refused(world, move("node3")))["node_cannot_own"]
    assert "node2 is paused; node3 is down" in (await refused(world, move()))["nowhere_to_go"]
    assert not (await run(world, move("node1"))).changed


async def test_one_move_at_a_time_and_offline_cancels_it(world: FacesWorld) -> None:
    await running(world)
    asked = await run(world, move("node3"), reason="maintenance")
    intent = world.view.intent(asked.id)
    assert intent.move is not None
    assert (intent.move.to, intent.move.reason, intent.move.author) == (3, "maintenance", "ann")
    assert "operation_under_way" in await refused(world, move("node2"))
    await run(world, offline())
    assert world.view.intent(asked.id).move is None


@pytest.mark.conformance("RS-02", "RS-03")
async def test_every_fault_of_a_resource_is_told_at_once(world: FacesWorld) -> None:
    await make_group(world)
    await make_resource(world, "addr")
    wish = NewResource(
        name="ADDR",
        group="web",
        type="IP Adress",
        common={"RestartAction": 7, "restart-delay-ms": "soon"},
        depends_on="[adr] or [x]",
        possible_owners=("node9",),
    )
    found = await refused(world, lambda v, o: resource_writing.create_resource(v, wish, o, world.types))
    assert found.keys() == {
        "name_in_use",
        "resource_type_unknown",
        "property_range",
        "property_kind",
        "dependency_form",
        "node_unknown",
    }
    wish = NewResource(name="a", group="web", type="ip_address", properties={"address": "10.1.1.300", "adress": 1})
    found = await refused(world, lambda v, o: resource_writing.create_resource(v, wish, o, world.types))
    assert found.keys() == {"property_form", "property_unknown", "property_required"}


async def test_a_resource_takes_reference_names_and_its_types_defaults(world: FacesWorld) -> None:
    await make_group(world)
    await make_resource(
        world,
        "addr",
        type="IP Address",
        properties={"Address": "10.77.9.100", "PrefixLength": 24},
        common={"RestartDelay": 0, "IsAlivePollInterval": 1000},
    )
    made = show_resource(world, "addr")
    assert made.type == "ip_address"
    assert made.properties == {"address": "10.77.9.100", "prefix_length": 24}
    assert (made.common["restart_delay_ms"], made.common["is_alive_poll_interval_ms"]) == (0, 1000)


@pytest.mark.conformance("DP-03", "DP-04", "DP-08")
async def test_dependencies_stay_in_the_group_and_form_no_circle(world: FacesWorld) -> None:
    await make_group(world)
    await make_group(world, "other")
    await make_resource(world, "addr")
    await make_resource(world, "site", depends_on="[addr]")
    await make_resource(world, "far", group="other")

    def depend(name: str, expression: str) -> Made:
        wish = ResourceChange(depends_on=expression)
        return lambda v, o: resource_writing.change_resource(v, name, wish, o, world.types)

    assert "addr → site → addr" in (await refused(world, depend("addr", "[site]")))["circular_dependency"]
    assert "circular_dependency" in await refused(world, depend("addr", "[addr]"))
    assert "dependency_in_other_group" in await refused(world, depend("addr", "[far]"))
    await make_resource(world, "third")
    await run(world, depend("site", "[THIRD]"))
    assert show_resource(world, "site").depends_on == "[third]"


@pytest.mark.conformance("RS-05", "ST-10")
async def test_one_resource_goes_offline_and_online_by_itself(world: FacesWorld) -> None:
    await running(world)
    site = show_resource(world, "site")

    def take(verb: Callable[..., Change[Done]], *more: object) -> Made:
        return lambda v, o: verb(v, "site", o, *more)

    def delete() -> Made:
        return lambda v, o: resources.delete_resource(v, "site", o, drop_dependencies=False)

    assert "resource_not_offline" in await refused(world, delete())
    await run(world, take(resources.resource_offline))
    group = world.group_id("web")
    assert world.view.intent(group).own_states == {site.id: False}
    assert "resource_not_offline" in await refused(world, delete()), "still online"
    await run(world, take(resources.resource_online, world.types.find))
    assert world.view.intent(group).own_states == {}
    await run(world, take(resources.resource_offline))
    await world.obey("web")
    await run(world, delete())
    assert site.id not in world.view.intent(group).own_states
    found = await refused(world, take(resources.resource_offline))
    assert "resource_unknown" in found


async def test_one_resource_online_in_an_offline_group_wakes_only_what_it_needs(world: FacesWorld) -> None:
    await running(world)
    await make_resource(world, "third")
    await run(world, offline())
    await world.obey("web")
    await run(world, lambda v, o: resources.resource_online(v, "site", o, world.types.find))
    states = {name: show_resource(world, name).wanted for name in ("addr", "site", "third")}
    assert states == {"addr": "online", "site": "online", "third": "offline"}


async def test_a_resource_that_others_need_stays_unless_forced(world: FacesWorld) -> None:
    await make_group(world)
    await make_resource(world, "addr")
    await make_resource(world, "site", depends_on="[addr]")

    def delete(*, force: bool) -> Made:
        return lambda v, o: resources.delete_resource(v, "addr", o, drop_dependencies=force)

    assert "site depend" in (await refused(world, delete(force=False)))["dependent_resource_exists"]
    await run(world, delete(force=True))
    assert show_resource(world, "site").depends_on == ""


async def test_nodes_pause_drain_resume_and_stop(world: FacesWorld) -> None:
    await run(world, lambda v, o: nodes.drain_node(v, "node2", nodes.DrainWish(target="node3"), o))
    intent = world.view.node_intent(2)
    assert (intent.paused, bool(intent.drain), intent.drain_target) == (True, True, 3)
    again = await run(world, lambda v, o: nodes.drain_node(v, "node2", nodes.DrainWish(target="3"), o))
    assert not again.changed
    await run(world, lambda v, o: nodes.resume_node(v, "node2", nodes.ResumeWish(), o))
    assert show_node(world, "node2").state == "up"
    found = await refused(world, lambda v, o: nodes.drain_node(v, "node2", nodes.DrainWish(target="node2"), o))
    assert found.keys() == {"target_cannot_own"}
    await run(world, lambda v, o: nodes.stop_node(v, "node2", o))
    assert show_node(world, "node2").state == "stopping"


async def test_stopping_a_voter_says_what_is_lost_with_it(world: FacesWorld) -> None:
    spared = await run(world, lambda v, o: nodes.stop_node(v, "node2", o))
    assert not spared.warnings
    await world.put((keys.member(2), MemberRecord(node=2, state="down", incarnation="2.a")))
    done = await run(world, lambda v, o: nodes.stop_node(v, "node3", o))
    assert [problem.code for problem in done.warnings] == ["store_loses_majority"]


async def test_every_change_leaves_a_record_of_who_and_why(world: FacesWorld) -> None:
    await run(world, lambda v, o: nodes.pause_node(v, "node1", o), reason="new disk")
    snapshot = await world.store.read(prefixes=[keys.AUDIT])
    text = snapshot.items[0].value.decode()
    assert '"author":"ann"' in text
    assert '"reason":"new disk"' in text


@pytest.mark.parametrize("fault", [Fault.LOST_ANSWER, Fault.NEVER_EXECUTED, Fault.ALARM_AFTER_EXECUTION])
async def test_a_change_whose_answer_is_lost_is_made_once(world: FacesWorld, fault: Fault) -> None:
    world.store.inject(fault)
    await make_group(world)
    audits = await world.store.read(prefixes=[keys.AUDIT])
    assert len(audits.items) == 1
    assert len(world.view.groups) == 1


async def test_a_change_that_executes_late_is_not_made_twice(world: FacesWorld) -> None:
    await make_group(world)
    world.store.inject(Fault.LATE_EXECUTION)
    await run(world, online(world))
    await run(world, offline())
    world.engine.flush_late()
    assert not world.view.intent(world.group_id("web")).persistent_state


async def test_a_store_out_of_reach_is_told_as_such(world: FacesWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "SETTLE_LIMIT_S", 0.2)
    world.store.inject(Fault.UNAVAILABLE)
    with pytest.raises(CannotNow) as caught:
        await make_group(world)
    assert caught.value.problems[0].code == "store_unavailable"
    world.store.inject(*[Fault.NEVER_EXECUTED, *[Fault.UNAVAILABLE] * 200])
    with pytest.raises(Unsettled) as unknown:
        await make_group(world)
    assert unknown.value.problems[0].code == "outcome_unknown"


@pytest.mark.conformance("AP-14")
async def test_a_change_that_loses_a_race_is_decided_anew(world: FacesWorld) -> None:
    await make_group(world)
    stale = world.view
    calls = 0

    def racing(view: ClusterView, occasion: Occasion) -> Change[Done]:
        nonlocal calls
        calls += 1
        change = groups.group_online(view, "web", occasion, world.types.find)
        if calls == 1:
            intent = next(write for write in change.writes if write.key.startswith(keys.INTENT_GROUP))
            world.engine.engine.commit((), [intent])  # somebody else is faster
            world.engine.wake()
        return change

    assert stale is world.view
    await run(world, racing)
    assert calls == 2
    assert world.view.intent(world.group_id("web")).clear_failures == 2


async def test_what_members_of_the_store_complain_of_stands_first_in_the_status(world: FacesWorld) -> None:
    world.store_complaints = (error("store_no_space", "member node2 of the store is full", remedy="free space"),)
    assert next(problem.code for problem in cluster_status(world).problems) == "store_no_space"
