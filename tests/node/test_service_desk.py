"""The sentinel's end of the service channel over a real socket: one service at a time, rubbish ends a connection."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from real_processes import turn_until

from quorate.core.authority.orders import Order, Report
from quorate.node.service_desk import ServiceDesk
from quorate.wire.sentinel_channel import (
    Lines,
    Processes,
    Progress,
    RunProcess,
    StopNode,
    ToSentinel,
    ToService,
    encode,
)

REPORT = Report(serial=1, now=2.0, incarnation="1.a", lease_until=3.0, ended="", released_epoch=0, acting=False)


class Caller:
    """A service's end of a connection, read without waiting."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.setblocking(False)
        self.ended = False
        self.heard: list[ToSentinel | ToService] = []
        self._lines = Lines()

    def listen(self) -> bool:
        """Take what has arrived; tells whether anything ever has."""
        with suppress(BlockingIOError):
            data = self.socket.recv(1 << 20)
            self.ended = data == b""
            self.heard += self._lines.feed(data) if data else []
        return bool(self.heard)

    def is_ended(self) -> bool:
        """The desk has ended the connection."""
        self.listen()
        return self.ended


class Desk:
    """A desk and everything said to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.selector = selectors.DefaultSelector()
        self.said: list[ToSentinel | ToService] = []
        self.callers: list[Caller] = []
        self.desk = ServiceDesk(path, self.selector, self.said.append, self._greet)

    def _greet(self) -> None:
        self.desk.tell(REPORT)

    def call(self) -> Caller:
        """Connect, and wait for the greeting."""
        caller = Caller(self.path)
        self.callers.append(caller)
        turn_until(self.selector, caller.listen)
        return caller

    def close(self) -> None:
        for caller in self.callers:
            caller.socket.close()
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self.selector.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "sentinel.sock")
    yield made
    made.close()


def test_a_service_is_greeted_and_heard(desk: Desk) -> None:
    assert not desk.desk.connected
    service = desk.call()
    assert desk.desk.connected
    assert service.heard == [REPORT]
    service.socket.sendall(encode(Progress()) + encode(RunProcess("etcd", ("etcd", "--help"))))
    turn_until(desk.selector, lambda: len(desk.said) == 2)
    assert desk.said == [Progress(), RunProcess("etcd", ("etcd", "--help"))]


def test_a_second_service_takes_the_place_of_the_first(desk: Desk) -> None:
    first, second = desk.call(), desk.call()
    turn_until(desk.selector, first.is_ended)
    desk.desk.tell(StopNode())
    turn_until(desk.selector, lambda: second.listen() and len(second.heard) == 2)
    assert second.heard == [REPORT, StopNode()]


def test_what_the_first_left_unfinished_is_not_read_as_the_beginning_of_the_second(desk: Desk) -> None:
    first = desk.call()
    first.socket.sendall(encode(Progress())[:-4])
    second = desk.call()
    second.socket.sendall(encode(Progress()))
    turn_until(desk.selector, lambda: bool(desk.said))
    assert desk.said == [Progress()]
    assert desk.desk.connected


def test_a_bad_line_ends_the_connection_and_the_next_one_is_good(desk: Desk) -> None:
    bad = desk.call()
    bad.socket.sendall(b"nonsense\n" + encode(Progress()))
    turn_until(desk.selector, bad.is_ended)
    assert desk.said == []
    assert not desk.desk.connected
    good = desk.call()
    good.socket.sendall(encode(Progress()))
    turn_until(desk.selector, lambda: desk.said == [Progress()])


def test_a_service_that_is_gone_is_noticed_and_telling_it_is_harmless(desk: Desk) -> None:
    desk.call().socket.close()
    turn_until(desk.selector, lambda: not desk.desk.connected)
    desk.desk.tell(REPORT)
    assert not desk.desk.connected


def test_a_service_that_does_not_read_gets_whole_lines_when_it_does(desk: Desk) -> None:
    service = desk.call()
    flood = Processes({f"process{number}": number for number in range(1, 2000)})
    for _ in range(400):
        desk.desk.tell(flood)
    assert desk.desk.connected
    desk.desk.tell(StopNode())  # said while nothing can be sent
    latest = Processes({"service": 7})
    desk.desk.tell(latest)
    turn_until(desk.selector, lambda: service.listen() and latest in service.heard and StopNode() in service.heard)
    assert service.heard.count(StopNode()) == 1
    assert len(service.heard) < 400, "what is out of date is not sent"


def test_the_order_that_a_greeting_carries_is_not_replaced_by_a_later_report(desk: Desk) -> None:
    service = desk.call()
    for _ in range(400):
        desk.desk.tell(Processes({f"process{number}": number for number in range(1, 2000)}))
    order = Order(serial=4, incarnation="1.a", up=True)
    desk.desk.tell(replace(REPORT, order=order))
    desk.desk.tell(replace(REPORT, now=3.0))
    turn_until(desk.selector, lambda: service.listen() and replace(REPORT, now=3.0, order=order) in service.heard)


def test_only_root_may_connect(desk: Desk) -> None:
    assert desk.path.stat().st_mode & 0o777 == 0o600
