"""A client that asks a service every few milliseconds and writes down what it saw: the only clock the demo quotes.

Owns: one program, `python -m quorate.lab.prober --target 10.77.9.100:80 --record FILE`.
Does not know: the cluster, the lab, or what an outage is (`record` computes that from the file).

How it works: one thread and one selector. At every tick a new connection is opened, whatever became of the earlier
ones, so a silent server cannot slow the questions down; each connection has its own limit, hence at most limit/tick of
them are in flight. One JSON line is written as soon as a probe is decided:

    {"sent_ms": 81234.071, "result": "ok", "latency_ms": 0.83, "node": "node2"}

`sent_ms` is boot time, which all nodes of a lab share. `result` is `ok` (status 200 and a whole body), `status` (any
other status), `closed` (ended too early), `limit`, or the system's name of the error, such as `ECONNREFUSED`. `node` is
the first word of the body. SIGTERM or SIGINT: no new probe, the last ones are waited for within their limit, exit 0.
"""

from __future__ import annotations

import argparse
import errno
import json
import math
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ANSWER_LIMIT_BYTES: Final = 65536
NODE_LIMIT_CHARACTERS: Final = 64
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Settings:
    """What to ask, how often, and where to write."""

    host: str
    port: int
    every_s: float
    limit_s: float
    record: Path


def boot_time_s() -> float:
    """The clock of every line written."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True, eq=False)
class _Probe:
    """One connection in flight."""

    socket: socket.socket
    sent_s: float
    asked: bool = False
    answer: bytearray = field(default_factory=bytearray)


class Prober:
    """The loop. One instance asks one target until told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        self._family, self._address = found[0][0], found[0][4]
        self._request = f"GET / HTTP/1.1\r\nHost: {settings.host}\r\nConnection: close\r\n\r\n".encode()
        self._selector = selectors.DefaultSelector()
        self._in_flight: deque[_Probe] = deque()  # oldest first; all have the same limit
        self._file = os.open(settings.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._stop_read, stop_write = os.pipe()
        os.set_blocking(stop_write, False)
        self._stopping = False
        signal.set_wakeup_fd(stop_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._selector.register(self._stop_read, selectors.EVENT_READ)

    def run(self) -> None:
        """Until stopped."""
        due_s = boot_time_s()
        while not self._stopping or self._in_flight:
            now = boot_time_s()
            if not self._stopping and now >= due_s:
                self._open(now)
                # Ticks that a stall of this process missed are not made up for: a burst would not measure anything.
                due_s += self._settings.every_s * (1 + math.floor((now - due_s) / self._settings.every_s))
            wakes = [] if self._stopping else [due_s]
            if self._in_flight:
                wakes.append(self._in_flight[0].sent_s + self._settings.limit_s)
            for key, _ in self._selector.select(max(0.0, min(wakes) - boot_time_s())):
                if isinstance(key.data, _Probe):
                    self._advance(key.data)
                else:
                    self._stopping = True
                    self._selector.unregister(self._stop_read)
            now = boot_time_s()
            while self._in_flight and now >= self._in_flight[0].sent_s + self._settings.limit_s:
                self._decide(self._in_flight[0], "limit")
        os.close(self._file)

    def _open(self, now: float) -> None:
        probe = _Probe(socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK), now)
        # Thousands of connections would otherwise wait out their TIME_WAIT, and take the ports with them.
        probe.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._in_flight.append(probe)
        self._selector.register(probe.socket, selectors.EVENT_WRITE, probe)
        code = probe.socket.connect_ex(self._address)
        if code not in {0, errno.EINPROGRESS}:
            self._decide(probe, _error_name(code))

    def _advance(self, probe: _Probe) -> None:
        try:
            if not probe.asked:
                if code := probe.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self._decide(probe, _error_name(code))
                    return
                probe.socket.send(self._request)
                probe.asked = True
                self._selector.modify(probe.socket, selectors.EVENT_READ, probe)
                return
            data = probe.socket.recv(ANSWER_LIMIT_BYTES)
        except BlockingIOError:
            return
        except OSError as problem:
            self._decide(probe, _error_name(problem.errno or 0))
            return
        probe.answer += data
        judged = judge(bytes(probe.answer), ended=not data or len(probe.answer) > ANSWER_LIMIT_BYTES)
        if judged is not None:
            self._decide(probe, *judged)

    def _decide(self, probe: _Probe, result: str, node: str = "") -> None:
        latency_s = boot_time_s() - probe.sent_s
        self._selector.unregister(probe.socket)
        probe.socket.close()
        self._in_flight.remove(probe)
        line = {
            "sent_ms": round(probe.sent_s * 1000, 3),
            "result": result,
            "latency_ms": round(latency_s * 1000, 3),
            "node": node,
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")


def judge(answer: bytes, *, ended: bool) -> tuple[str, str] | None:
    """What these bytes of an HTTP answer amount to: (result, node), or None while more may come."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lengths = [line.split(b":", 1)[1].strip() for line in lines[1:] if line.lower().startswith(b"content-length:")]
    wanted = int(lengths[0]) if lengths and lengths[0].isdigit() else None
    if not separator or (wanted is not None and len(body) < wanted):
        return ("closed", "") if ended else None
    if wanted is None and not ended:
        return None
    words = body.decode(errors="replace").split(maxsplit=1)
    node = words[0][:NODE_LIMIT_CHARACTERS] if words else ""
    return "ok" if lines[0].split(b" ")[1:2] == [b"200"] else "status", node


def _error_name(code: int) -> str:
    return errno.errorcode.get(code, f"errno {code}")


def main(arguments: list[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="quorate.lab.prober", description="Ask a service every few milliseconds.")
    parser.add_argument("--target", required=True, metavar="ADDR:PORT", help="an IPv6 address in brackets")
    parser.add_argument("--every-ms", type=float, default=10.0)
    parser.add_argument("--limit-ms", type=float, default=250.0)
    parser.add_argument("--record", required=True, type=Path, metavar="FILE", help="JSON lines are appended here")
    given = parser.parse_args(arguments)
    host, separator, port = given.target.rpartition(":")
    if not separator or not port.isdigit():
        parser.error(f"--target {given.target}: an address and a port are needed, such as 10.77.9.100:80")
    if not 0 < given.every_ms <= given.limit_ms:
        parser.error("--every-ms must be above 0 and not above --limit-ms")
    settings = Settings(host.strip("[]"), int(port), given.every_ms / 1000, given.limit_ms / 1000, given.record)
    Prober(settings).run()


if __name__ == "__main__":
    main(sys.argv[1:])
