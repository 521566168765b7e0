"""Where the keeper of the quorum storage meets the service: one socket, orders in, its standing out.

Owns: the socket, the latest order, and what was told last. Does not know: what an order means.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from quorate.wire import quorum_channel as channel
from quorate.wire.quorum_channel import KeeperOrder, KeeperStanding


class QuorumDesk:
    """All connections of one keeper. `heard` is called when a new order has come."""

    def __init__(self, path: Path, heard: Callable[[], None]) -> None:
        self.order: KeeperOrder | None = None
        self.standing = KeeperStanding()
        self._path = path
        self._heard = heard
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, for root only. The sentinel runs one keeper: whatever lies there is left over."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=channel.LINE_LIMIT_BYTES)
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        self._path.unlink(missing_ok=True)

    def tell(self, **changes: object) -> None:
        """Change the standing, and tell it where it is another."""
        standing = channel.changed(self.standing, **changes)
        if standing == self.standing:
            return
        self.standing = standing
        for writer in self._writers:
            writer.write(channel.encode(standing))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        writer.write(channel.encode(self.standing))
        try:
            while line := await reader.readline():
                self.order = channel.decode_order(line)
                self._heard()
        except (OSError, ValueError, channel.BadLine):
            pass  # the service connects again
        finally:
            self._writers.discard(writer)
            writer.close()
