"""The event stream and waiting: what is told, in which order, and when a wait ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import groups, resource_writing, wait
from quorate.control.chronicle import Happening
from quorate.control.events import Event, EventBus
from quorate.control.executor import execute, new_occasion
from quorate.control.groups import NewGroup
from quorate.control.moving import MoveWish, move_group
from quorate.control.resource_writing import NewResource
from quorate.control.wait import wait_for
from quorate.model import keys
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.nodes import NodeIntent
from quorate.model.workload import Reason


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def web(world: FacesWorld) -> str:
    """Group `web` with one resource `site`, assigned to node 1; returns its id."""
    made = await execute(
        world, lambda v, o: groups.create_group(v, NewGroup(name="web"), o), new_occasion(world, "", "")
    )
    wish = NewResource(name="site", group="web", type="generic_application", properties={"command_line": "x"})
    await execute(
        world, lambda v, o: resource_writing.create_resource(v, wish, o, world.types), new_occasion(world, "", "")
    )
    await world.assign("web", 1, cause="created")
    return made.id


async def online(world: FacesWorld) -> None:
    await execute(world, lambda v, o: groups.group_online(v, "web", o, world.types.find), new_occasion(world, "", ""))


def told(world: FacesWorld, count: int) -> list[tuple[str, str]]:
    return [(event.kind, event.what) for event in world.events.recent(count)]


async def test_what_happens_is_told_in_words_with_its_reasons(world: FacesWorld) -> None:
    await web(world)
    await world.put((keys.member(1), MemberRecord(node=1, state="down", incarnation="1.a", proof="lease_over")))
    await world.put((keys.COORDINATOR, CoordinatorRecord(node=2, epoch=2)))
    reasons = (Reason(code="owner_lost", node=1, detail="lease_over"), Reason(code="fewest_groups", node=2, detail="0"))
    await world.assign("web", 2, number=2, cause="node_lost", reasons=reasons, former=1)
    await world.report_states("web", {"site": "online"})
    assert told(world, 5) == [
        ("node_down", "node1 is out of the cluster: silent until its lease was certainly over"),
        ("membership_changed", "in the cluster now: node2, node3"),
        ("coordinator_changed", "node2 leads the cluster in epoch 2"),
        ("group_assigned", "group web belongs to node2: its owner was lost"),
        ("resource_state", "resource site is online on node2"),
    ]
    assert world.events.recent(2)[0].reasons == (
        "its owner node1 is no longer in the cluster (silent until its lease was certainly over)",
        "other groups that should be online on node2: 0, and fewer is better",
    )


async def test_nothing_is_told_twice(world: FacesWorld) -> None:
    await web(world)
    before = len(world.events.recent(99))
    world.events.observe(world.view, world.wall_time())
    world.events.observe(world.view, world.wall_time(), list(world.view.assignments))
    assert len(world.events.recent(99)) == before


async def test_nodes_that_pause_and_resume(world: FacesWorld) -> None:
    await world.put((f"{keys.INTENT_NODE}2", NodeIntent(paused=True, drain="x")))
    await world.put((f"{keys.INTENT_NODE}2", NodeIntent()))
    assert [kind for kind, _ in told(world, 3)] == ["node_draining", "node_paused", "node_resumed"]


async def collect(bus: EventBus, after: str | None, count: int) -> list[Event]:
    found: list[Event] = []
    async for event in bus.subscribe(after):
        found.append(event)
        if len(found) == count:
            break
    return found


@pytest.mark.conformance("MB-11")
async def test_a_change_of_membership_is_told_per_node_and_once_for_all(world: FacesWorld) -> None:
    before = len(world.events.recent(1000))
    down = [(keys.member(n), MemberRecord(node=n, state="down", incarnation=f"{n}.a", proof="ended")) for n in (2, 3)]
    await world.put(*down, (keys.COORDINATOR, CoordinatorRecord(node=1, epoch=2)))
    told = world.events.recent(1000)[before:]
    assert [event.kind for event in told] == ["node_down", "node_down", "coordinator_changed", "membership_changed"]
    assert told[-1].data == {"members": "1", "epoch": 2}
    assert told[-1].what == "in the cluster now: node1"


@pytest.mark.conformance("EV-10")
async def test_a_slow_reader_is_told_that_events_are_missing() -> None:
    bus = EventBus("run", kept=3)
    for number in range(5):
        bus.publish("", Happening("k", str(number), ""))
    first = await collect(bus, "run-1", 4)
    assert [(event.kind, event.subject) for event in first] == [("reconnected", ""), ("k", "2"), ("k", "3"), ("k", "4")]
    resumed = await collect(bus, first[0].id, 1)
    assert resumed[0].subject == "2", "the id of the gap is a place to resume from"
    assert [event.subject for event in await collect(bus, "run-4", 1)] == ["4"]
    assert [event.kind for event in await collect(bus, "run-99", 1)] == ["reconnected"]
    assert [event.kind for event in await collect(bus, "other-2", 1)] == ["reconnected"]


@pytest.mark.conformance("EV-11")
async def test_all_subscribers_see_the_same_order() -> None:
    bus = EventBus("run")
    readers = [asyncio.create_task(collect(bus, None, 20)) for _ in range(3)]
    await asyncio.sleep(0)
    for number in range(20):
        bus.publish("", Happening("k", str(number), ""))
        if number % 7 == 0:
            await asyncio.sleep(0)
    seen = await asyncio.gather(*readers)
    assert [event.subject for event in seen[0]] == [str(number) for number in range(20)]
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.conformance("EV-07")
async def test_closing_wakes_whoever_waits() -> None:
    bus = EventBus("run")
    reader = asyncio.create_task(collect(bus, None, 1))
    await asyncio.sleep(0)
    bus.close()
    assert await reader == []


async def test_waiting_for_online_ends_when_it_is(world: FacesWorld) -> None:
    group = await web(world)
    await online(world)
    waiting = asyncio.create_task(wait_for(world, wait.group_online(group), 30))
    await world.report_states("web", {"site": "online_pending"})
    assert not waiting.done()
    await world.report_states("web", {"site": "online"})
    assert await waiting == "done"
    assert await wait_for(world, wait.group_offline(group), 0.01) == "pending"


async def test_waiting_ends_when_nothing_more_will_come(world: FacesWorld) -> None:
    group = await web(world)
    await online(world)
    gives_up = Reason(code="resource_failed_for_good", subject="site")
    await world.report_states("web", {"site": "failed"}, gives_up=gives_up)
    assert await wait_for(world, wait.group_online(group), 0.01) == "pending", "it may still fail over"
    await world.assign("web", 2, number=2, failovers=(1.0, 2.0))
    await world.report_states("web", {"site": "failed"}, gives_up=gives_up)
    assert await wait_for(world, wait.group_online(group), 30) == "failed"


async def test_waiting_for_a_move(world: FacesWorld) -> None:
    group = await web(world)
    await online(world)
    await world.obey("web")
    move = MoveWish(to="node2")
    asked = await execute(world, lambda v, o: move_group(v, "web", move, o), new_occasion(world, "", ""))
    waiting = asyncio.create_task(wait_for(world, wait.group_moved(group, asked.operation), 30))
    await world.assign("web", 1, number=2, phase="stop", to=2, cause="moved")
    intent = world.view.intent(group)
    await world.assign("web", 2, number=3, cause="moved")
    await world.put((keys.INTENT_GROUP + group, type(intent)(persistent_state=True)))
    assert not waiting.done()
    await world.obey("web")
    assert await waiting == "done"


async def test_waiting_for_a_drain(world: FacesWorld) -> None:
    await web(world)
    waiting = asyncio.create_task(wait_for(world, wait.node_drained(1), 30))
    await world.put((f"{keys.INTENT_NODE}1", NodeIntent(paused=True, drain="x")))
    assert not waiting.done()
    await world.assign("web", 2, number=3, cause="drained")
    assert await waiting == "done"


@pytest.mark.conformance("ND-09")
async def test_a_drain_with_nowhere_to_go_ends_and_the_node_stays_paused(world: FacesWorld) -> None:
    await web(world)
    await world.put(*[(f"{keys.INTENT_NODE}{node}", NodeIntent(paused=True)) for node in (2, 3)])
    await world.put((f"{keys.INTENT_NODE}1", NodeIntent(paused=True, drain="x")))
    assert await wait_for(world, wait.node_drained(1), 30) == "failed"
    assert world.view.node_intent(1).paused


async def test_waiting_is_not_over_by_what_the_owner_said_before_it_was_asked(world: FacesWorld) -> None:
    """Offline right after online: the owner had not even begun, and *offline* was what it had said at first."""
    group = await web(world)
    await world.report_states("web", {"site": "offline"})
    await online(world)
    await execute(world, lambda v, o: groups.group_offline(v, "web", o), new_occasion(world, "", ""))
    assert await wait_for(world, wait.group_offline(group), 0.01) == "pending"
    site = next(iter(world.view.resources))
    assert await wait_for(world, wait.resource_offline(site), 0.01) == "pending"
    await world.report_states("web", {"site": "offline"})
    assert await wait_for(world, wait.group_offline(group), 30) == "done"
    assert await wait_for(world, wait.resource_offline(site), 30) == "done"


async def test_waiting_for_online_is_not_over_by_a_failure_before_it_was_asked(world: FacesWorld) -> None:
    group = await web(world)
    await online(world)
    gives_up = Reason(code="resource_failed_for_good", subject="site")
    await world.assign("web", 1, number=9, cause="resource_failed", failovers=(1.0, 2.0))
    await world.report_states("web", {"site": "failed"}, gives_up=gives_up)
    assert await wait_for(world, wait.group_online(group), 0.01) == "failed"
    await online(world)
    assert await wait_for(world, wait.group_online(group), 0.01) == "pending"
