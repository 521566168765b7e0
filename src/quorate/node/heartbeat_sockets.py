"""The sentinel's datagram sockets: one per network, bound to this node's own address.

Owns: the sockets, the key, the freshness of frames, and where the peers are. Does not know: what heartbeats mean.
Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable
from typing import Final

from quorate.core.authority.orders import Acknowledgement, Heartbeat
from quorate.node.process import log
from quorate.wire import heartbeat as frames

DATAGRAMS_PER_TURN: Final = 256
"""A flood must not keep the loop from looking at the time."""

Receive = Callable[[str, Heartbeat | Acknowledgement], None]


class HeartbeatSockets:
    """All networks of one node."""

    def __init__(self, node: int, key: bytes, port: int, selector: selectors.BaseSelector, receive: Receive) -> None:
        self.addresses: dict[int, dict[str, str]] = {}
        """Per node, per network, its address."""
        self._node = node
        self._key = key
        self._port = port
        self._selector = selector
        self._receive = receive
        self._freshness = frames.Freshness(int.from_bytes(os.urandom(7)) + 1)
        self._sockets: dict[str, socket.socket] = {}
        self._refused: dict[str, str] = {}
        """Networks that cannot be bound, and why."""

    def learn(self, addresses: dict[int, dict[str, str]]) -> None:
        """Take where everybody is, and bind on networks that are new."""
        self.addresses = addresses
        self._refused.clear()
        self.bind_missing()

    def bind_missing(self) -> None:
        """Bind on networks whose own address was not there so far; what fails as before is not told again."""
        for network, address in self.addresses.get(self._node, {}).items():
            if network not in self._sockets:
                self._bind(network, address)

    def peers(self) -> dict[int, tuple[str, ...]]:
        """The other nodes and the networks on which they can be reached."""
        return {node: tuple(where) for node, where in self.addresses.items() if node != self._node}

    def _bind(self, network: str, address: str) -> None:
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError as problem:
            log(f"heartbeats on network {network}: {problem}")
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, self._port))
        except OSError as problem:
            if self._refused.get(network) != str(problem):
                log(f"heartbeats on network {network} ({address}): {problem}; tried again until it is there")
            self._refused[network] = str(problem)
            sock.close()
            return
        if self._refused.pop(network, None) is not None:
            log(f"heartbeats on network {network} ({address}): the address is there now")
        self._sockets[network] = sock
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._read(sock, network))

    def _read(self, sock: socket.socket, network: str) -> None:
        for _ in range(DATAGRAMS_PER_TURN):
            try:
                data = sock.recv(2048)
            except OSError:
                return
            try:
                frame = frames.unseal(data, self._key)
            except frames.BadDatagram:
                continue
            if self._freshness.accept(frame, network):
                self._receive(network, frame.message)

    def send(self, node: int, network: str, message: Heartbeat | Acknowledgement) -> None:
        """Send one message; a network that is down drops it like one that is cut."""
        sock = self._sockets.get(network)
        address = self.addresses.get(node, {}).get(network)
        if sock is None or address is None:
            return
        data = frames.seal(self._freshness.envelope(message, node), self._key)
        with contextlib.suppress(OSError):
            sock.sendto(data, (address, self._port))
