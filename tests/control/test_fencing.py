"""Fence devices: what is refused and how completely, what is written, and that secrets are never shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control.change import Change, Done, Occasion, altered
from quorate.control.executor import execute, new_occasion
from quorate.control.fence_testing import check_device
from quorate.control.fencing import NewFenceDevice, create_device, delete_device, list_devices, show_device
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.fencing import FenceAttempt, FenceHistory
from quorate.model.problems import Refused
from quorate.ports.fencing import AgentAnswer

Made = Callable[[ClusterView, Occasion], Change[Done]]
GOOD = NewFenceDevice(
    name="ipmi",
    agent="fence_twin",
    plugs={"node3": "7"},
    parameters={"ip": "10.0.9.3", "passwd": "hidden one"},
    secrets={"pin": "hidden two"},
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


def create(wish: NewFenceDevice = GOOD, *, installed: bool = True) -> Made:
    return lambda view, occasion: create_device(view, wish, installed, occasion)


async def run(world: FacesWorld, command: Made) -> Done:
    return await execute(world, command, new_occasion(world, "ann", ""))


async def refused(world: FacesWorld, command: Made) -> set[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await run(world, command)
    assert world.engine.engine.revision == before
    return {problem.code for problem in caught.value.problems}


async def test_everything_that_is_wrong_is_told_at_once_and_no_secret_with_it(world: FacesWorld) -> None:
    bad = NewFenceDevice(
        name="?",
        agent="/bin/sh",
        plugs={"node3": "", "node9": "1"},
        parameters={"action": "on", "two words": "x", "pin": "a\nb"},
        secrets={"pin": "c"},
        level=0,
        timeout_s=0,
    )
    with pytest.raises(Refused) as caught:
        await run(world, create(bad))
    assert {problem.code for problem in caught.value.problems} == {
        "name_form", "fence_agent_form", "fence_plug_form", "node_unknown", "fence_parameter_reserved",
        "fence_parameter_form", "fence_value_form", "fence_parameter_twice", "fence_out_of_range",
    }  # fmt: skip
    assert "a\nb" not in str(caught.value)
    assert await refused(world, create(altered(GOOD, plugs={}))) == {"fence_without_nodes"}


async def test_a_device_is_created_once_and_deleted(world: FacesWorld) -> None:
    assert (await run(world, create())).warnings == ()
    assert await refused(world, create(altered(GOOD, name="IPMI"))) == {"name_in_use"}
    (device,) = list_devices(world).devices
    assert device.plugs == {"node3": "7"}
    assert list_devices(world).without == ("node1", "node2")
    await run(world, lambda view, occasion: delete_device(view, "Ipmi", occasion))
    assert list_devices(world).devices == ()
    assert await refused(world, lambda view, occasion: delete_device(view, "ipmi", occasion)) == {
        "fence_device_unknown"
    }


async def test_an_agent_that_this_node_lacks_is_a_warning(world: FacesWorld) -> None:
    done = await run(world, create(installed=False))
    assert [problem.code for problem in done.warnings] == ["fence_agent_missing"]


async def test_secrets_are_told_by_name_alone_in_views_and_audit(world: FacesWorld) -> None:
    await run(world, create())
    shown = show_device(world, "ipmi")
    assert shown.secrets == ("passwd", "pin")
    assert shown.parameters == {"ip": "10.0.9.3"}
    audit = await world.store.read(prefixes=[keys.AUDIT])
    told = b"".join(item.value for item in audit.items) + encode(list_devices(world))
    assert b"hidden" not in told


async def test_the_history_tells_every_call(world: FacesWorld) -> None:
    await run(world, create())
    call = FenceAttempt(at="2027-01-15T08:00:00Z", device="ipmi", action="off", good=True, took_ms=9, by=1)
    await world.put((keys.fencing(3), FenceHistory(attempts=(call,))))
    (told,) = show_device(world, "ipmi").history
    assert (told.node, told.by, told.good) == ("node3", "node1", True)


async def test_a_test_asks_the_device_and_every_plug_and_switches_nothing(world: FacesWorld) -> None:
    await run(world, create(altered(GOOD, plugs={"node2": "6", "node3": "7"})))
    world.agents.plugs = {"6": True, "7": False}
    found = await check_device(world, "ipmi")
    assert found.good
    assert [(check.node, check.found) for check in found.checks] == [("", "answers"), ("node2", "on"), ("node3", "off")]
    assert {call["action"] for call in world.agents.calls} == {"monitor", "status"}
    assert world.agents.calls[1]["passwd"] == "hidden one"
    del world.agents.plugs["7"]
    world.agents.answers = [AgentAnswer(None, "there is no agent")]
    assert not (await check_device(world, "ipmi")).good
