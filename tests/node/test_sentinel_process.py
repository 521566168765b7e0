"""A whole node as real processes on loopback: it forms, is stopped cleanly, is killed, and leaves no process behind.

Owns: one node with a made-up cluster below a folder of its own. What several nodes do together is the lab's.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from real_processes import gone, wait_until

from quorate.adapters.etcd.member import EtcdMissing, find_binary
from quorate.control.views import ClusterStatus
from quorate.model.base import decode
from quorate.node.create import Wish, create_cluster
from quorate.node.places import ROOT_ENVIRONMENT, Places

pytestmark = pytest.mark.etcd

SETTINGS = """
address_guard = false
manage_fabric = false
realtime_priority = 0
shutdown_limit_s = 4.0
"""
ADDRESS = "127.88.70.1"
PORTS = {"api": 27400, "heartbeat": 27401, "client": 27402, "peer": 27403}
"""Below the range that the kernel gives out, on an address of our own: nobody takes them in between."""


@pytest.fixture(autouse=True)
def binary() -> None:
    try:
        find_binary(os.environ)
    except EtcdMissing as missing:
        pytest.fail(str(missing), pytrace=False)


class Node:
    """One node below a folder, started and killed as often as wanted."""

    def __init__(self, root: Path, **more: str) -> None:
        self.places = Places(root)
        self.sentinel: subprocess.Popen[bytes] | None = None
        wish = Wish(
            name="alpha",
            node_name="n1",
            networks={"a": f"{ADDRESS}/24", **more},
            fabric=False,
            profile="fast",
            ports=PORTS,
            check_addresses=not more,
        )
        create_cluster(self.places, wish)
        with self.places.settings.open("a") as settings:
            settings.write(SETTINGS)

    def start(self) -> subprocess.Popen[bytes]:
        with (self.places.root / "sentinel.log").open("ab") as log:
            self.sentinel = subprocess.Popen(
                (sys.executable, "-m", "quorate.node.sentinel"),
                env={**os.environ, ROOT_ENVIRONMENT: str(self.places.root)},
                stderr=log,
            )
        return self.sentinel

    def status(self) -> ClusterStatus | None:
        """GET /v1/cluster over the node's own socket; None where nobody answers yet."""
        with closing(socket.socket(socket.AF_UNIX)) as connection, closing(HTTPConnection("node")) as http:
            connection.settimeout(5.0)
            try:
                connection.connect(str(self.places.service_socket))
                http.sock = connection
                http.request("GET", "/v1/cluster")
                answer = http.getresponse()
                content = answer.read()
            except (OSError, HTTPException):
                return None
        return decode(content, ClusterStatus) if answer.status == 200 else None

    def leads(self, epoch: int = 1) -> bool:
        """It is up and leads, in that epoch or a later one; what a former life wrote says so too, in an earlier one."""
        status = self.status()
        if status is None or status.coordinator != "n1" or status.epoch < epoch:
            return False
        return [node.state for node in status.nodes] == ["up"]

    def form(self, epoch: int = 1) -> ClusterStatus:
        """Start, and wait until the cluster is formed."""
        self.start()
        self.until(lambda: self.leads(epoch))
        status = self.status()
        assert status is not None
        return status

    def until(self, so: Callable[[], bool]) -> None:
        """As `wait_until`; a failure shows the logs."""
        try:
            wait_until(so)
        except AssertionError:
            logs = [self.places.root / "sentinel.log", *sorted(self.places.log.glob("*.log"))]
            told = "\n".join(f"--- {log.name}\n{log.read_text()[-1500:]}" for log in logs if log.exists())
            raise AssertionError(told) from None

    def processes(self) -> dict[int, str]:
        """Every process that was started with this node's root, whoever its parent is now."""
        mark = f"{ROOT_ENVIRONMENT}={self.places.root}".encode()
        found: dict[int, str] = {}
        for folder in Path("/proc").iterdir():
            with suppress(OSError):
                if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return {pid: command for pid, command in found.items() if not gone(pid)}

    def process(self, word: str) -> int:
        """The process whose command line has that word."""
        (pid,) = (pid for pid, command in self.processes().items() if word in command)
        return pid

    def wait_ended(self) -> int:
        assert self.sentinel is not None
        return self.sentinel.wait(timeout=60)

    def close(self) -> None:
        if self.sentinel is not None and self.sentinel.poll() is None:
            self.sentinel.kill()
            self.sentinel.wait()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    folder = Path(tempfile.mkdtemp(prefix="q"))  # a socket's path has 107 bytes, and pytest's own is long
    monkeypatch.setenv(ROOT_ENVIRONMENT, str(folder))
    made = Node(folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def test_a_node_forms_its_cluster_and_is_stopped_cleanly(node: Node) -> None:
    status = node.form()
    assert (status.name, status.profile) == ("alpha", "fast")
    running = " ".join(node.processes().values())
    assert all(part in running for part in ("quorate.node.sentinel", "quorate.node.service", "quorate.host", "etcd"))
    assert node.places.founded.exists()

    assert node.sentinel is not None
    node.sentinel.terminate()
    assert node.wait_ended() == 0
    assert node.processes() == {}
    assert not node.places.sentinel_socket.exists()
    assert not node.places.holdings_socket.exists()

    node.form(epoch=2)


def test_a_killed_sentinel_leaves_no_process_and_the_node_comes_back(node: Node) -> None:
    node.form()
    assert node.sentinel is not None
    node.sentinel.kill()
    node.wait_ended()
    node.until(lambda: node.processes() == {})
    node.form(epoch=2)


def test_a_killed_service_comes_back_and_leads_on(node: Node) -> None:
    """Alone it may have to form again: nobody else acknowledges it, and a new service takes about a lease to start."""
    node.form()
    former = node.process("quorate.node.service")
    store = node.process("etcd")
    os.kill(former, signal.SIGKILL)
    node.until(lambda: gone(former) and node.leads())
    assert node.process("quorate.node.service") != former
    assert node.process("etcd") == store


def test_a_killed_store_comes_back(node: Node) -> None:
    node.form()
    former = node.process("etcd")
    os.kill(former, signal.SIGKILL)
    node.until(lambda: any("etcd" in command for pid, command in node.processes().items() if pid != former))
    node.until(node.leads)


def test_a_child_that_hangs_does_not_keep_the_node_from_ending(node: Node) -> None:
    """A stopped process keeps SIGTERM pending for ever."""
    node.form()
    os.kill(node.process("etcd"), signal.SIGSTOP)
    assert node.sentinel is not None
    node.sentinel.terminate()
    node.wait_ended()
    assert node.processes() == {}


@pytest.mark.parametrize("name", ["identity.json", "replica.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"node":"x"}'])
def test_a_damaged_data_folder_is_named_and_nothing_starts(node: Node, name: str, content: bytes) -> None:
    path = node.places.state / name
    path.write_bytes(content)
    before = {file: file.read_bytes() for file in node.places.state.rglob("*") if file.is_file()}
    node.start()
    assert node.wait_ended() == 4
    assert name in (node.places.root / "sentinel.log").read_text()
    assert "Traceback" not in (node.places.root / "sentinel.log").read_text()
    assert {file: file.read_bytes() for file in node.places.state.rglob("*") if file.is_file()} == before
    assert node.processes() == {}


def test_a_node_whose_link_does_not_come_up_says_so_and_forms_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="q"))
    monkeypatch.setenv(ROOT_ENVIRONMENT, str(folder))
    node = Node(folder, b="198.18.77.1/24")  # an address that no machine has
    try:
        with node.places.settings.open("a") as settings:
            settings.write("link_wait_s = 4\n")
        node.start()
        told: set[str] = set()

        def leads() -> bool:
            status = node.status()
            if status is not None:
                told.update(problem.code for problem in status.problems)
            return node.leads()

        node.until(leads)
        assert "node_waits_for_links" in told
        log = (node.places.log / "service.log").read_text()
        assert log.index("before links are up") < log.index("it goes on without b") < log.index("first forming")
    finally:
        node.close()
        shutil.rmtree(folder)
