"""The host's socket: services connect, commands come in, reports go out.

Owns: the listening socket, the connections, and the bound on what waits to be sent to one of them.
Does not know: what a command means; it hands each to the runner with the connection that brought it.
How it works: every new connection gets the inventory first. A connection that breaks the protocol, or lets more than
BACKLOG_LIMIT_BYTES pile up, is dropped: a service that connects again gets the whole picture anew.
"""

# ruff: noqa: D102 - what replaces a method is documented where the method is declared

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quorate.sdk.overriding import override
from quorate.wire.host_channel import BadFrame, Command, InventoryReport, Report, command_decoder, encode

BACKLOG_LIMIT_BYTES: Final = 4 << 20
"""What may wait for one service: several thousand states; a service that far behind is hung."""


class Connection(asyncio.Protocol):
    """One service."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._decoder = command_decoder()
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.send(self._server.inventory())
        self._server.connections.add(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.connections.discard(self)
        self._transport = None

    @override
    def data_received(self, data: bytes) -> None:
        try:
            commands = self._decoder.feed(data)
        except BadFrame:
            self.drop()
            return
        for command in commands:
            self._server.on_command(command, self)

    def send(self, report: Report) -> None:
        """Queue for this service."""
        if self._transport is None:
            return
        self._transport.write(encode(report))
        if self._transport.get_write_buffer_size() > BACKLOG_LIMIT_BYTES:
            self.drop()

    def close(self) -> None:
        """Close after what waits has been sent."""
        if self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


class Server:
    """All connections of one host."""

    def __init__(
        self, inventory: Callable[[], InventoryReport], on_command: Callable[[Command, Connection], None]
    ) -> None:
        self.inventory = inventory
        self.on_command = on_command
        self.connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None

    async def start(self, path: Path) -> None:
        """Listen at that path, for root only. Raises OSError, also where another host listens there."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
            try:
                attempt.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)  # noqa: ASYNC240 - nobody listens: left over from a former host
            else:
                raise FileExistsError(f"another host listens at {path}")
        before = os.umask(0o177)
        try:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_unix_server(lambda: Connection(self), path)
        finally:
            os.umask(before)

    def broadcast(self, report: Report) -> None:
        """Send to every service that is connected."""
        for connection in list(self.connections):
            connection.send(report)

    async def stop(self, path: Path) -> None:
        """Send what waits, close everything, remove the socket."""
        if self._listener is not None:  # else the socket there is another host's
            self._listener.close()
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - once, at the end
        for connection in list(self.connections):
            connection.close()
        await asyncio.sleep(0)
