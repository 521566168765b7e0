"""Real etcd members for tests and benchmarks: started on loopback, ended by process id, whatever happens.

Owns: the processes of one small cluster, their directories and ports.
Does not know: stores or what is written into them.
How it works: ports are drawn from below those that the kernel gives to outgoing connections, for these took what was
free a moment before. A member dies with the thread that started it (parent-death signal), so that a killed test run
leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx2
from etcd_pki import client_context

from quorate.adapters.etcd.member import MemberSettings, MemberTls, argv, find_binary

READY_S = 30.0
QUIET_PORTS = (15_000, 32_000)
PR_SET_PDEATHSIG = 1


class EtcdMembers:
    """A cluster of local members, by name."""

    def __init__(
        self,
        directory: Path,
        names: Sequence[str],
        *,
        durable: bool = False,
        quota_bytes: int = 0,
        tls: MemberTls | None = None,
    ) -> None:
        self._binary = find_binary(os.environ)
        self._directory = directory
        self._durable = durable
        self._quota_bytes = quota_bytes
        self._tls = tls
        self._context = client_context(tls) if tls is not None else None
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        peers = tuple((name, f"127.0.0.1:{port}") for name, port in zip(names, _free_ports(len(names)), strict=True))
        clients = _free_ports(len(names))
        self.settings = {
            name: self._settings(name, address, client, peers)
            for (name, address), client in zip(peers, clients, strict=True)
        }

    @property
    def names(self) -> list[str]:
        """All members, running or not."""
        return list(self.settings)

    def client_url(self, name: str) -> str:
        """Where that member answers clients."""
        return f"{'https' if self._tls else 'http'}://{self.settings[name].client_listen[0]}"

    def client_urls(self, first: str | None = None) -> list[str]:
        """All client URLs, that of `first` in front."""
        names = sorted(self.names, key=lambda name: name != first)
        return [self.client_url(name) for name in names]

    def start(self, *names: str) -> None:
        """Start these members, or all of them."""
        for name in names or self.names:
            command = argv(self.settings[name], self._binary)
            if not self._durable:
                command.append("--unsafe-no-fsync")  # no machine loses power in these tests
            with (self._directory / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    command,
                    stderr=log,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 - tests start members from their only thread
                )

    def wait_ready(self, *names: str) -> None:
        """Until these members, or all of them, know a leader."""
        deadline = time.monotonic() + READY_S
        for name in names or self.names:
            while not self._knows_leader(name):
                if time.monotonic() > deadline or self._running[name].poll() is not None:
                    tail = (self._directory / f"{name}.log").read_text()[-2000:]
                    raise AssertionError(f"etcd member {name} did not become ready:\n{tail}")
                time.sleep(0.02)

    def leader(self) -> str:
        """The name of the leader."""
        for name in self._running:
            status = self._status(name)
            if status.get("leader") and status["leader"] == status["member_id"]:
                return name
        raise AssertionError("there is no leader")

    def kill(self, name: str) -> None:
        """As a crash: nothing is flushed, nothing is said."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def pause(self, name: str) -> None:
        """As a machine that hangs: connections stay, nothing answers."""
        self._running[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """End a pause."""
        self._running[name].send_signal(signal.SIGCONT)

    def join(self, name: str) -> MemberSettings:
        """Prepare a further member that joins the existing cluster; announce its peer address, then start it."""
        peer, client = _free_ports(2)
        known = next(iter(self.settings.values())).initial_cluster
        settings = self._settings(name, f"127.0.0.1:{peer}", client, (*known, (name, f"127.0.0.1:{peer}")))
        self.settings[name] = replace(settings, state="existing")
        return self.settings[name]

    def stop_all(self) -> None:
        """Kill whatever still runs."""
        for name in list(self._running):
            self.kill(name)

    def _settings(self, name: str, peer: str, client: int, peers: tuple[tuple[str, str], ...]) -> MemberSettings:
        address = (f"127.0.0.1:{client}",)
        settings = MemberSettings(
            name=name,
            data_dir=self._directory / name,
            client_listen=address,
            client_advertise=address,
            peer_listen=(peer,),
            peer_advertise=(peer,),
            initial_cluster=peers,
            token=self._directory.name,
            tls=self._tls,
        )
        return replace(settings, quota_bytes=self._quota_bytes) if self._quota_bytes else settings

    def _knows_leader(self, name: str) -> bool:
        return bool(self._status(name).get("leader"))

    def _status(self, name: str) -> dict[str, str]:
        url = f"{self.client_url(name)}/v3/maintenance/status"
        verify = self._context or False
        try:
            answer = httpx2.post(url, content=b"{}", timeout=0.5, trust_env=False, verify=verify).json()
        except (httpx2.HTTPError, ValueError):
            return {}
        return {"leader": answer.get("leader", ""), "member_id": answer.get("header", {}).get("member_id", "")}


@contextmanager
def running_members(
    directory: Path,
    names: Sequence[str],
    *,
    durable: bool = False,
    quota_bytes: int = 0,
    tls: MemberTls | None = None,
) -> Iterator[EtcdMembers]:
    """A cluster that is up on entry and gone afterwards."""
    with ExitStack() as stack:
        members = EtcdMembers(directory, names, durable=durable, quota_bytes=quota_bytes, tls=tls)
        stack.callback(members.stop_all)
        members.start()
        members.wait_ready()
        yield members


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, and that no outgoing connection is given before the member binds them."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(*QUIET_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
