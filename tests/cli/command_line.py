"""A cluster that answers on a Unix socket, in a thread of its own, and the command line in front of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from click.testing import CliRunner, Result

from faces_world import FacesWorld, faces_world
from quorate.api.server import ApiServer
from quorate.cli.main import main

T = TypeVar("T")


@dataclass
class CommandLine:
    """Runs commands as this machine's root would."""

    world: FacesWorld
    loop: asyncio.AbstractEventLoop
    root: Path

    def run(self, *words: str, status: int = 0) -> str:
        """Standard output of a command; standard error goes with it where it fails."""
        result: Result = CliRunner().invoke(main, words, env={"QUORATE_ROOT": str(self.root)})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result.output if status else result.stdout

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the world's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)


@contextlib.contextmanager
def command_line(tmp_path: Path) -> Iterator[CommandLine]:
    """The cluster and its command line."""
    made: concurrent.futures.Future[tuple[FacesWorld, asyncio.AbstractEventLoop, asyncio.Event]]
    made = concurrent.futures.Future()

    async def serve() -> None:
        ended = asyncio.Event()
        async with faces_world(tmp_path) as world:
            server = ApiServer()
            await server.start(world, tmp_path / "run/quorate/service.sock", [], None)
            made.set_result((world, asyncio.get_running_loop(), ended))
            await ended.wait()
            await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    world, loop, ended = made.result(10)
    try:
        yield CommandLine(world, loop, tmp_path)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
