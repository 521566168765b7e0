"""A real host process and the service's end of its channel, for tests: blocking sockets with bounded waits."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from quorate.model.properties import PropertyValue
from quorate.wire.holdings import Answer, Holding, LineSplitter, Register, Release
from quorate.wire.holdings import encode as encode_holding
from quorate.wire.host_channel import (
    Command,
    CommandRefused,
    ControlAnswer,
    InventoryReport,
    Online,
    Open,
    Report,
    ReportedState,
    State,
    encode,
    report_decoder,
)

WAIT_S = 10.0


def require_root() -> None:
    """Fail, loudly, where the kernel would refuse what these tests are about."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root (namespaces, netlink): run pytest as root, or deselect with -m 'not root'")


_RUN = f"/nowhere/tests-{os.getpid()}/"
_MARKED_PATH = f"{os.environ['PATH']}:{_RUN}"
"""What a program finds as PATH comes from its host: so every process of this run can be told."""


class ServiceEnd:
    """One connection of a service."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline_s = time.monotonic() + WAIT_S
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline_s:
                    self._socket.close()
                    raise
                time.sleep(0.01)
        self._decoder = report_decoder()
        self._pending: list[Report] = []
        self.seen: list[Report] = []
        first = self.until(lambda _: True)
        assert isinstance(first, InventoryReport), "the first message of a connection is the inventory"
        self.inventory = first

    def send(self, *commands: Command) -> None:
        self._socket.sendall(b"".join(encode(command) for command in commands))

    def until(self, wanted: Callable[[Report], bool], wait_s: float = WAIT_S) -> Report:
        """The first report from now on that is wanted."""
        deadline_s = time.monotonic() + wait_s
        while True:
            while self._pending:
                report = self._pending.pop(0)
                self.seen.append(report)
                if wanted(report):
                    return report
            self._socket.settimeout(max(deadline_s - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"no such report; seen: {self.seen}") from None
            if not data:
                raise ConnectionResetError(f"the host has closed; seen: {self.seen}")
            self._pending += self._decoder.feed(data)

    def state(self, state: ReportedState, resource_id: str = "r", wait_s: float = WAIT_S) -> State:
        found = self.until(
            lambda report: isinstance(report, State) and report.resource_id == resource_id and report.state is state,
            wait_s,
        )
        assert isinstance(found, State)
        return found

    def refusal(self) -> CommandRefused:
        found = self.until(lambda report: isinstance(report, CommandRefused))
        assert isinstance(found, CommandRefused)
        return found

    def answer(self, request_id: int) -> ControlAnswer:
        found = self.until(lambda report: isinstance(report, ControlAnswer) and report.request_id == request_id)
        assert isinstance(found, ControlAnswer)
        return found

    def close(self) -> None:
        self._socket.close()


class HostUnderTest:
    """One host process; killed by pid at the end."""

    def __init__(self, folder: Path, *arguments: str, prefix: tuple[str, ...] = (), name: str = "shared") -> None:
        self.path = folder / f"{name}.sock"
        given = {"--lease": "-", "--holdings": "-"}
        given.update(zip(arguments[::2], arguments[1::2], strict=True))
        words = [*prefix, sys.executable, "-m", "quorate.host", "--name", name, "--socket", str(self.path)]
        words += [word for pair in given.items() for word in pair]
        self.errors = folder / f"{name}.stderr"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(words, stderr=errors, env={**os.environ, "PATH": _MARKED_PATH})
        self._connections: list[ServiceEnd] = []

    def connect(self) -> ServiceEnd:
        connection = ServiceEnd(self.path)
        self._connections.append(connection)
        return connection

    def wait(self) -> int:
        return self.process.wait(WAIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class SentinelEnd:
    """The sentinel's end of the holdings channel: grants or refuses, and keeps the list."""

    def __init__(self, path: Path, *, grants: bool = True) -> None:
        self.grants = grants
        self.held: list[Holding] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener:
            connection, _ = self._listener.accept()
        splitter = LineSplitter()
        with connection, contextlib.suppress(ConnectionResetError):
            while data := connection.recv(4096):
                for message in splitter.feed(data):
                    if isinstance(message, Register) and self.grants:
                        self.held.append(message.holding)
                    if isinstance(message, Release) and message.holding in self.held:
                        self.held.remove(message.holding)
                    connection.sendall(encode_holding(Answer(message.request_id, self.grants, "asked to refuse")))


def open_misbehaving(name: str, resource_id: str = "r", **fields: Any) -> Open:
    return Open(resource_id, f"quorate.sdk.misbehaving:{name}", name, {}, **fields)


def open_program(command_line: str, resource_id: str = "r", **times: int) -> Open:
    properties: dict[str, PropertyValue] = {"command_line": command_line, "log": ""}
    return Open(resource_id, "generic_application", "a program", properties, **times)  # type: ignore[arg-type]


def bring_online(service: ServiceEnd, spec: Open, token: int = 1) -> State:
    service.send(spec, Online(spec.resource_id, token))
    return service.state(ReportedState.ONLINE, spec.resource_id)


def wait_for(word: str) -> None:
    """Until a process carries that word in its environment."""
    deadline_s = time.monotonic() + WAIT_S
    while not processes_with(word):
        assert time.monotonic() < deadline_s, f"no process carries {word}"
        time.sleep(0.01)


def wait_gone(pid: int, wait_s: float = WAIT_S) -> None:
    """Until that process is gone; no polling, a pidfd says so."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([descriptor], [], [], wait_s)[0]:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"process {pid} was left behind")
    finally:
        os.close(descriptor)


def processes_with(word: str) -> list[int]:
    """Pids whose environment holds that word: how a test finds what a resource started, wherever it hides.

    Of this run of tests: another that runs beside it gives its resources the same names.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                if word.encode() in environment and _RUN.encode() in environment:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
