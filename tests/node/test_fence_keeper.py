"""Fencing beside the wait: whom, with what, in which order; what is written, and what is left alone."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from quorate.core.authority.frame import attestation_of
from quorate.core.cluster_view import ClusterView
from quorate.core.fencing import Target, levels_of, targets
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.fencing import FenceDevice, FenceHistory
from quorate.model.membership import CoordinatorRecord, Mark, MemberRecord
from quorate.model.nodes import NodeSpec
from quorate.model.records import Change, Put
from quorate.node.fence_keeper import FenceKeeper
from quorate.ports.fencing import AgentAnswer, MemoryAgents
from quorate.ports.store_memory import MemoryStore

MARK = Mark(kind="suspicion", id="1.a.1", author=1, epoch=1)
BAD = AgentAnswer(1, "no answer")


def device(name: str, plug: str = "7", **more: object) -> FenceDevice:
    return FenceDevice(name=name, agent="fence_twin", plugs={"3": plug}, **more)  # type: ignore[arg-type]


@dataclass
class World:
    """Node 1 leads three nodes, of which the third is marked."""

    devices: tuple[FenceDevice, ...]
    store: MemoryStore = field(default_factory=MemoryStore)
    view: ClusterView = field(default_factory=ClusterView)
    agents: MemoryAgents = field(default_factory=lambda: MemoryAgents(plugs={"7": True, "8": True}))
    said: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        records: list[tuple[str, Value]] = [(keys.COORDINATOR, CoordinatorRecord(node=1, epoch=1))]
        for node in (1, 2, 3):
            records.append((f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"node{node}")))
            records.append((keys.member(node), MemberRecord(node=node, state="up", incarnation=f"{node}.a")))
        records += [(keys.SPEC_FENCE + one.name, one) for one in self.devices]
        await self.put(*records)
        await self.mark()

    async def mark(self) -> None:
        await self.put((keys.member(3), MemberRecord(node=3, state="up", incarnation="3.a", mark=MARK)))

    async def put(self, *records: tuple[str, Value]) -> None:
        await self.store.client("others").commit((), [Put(key, encode(value)) for key, value in records])
        await self.look()

    async def look(self) -> None:
        """The replica catches up."""
        snapshot = await self.store.client("watch").read(prefixes=[""])
        self.view.apply(snapshot.position, [Change(item.key, item.value, item.mod_revision) for item in snapshot.items])

    def keeper(self, turned: Callable[[], Awaitable[None]] | None = None) -> FenceKeeper:
        ticks = itertools.count()
        return FenceKeeper(
            1, self.view, self.store.client("keeper"), self.agents, lambda: True, turned or self.look,
            lambda: float(next(ticks)), self.said.append,
        )  # fmt: skip

    async def fence(self) -> bool:
        done = await self.keeper().fence(Target(3, "3.a", MARK.id))
        await self.look()
        return done

    @property
    def history(self) -> FenceHistory:
        known = self.view.fence_histories.get(3)
        return known.record if known is not None else FenceHistory()


@asynccontextmanager
async def world(*devices: FenceDevice) -> AsyncIterator[World]:
    made = World(devices)
    await made.begin()
    yield made


async def test_what_an_agent_confirms_stands_in_the_mark_and_in_the_history() -> None:
    async with world(device("ipmi")) as made:
        assert await made.fence()
        said = attestation_of(made.view.authority.members[3].record)
        assert said is not None
        assert (said.kind, said.by) == ("fenced", "ipmi")
        assert [(a.device, a.action, a.good, a.by) for a in made.history.attempts] == [("ipmi", "off", True, 1)]
        assert made.agents.calls == [{"plug": "7", "port": "7", "nodename": "node3", "action": "off"}]


async def test_all_devices_of_a_level_must_succeed_before_the_next_level_is_tried() -> None:
    first = device("feed a", level=1, retries=1, action="reboot"), device("feed b", "8", level=1, retries=0)
    async with world(*first, device("storage", level=2)) as made:
        made.agents.answers = [AgentAnswer(0), BAD]
        assert await made.fence()
        assert [(a.device, a.good) for a in made.history.attempts] == [
            ("feed b", False), ("feed a", True), ("storage", True),
        ]  # fmt: skip
        assert {c["action"] for c in made.agents.calls} == {"off"}, "two feeds are never cycled one after the other"
        said = attestation_of(made.view.authority.members[3].record)
        assert said is not None
        assert said.by == "storage"


async def test_a_call_is_repeated_and_where_none_succeeds_nothing_is_claimed() -> None:
    async with world(device("ipmi", retries=2)) as made:
        made.agents.answers = [BAD, AgentAnswer(None, "it took longer"), BAD]
        assert not await made.fence()
        assert [a.detail for a in made.history.attempts] == ["no answer", "it took longer", "no answer"]
        assert attestation_of(made.view.authority.members[3].record) is None
        assert "waited for" in made.said[-1]


async def test_a_node_that_came_back_is_not_switched_off_even_where_the_replica_is_old() -> None:
    async with world(device("ipmi")) as made:
        back = Put(keys.member(3), encode(MemberRecord(node=3, state="up", incarnation="3.a")))
        await made.store.client("node3").commit((), [back])
        assert not await made.fence()
        assert made.agents.calls == []


async def test_a_node_that_clears_its_mark_during_the_call_is_not_called_fenced() -> None:
    async with world(device("ipmi")) as made:
        keeper = made.keeper()
        called = made.agents.call

        async def slow(agent: str, inputs: object, limit_s: float) -> AgentAnswer:
            await made.put((keys.member(3), MemberRecord(node=3, state="up", incarnation="3.a")))
            return await called(agent, inputs, limit_s)  # type: ignore[arg-type]

        made.agents.call = slow  # type: ignore[method-assign]
        await keeper.fence(Target(3, "3.a", MARK.id))
        await made.look()
        assert attestation_of(made.view.authority.members[3].record) is None


async def test_the_author_of_the_mark_calls_or_who_leads_and_nobody_where_no_device_can() -> None:
    async with world(device("ipmi")) as made:
        assert targets(made.view, 1, leads=False) == (Target(3, "3.a", MARK.id),)
        assert targets(made.view, 2, leads=False) == ()
        assert targets(made.view, 2, leads=True) == (Target(3, "3.a", MARK.id),)
        assert levels_of(made.view, 2) == ()
        await made.fence()
        assert targets(made.view, 1, leads=True) == ()  # it is done


async def test_each_mark_is_answered_once() -> None:
    async with world(device("ipmi", retries=0)) as made:
        made.agents.answers = [BAD]
        looks = itertools.count()
        enough = asyncio.Event()

        async def turned() -> None:
            await made.look()
            if next(looks) == 50:
                enough.set()
            await asyncio.sleep(0)

        keeping = asyncio.create_task(made.keeper(turned).run())
        await enough.wait()
        keeping.cancel()
        assert len(made.agents.calls) == len(made.history.attempts) == 1
