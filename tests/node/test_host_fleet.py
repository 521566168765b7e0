"""A restarted service and the hosts that went on without it: what runs is adopted before anything is said of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from quorate.core.authority.frame import CommitRequest
from quorate.core.authority.membership import HOST_WAIT_S
from quorate.core.authority.orders import Order, Report
from quorate.core.authority.timings import FAST
from quorate.core.group_run import BringOnline, Command, End, TakeOffline
from quorate.model import keys
from quorate.model.base import Value, decode, encode, replace
from quorate.model.checkpoint import Checkpoint
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.nodes import NodeSpec
from quorate.model.records import Change, KeyValue, Position, Put
from quorate.model.workload import Assignment, GroupFact, GroupIntent, GroupSpec, ResourceFact, ResourceSpec
from quorate.node.host_fleet import HostFleet
from quorate.node.host_link import SHARED
from quorate.node.outputs import HostCommand, StoreRequest
from quorate.node.service_loop import ServiceLoop
from quorate.wire import host_channel as channel
from quorate.wire.sentinel_channel import EndProcess

RUNS = Assignment(group="g", owner=2, incarnation="2.a", number=4)
STOPS = Assignment(group="g", owner=2, incarnation="2.a", number=5, phase="stop", to=1, cause="moved")
ELSEWHERE = Assignment(group="g", owner=1, incarnation="1.a", number=6)


class Node:
    """Node 2 with a new service, and a host that runs these resources since before it."""

    def __init__(self, folder: Path, running: Mapping[str, str], assignment: Assignment) -> None:
        self.folder = folder
        self.running = running
        self.assignment = assignment
        self.heard: list[channel.Command] = []
        self.loop = ServiceLoop(2, FAST, boot_id="b", new_incarnation=lambda: "2.b", wall_s=lambda: 0.0, now=0.0)
        self.loop.report(
            Report(
                serial=1, now=1.0, incarnation="2.a", lease_until=9.0, ended="", released_epoch=0, acting=False,
                order=Order(serial=1, incarnation="2.a", up=True, epoch=1, coordinator=1),
            )
        )  # fmt: skip
        self.now = 1.0
        self.down = False
        self.spent: int | None = None
        """Restarts of the server that a former service wrote down."""
        self.joins: list[str] = []
        self.commands: list[Command] = []
        self.facts: list[GroupFact] = []
        self.group: asyncio.TaskGroup
        self.connected = asyncio.Event()
        self.adopted = asyncio.Event()
        self.news = asyncio.Condition()
        self.handlers: set[asyncio.Task[None]] = set()
        self.points: tuple[Checkpoint, ...] = ()
        """Checkpoints of the server."""
        self.writer: asyncio.StreamWriter | None = None
        self.own: Mapping[str, str] = {}
        self.own_writer: asyncio.StreamWriter | None = None
        self.told_to_end: list[str] = []
        self.fleet = HostFleet(folder, self.loop, self.step, self._tell_sentinel, lambda *_: None)

    def _tell_sentinel(self, message: object) -> None:
        if isinstance(message, EndProcess):
            self.told_to_end.append(message.name)

    def step(self) -> None:
        self.loop.step(self.now)
        if self.loop.hosts_ready:
            self.adopted.set()
        for output in self.loop.take():
            match output:
                case HostCommand(command=command):
                    self.commands.append(command)
                    self.fleet.command(command)
                case StoreRequest(request=CommitRequest(purpose="facts", writes=writes)):
                    self.facts += [decode(w.value, GroupFact, w.key) for w in writes if isinstance(w, Put)]
                case StoreRequest(request=CommitRequest(purpose="join", writes=writes)):
                    self.joins += [w.key for w in writes if isinstance(w, Put)]
                case _:
                    pass

    def read_store(self) -> None:
        former = "2.former" if self.down else "2.a"
        written: dict[str, Value] = {
            f"{keys.SPEC_NODE}1": NodeSpec(node=1, name="n1"),
            f"{keys.SPEC_NODE}2": NodeSpec(node=2, name="n2"),
            keys.COORDINATOR: CoordinatorRecord(node=1, epoch=1),
            keys.member(1): MemberRecord(node=1, state="up", incarnation="1.a"),
            keys.member(2): MemberRecord(node=2, state="down" if self.down else "up", incarnation=former),
            f"{keys.SPEC_GROUP}g": GroupSpec(id="g", name="g"),
            f"{keys.INTENT_GROUP}g": GroupIntent(persistent_state=True),
            f"{keys.SPEC_RESOURCE}address": ResourceSpec(id="address", name="address", type="t", group="g"),
            f"{keys.SPEC_RESOURCE}server": ResourceSpec(
                id="server", name="server", type="t", group="g", depends_on=(("address",),), checkpoints=self.points
            ),
            f"{keys.ASSIGNMENT}g": self.assignment,
        }
        if self.spent is not None:
            resources = {"server": ResourceFact(state="online", restarts=self.spent)}
            said = GroupFact(group="g", incarnation="2.a", number=4, resources=resources, intent=99)
            written[keys.fact_group(2, "g")] = said
        items = [KeyValue(key, encode(value), 10 + n, 10 + n) for n, (key, value) in enumerate(written.items())]
        self.loop.read_all(Position(1, 30), items)
        self.fleet.start(self.group)
        self.step()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        states = tuple(channel.State(r, 4, channel.ReportedState(word), "", 1.0) for r, word in self.running.items())
        writer.write(channel.encode(channel.InventoryReport(SHARED, 1, states, {}, "pid_namespace")))
        self.connected.set()
        self.writer = writer
        decoder = channel.command_decoder()
        handler = asyncio.current_task()
        assert handler is not None
        self.handlers.add(handler)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                async with self.news:
                    self.heard += decoder.feed(data)
                    self.news.notify_all()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def accept_own(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        states = tuple(channel.State(r, 4, channel.ReportedState(word), "", 1.0) for r, word in self.own.items())
        writer.write(channel.encode(channel.InventoryReport("own-server", 1, states, {}, "pid_namespace")))
        self.own_writer = writer
        with suppress(ConnectionError):
            await reader.read(-1)
        writer.close()

    async def until_adopted(self) -> None:
        async with asyncio.timeout(20):
            await self.adopted.wait()


@asynccontextmanager
async def restarted(folder: Path, running: Mapping[str, str], assignment: Assignment = RUNS) -> AsyncIterator[Node]:
    node = Node(folder, running, assignment)
    async with await asyncio.start_unix_server(node.accept, folder / f"{SHARED}.sock"):
        try:
            async with asyncio.TaskGroup() as tasks:
                node.group = tasks
                yield node
                node.fleet.stop()
        finally:
            await asyncio.gather(*node.handlers)


BOTH = {"server": "online", "address": "online"}


async def test_what_runs_is_adopted_and_neither_told_to_be_offline_nor_started_again(tmp_path: Path) -> None:
    """Seen in a lab: every restart of a service told its groups offline, because the host spoke before the store."""
    async with restarted(tmp_path, BOTH) as node:
        node.step()
        await asyncio.sleep(0.05)
        assert not node.connected.is_set(), "what a host says now could not be placed"
        node.read_store()
        assert node.facts == []
        await node.until_adopted()
        assert node.commands == []
        assert [{r: fact.state for r, fact in told.resources.items()} for told in node.facts] == [BOTH]


async def test_what_runs_is_not_told_to_have_stopped_and_is_taken_offline(tmp_path: Path) -> None:
    """*Stopped* is what lets another node start the group."""
    async with restarted(tmp_path, BOTH, STOPS) as node:
        node.read_store()
        await node.until_adopted()
        assert node.commands == [TakeOffline("server", 5, "moved")]
        assert not any(told.stopped for told in node.facts)


async def test_a_node_asks_to_be_admitted_when_it_has_a_host(tmp_path: Path) -> None:
    """Seen in a lab: a group failed back to a node that had no host yet, and was away for 0.9 s instead of 0.1 s."""
    async with restarted(tmp_path, {}) as node:
        node.down = True
        node.read_store()
        assert node.joins == []
        await node.until_adopted()
        assert node.joins == ["join/2"]


async def test_a_node_without_a_host_asks_in_the_end(tmp_path: Path) -> None:
    async with restarted(tmp_path, {}) as node:
        node.down = True
        node.read_store()
        node.now = 1.0 + HOST_WAIT_S
        node.step()
        assert node.joins == ["join/2"]


async def test_what_does_not_run_is_started(tmp_path: Path) -> None:
    async with restarted(tmp_path, {"address": "online", "server": "offline"}) as node:
        node.read_store()
        await node.until_adopted()
        assert [(type(c), c.spec.id) for c in node.commands if isinstance(c, BringOnline)] == [(BringOnline, "server")]


async def test_restarts_made_before_the_service_ended_still_count(tmp_path: Path) -> None:
    """A service that is killed must not give a failing resource all its restarts anew."""
    async with restarted(tmp_path, {"address": "online", "server": "failed"}) as node:
        node.spent = 3
        node.read_store()
        await node.until_adopted()
        assert node.commands == []
        assert [(told.resources["server"].restarts, told.gives_up is not None) for told in node.facts] == [(3, True)]


async def test_what_runs_although_the_group_is_another_nodes_is_ended(tmp_path: Path) -> None:
    async with restarted(tmp_path, BOTH, ELSEWHERE) as node:
        node.read_store()
        await node.until_adopted()
        assert {c.resource for c in node.commands if isinstance(c, End)} == {"server", "address"}


async def test_what_was_deleted_while_no_service_ran_is_ended(tmp_path: Path) -> None:
    async with restarted(tmp_path, {**BOTH, "deleted": "online"}) as node:
        node.read_store()
        await node.until_adopted()
        async with asyncio.timeout(20), node.news:
            await node.news.wait_for(lambda: bool(node.heard))
        assert node.heard[0] == channel.Close("deleted", deleted=True)
        assert not [told for told in node.heard[1:] if not isinstance(told, channel.Open)]


async def test_hosts_are_told_what_becomes_of_what_they_have_open(tmp_path: Path) -> None:
    """Also of what is offline there, and of what was open before this service began."""
    server = ResourceSpec(id="server", name="server", type="t", group="g", depends_on=(("address",),))
    async with restarted(tmp_path, {"server": "online", "address": "offline", "gone": "offline"}) as node:

        async def hears(revision: int, *changes: tuple[str, Value | None]) -> list[channel.Command]:
            before = len(node.heard)
            written = [Change(key, encode(value) if value is not None else None, revision) for key, value in changes]
            node.loop.watched(Position(1, revision), written)
            node.fleet.notices.changed(key for key, _ in changes)
            async with asyncio.timeout(20), node.news:
                await node.news.wait_for(lambda: len(node.heard) > before)
            return [told for told in node.heard[before:] if isinstance(told, channel.Open | channel.Close)]

        node.read_store()
        node.fleet.notices.changed(None)
        await node.until_adopted()
        await until(lambda: len([told for told in node.heard if isinstance(told, channel.Open | channel.Close)]) == 3)
        opened = {told.resource_id: told for told in node.heard if isinstance(told, channel.Open)}
        assert (opened["server"].group, opened["server"].depends_on) == ("g", {"address": "address"})
        assert channel.Close("gone", deleted=True) in node.heard, "deleted while no service ran"
        place = keys.SPEC_RESOURCE + "server"
        (told,) = await hears(40, (place, replace(server, name="db")))
        assert isinstance(told, channel.Open)
        assert told.name == "db"
        renamed = await hears(41, (f"{keys.SPEC_GROUP}g", GroupSpec(id="g", name="web")))
        assert sorted((told.resource_id, told.group) for told in renamed if isinstance(told, channel.Open)) in (
            [("address", "web")], [("address", "web"), ("server", "web")],
        )  # fmt: skip
        assert await hears(42, (keys.SPEC_RESOURCE + "address", None)) == [channel.Close("address", deleted=True)]


async def test_only_where_its_group_is_owned_a_deletion_is_told_unless_the_type_asks_for_all_nodes(
    tmp_path: Path,
) -> None:
    everywhere = ResourceSpec(id="all", name="all", type="t", group="h", delete_requires_all_nodes=True)
    async with restarted(tmp_path, {"other": "offline"}, ELSEWHERE) as node:
        node.read_store()
        made = [
            Change(f"{keys.SPEC_RESOURCE}other", encode(ResourceSpec(id="other", name="o", type="t", group="h")), 40),
            Change(f"{keys.SPEC_RESOURCE}all", encode(everywhere), 40),
        ]
        node.loop.watched(Position(1, 40), made)
        node.fleet.notices.changed(None)
        await node.until_adopted()
        node.loop.watched(Position(1, 41), [Change(change.key, None, 41) for change in made])
        node.fleet.notices.changed(change.key for change in made)
        await until(lambda: len([told for told in node.heard if isinstance(told, channel.Close)]) == 2)
        assert [(told.resource_id, told.deleted) for told in node.heard if isinstance(told, channel.Close)] == [
            ("other", False),
            ("all", True),
        ]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_a_host_of_its_own_that_is_no_more_needed_ends_without_the_service(tmp_path: Path) -> None:
    """Its link is taken away while it is connected: the loss of that contact concerns nobody."""
    async with restarted(tmp_path, {"address": "online"}) as node:
        node.read_store()
        await node.until_adopted()
        async with await asyncio.start_unix_server(node.accept_own, tmp_path / "own-server.sock"):
            node.own = {"server": "online"}
            node.fleet.running({"host-own-server": 7})
            await until(lambda: node.loop.runs["g"].resources["server"].state == "online")
            assert not node.told_to_end, "something runs in it"
            assert all(told.resources["server"].state != "failed" for told in node.facts)
            assert node.own_writer is not None
            node.own_writer.write(channel.encode(channel.State("server", 4, channel.ReportedState("offline"), "", 1.0)))
            await until(lambda: bool(node.told_to_end))
            assert node.told_to_end == ["host-own-server"]
            node.step()


async def test_a_host_of_its_own_that_has_not_told_yet_keeps_its_resource_unknown(tmp_path: Path) -> None:
    """It was made for the resource before that was to run in the shared host again; it may still run it."""
    async with restarted(tmp_path, {"address": "online"}, STOPS) as node:
        node.fleet.running({"host-own-server": 7})
        node.read_store()
        await node.until_adopted()
        assert not any(told.stopped for told in node.facts)
        assert node.commands == [], "the address waits for its dependent"
        assert not node.told_to_end


def server_is(state: str) -> bytes:
    return channel.encode(channel.State("server", 4, channel.ReportedState(state), "", 1.0))


async def test_the_end_of_a_resource_with_checkpoints_is_told_after_the_last_look(tmp_path: Path) -> None:
    """Held back, it counts as running: its address stays, and nobody is told that the group is stopped."""
    async with restarted(tmp_path, BOTH, STOPS) as node:
        node.points = (Checkpoint(id="c", path="/srv/x"),)
        looking, looked = asyncio.Event(), asyncio.Event()

        async def last_look(spec: ResourceSpec) -> None:
            assert spec.id == "server"
            looking.set()
            await looked.wait()

        node.fleet.last_look = last_look
        node.read_store()
        await node.until_adopted()
        assert node.writer is not None
        node.writer.write(server_is("offline"))
        await looking.wait()
        node.step()
        assert node.loop.runs["g"].resources["server"].state == "online"
        assert node.commands == [TakeOffline("server", 5, "moved")]
        looked.set()
        await until(lambda: TakeOffline("address", 5, "moved") in node.commands)


async def test_what_was_held_back_is_void_when_the_host_tells_anew(tmp_path: Path) -> None:
    """An old *offline* that is told after a new inventory would let the group count as stopped while it runs."""
    async with restarted(tmp_path, BOTH, STOPS) as node:
        node.points = (Checkpoint(id="c", path="/srv/x"),)
        looking, looked = asyncio.Event(), asyncio.Event()

        async def last_look(spec: ResourceSpec) -> None:
            del spec
            looking.set()
            await looked.wait()

        node.fleet.last_look = last_look
        node.read_store()
        await node.until_adopted()
        assert node.writer is not None
        node.writer.write(server_is("offline"))
        await looking.wait()
        node.adopted.clear()
        node.writer.close()
        await until(lambda: not node.loop.runs["g"].resources["server"].known)
        await until(lambda: node.loop.runs["g"].resources["server"].known)
        looked.set()
        await asyncio.sleep(0.05)
        assert node.loop.runs["g"].resources["server"].state == "online", "as the inventory says"
        assert not any(told.stopped for told in node.facts)


async def test_an_online_that_was_held_back_is_given_only_while_everything_it_rests_on_holds(tmp_path: Path) -> None:
    async with restarted(tmp_path, {"address": "online", "server": "offline"}) as node:
        node.read_store()
        await node.until_adopted()
        (command,) = [c for c in node.commands if isinstance(c, BringOnline)]
        loop = node.loop
        assert loop.still_wanted(command, 1.0)
        assert not loop.still_wanted(command, 9.0), "the lease has run out"
        assert not loop.still_wanted(BringOnline(command.spec, command.token - 1), 1.0), "another assignment"
        for other in (ELSEWHERE, STOPS):
            loop.view.apply(Position(1, 90), [Change(f"{keys.ASSIGNMENT}g", encode(other), 90 + other.number)])
            assert not loop.still_wanted(command, 1.0)
        loop.not_given(command.spec, "no such file")
        waits = loop.runs["g"].resources["server"]
        assert (waits.state, waits.asked, waits.detail) == ("failed", "", "no such file")
        loop.not_given(command.spec, "")
        assert waits.state == "failed", "nothing waits any more"
        waits.asked, waits.known = "online", False
        loop.not_given(command.spec, "")
        assert not waits.known, "the next inventory tells"
