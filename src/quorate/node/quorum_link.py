"""The service's connection to the keeper of the quorum storage.

Owns: one connection, kept and made again; the latest order and standing. Does not know: what is ordered, or why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from quorate.wire import quorum_channel as channel
from quorate.wire.quorum_channel import KeeperOrder, KeeperStanding

RETRY_S = 0.05


class QuorumLink:
    """Connected as long as `run` runs. `changed` is called with every new standing, and when the connection breaks."""

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self.standing: KeeperStanding | None = None
        """What the keeper said last; None without a connection."""
        self._path = path
        self._changed = changed
        self._writer: asyncio.StreamWriter | None = None
        self._order: KeeperOrder | None = None

    def order(self, order: KeeperOrder) -> None:
        """Order this; what was ordered already is not sent again."""
        if order != self._order:
            self._order = order
            if self._writer is not None:
                self._writer.write(channel.encode(order))

    async def run(self) -> None:
        """Connect, read, and connect again until cancelled."""
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(self._path, limit=channel.LINE_LIMIT_BYTES)
                if self._order is not None:
                    self._writer.write(channel.encode(self._order))
                while line := await reader.readline():
                    self.standing = channel.decode_standing(line)
                    self._changed()
            except (OSError, ValueError, channel.BadLine):
                pass
            finally:
                if self._writer is not None:
                    self._writer.close()
                    self._writer, self.standing = None, None
                    self._changed()
            await asyncio.sleep(RETRY_S)
