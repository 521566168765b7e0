"""The prober as the program it is, against servers that answer, refuse, and say nothing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quorate.lab.prober import judge
from quorate.lab.record import Probe, read

ENOUGH = 40
"""Connections after which a test has seen what it wants; more than fit into one limit."""


class Server:
    """Accepts for ever; answers, or holds on silently."""

    def __init__(self, answer: bytes | None) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.enough = threading.Event()
        self._answer = answer
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.socket.close()
        for held in self._held:
            held.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self._held.append(connection)
            if self._answer is not None:
                connection.recv(4096)
                connection.sendall(self._answer)
                connection.close()
            if len(self._held) == ENOUGH:
                self.enough.set()


@contextmanager
def probing(target: str, record: Path) -> Iterator[None]:
    """The prober runs within this block; it must end well when told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quorate.lab.prober", "--target", target, "--record", str(record)]
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)
    assert code == 0


def probe_server(answer: bytes | None, record: Path) -> list[Probe]:
    server = Server(answer)
    try:
        with probing(server.target, record):
            assert server.enough.wait(20)
    finally:
        server.close()
    return read(record)


def test_answers_are_recorded_with_their_node(tmp_path: Path) -> None:
    probes = probe_server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nnode2 1234", tmp_path / "record")
    assert len(probes) >= ENOUGH
    assert {(probe.result, probe.node) for probe in probes} == {("ok", "node2")}


def test_silence_does_not_slow_the_questions_down(tmp_path: Path) -> None:
    probes = probe_server(None, tmp_path / "record")
    assert len(probes) >= ENOUGH, "a question was asked although all earlier ones were still open"
    assert {probe.result for probe in probes} == {"limit"}
    assert min(probe.latency_ms for probe in probes) >= 250
    assert any(later.sent_ms < earlier.answered_ms for earlier, later in zip(probes, probes[5:], strict=False))


def test_refusal_is_told_by_its_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    record = tmp_path / "record"
    with probing(f"127.0.0.1:{port}", record):
        wait_for_lines(record, 5)
    assert {probe.result for probe in read(record)} == {"ECONNREFUSED"}


def wait_for_lines(record: Path, count: int) -> None:
    """The record is the only thing this program says; ask it until it says enough."""
    asked = threading.Event()
    for _ in range(2000):
        if record.exists() and record.read_text().count("\n") >= count:
            return
        asked.wait(0.01)
    pytest.fail("the prober wrote too little")


@pytest.mark.parametrize(
    ("answer", "ended", "judged"),
    [
        (b"", False, None),
        (b"", True, ("closed", "")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnod", False, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnod", True, ("closed", "")),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nnode1", False, ("ok", "node1")),
        (b"HTTP/1.0 200 OK\r\n\r\nnode1 ready\n", False, None),
        (b"HTTP/1.0 200 OK\r\n\r\nnode1 ready\n", True, ("ok", "node1")),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", False, ("status", "")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False, ("ok", "")),
        (b"gibberish\r\n\r\n", True, ("status", "")),
    ],
)
def test_judgement_of_an_answer(answer: bytes, ended: bool, judged: tuple[str, str] | None) -> None:
    assert judge(answer, ended=ended) == judged


def test_bad_arguments_are_refused() -> None:
    command = [sys.executable, "-m", "quorate.lab.prober", "--record", "/dev/null", "--target"]
    done = subprocess.run([*command, "no-port"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "an address and a port are needed" in done.stderr
