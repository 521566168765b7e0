"""The service's connection to its sentinel.

Owns: one connection, reading and writing of its lines. Does not know: what is said. When the connection breaks the
service ends: a sentinel without it starts another, and two services must never speak for one node.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from quorate.core.authority.orders import Report
from quorate.wire import sentinel_channel as channel


class SentinelLink:
    """One connection. Raises OSError where the sentinel does not listen."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @staticmethod
    async def connect(path: Path) -> SentinelLink:
        """Connect to the sentinel of this node."""
        reader, writer = await asyncio.open_unix_connection(path, limit=channel.LINE_LIMIT_BYTES)
        return SentinelLink(reader, writer)

    def send(self, message: channel.ToSentinel) -> None:
        """Send without waiting; the sentinel reads promptly or is being replaced."""
        self._writer.write(channel.encode(message))

    async def messages(self) -> AsyncIterator[channel.ToService]:
        """Everything the sentinel says until it ends the connection. Raises BadLine."""
        lines = channel.Lines()
        while data := await self._reader.read(1 << 16):
            for message in lines.feed(data):
                match message:
                    case Report() | channel.StopNode() | channel.Processes() | channel.Paths():
                        yield message
                    case _:
                        raise channel.BadLine(f"the sentinel sent {type(message).__name__}")

    async def close(self) -> None:
        """End the connection after what was sent."""
        self._writer.close()
        await self._writer.wait_closed()
