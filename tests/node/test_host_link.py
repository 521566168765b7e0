"""The service's connection to one resource host: commands as the host channel says them, reports as states."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from quorate.core.group_run import BringOnline, End, Respecify, TakeOffline
from quorate.model.workload import ResourceSpec
from quorate.node.host_link import SHARED, HostLink, Surroundings, host_of, open_message
from quorate.wire import host_channel as channel

WEB = ResourceSpec(
    id="3f6e1c2a-web", name="web", type="generic_application", group="g", properties={"command": "serve"}
)
OTHER = ResourceSpec(id="77aa00bb-db", name="db", type="generic_application", group="g")

T = TypeVar("T")


def state(resource: str, word: str, detail: str = "") -> channel.State:
    return channel.State(resource, 1, channel.ReportedState(word), detail, 1.0)


def inventory(*states: channel.State) -> channel.InventoryReport:
    return channel.InventoryReport(SHARED, 1, states, {}, "pid_namespace")


class Host:
    """The other end: what a host would read, and what the service made of what it says."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{SHARED}.sock"
        self.heard: list[channel.Command] = []
        self.seen: list[tuple[str, str, str]] = []
        self.lost: list[str] = []
        self.inventories: list[tuple[str, frozenset[str]]] = []
        self.logged: list[tuple[str, str, str]] = []
        self.link = HostLink(
            SHARED,
            folder,
            lambda *what: self._happened(self.seen.append, what[:3]),
            lambda host: self._happened(self.lost.append, host),
            lambda *what: self._happened(self.inventories.append, what),
            lambda *what: self._happened(self.logged.append, what),
        )
        self.writer: asyncio.StreamWriter | None = None
        self.handlers: set[asyncio.Task[None]] = set()
        self._news = asyncio.Condition()
        self._background: set[asyncio.Task[None]] = set()

    def _happened(self, keep: Callable[[T], None], what: T) -> None:
        keep(what)
        task = asyncio.ensure_future(self._tell())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait until it is so."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(so)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self.handlers.add(handler)
        self.writer = writer
        await self._tell()
        decoder = channel.command_decoder()
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                self.heard += decoder.feed(data)
                await self._tell()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def say(self, *reports: channel.Report) -> None:
        assert self.writer is not None
        for report in reports:
            self.writer.write(channel.encode(report))

    async def hang_up(self) -> None:
        assert self.writer is not None
        self.writer.close()
        self.writer = None


@asynccontextmanager
async def connected(folder: Path, *, before: Callable[[HostLink], None] = lambda link: None) -> AsyncIterator[Host]:
    """A host that the service has connected to; `before` happens while there is no connection yet."""
    host = Host(folder)
    before(host.link)
    async with await asyncio.start_unix_server(host.accept, host.path):
        running = asyncio.create_task(host.link.run())
        try:
            await host.until(lambda: host.writer is not None)
            yield host
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            host.link._drop()
            await asyncio.gather(*host.handlers)


def test_a_resource_with_a_monitor_of_its_own_has_a_host_of_its_own() -> None:
    assert host_of(WEB) == SHARED
    own = ResourceSpec(id=WEB.id, name="web", type="t", group="g", separate_monitor=True)
    assert host_of(own) == "own-3f6e1c2a"


def test_opening_carries_everything_a_host_needs() -> None:
    spec = ResourceSpec(
        id="i", name="n", type="t", group="g", properties={"a": 1}, looks_alive_poll_interval_ms=1,
        is_alive_poll_interval_ms=2, pending_timeout_ms=3, deadlock_timeout_ms=4,
    )  # fmt: skip
    assert open_message(spec) == channel.Open("i", "t", "n", {"a": 1}, 1, 2, 3, 4, group_id="g")
    around = Surroundings("web", {"p": "disk"})
    opened = open_message(spec, around)
    assert (opened.group, opened.depends_on) == ("web", {"p": "disk"})


async def test_an_inventory_tells_what_runs(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        assert host.link.present == frozenset()
        host.say(inventory(state(WEB.id, "online", "since yesterday"), state(OTHER.id, "offline")))
        await host.until(lambda: len(host.seen) == 2)
        assert host.seen == [(WEB.id, "online", "since yesterday"), (OTHER.id, "offline", "")]
        assert host.link.present == {WEB.id}
        host.say(state(WEB.id, "failed"))
        await host.until(lambda: host.link.present == frozenset())


async def test_a_resource_is_opened_once_and_again_when_its_specification_changed(tmp_path: Path) -> None:
    changed = ResourceSpec(id=WEB.id, name="web", type=WEB.type, group="g", properties={"command": "other"})
    async with connected(tmp_path) as host:
        for spec, token in ((WEB, 1), (WEB, 2), (changed, 3)):
            host.link.send(BringOnline(spec, token))
        await host.until(lambda: len(host.heard) == 5)
        assert host.heard == [
            open_message(WEB),
            channel.Online(WEB.id, 1),
            channel.Online(WEB.id, 2),
            open_message(changed),
            channel.Online(WEB.id, 3),
        ]


async def test_maintenance_is_told_once_and_stays_until_somebody_says_otherwise(
    tmp_path: Path,
) -> None:
    kept = open_message(WEB, maintained=True)
    async with connected(tmp_path) as host:
        host.say(inventory(state(WEB.id, "online")))
        await host.until(lambda: host.link.told)
        host.link.send(Respecify(WEB, maintained=True))
        host.link.send(Respecify(WEB, maintained=True))
        host.say(replace(state(WEB.id, "online"), maintained=True))
        await host.until(lambda: len(host.seen) == 2)
        host.link.send(Respecify(WEB))
        host.link.send(TakeOffline(WEB.id, 1, "request"))
        await host.until(lambda: len(host.heard) == 2)
        assert host.heard == [kept, channel.Offline(WEB.id, 1)]
        host.say(state(WEB.id, "offline"))
        await host.until(lambda: len(host.seen) == 3)
        host.link.send(BringOnline(WEB, 1))
        await host.until(lambda: len(host.heard) == 4)
        assert host.heard[2:] == [open_message(WEB), channel.Online(WEB.id, 1)]


async def test_what_runs_goes_on_where_a_change_of_it_is_refused(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        host.say(inventory(state(WEB.id, "online")))
        await host.until(lambda: host.link.told)
        host.link.send(Respecify(WEB))
        refused = channel.CommandRefused(WEB.id, "open", channel.RefusalCode.PROPERTIES_INVALID, "no such property")
        host.say(refused, state(OTHER.id, "online"))
        await host.until(lambda: len(host.seen) == 2)
        assert host.seen == [(WEB.id, "online", ""), (OTHER.id, "online", "")]
        assert host.logged[0][0] == WEB.id
        host.link.send(Respecify(WEB))
        await host.until(lambda: len(host.heard) == 2)
        assert host.heard == [open_message(WEB)] * 2, "it is tried again"


async def test_what_is_prepared_is_open_when_it_comes_online(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        host.link.prepare(WEB)
        host.link.prepare(WEB)
        host.link.send(BringOnline(WEB, 1))
        await host.until(lambda: len(host.heard) == 4)
        prepare = channel.Prepare(WEB.id)
        assert host.heard == [open_message(WEB), prepare, prepare, channel.Online(WEB.id, 1)]


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("moved", channel.OfflineReason.MOVE),
        ("drained", channel.OfflineReason.MOVE),
        ("failback", channel.OfflineReason.MOVE),
        ("resource_failed", channel.OfflineReason.FAILOVER),
        ("shutdown", channel.OfflineReason.SHUTDOWN),
        ("request", channel.OfflineReason.REQUEST),
        ("a cause of a newer version", channel.OfflineReason.REQUEST),
    ],
)
async def test_a_resource_is_told_why_it_goes_offline(
    tmp_path: Path, cause: str, reason: channel.OfflineReason
) -> None:
    async with connected(tmp_path) as host:
        host.link.send(TakeOffline("r", 5, cause))
        host.link.send(End("r", 6))
        await host.until(lambda: len(host.heard) == 2)
        assert host.heard == [channel.Offline("r", 5, reason), channel.Terminate("r", 6)]


async def test_a_host_that_dies_loses_what_it_ran_and_is_connected_again(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        host.say(inventory(state(WEB.id, "online"), state(OTHER.id, "offline")))
        host.link.send(BringOnline(WEB, 1))
        await host.until(lambda: len(host.seen) == 2 and len(host.heard) == 2)
        await host.hang_up()
        await host.until(lambda: SHARED in host.lost)
        await host.until(lambda: host.writer is not None)
        host.heard.clear()
        host.say(inventory())
        host.link.send(BringOnline(WEB, 2))
        await host.until(lambda: len(host.heard) == 2)
        assert host.heard == [open_message(WEB), channel.Online(WEB.id, 2)]


async def test_what_was_asked_without_a_connection_is_opened_when_there_is_one(tmp_path: Path) -> None:
    async with connected(tmp_path, before=lambda link: link.send(BringOnline(WEB, 1))) as host:
        host.link.send(BringOnline(WEB, 1))
        await host.until(lambda: len(host.heard) == 2)
        assert host.heard == [open_message(WEB), channel.Online(WEB.id, 1)]


async def test_what_was_said_before_an_online_was_read_is_not_its_answer(tmp_path: Path) -> None:
    """The answer to the Open before it: taken for the end of the Online, a group would be told as stopped."""
    async with connected(tmp_path) as host:
        host.say(inventory())
        await host.until(lambda: bool(host.inventories))
        host.link.send(BringOnline(WEB, 5))
        host.say(state(WEB.id, "offline"), state(OTHER.id, "offline"))
        await host.until(lambda: len(host.seen) == 1)
        assert host.seen == [(OTHER.id, "offline", "")]
        assert WEB.id in host.link.present
        host.say(state(WEB.id, "online_pending"), state(WEB.id, "offline"))
        await host.until(lambda: len(host.seen) == 3)
        assert [word for _, word, _ in host.seen[1:]] == ["online_pending", "offline"]
        assert WEB.id not in host.link.present


async def test_a_refused_open_is_the_answer_to_the_online_behind_it_and_is_tried_again(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        host.say(inventory())
        await host.until(lambda: bool(host.inventories))
        host.link.send(BringOnline(WEB, 1))
        host.say(channel.CommandRefused(WEB.id, "open", channel.RefusalCode.OPEN_FAILED, "no disk"))
        host.say(channel.CommandRefused(WEB.id, "online", channel.RefusalCode.NOT_OPEN, "not open", 1))
        await host.until(lambda: bool(host.seen))
        assert host.seen == [(WEB.id, "cannot_here", "open_failed: no disk")]
        host.link.send(BringOnline(WEB, 2))
        await host.until(lambda: len(host.heard) == 4)
        assert host.heard[2:] == [open_message(WEB), channel.Online(WEB.id, 2)]


async def test_an_inventory_without_a_resource_tells_that_it_is_lost(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        host.say(inventory(state(WEB.id, "online")), inventory(state(OTHER.id, "online")))
        await host.until(lambda: (SHARED, frozenset({OTHER.id})) in host.inventories)


@pytest.mark.parametrize(
    ("command", "code", "becomes"),
    [
        ("online", channel.RefusalCode.OPEN_FAILED, "cannot_here"),
        ("open", channel.RefusalCode.TYPE_UNKNOWN, "cannot_here"),
        ("open", channel.RefusalCode.PROPERTIES_INVALID, "failed"),
        ("online", channel.RefusalCode.LEASE_OVER, "failed"),
        ("offline", channel.RefusalCode.STALE_TOKEN, None),
    ],
)
async def test_a_refusal_is_logged_and_becomes_a_state_where_it_ends_an_attempt(
    tmp_path: Path, command: str, code: channel.RefusalCode, becomes: str | None
) -> None:
    async with connected(tmp_path) as host:
        host.say(channel.CommandRefused(WEB.id, command, code, "because"))
        await host.until(lambda: bool(host.logged))
        assert host.logged == [(WEB.id, "warning", f"{command} refused ({code.value}): because")]
        assert [(resource, word) for resource, word, _ in host.seen] == ([(WEB.id, becomes)] if becomes else [])


async def test_log_lines_of_a_resource_pass(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        host.say(channel.LogRecord(WEB.id, "info", "hello", 1.0), channel.ControlAnswer(1))
        await host.until(lambda: bool(host.logged))
        assert host.logged == [(WEB.id, "info", "hello")]


async def test_a_host_that_breaks_the_protocol_is_left_and_connected_again(tmp_path: Path) -> None:
    async with connected(tmp_path) as host:
        first = host.writer
        assert first is not None
        first.write(b"\xff" * 8)
        await host.until(lambda: host.writer is not first)
