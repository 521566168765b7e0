"""The sentinel process: the selector loop that turns `node.sentinel_loop` (design §2).

Owns: the datagram sockets, the listening sockets for service and hosts, the children, and their stopping order. Small
on purpose: plain dataclasses and the standard library, memory locked, real-time priority where allowed.
How it works: whatever arrived is taken first, then the time is looked at, then the outputs are carried out. When the
lease runs out everything that resources hold is ended here, whatever the service and the hosts are doing.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from quorate.adapters.guard import GuardError, GuardMissing, LeaseGuard
from quorate.core.authority.lease import EndAll, LeaseMoved, ServiceHung
from quorate.core.authority.orders import Acknowledgement, Heartbeat, Order, Renewal, Report
from quorate.core.authority.timings import PROFILES, Timings
from quorate.node.children import Child, Children
from quorate.node.endings import Holdings, end_holding
from quorate.node.fabric import Fabric
from quorate.node.places import Places
from quorate.node.process import harden, log
from quorate.node.sentinel_loop import Send, SentinelLoop
from quorate.wire import heartbeat as frames
from quorate.wire import holdings as hold
from quorate.wire import sentinel_channel as channel
from quorate.wire.lease_page import LeaseWriter, boot_time_s, incarnation_hash

GUARD_TABLE: Final = "quorate"
END_LIMIT_PART: Final = 0.75
"""A host has that part of G to end its resources by itself after the lease."""
STOP_GRACE_S: Final = 5.0
Handler = Callable[[], None]


class Sentinel:
    """One node's sentinel."""

    def __init__(self, places: Places, options: dict[str, object]) -> None:
        self.places = places
        identity = json.loads(places.identity.read_text())
        replica = json.loads(places.replica.read_text())
        self.node = int(identity["node"])
        self.timings: Timings = PROFILES[str(replica["cluster"].get("profile", "default"))]
        self._key = places.heartbeat_key.read_bytes()
        self._options = options
        places.hosts.mkdir(parents=True, exist_ok=True)
        boot = _boot_id(places.boot_id)
        self._holdings = Holdings(places.holdings, boot)
        now = boot_time_s()
        ended = self._end_leftovers()
        self.loop = SentinelLoop(self.node, self.timings, boot_id=boot, ended=ended, now=now)
        self._selector = selectors.DefaultSelector()
        self._page = LeaseWriter(places.lease_page)
        self._page.write(0, 0.0)
        self._guard = self._open_guard()
        self._addresses: dict[int, dict[str, str]] = {}
        self._fabric_addresses: dict[int, str] = {}
        self._learn_peers({int(n["node"]): n for n in replica["nodes"]})
        own = self._addresses.get(self.node, {})
        self._fabric = Fabric(
            self._fabric_addresses.get(self.node, ""), own, managed=bool(options.get("manage_fabric", True))
        )
        self._freshness = frames.Freshness(secrets.randbits(63) or 1)
        self._port = int(cast("int", options.get("heartbeat_port", 7401)))
        self._sockets: dict[str, socket.socket] = {}
        self._service: socket.socket | None = None
        self._lines = channel.Lines()
        self._to_service = bytearray()
        self._children = Children(places.log, self._started, self._child_ended)
        self._ending: dict[str, set[int]] = {}
        self._stopping = False
        self._stop_asked_at = 0.0
        self.done = False

    # ---------------------------------------------------------------- starting

    def _end_leftovers(self) -> str:
        """End what a former sentinel of this boot left, before anything else; returns the life that may be forsworn."""
        handles = [handle for held in self._holdings.held if (handle := end_holding(held)) >= 0]
        deadline = boot_time_s() + 2.0
        while handles and boot_time_s() < deadline:
            poll = selectors.DefaultSelector()
            for handle in handles:
                poll.register(handle, selectors.EVENT_READ)
            for key, _ in poll.select(0.1):
                handles.remove(key.fd)
                os.close(key.fd)
            poll.close()
        if handles:
            log("leftovers of the former life could not be ended; its end is not sworn")
            return ""
        self._holdings.clear()
        return self._holdings.incarnation if self._holdings.same_boot else ""

    def _open_guard(self) -> LeaseGuard | None:
        if not self._options.get("address_guard", True) or os.geteuid() != 0:
            return None
        try:
            guard = LeaseGuard(GUARD_TABLE)
            guard.install()
        except (GuardError, OSError) as problem:
            log(f"address guard is off: {problem}")
            return None
        return guard

    def start(self) -> None:
        """Open the sockets, start the shared host and the service."""
        self._bind()
        self._listen(self.places.sentinel_socket, self._accept_service)
        self._listen(self.places.holdings_socket, self._accept_host)
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())
        self._wakeup = (reader, writer)
        self._watch(reader, self._signalled)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        now = boot_time_s()
        self._children.keep("host-shared", self.host_argv("shared"), now)
        self._children.keep("service", (sys.executable, "-m", "quorate.node.service"), now, oom_score=-900)

    def host_argv(self, name: str) -> tuple[str, ...]:
        """The command line of a resource host."""
        end_limit_ms = int(self.timings.ending_s * END_LIMIT_PART * 1000)
        return (
            *(sys.executable, "-m", "quorate.host", "--name", name),
            *("--socket", str(self.places.hosts / f"{name}.sock"), "--lease", str(self.places.lease_page)),
            *("--holdings", str(self.places.holdings_socket), "--guard", GUARD_TABLE if self._guard else "-"),
            *("--end-limit-ms", str(end_limit_ms)),
        )

    def _bind(self) -> None:
        for network, address in self._addresses.get(self.node, {}).items():
            if network in self._sockets:
                continue
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((address, self._port))
            except OSError as problem:
                log(f"heartbeats on network {network} ({address}): {problem}")
                sock.close()
                continue
            self._sockets[network] = sock
            self._watch(sock, lambda sock=sock, network=network: self._datagrams(sock, network))  # type: ignore[misc]

    def _listen(self, path: Path, accept: Callable[[socket.socket], None]) -> None:
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(16)
        self._watch(listener, lambda: accept(listener))

    def _watch(self, what: socket.socket | int, handler: Handler) -> None:
        self._selector.register(what, selectors.EVENT_READ, handler)

    # ---------------------------------------------------------------- the loop

    def turn(self) -> None:
        """Wait for what is next, take it all, look at the time, carry out what follows."""
        now = boot_time_s()
        due = [self.loop.deadline()]
        for when in (self._children.deadline(), self._stop_asked_at or None):
            if when is not None:
                due.append(when)
        for key, _ in self._selector.select(max(0.0, min(due) - now)):
            key.data()
        now = boot_time_s()
        self.loop.tick(now)
        self._carry_out()
        self._children.start_due(now)
        if self._stop_asked_at and now >= self._stop_asked_at:
            log("the service did not leave in time; ending everything")
            self._stop_asked_at = 0.0
            self._end_node()
        for node, fabric in self._fabric_addresses.items():
            if node != self.node:
                alive = self.loop.links.alive_networks(node, now)
                moved = self._fabric.update(node, fabric, self._addresses.get(node, {}), alive)
                if moved:
                    log(f"node {node} is reached over network {moved}")

    def _carry_out(self) -> None:
        for output in self.loop.take():
            match output:
                case Send(node=node, network=network, message=message):
                    self._send(node, network, message)
                case Report():
                    self._tell(output)
                case EndAll(incarnation=incarnation, reason=reason):
                    self._end_all(incarnation, reason)
                case LeaseMoved(incarnation=incarnation, until=until):
                    self._holdings.begin_life(incarnation)
                    self._page.write(incarnation_hash(incarnation), until)
                    self._renew_guard(until)
                case ServiceHung(age_s=age):
                    log(f"the service has shown no progress for {age:.1f} s; it is killed and started again")
                    self._children.kill("service")

    def _renew_guard(self, until: float) -> None:
        if self._guard is None:
            return
        left_ms = int((until - boot_time_s()) * 1000)
        if left_ms <= 0:
            return
        try:
            self._guard.renew(left_ms)
        except GuardMissing:
            self._guard.install()
            for held in self._holdings.held:
                if isinstance(held, hold.AddressHolding):
                    self._guard.protect(held.address)
            self._guard.renew(left_ms)
        except GuardError as problem:
            log(f"address guard: {problem}")

    # ---------------------------------------------------------------- heartbeats

    def _datagrams(self, sock: socket.socket, network: str) -> None:
        for _ in range(256):
            try:
                data = sock.recv(2048)
            except OSError:
                return
            try:
                frame = frames.unseal(data, self._key)
            except frames.BadDatagram:
                continue
            if self._freshness.accept(frame, network):
                self.loop.receive(network, frame.message, boot_time_s())

    def _send(self, node: int, network: str, message: Heartbeat | Acknowledgement) -> None:
        sock = self._sockets.get(network)
        address = self._addresses.get(node, {}).get(network)
        if sock is None or address is None:
            return
        data = frames.seal(self._freshness.envelope(message, node), self._key)
        with contextlib.suppress(OSError):  # a network that is down drops datagrams like one that is cut
            sock.sendto(data, (address, self._port))

    def _learn_peers(self, nodes: dict[int, dict[str, object]]) -> None:
        for number, spec in nodes.items():
            self._addresses[number] = {str(k): str(v) for k, v in cast("dict[str, str]", spec["addresses"]).items()}
            self._fabric_addresses[number] = str(spec.get("fabric_address", ""))
        self.loop.peers = {n: tuple(where) for n, where in self._addresses.items() if n != self.node}

    # ---------------------------------------------------------------- the service

    def _accept_service(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            if self._service is not None:
                self._drop_service()
            connection.setblocking(False)
            self._service, self._lines, self._to_service = connection, channel.Lines(), bytearray()
            self._watch(connection, self._service_says)
            self.loop.report_now(boot_time_s())
            self._tell(channel.Processes(self._children.running()))

    def _drop_service(self) -> None:
        if self._service is not None:
            self._selector.unregister(self._service)
            self._service.close()
            self._service = None

    def _service_says(self) -> None:
        service = self._service
        if service is None:
            return
        try:
            data = service.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop_service()
            return
        try:
            messages = self._lines.feed(data)
        except channel.BadLine as problem:
            log(f"service channel: {problem}")
            self._drop_service()
            return
        for message in messages:
            self._obey(message, boot_time_s())

    def _obey(self, message: channel.ToSentinel | channel.ToService, now: float) -> None:
        match message:
            case Order():
                self.loop.order(message, now)
            case Renewal():
                self.loop.renewal(message, now)
            case channel.Progress():
                self.loop.progress(now)
            case channel.Peers(addresses=addresses, fabric=fabric):
                self._addresses, self._fabric_addresses = addresses, fabric
                self.loop.peers = {n: tuple(where) for n, where in addresses.items() if n != self.node}
                self._bind()
            case channel.RunProcess(name=name, argv=argv):
                self._children.keep(name, argv, now, oom_score=-900 if name.startswith("etcd") else 0)
            case channel.EndProcess(name=name):
                self._children.end(name)
            case channel.ServiceEnds(stop_node=stop_node):
                if stop_node:
                    self._stopping = True
                    self._end_node()
                else:
                    self.loop.stopping(now)
            case _:
                log(f"the service sent {type(message).__name__}, which is ours to send")

    def _tell(self, message: channel.ToService) -> None:
        service = self._service
        if service is None:
            return
        try:
            data = bytes(self._to_service) + channel.encode(message)
            sent = service.send(data)
            self._to_service = bytearray(data[sent:])
        except BlockingIOError:
            return  # a report is replaced by the next one
        except OSError:
            self._drop_service()
            return
        if len(self._to_service) > channel.LINE_LIMIT_BYTES:
            self._drop_service()

    # ---------------------------------------------------------------- hosts and endings

    def _accept_host(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            splitter = hold.LineSplitter()
            self._watch(connection, lambda: self._host_says(connection, splitter))

    def _host_says(self, connection: socket.socket, splitter: hold.LineSplitter) -> None:
        try:
            data = connection.recv(1 << 16)
            for message in splitter.feed(data) if data else []:
                self._answer(connection, message)
        except (OSError, hold.BadHoldingMessage):
            data = b""
        if not data:
            self._selector.unregister(connection)
            connection.close()

    def _answer(self, connection: socket.socket, message: hold.HoldingMessage) -> None:
        match message:
            case hold.Register(request_id=request, host=host, holding=holding):
                if not self.loop.lease.held(boot_time_s()):
                    connection.send(hold.encode(hold.Answer(request, granted=False, detail="no lease is held")))
                    return
                try:
                    self._holdings.add(holding, host)
                except OSError as problem:
                    connection.send(hold.encode(hold.Answer(request, granted=False, detail=str(problem))))
                    return
                connection.send(hold.encode(hold.Answer(request, granted=True)))
            case hold.Release(request_id=request, holding=holding):
                self._holdings.remove(holding)
                connection.send(hold.encode(hold.Answer(request, granted=True)))
            case hold.Answer():
                return

    def _end_all(self, incarnation: str, reason: str) -> None:
        """End every resource of that incarnation; `_gone` tells when it is done."""
        log(f"ending everything of {incarnation}: {reason}")
        self._page.write(incarnation_hash(incarnation), 0.0)
        if self._guard is not None:
            with contextlib.suppress(GuardError):
                self._guard.revoke()
        waiting: set[int] = set()
        self._ending[incarnation] = waiting
        for held in list(self._holdings.held):
            handle = end_holding(held)
            if handle >= 0:
                waiting.add(handle)
                self._watch(handle, lambda handle=handle: self._gone(incarnation, handle))  # type: ignore[misc]
        for name, child in self._children.table.items():
            if name.startswith("host-") and child.handle >= 0:
                copy = os.dup(child.handle)
                waiting.add(copy)
                self._watch(copy, lambda copy=copy: self._gone(incarnation, copy))  # type: ignore[misc]
                self._children.kill(name)
        if not waiting:
            self._all_ended(incarnation)

    def _gone(self, incarnation: str, handle: int) -> None:
        self._selector.unregister(handle)
        os.close(handle)
        waiting = self._ending.get(incarnation, set())
        waiting.discard(handle)
        if not waiting:
            self._all_ended(incarnation)

    def _all_ended(self, incarnation: str) -> None:
        if self._ending.pop(incarnation, None) is None:
            return
        for held in list(self._holdings.held):
            end_holding(held)  # what a host took hold of while it was being killed
        self._holdings.clear()
        log(f"everything of {incarnation} is ended")
        self.loop.all_ended(incarnation, boot_time_s())
        self._carry_out()

    # ---------------------------------------------------------------- children

    def _started(self, child: Child) -> None:
        self._watch(child.handle, lambda name=child.name: self._reap(name))  # type: ignore[misc]
        self._tell(channel.Processes(self._children.running()))

    def _reap(self, name: str) -> None:
        self._selector.unregister(self._children.table[name].handle)
        self._children.reap(name, boot_time_s())

    def _child_ended(self, child: Child, status: int) -> None:
        if not child.stopping:
            log(f"{child.name} ended ({_status_text(status)})")
        if child.name.startswith("host-") and not self._ending:
            self._end_orphans(child.name.removeprefix("host-"))
        self._tell(channel.Processes(self._children.running()))
        if self._stopping and not self._children.running():
            self.done = True

    def _end_orphans(self, host: str) -> None:
        """A host has died: what it held must be gone before its resources start again."""
        for held in [held for held, owner in self._holdings.held.items() if owner == host]:
            handle = end_holding(held)
            if handle >= 0:
                os.close(handle)
            self._holdings.remove(held)

    # ---------------------------------------------------------------- stopping

    def _signalled(self) -> None:
        numbers = self._wakeup[0].recv(64)
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                if self._stopping or self._service is None:
                    self._end_node()
                else:
                    self._stopping = True
                    self._tell(channel.StopNode())
                    limit = float(cast("float", self._options.get("shutdown_limit_s", 60.0)))
                    self._stop_asked_at = boot_time_s() + limit

    def _end_node(self) -> None:
        """Stop what is left: everything of resources, then service and store."""
        self._stopping = True
        self._stop_asked_at = 0.0
        for effect in self.loop.lease.end("the node is being stopped", boot_time_s()):
            if isinstance(effect, EndAll):
                self._end_all(effect.incarnation, effect.reason)
        for name in list(self._children.table):
            self._children.end(name)
        if not self._children.running():
            self.done = True

    def close(self) -> None:
        """Close what is open; the guard is taken away where nothing is protected any more."""
        if self._guard is not None:
            with contextlib.suppress(GuardError):
                if not self._guard.protected():
                    self._guard.remove()
            self._guard.close()
        for path in (self.places.sentinel_socket, self.places.holdings_socket):
            path.unlink(missing_ok=True)


def _status_text(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


def _boot_id(path: Path) -> str:
    """This boot: the kernel's id and a file that a reboot removes, so that lab nodes on one kernel differ."""
    try:
        return path.read_text()
    except FileNotFoundError:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        path.write_text(f"{kernel}.{secrets.token_hex(4)}")
        return path.read_text()


def main() -> int:
    """Run the sentinel in the foreground until the node is stopped."""
    places = Places.from_environment()
    import tomllib

    options = tomllib.loads(places.settings.read_text()) if places.settings.exists() else {}
    if not places.identity.exists():
        log(f"{places.identity} is missing: run 'quorate cluster create' or 'quorate node join'")
        return 4
    sentinel = Sentinel(places, options)
    harden(
        lock_memory=bool(options.get("lock_memory", True)),
        realtime_priority=int(options.get("realtime_priority", 10)),
    )
    sentinel.start()
    while not sentinel.done:
        sentinel.turn()
    sentinel.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
