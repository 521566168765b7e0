"""What the calling of fence agents promises, on the twin and on real programs."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Protocol

import pytest

from fence_program import install
from quorate.adapters.fencing import InstalledAgents
from quorate.ports.fencing import AgentAnswer, FenceAgents, MemoryAgents


class World(Protocol):
    """Agents, one of which has one plug that is on."""

    @property
    def agents(self) -> FenceAgents: ...
    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> dict[str, str]: ...


class Twin:
    def __init__(self, root: Path) -> None:
        del root
        self.agents = MemoryAgents(plugs={"7": True})
        self.name = "fence_twin"
        self.inputs: dict[str, str] = {}


class Real:
    def __init__(self, root: Path) -> None:
        self.name = install(root / "agents")
        self.agents = InstalledAgents(str(root / "agents"))
        (root / "7").write_text("on")
        self.inputs = {"folder": str(root), "passwd": "very secret"}


@pytest.fixture(params=[Twin, Real])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    return made


async def call(world: World, action: str, plug: str = "7", **more: str) -> AgentAnswer:
    return await world.agents.call(world.name, {**world.inputs, **more, "plug": plug, "action": action}, 20.0)


async def test_off_switches_the_plug_off_and_status_tells(world: World) -> None:
    assert (await call(world, "status")).status == 0
    assert (await call(world, "off")).status == 0
    assert (await call(world, "status")).status == 2
    assert (await call(world, "on")).status == 0
    assert (await call(world, "status")).status == 0
    assert (await call(world, "monitor")).status == 0


async def test_a_plug_that_is_not_there_is_a_failure_with_words(world: World) -> None:
    answer = await call(world, "off", "9")
    assert answer.status == 1
    assert "plug" in answer.words


async def test_an_agent_that_is_not_there_has_no_status(world: World) -> None:
    assert world.agents.has(world.name)
    assert not world.agents.has("fence_nowhere")
    answer = await world.agents.call("fence_nowhere", {"action": "off"}, 1.0)
    assert answer.status is None
    assert answer.words


async def test_an_agent_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    world = Real(tmp_path)
    answer = await world.agents.call(world.name, {**world.inputs, "how": "hang", "action": "off"}, 2.0)
    assert answer == AgentAnswer(None, "it took longer than 2 s and was killed")
    child = int((tmp_path / "child").read_text())
    assert _ends(child)


async def test_what_an_agent_prints_is_told_without_secrets_and_goes_by_no_argument(tmp_path: Path) -> None:
    world = Real(tmp_path)
    answer = await call(world, "off", how="echo")
    assert "passwd" in answer.words
    assert "very secret" not in answer.words
    assert (tmp_path / "calls").read_text() == "off 7 1\n"


def _ends(process: int) -> bool:
    """Wait for the process to end: it was killed, and nobody waits for it."""
    try:
        waited = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([waited], [], [], 10.0)[0])
    finally:
        os.close(waited)
