"""The host's end of the holdings channel to the sentinel (design §2).

Owns: one connection, requests waiting for their answers, and the rule that no answer means no.
Does not know: what is held; `host.facilities` asks before it takes hold and gives back after.
How it works: connects on first use and again after a loss; before anything else, a new connection is told everything
that is held, so that a restarted sentinel knows it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path
from typing import Final

from quorate.sdk.facilities import HoldRefused
from quorate.wire.holdings import Answer, BadHoldingMessage, Holding, LineSplitter, Register, Release, encode

ANSWER_LIMIT_S: Final = 0.5
"""How long the sentinel may take; it answers in a millisecond, and a lease is lost soon after it stops answering."""


class HoldingsClient:
    """Registers and releases. With no path (tests, a host by hand) everything is granted."""

    def __init__(self, host: str, path: Path | None) -> None:
        self._host = host
        self._path = path
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._numbers = itertools.count(1)
        self._held: dict[tuple[str, Holding], None] = {}
        self._connecting = asyncio.Lock()

    async def register(self, resource_id: str, holding: Holding) -> None:
        """Before taking hold. Raises HoldRefused where the sentinel says no, or does not answer in time."""
        if self._path is None:
            return
        answer = await self._ask(Register(next(self._numbers), self._host, resource_id, holding))
        if not answer.granted:
            raise HoldRefused(f"the sentinel refuses the holding: {answer.detail}")
        self._held[resource_id, holding] = None

    async def release(self, resource_id: str, holding: Holding) -> None:
        """After the holding is gone.

        A sentinel that does not answer learns of it from the next connection, or by looking.
        """
        if self._path is None:
            return
        self._held.pop((resource_id, holding), None)
        with contextlib.suppress(HoldRefused):
            await self._ask(Release(next(self._numbers), self._host, resource_id, holding))

    async def close(self) -> None:
        """Close the connection."""
        self._drop()

    async def _ask(self, request: Register | Release) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                writer = await self._connected()
                answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
                self._waiting[request.request_id] = answer
                writer.write(encode(request))
                return await answer
        except (OSError, TimeoutError) as problem:
            self._drop()
            raise HoldRefused(f"the sentinel does not answer: {str(problem) or 'time-out'}") from problem
        finally:
            self._waiting.pop(request.request_id, None)

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None:
                assert self._path is not None
                reader, writer = await asyncio.open_unix_connection(self._path)
                self._writer = writer
                self._reading = asyncio.create_task(self._read(reader, writer), name="answers of the sentinel")
                for resource_id, holding in self._held:
                    writer.write(encode(Register(next(self._numbers), self._host, resource_id, holding)))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter = LineSplitter()
        with contextlib.suppress(OSError, BadHoldingMessage):
            while data := await reader.read(4096):
                for message in splitter.feed(data):
                    waiting = self._waiting.get(message.request_id)
                    if isinstance(message, Answer) and waiting is not None and not waiting.done():
                        waiting.set_result(message)
        if self._writer is writer:
            self._drop()

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the connection was lost"))
