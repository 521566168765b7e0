"""A small TCP proxy between a client and a server, able to hold, drop and cut.

Owns: the connections that pass through it and what befalls their bytes.
Does not know: any protocol beyond "the client asks, the server answers".
How it works: bytes wait at a gate for each direction. A request that is held stays alive when its client goes away;
once released it reaches the server, and the connection to the server stays until it has answered, so that a request
executes after its caller gave up, as it can in a real network.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class TcpProxy:
    """Listens on a loopback port of its own; use it as an asynchronous context manager."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.request_held = asyncio.Event()
        """Set while a request waits at the gate."""
        self.answer_held = asyncio.Event()
        """Set while an answer waits at the gate."""
        self.answered = asyncio.Event()
        """Set when the server has answered something, wherever the answer went."""
        self._target_port = target_port
        self._requests_pass = asyncio.Event()
        self._answers_pass = asyncio.Event()
        self._requests_pass.set()
        self._answers_pass.set()
        self._drop_answers = False
        self._held_start: bytes | None = None
        self._dropped_start: bytes | None = None
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.restore()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    def hold_requests(self) -> None:
        """Keep what clients send from now on."""
        self._requests_pass.clear()
        self.answered.clear()

    def hold_requests_like(self, start: bytes) -> None:
        """Keep what clients send from now on where it begins like this; the rest passes."""
        self._held_start = start
        self.hold_requests()

    def drop_answer_to(self, start: bytes) -> None:
        """Close the client's connection instead of answering the next request that begins like this."""
        self._dropped_start = start

    def release_requests(self) -> None:
        """Let held requests reach the server, also those of clients that are gone."""
        self._held_start = None
        self._requests_pass.set()

    def hold_answers(self) -> None:
        """Keep what the server sends from now on."""
        self._answers_pass.clear()

    def release_answers(self) -> None:
        """Let held answers reach their clients."""
        self._answers_pass.set()

    def drop_next_answer(self) -> None:
        """Close the client's connection instead of giving it the next answer."""
        self._drop_answers = True

    def cut(self) -> None:
        """Break every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()

    async def restore(self) -> None:
        """Accept connections (again), on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._open |= {writer, up_writer}
        idle = asyncio.Event()
        idle.set()
        answers = asyncio.create_task(self._pump_answers(up_reader, writer, idle))
        try:
            await self._pump_requests(reader, up_writer, idle)
            await idle.wait()
        except OSError:
            pass  # a broken connection ends both sides, as it should
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            self._open -= {writer, up_writer}
            writer.transport.abort()
            up_writer.transport.abort()

    async def _pump_requests(
        self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter, idle: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            idle.clear()
            if self._dropped_start is not None and data.startswith(self._dropped_start):
                self._dropped_start = None
                self._drop_answers = True
            if not self._requests_pass.is_set() and data.startswith(self._held_start or b""):
                self.request_held.set()
                await self._requests_pass.wait()
                self.request_held.clear()
            up_writer.write(data)
            await up_writer.drain()

    async def _pump_answers(
        self, up_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle: asyncio.Event
    ) -> None:
        while data := await up_reader.read(65536):
            idle.set()
            self.answered.set()
            if self._drop_answers:
                self._drop_answers = False
                break
            if not self._answers_pass.is_set():
                self.answer_held.set()
                await self._answers_pass.wait()
                self.answer_held.clear()
            writer.write(data)
        idle.set()
        writer.transport.abort()
