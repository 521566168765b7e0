"""What a resource host costs: time to start an application, to bring an address online, to renew the guard; memory.

Run as root: `python bench/host_start.py`. Makes a network namespace of its own and removes it. One line a figure.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from quorate.adapters.guard import LeaseGuard
from quorate.wire.host_channel import (
    Command,
    Offline,
    Online,
    Open,
    Prepare,
    Report,
    ReportedState,
    State,
    encode,
    report_decoder,
)

ROUNDS = 30
INSIDE = "--inside"


class Service:
    """The service's end of one host's channel."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while self._socket.connect_ex(str(path)):
            time.sleep(0.002)
        self._decoder = report_decoder()
        self._pending: list[Report] = []

    def send(self, *commands: Command) -> None:
        """Send commands."""
        self._socket.sendall(b"".join(encode(command) for command in commands))

    def until(self, state: ReportedState) -> None:
        """Wait for a state."""
        while True:
            while self._pending:
                report = self._pending.pop(0)
                if isinstance(report, State) and report.state is state:
                    return
                if isinstance(report, State) and report.state is ReportedState.FAILED:
                    raise SystemExit(report.detail)
            data = self._socket.recv(65536)
            if not data:
                raise SystemExit("the host has gone")
            self._pending += self._decoder.feed(data)


def timed_ms(act: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    act()
    return (time.perf_counter() - start_s) * 1000


def line(name: str, figures: list[float], unit: str, target: str) -> None:
    ordered = sorted(figures)
    worst = ordered[int(len(ordered) * 0.95)]
    print(f"{name}: {statistics.median(ordered):.3g} {unit}, 95% below {worst:.3g} {unit} (target {target})")


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident and proportional memory of one process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = {name: int(size) / 1024 for name, size in re.findall(r"^(Rss|Pss):\s+(\d+)", text, re.MULTILINE)}
    return found["Rss"], found["Pss"]


def cycle(service: Service, spec: Open, first_token: int = 1) -> tuple[list[float], list[float]]:
    """Times to come online and to go offline; a cycle that goes on from another one is prepared each time."""
    service.send(spec)
    service.until(ReportedState.OFFLINE)
    up_ms, down_ms = [], []
    for token in range(first_token, first_token + ROUNDS):
        if first_token > 1:
            service.send(Prepare(spec.resource_id))
            time.sleep(0.12)

        def up(token: int = token) -> None:
            service.send(Online(spec.resource_id, token))
            service.until(ReportedState.ONLINE)

        def down(token: int = token) -> None:
            service.send(Offline(spec.resource_id, token))
            service.until(ReportedState.OFFLINE)

        up_ms.append(timed_ms(up))
        down_ms.append(timed_ms(down))
    return up_ms, down_ms


def plain_start() -> None:
    """What the kernel and the C library need to start and end the same program."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(pid, 0)


def inside() -> None:
    """All measurements, in a namespace of their own."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "link", "add", "veth0", "type", "veth", "peer", "veth1"], check=True)
    for name in ("veth0", "veth1"):
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
    subprocess.run(["ip", "addr", "add", "192.0.2.1/24", "dev", "veth0"], check=True)
    guard = LeaseGuard()
    guard.install()
    guard.renew(600_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.sock"
        words = [sys.executable, "-m", "quorate.host", "--name", "bench", "--socket", str(path)]
        words += ["--lease", "-", "--holdings", "-", "--guard", "quorate"]
        start_s = time.perf_counter()
        host = subprocess.Popen(words)
        try:
            service = Service(path)
            line("host ready", [(time.perf_counter() - start_s) * 1000], "ms", "pre-started, under 500 ms")
            application = Open("a", "generic_application", "a", {"command_line": "sleep 86400"})
            up_ms, down_ms = cycle(service, application)
            line("application online", up_ms, "ms", "under 20 ms")
            line("application offline", down_ms, "ms", "under 20 ms")
            line("bare start and end of a program", [timed_ms(plain_start) for _ in range(ROUNDS)], "ms", "none")
            address = Open("i", "ip_address", "i", {"address": "192.0.2.77", "prefix_length": 24})
            line("address online, probing", cycle(service, address)[0], "ms", "probe limit 100 ms + 10 ms")
            prepared, down_ms = cycle(service, address, 1 + ROUNDS)
            line("address online, prepared", prepared, "ms", "under 10 ms")
            line("address offline", down_ms, "ms", "under 10 ms")
            resident_mb, proportional_mb = memory_mb(host.pid)
            children = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
            helper_mb = sum(memory_mb(int(pid))[1] for pid in children)
            resident = f"{resident_mb:.1f} MB resident, {proportional_mb:.1f} MB proportional"
            print(f"memory of a host: {resident} (target 30 MB)")
            print(f"memory of its process helper: {helper_mb:.1f} MB proportional (target 10 MB)")
        finally:
            host.kill()
            host.wait()
    line("guard renewal", [timed_ms(lambda: guard.renew(600_000)) for _ in range(1000)], "ms", "0.3 ms")
    guard.remove()


def main() -> None:
    if os.geteuid() != 0:
        raise SystemExit("bench/host_start.py needs root for network namespaces; run it as root")
    if INSIDE in sys.argv:
        inside()
        return
    name = f"qbench{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        words = ["ip", "netns", "exec", name, sys.executable, __file__, INSIDE]
        subprocess.run(words, check=True)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


if __name__ == "__main__":
    main()
