"""Properties of resources that concern failures and order: what is refused, what is shown, what becomes of a group."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import groups, resource_writing, resources, wait
from quorate.control.change import Change, Done, Occasion
from quorate.control.executor import execute, new_occasion
from quorate.control.explanations import explain_group_view
from quorate.control.groups import NewGroup
from quorate.control.moving import MoveWish, move_group
from quorate.control.queries import show_group, show_resource
from quorate.control.resource_writing import NewResource, ResourceChange
from quorate.control.status import cluster_status
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.membership import MemberRecord
from quorate.model.probation import digest_of
from quorate.model.problems import Refused
from quorate.model.properties import PropertyValue
from quorate.model.workload import GroupFact, ResourceFact, ResourceFlags


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        group = NewGroup(name="web")
        occasion = new_occasion(made, "ann", "")
        await execute(made, lambda view, occasion: groups.create_group(view, group, occasion), occasion)
        yield made


async def make(world: FacesWorld, name: str, common: dict[str, PropertyValue] | None = None, **fields: object) -> Done:
    wish = NewResource(
        name=name,
        group="web",
        type="generic_application",
        properties={"command_line": "/bin/sleep 9"},
        common=common or {},
        **fields,  # type: ignore[arg-type]
    )
    return await execute(
        world,
        lambda view, occasion: resource_writing.create_resource(view, wish, occasion, world.types),
        new_occasion(world, "ann", ""),
    )


async def change(world: FacesWorld, name: str, **fields: object) -> Done:
    wish = ResourceChange(**fields)  # type: ignore[arg-type]
    return await execute(
        world,
        lambda view, occasion: resource_writing.change_resource(view, name, wish, occasion, world.types),
        new_occasion(world, "ann", ""),
    )


async def run_group(world: FacesWorld) -> None:
    """The group is assigned and wanted online."""
    if world.group_id("web") not in world.view.assignments:
        await world.assign("web", 1)
    await execute(
        world,
        lambda view, occasion: groups.group_online(view, "web", occasion, world.types.find),
        new_occasion(world, "ann", ""),
    )


async def report(world: FacesWorld, node: int = 1, **facts: ResourceFact) -> None:
    group = world.group_id("web")
    ids = {spec.name: spec.id for spec in world.view.members_of[group].values()}
    known = world.view.intents[group]
    fact = GroupFact(
        group=group,
        incarnation=f"{node}.a",
        number=world.view.assignments[group].record.number,
        resources={ids[name]: fact for name, fact in facts.items()},
        intent=known.revision,
        clear_failures=known.record.clear_failures,
    )
    await world.put((keys.fact_group(node, group), fact))


@pytest.mark.conformance("PP-14")
async def test_a_late_retry_before_the_end_of_the_period_is_refused(world: FacesWorld) -> None:
    with pytest.raises(Refused) as caught:
        await make(world, "a", {"retry_period_on_failure_ms": 60_000})
    assert [problem.code for problem in caught.value.problems] == ["retry_period_short"]
    await make(world, "a", {"RetryPeriodOnFailure": 60_000, "RestartPeriod": 60_000})
    with pytest.raises(Refused) as caught:
        await change(world, "a", common={"restart_period_ms": 60_001, "restart_backoff_factor": 0.5})
    assert {problem.code for problem in caught.value.problems} == {"property_range"}
    with pytest.raises(Refused) as caught:
        await change(world, "a", common={"restart_period_ms": 60_001})
    assert {problem.code for problem in caught.value.problems} == {"retry_period_short"}
    assert show_resource(world, "a").common["restart_period_ms"] == 60_000


async def test_an_order_is_shown_by_name_and_forms_no_circle_with_dependencies(world: FacesWorld) -> None:
    await make(world, "a")
    await make(world, "b", depends_on="[a]", starts_after=("A",))
    assert show_resource(world, "b").starts_after == ("a",)
    with pytest.raises(Refused) as caught:
        await change(world, "a", starts_after=("b", "c"))
    assert {problem.code for problem in caught.value.problems} == {
        "resource_unknown",
        "circular_dependency",
    }
    with pytest.raises(Refused):
        await change(world, "a", starts_after=("a",))
    await change(world, "b", starts_after=())
    await change(world, "b", depends_on="")
    await change(world, "a", starts_after=("b",))
    with pytest.raises(Refused) as caught:
        await change(world, "b", depends_on="[a]")
    assert "a → b → a" in caught.value.problems[0].what
    await execute(
        world,
        lambda view, occasion: resources.delete_resource(view, "b", occasion, drop_dependencies=False),
        new_occasion(world, "ann", ""),
    )
    assert show_resource(world, "a").starts_after == ()


async def test_a_group_goes_on_without_what_is_not_critical(world: FacesWorld) -> None:
    await make(world, "app")
    report_made = await make(world, "report", {"critical": False})
    await run_group(world)
    await report(world, app=ResourceFact(state="online"), report=ResourceFact(state="failed", restarts=1))
    assert show_group(world, "web").state == "online"
    assert wait.group_online(world.group_id("web"))(world.view) == "pending"
    failed = ResourceFact(state="failed", detail="no paper", exhausted=True)
    await report(world, app=ResourceFact(state="online"), report=failed)
    assert wait.group_online(world.group_id("web"))(world.view) == "done"
    assert show_group(world, "web").flags == ("on_probation", "failed_not_critical")
    told = {problem.code: problem.what for problem in cluster_status(world).problems}
    assert "no paper" in told["resource_failed_not_critical"]
    assert "group_not_online" not in told
    assert any("not critical" in line for line in explain_group_view(world, "web").why_not_running)
    assert wait.resource_online(report_made.id)(world.view) == "failed"
    await change(world, "report", common={"critical": True})
    assert show_group(world, "web").state == "failed"


@pytest.mark.conformance("ST-13")
@pytest.mark.parametrize(("state", "shown"), [("cannot_here", "offline"), ("cannot_anywhere", "failed")])
async def test_the_special_reports_show_as_offline_and_failed(world: FacesWorld, state: str, shown: str) -> None:
    await make(world, "app")
    await run_group(world)
    await report(world, app=ResourceFact(state=state, detail="no link", exhausted=True))  # type: ignore[arg-type]
    found = show_resource(world, "app")
    assert (found.state, found.reported, found.detail) == (shown, state, "no link")
    assert show_group(world, "web").state == shown


@pytest.mark.conformance("FR-21")
async def test_failures_are_counted_here_and_elsewhere_until_they_are_cleared(world: FacesWorld) -> None:
    await make(world, "app")
    await make(world, "log")
    await run_group(world)
    online = ResourceFact(state="online", failures=2, last_failure="it crashed", failed_at_s=1_800_000_000.0)
    await report(world, app=online, log=ResourceFact(state="online", failures=1))
    await world.assign("web", 2, number=2)
    await report(world, 2, app=ResourceFact(state="online", failures=4))
    found = show_resource(world, "app")
    assert (found.failures.this_node, found.failures.other_nodes) == (4, 2)
    whole = show_group(world, "web").failures
    assert (whole.this_node, whole.other_nodes) == (4, 3)
    await report(world, 2, app=ResourceFact(state="failed", failures=5, last_failure="out of memory"))
    assert show_resource(world, "app").last_failure == "out of memory"
    await run_group(world)
    assert show_resource(world, "app").failures.other_nodes == 0


@pytest.mark.conformance("FR-13")
async def test_only_what_is_online_can_be_failed_on_request_and_the_owner_says_when_it_was(world: FacesWorld) -> None:
    made = await make(world, "app")
    await run_group(world)
    await report(world, app=ResourceFact(state="failed"))
    with pytest.raises(Refused) as caught:
        await fail(world, "app")
    assert [problem.code for problem in caught.value.problems] == ["resource_not_online"]
    await report(world, app=ResourceFact(state="online"))
    done = await fail(world, "app")
    condition = wait.resource_failed(made.id, done.operation)
    assert condition(world.view) == "pending"
    await report(world, app=ResourceFact(state="failed", fail_request=done.operation))
    assert condition(world.view) == "done"
    await report(world, app=ResourceFact(state="online"))
    later = await fail(world, "app")
    await world.assign("web", 2, number=2)
    assert wait.resource_failed(made.id, later.operation)(world.view) == "failed", "the group has changed hands"


async def fail(world: FacesWorld, name: str) -> Done:
    command = new_occasion(world, "ann", "")
    return await execute(world, lambda view, occasion: resources.resource_fail(view, name, occasion), command)


LOCKED = ResourceFact(state="online", flags=ResourceFlags(locked="a snapshot is made"))


@pytest.mark.conformance("SP-01", "SP-02", "SP-03")
async def test_a_lock_refuses_requests_unless_it_is_ignored_and_ends_with_its_node(world: FacesWorld) -> None:
    await make(world, "disk")
    await make(world, "db", depends_on="[disk]")
    await run_group(world)
    await report(world, disk=ResourceFact(state="online"), db=LOCKED)
    assert show_resource(world, "db").flags == {"locked": "a snapshot is made", "on_probation": NEVER_ONLINE}
    assert "locked" in show_group(world, "web").flags
    find = world.types.find

    def commands(*, ignore: bool) -> dict[str, Callable[[ClusterView, Occasion], Change[Done]]]:
        return {
            "disk offline": lambda v, o: resources.resource_offline(v, "disk", o, ignore_locked=ignore),
            "db online": lambda v, o: resources.resource_online(v, "db", o, find, ignore_locked=ignore),
            "move": lambda v, o: move_group(v, "web", MoveWish(to="node2"), o, ignore_locked=ignore),
            "offline": lambda v, o: groups.group_offline(v, "web", o, ignore_locked=ignore),
        }

    for name, command in commands(ignore=False).items():
        with pytest.raises(Refused) as caught:
            await execute(world, command, new_occasion(world, "ann", ""))
        problem = caught.value.problems[0]
        assert (problem.code, problem.override) == ("resource_locked", "--ignore-locked"), name
    for command in commands(ignore=True).values():
        await execute(world, command, new_occasion(world, "ann", ""))
    with pytest.raises(Refused):
        await execute(world, lambda v, o: groups.group_online(v, "web", o, find), new_occasion(world, "ann", ""))
    await world.put((keys.member(1), MemberRecord(node=1, state="down", incarnation="1.a", proof="lease_over")))
    assert "locked" not in show_group(world, "web").flags


NEVER_ONLINE = "it has not been online yet as it is specified now"


@pytest.mark.conformance("SP-08")
async def test_what_fails_inside_is_a_flag_of_resource_and_group_and_an_event(world: FacesWorld) -> None:
    await make(world, "vm")
    await run_group(world)
    await report(world, vm=ResourceFact(state="online"))
    inside = ResourceFact(state="online", flags=ResourceFlags(embedded="a thread hangs"))
    await report(world, vm=inside)
    assert show_resource(world, "vm").flags["embedded_failure"] == "a thread hangs"
    assert "embedded_failure" in show_group(world, "web").flags
    assert show_group(world, "web").state == "online"
    assert "embedded_failure" in {problem.code for problem in cluster_status(world).problems}
    await report(world, vm=ResourceFact(state="online"))
    assert "embedded_failure" not in show_group(world, "web").flags
    told = [event.kind for event in world.events.recent(10)]
    assert {"embedded_failure", "embedded_failure_cleared"} <= set(told)


async def test_probation_ends_with_a_proof_of_any_node_and_begins_with_a_change(world: FacesWorld) -> None:
    made = await make(world, "app")
    await run_group(world)
    exhausted = ResourceFact(state="failed", detail="no such file", exhausted=True)
    await report(world, app=exhausted)
    assert show_group(world, "web").flags == ("failed_for_good", "on_probation")
    assert "resource_on_probation" in {problem.code for problem in cluster_status(world).problems}
    assert any("on probation" in line for line in explain_group_view(world, "web").why_not_running)
    assert wait.group_online(world.group_id("web"))(world.view) == "failed", "nobody takes it, and it is not tried"
    digest = digest_of(world.view.resources[made.id].record)
    await world.assign("web", 2, number=2)
    await report(world, 2, app=ResourceFact(state="online", proven=(digest,)))
    await world.assign("web", 1, number=3)
    assert "on_probation" not in show_resource(world, "app").flags
    await change(world, "app", common={"restart_threshold": 5})
    assert "on_probation" not in show_resource(world, "app").flags
    await change(world, "app", properties={"command_line": "/bin/sleep 8"})
    assert "on_probation" in show_resource(world, "app").flags


async def test_what_runs_already_is_a_flag_and_an_event_and_adopting_it_is_for_types_that_can(
    world: FacesWorld,
) -> None:
    with pytest.raises(Refused) as caught:
        await make(world, "app", {"already_running_action": "adopt"})
    assert [problem.code for problem in caught.value.problems] == ["cannot_adopt"]
    await make(world, "app", {"already_running_action": "fail"})
    with pytest.raises(Refused):
        await change(world, "app", common={"already_running_action": "adopt"})
    await run_group(world)
    found = ResourceFact(state="cannot_anywhere", exhausted=True, flags=ResourceFlags(found="process 7 (sleep)"))
    await report(world, app=found)
    assert show_resource(world, "app").flags["was_active"] == "process 7 (sleep)"
    assert "end what runs there, then quorate group online 'web'" in explain_group_view(world, "web").what_would_help
    told = {event.kind: event.what for event in world.events.recent(10)}
    assert "process 7 (sleep)" in told["resource_was_active"]
