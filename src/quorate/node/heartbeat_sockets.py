"""The sentinel's datagram sockets: one per network, bound to this node's own address.

Owns: the sockets, the key, the freshness of frames, and where the peers are; tells `core.paths` what came over which
path. Does not know: what heartbeats mean. Standard library only.
How it works: a socket belongs to an address, not to a name: a network that is renamed keeps it, and with it the
counters that guard against replays.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from typing import Final

from quorate.core.authority.orders import Acknowledgement, Heartbeat
from quorate.core.authority.paces import Paces, routed
from quorate.core.authority.timings import Pace
from quorate.core.paths import Paths
from quorate.node.process import log
from quorate.wire import heartbeat as frames
from quorate.wire.lease_page import boot_time_s

DATAGRAMS_PER_TURN: Final = 256
"""A flood must not keep the loop from looking at the time."""

Receive = Callable[[str, Heartbeat | Acknowledgement], None]


class HeartbeatSockets:
    """All networks of one node."""

    def __init__(
        self,
        node: int,
        key: bytes,
        port: int,
        selector: selectors.BaseSelector,
        receive: Receive,
        paths: Paths | None = None,
    ) -> None:
        self.addresses: dict[int, dict[str, str]] = {}
        """Per node, per network, its address."""
        self.paths = paths or Paths(Paces(Pace(1.0, 1.0)))
        self._node = node
        self._key = key
        self._port = port
        self._selector = selector
        self._receive = receive
        self._freshness = frames.Freshness(int.from_bytes(os.urandom(7)) + 1)
        self._sockets: dict[str, socket.socket] = {}
        """By own address."""
        self._refused: dict[str, str] = {}
        """Own addresses that cannot be bound, and why."""
        self._came: dict[tuple[int, str], tuple[float, float]] = {}
        """Per node and own address: send time of its last heartbeat by its clock, and when it came by ours."""

    def learn(self, addresses: dict[int, dict[str, str]]) -> None:
        """Take where everybody is; bind on addresses that are new, leave those that are ours no more."""
        self.addresses = addresses
        self._refused.clear()
        own = set(addresses.get(self._node, {}).values())
        for address in [known for known in self._sockets if known not in own]:
            gone = self._sockets.pop(address)
            self._selector.unregister(gone)
            gone.close()
        self.bind_missing()
        self.paths.learn(self.peers(), boot_time_s())

    def bind_missing(self) -> None:
        """Bind on own addresses that were not there so far; what fails as before is not told again."""
        for network, address in self.addresses.get(self._node, {}).items():
            if address not in self._sockets:
                self._bind(network, address)

    def peers(self) -> dict[int, tuple[str, ...]]:
        """The other nodes and the networks on which they can be reached: those on which this node is, too.

        To a node with which it shares none, its own networks from which that node is reached through routers.
        """
        return {node: tuple(self._ways(node)) for node in self.addresses if node != self._node}

    def _ways(self, node: int) -> dict[str, str]:
        """By own network, where that node is reached from there."""
        own, peer = self.addresses.get(self._node, {}), self.addresses.get(node, {})
        return {network: at for network, at in peer.items() if network in own} or routed(own, peer)

    def _bind(self, network: str, address: str) -> None:
        try:
            sock = socket.socket(family_of(address), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError as problem:
            log(f"heartbeats on network {network}: {problem}")
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, self._port))
        except OSError as problem:
            if self._refused.get(address) != str(problem):
                log(f"heartbeats on network {network} ({address}): {problem}; tried again until it is there")
            self._refused[address] = str(problem)
            sock.close()
            return
        if self._refused.pop(address, None) is not None:
            log(f"heartbeats on network {network} ({address}): the address is there now")
        self._sockets[address] = sock
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._read(sock, address))

    def _read(self, sock: socket.socket, address: str) -> None:
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                data = sock.recv(2048)
            except OSError:
                return
            try:
                frame = frames.unseal(data, self._key)
            except frames.BadDatagram:
                continue
            network = self._network_of(address)
            # What is sent to an address that this machine has as well comes back: no peer has said it.
            if network and frame.message.sender.node != self._node and self._freshness.accept(frame, address):
                self._note(frame, network, address)
                self._receive(network, frame.message)

    def _network_of(self, address: str) -> str:
        own = self.addresses.get(self._node, {})
        return next((network for network, known in own.items() if known == address), "")

    def _note(self, frame: frames.Frame, network: str, address: str) -> None:
        """Tell the paths of a heartbeat and of the round trip that it shows."""
        message = frame.message
        if isinstance(message, Heartbeat):
            node, now = message.sender.node, boot_time_s()
            self._came[node, address] = (message.sent_at, now)
            self.paths.heard(node, network, frame.sender_start, message.serial, now)
            if frame.echo_sent_at:
                self.paths.measured(node, network, now - frame.echo_sent_at - frame.echo_held_us / 1e6)

    def send(self, node: int, network: str, message: Heartbeat | Acknowledgement) -> None:
        """Send one message; a network that is down drops it like one that is cut."""
        own = self.addresses.get(self._node, {}).get(network, "")
        sock = self._sockets.get(own)
        address = self._ways(node).get(network)
        if sock is None or address is None:
            return
        sent_at, came_at = self._came.get((node, own), (0.0, 0.0))
        echo = (sent_at, round((boot_time_s() - came_at) * 1e6)) if sent_at else (0.0, 0)
        data = frames.seal(self._freshness.envelope(message, node, echo), self._key)
        with contextlib.suppress(OSError):
            sock.sendto(data, (address, self._port))


def family_of(address: str) -> socket.AddressFamily:
    """IPv4 or IPv6, by its form."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET
