"""The sentinel process: the selector loop that turns `node.sentinel_loop` (design §2).

Owns: the selector, the lease page, the address guard, the children, and the stopping order. Small on purpose: plain
dataclasses and the standard library, memory locked, real-time priority where allowed.
How it works: whatever arrived is taken first, then the time is looked at, then the outputs are carried out. When the
lease runs out everything that resources hold is ended here, whatever the service and the hosts are doing.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time
import tomllib
from pathlib import Path
from typing import Final, cast

from quorate.core.authority.lease import EndAll, LeaseMoved, ServiceHung
from quorate.core.authority.orders import Order, Renewal, Report
from quorate.core.authority.paces import Paces, Place, paces_of, settings_of_mapping
from quorate.core.authority.timings import Pace, in_force
from quorate.core.paths import Paths
from quorate.node.address_guard import AddressGuard
from quorate.node.children import STOPPED_LIMIT_S, Child, Children
from quorate.node.endings import Holdings
from quorate.node.fabric import Fabric
from quorate.node.heartbeat_sockets import HeartbeatSockets
from quorate.node.host_desk import HOST_PREFIX, HostDesk, LeftoversRemain
from quorate.node.path_watch import PathWatch
from quorate.node.places import Places
from quorate.node.process import harden, hold_alone, log
from quorate.node.retired import retire, retired
from quorate.node.sentinel_loop import Send, SentinelLoop
from quorate.node.service_desk import ServiceDesk
from quorate.node.service_watch import ServiceWatch
from quorate.node.watchdog_keeper import WatchdogKeeper
from quorate.wire import sentinel_channel as channel
from quorate.wire.lease_page import LeaseWriter, boot_time_s, incarnation_hash

SERVICE: Final = "service"
END_LIMIT_PART: Final = 0.75
"""A host has that part of G to end its resources by itself after the lease."""
CHILD_END_LIMIT_S: Final = 5.0
"""A child that has not ended by SIGTERM by then is killed: one that hangs must not keep the node from ending."""
STALL_S: Final = 0.3
"""A loop that turns so late was kept from running, and everything else on this machine perhaps as well."""
LEFTOVERS_PAUSE_S: Final = 1.0
BIND_AGAIN_S: Final = 2.0
"""Between looks for what is not there: an own address that comes up late, a route that went with its interface."""


class Sentinel:
    """One node's sentinel. `options` are the settings of node.toml; only those that it knows matter here."""

    def __init__(self, places: Places, options: dict[str, object]) -> None:
        self.places = places
        self.done = False
        self._options = options
        identity = json.loads(places.identity.read_text())
        replica = json.loads(places.replica.read_text())
        self.node = int(identity["node"])
        cluster = replica["cluster"]
        settings = settings_of_mapping(cluster)
        self._profile = settings.profile
        self.timings = settings.timings()
        places.hosts.mkdir(parents=True, exist_ok=True)
        boot = boot_id(places.boot_id)
        self._selector = selectors.DefaultSelector()
        self._desk = HostDesk(Holdings(places.holdings, boot), self._selector, self._lease_held, self._all_ended)
        self._dog = WatchdogKeeper(
            str(options.get("watchdog", "")),
            int(cast("int", options.get("watchdog_timeout_s", 5))),
            places.watchdog_note,
            boot,
            boot_time_s,
        )
        ended = self._end_leftovers()
        self._dog.take_over()
        self._page = LeaseWriter(places.lease_page)
        self._page.write(0, 0.0)
        self._guard = AddressGuard(self._desk.holdings, wanted=bool(options.get("address_guard", True)))
        nodes = {int(spec["node"]): spec for spec in replica["nodes"]}
        quiet = set(replica.get("quiet_networks", ()))
        speaks = {
            n: {name: at for name, at in spec["addresses"].items() if name not in quiet} for n, spec in nodes.items()
        }
        places_of = {n: Place(str(spec.get("site", "")), speaks[n]) for n, spec in nodes.items()}
        paces = paces_of(settings, self.node, places_of)
        self.loop = SentinelLoop(self.node, self.timings, boot_id=boot, ended=ended, paces=paces, now=boot_time_s())
        port = int(cast("int", options.get("heartbeat_port", 7401)))
        key = places.heartbeat_key.read_bytes()
        self._network = HeartbeatSockets(
            self.node,
            key,
            port,
            self._selector,
            lambda network, m: self.loop.receive(network, m, boot_time_s()),
            Paths(paces),
        )
        self._path_watch = PathWatch(self._network.paths)
        self._fabric_addresses = {number: str(spec.get("fabric_address", "")) for number, spec in nodes.items()}
        self._learn(speaks)
        self._fabric = Fabric(
            self._fabric_addresses.get(self.node, ""),
            self._network.addresses.get(self.node, {}),
            managed=bool(options.get("manage_fabric", True)) and os.geteuid() == 0,
        )
        self._children = Children(places.log, self._started, self._child_ended, self._may_start)
        self._watch = ServiceWatch(self.timings.hang_limit_s)
        self._bind_at = 0.0
        self._stopping = False
        self._stop_limit_at = 0.0
        self._kill_at = 0.0
        self._retire = ""
        """Suffix under which the state folder is put aside when everything has ended; empty: it stays."""

    def _end_leftovers(self) -> str:
        """Only when nothing of a former life is left may this node take part (rule 13), however long that takes."""
        while True:
            try:
                return self._desk.end_leftovers()
            except LeftoversRemain as problem:
                log(f"from a former life: {problem}; this node takes no part until it is gone (a reboot ends it)")
                time.sleep(LEFTOVERS_PAUSE_S)

    def start(self) -> None:
        """Open the sockets, start the shared host and the service."""
        self._service = ServiceDesk(self.places.sentinel_socket, self._selector, self._obey, self._greet)
        self._desk.listen(self.places.holdings_socket)
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno())
        self._wakeup = (reader, writer)
        self._selector.register(reader, selectors.EVENT_READ, self._signalled)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        now = boot_time_s()
        self._children.keep(f"{HOST_PREFIX}shared", self.host_argv("shared"), now)
        self._children.keep(SERVICE, (sys.executable, "-m", "quorate.node.service"), now, oom_score=-900)

    def host_argv(self, name: str) -> tuple[str, ...]:
        """The command line of a resource host."""
        end_limit_ms = int(self.timings.ending_s * END_LIMIT_PART * 1000)
        return (
            *(sys.executable, "-m", "quorate.host", "--name", name),
            *("--socket", str(self.places.hosts / f"{name}.sock"), "--lease", str(self.places.lease_page)),
            *("--holdings", str(self.places.holdings_socket), "--guard", self._guard.table or "-"),
            *("--end-limit-ms", str(end_limit_ms)),
        )

    # ---------------------------------------------------------------- the loop

    def turn(self) -> None:
        """Wait for what is next, take it all, look at the time, carry out what follows."""
        now = boot_time_s()
        due = [self.loop.deadline()]
        limits = (self._stop_limit_at or None, self._kill_at or None, self._watch.deadline(), self._bind_at)
        for when in (self._children.deadline(), *limits):
            if when is not None:
                due.append(when)
        ready = self._selector.select(max(0.0, min(due) - now))
        if boot_time_s() - max(now, min(due)) > STALL_S:
            self._watch.stalled(boot_time_s())
            self._network.paths.stalled(boot_time_s())
        for key, _ in ready:
            key.data()
        now = boot_time_s()
        self.loop.tick(now)
        self._carry_out()
        self._dog.turn(safe=self.loop.lease.safe(now))
        silent_s = self._watch.silent_s(now)
        if silent_s is not None:
            log(f"the service has shown no life for {silent_s:.1f} s; it is killed and started again")
            self._children.kill(SERVICE)
        self._children.start_due(now)
        if now >= self._bind_at:
            self._bind_at = now + BIND_AGAIN_S
            self._network.bind_missing()
            for name in self._children.stopped(now):
                log(f"{name} was stopped {STOPPED_LIMIT_S:.0f} s ago; it is killed and started again")
                self._children.kill(name)
            self._fabric.repeat(self._fabric_addresses, self._network.addresses)
        self._move_routes(now)
        self._network.paths.retime(self.loop.paces, now)
        news = self._path_watch.news(now)
        if news is not None:
            self._service.tell(news)
        if self._stop_limit_at and now >= self._stop_limit_at:
            log("the service did not leave in time; ending everything")
            self._end_node()
        if self._kill_at and now >= self._kill_at:
            self._kill_at = 0.0
            for name in self._children.running():
                log(f"{name} does not end; it is killed")
                self._children.kill(name)

    def _carry_out(self) -> None:
        for output in self.loop.take():
            match output:
                case Send(node=node, network=network, message=message):
                    self._network.send(node, network, message)
                case Report():
                    self._service.tell(output)
                case EndAll(incarnation=incarnation, reason=reason):
                    self._end_all(incarnation, reason)
                case LeaseMoved(incarnation=incarnation, until=until):
                    self._desk.holdings.begin_life(incarnation)
                    self._page.write(incarnation_hash(incarnation), until)
                    self._guard.renew(until)
                    self._dog.arm()  # a lease is the first thing that follows an admission
                    self.loop.watchdog_s = self._dog.armed_s
                case ServiceHung():
                    pass  # the role is given up; the process is looked after by `ServiceWatch`

    def _move_routes(self, now: float) -> None:
        for node, fabric in self._fabric_addresses.items():
            if node != self.node:
                addresses = self._network.addresses.get(node, {})
                alive = self.loop.links.alive_networks(node, now)
                moved = self._fabric.update(node, fabric, addresses, alive, now)
                if moved:
                    log(f"node {node} is reached over network {moved}")

    def _learn(self, addresses: dict[int, dict[str, str]]) -> None:
        self._network.learn(addresses)
        self.loop.peers = self._network.peers()

    # ---------------------------------------------------------------- the service

    def _greet(self) -> None:
        self.loop.report_now(boot_time_s())
        self._service.tell(channel.Processes(self._children.running()))
        self._path_watch.tell_again()
        if self._stop_limit_at:
            self._service.tell(channel.StopNode())  # its predecessor did not finish

    def _obey(self, message: channel.ToSentinel | channel.ToService) -> None:
        now = boot_time_s()
        self._watch.progress(now)
        match message:
            case Order():
                self.loop.order(message, now)
            case Renewal():
                self.loop.renewal(message, now)
            case channel.Progress():
                self.loop.progress(now)
            case channel.Peers():
                self._fabric_addresses = message.fabric
                self._fabric.metrics = message.metrics
                self._network.paths.history_length = message.history_length
                self._learn(message.addresses)
            case channel.Pace(delay_ms=delay_ms, threshold=threshold, peers=peers):
                self.timings = in_force(self._profile, delay_ms, threshold)
                by_node = {node: Pace(beat / 1000, silence / 1000) for node, (beat, silence) in peers.items()}
                self.loop.retime(self.timings, now, Paces(self.timings.pace, by_node))
            case channel.RunProcess(name=name, argv=argv):
                self._children.keep(name, argv, now, oom_score=-900 if name in {"etcd", "quorum", "stand-in"} else 0)
            case channel.RunHost(name=name):
                self._children.keep(f"{HOST_PREFIX}{name}", self.host_argv(name), now)
            case channel.EndProcess(name=name):
                self._children.end(name)
            case channel.ServiceEnds(stop_node=stop_node, retire=suffix):
                self._retire = suffix or self._retire
                if stop_node:
                    self._end_node()
                else:
                    self.loop.stopping(now)
            case _:
                log(f"the service sent {type(message).__name__}, which is ours to send")

    # ---------------------------------------------------------------- endings

    def _lease_held(self) -> bool:
        return self.loop.lease.held(boot_time_s())

    def _end_all(self, incarnation: str, reason: str) -> None:
        log(f"ending everything of {incarnation}: {reason}")
        self._page.write(incarnation_hash(incarnation), 0.0)
        self._guard.revoke()
        self._desk.end_all(incarnation, self._children)

    def _all_ended(self, incarnation: str) -> None:
        self.loop.all_ended(incarnation, boot_time_s())
        self._carry_out()

    # ---------------------------------------------------------------- children

    def _started(self, child: Child) -> None:
        name = child.name
        if name == SERVICE:
            self._watch.started(child.started_at)
        self._selector.register(child.handle, selectors.EVENT_READ, lambda: self._reap(name))
        self._service.tell(channel.Processes(self._children.running()))

    def _may_start(self, name: str) -> bool:
        """A host starts only when nothing is left of the former one: the service takes its silence for the end."""
        return not name.startswith(HOST_PREFIX) or self._desk.is_clear_of(name.removeprefix(HOST_PREFIX))

    def _reap(self, name: str) -> None:
        self._selector.unregister(self._children.table[name].handle)
        self._children.reap(name, boot_time_s())

    def _child_ended(self, child: Child, status: int) -> None:
        if not child.stopping:
            how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.WEXITSTATUS(status)}"
            log(f"{child.name} ended ({how})")
        if child.name == SERVICE:
            self._watch.gone()
        if child.name.startswith(HOST_PREFIX):
            self._desk.host_died(child.name.removeprefix(HOST_PREFIX))
        self._service.tell(channel.Processes(self._children.running()))
        self.done = self._stopping and not self._children.running()

    # ---------------------------------------------------------------- stopping

    def _signalled(self) -> None:
        if not {signal.SIGTERM, signal.SIGINT} & set(self._wakeup[0].recv(64)):
            return
        if self._stop_limit_at or not self._service.connected:
            self._end_node()
        else:
            self._stop_limit_at = boot_time_s() + float(cast("float", self._options.get("shutdown_limit_s", 60.0)))
            self._service.tell(channel.StopNode())

    def _end_node(self) -> None:
        """Stop what is left: everything of resources, then hosts, service and store."""
        self._stopping = True
        self._stop_limit_at = 0.0
        self._kill_at = boot_time_s() + CHILD_END_LIMIT_S
        for effect in self.loop.lease.end("the node is being stopped", boot_time_s()):
            if isinstance(effect, EndAll):
                self._end_all(effect.incarnation, effect.reason)
        for name in list(self._children.table):
            self._children.end(name)
        self.done = not self._children.running()

    def close(self) -> None:
        """Take the guard away where nothing is protected any more, and remove the sockets."""
        self._dog.let_go(safe=self.loop.lease.safe(boot_time_s()))
        self._guard.close()
        self._fabric.close()
        for path in (self.places.sentinel_socket, self.places.holdings_socket):
            path.unlink(missing_ok=True)
        if self._retire:
            try:
                log(f"this machine is a node no more; its state is kept in {retire(self.places, self._retire)}")
            except OSError as problem:
                log(f"{self.places.state} cannot be put aside: {problem}; quorate node cleanup --force does it")


def boot_id(path: Path) -> str:
    """This boot: the kernel's id and a file that a reboot removes, so that lab nodes on one kernel differ."""
    if not path.exists():
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        path.write_text(f"{kernel}.{os.urandom(4).hex()}")
    return path.read_text()


def main() -> int:
    """Run the sentinel in the foreground until the node is stopped."""
    places = Places.from_environment()
    if not places.identity.exists():
        log(f"{places.identity} is missing: run 'quorate cluster create' or 'quorate node join'")
        for folder in retired(places):
            log(f"this machine was a node before; what it had is kept in {folder}")
        return 4
    try:
        # Before anything is read or touched: a second sentinel would end what the first one's resources hold.
        # One that is just ending is waited for: a stop is told to be over when its service has gone.
        if not hold_alone(places.sentinel_lock, 2 * CHILD_END_LIMIT_S):
            log("this node runs already; nothing was changed")
            return 1
        options = tomllib.loads(places.settings.read_text()) if places.settings.exists() else {}
        sentinel = Sentinel(places, options)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        log(f"not started: {type(problem).__name__}: {problem}")
        log(f"{places.settings}, {places.identity}, {places.replica} or another file of this node is damaged")
        log("restore it from a backup of this node; nothing was changed or deleted")
        return 4
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
