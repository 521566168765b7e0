"""Contained processes, from the host's side: start, watch, stop, kill (design §2(c)).

Owns: the helper process, the request to it, and one `ContainedProcess` for every program that runs.
Does not know: resources, holdings or the lease; whoever starts a program passes a coroutine that registers it.
How it works: `launch` has the helper fork an init that waits at a gate, registers it, and opens the gate; it returns
when the program has been executed. The end is seen through a pidfd in the event loop, at once and without polling; a
pidfd of the first process of a namespace becomes readable only when everything in the namespace is gone.

As root the program and all it starts live in a process-id namespace. Without root they are a tree under a subreaper,
which ends all it can find when the host dies; `containment` tells which of the two it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from quorate.adapters.process.helper import REQUEST_LIMIT_BYTES
from quorate.adapters.process.proc import start_time_ticks

Containment = Literal["pid_namespace", "process_group"]
Registration = Callable[[int, int, bool], Awaitable[None]]
"""Called with pid, start time in ticks, and whether a namespace contains it; raises to refuse."""

_SOURCE_ROOT: Final = str(Path(__file__).resolve().parents[3])
_HELPER_CODE: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from quorate.adapters.process.helper import main; main()"
)
_PIPE_LINE_LIMIT_BYTES: Final = 2000


class LaunchFailed(Exception):
    """The program cannot be started as described; the text says at which step and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A program and its surroundings. `environment` is complete; `user` empty means no change."""

    arguments: tuple[str, ...]
    working_folder: str
    environment: dict[str, str]
    user: str = ""
    log_path: str = ""
    log_limit_bytes: int = 10_000_000
    stop_signal: int = signal.SIGTERM
    ends_with_last: bool = False


@dataclass(frozen=True, slots=True)
class Exit:
    """How the first process of a program ended; both None where it was killed with everything else."""

    code: int | None = None
    signal_number: int | None = None


class ContainedProcess:
    """One running program with everything it starts."""

    def __init__(self, pid: int, *, contained: bool, status: int, output: int, on_line: Callable[[str], None]) -> None:
        self.pid = pid
        self.containment: Containment = "pid_namespace" if contained else "process_group"
        self._pidfd = os.pidfd_open(pid)
        self.start_time_ticks = start_time_ticks(pid)
        self._loop = asyncio.get_running_loop()
        self._status = _LineReader(self._loop, status, self._hear)
        self._output = _LineReader(self._loop, output, on_line)
        self._exit = Exit()
        self._ended: asyncio.Future[Exit] = self._loop.create_future()
        self._started: asyncio.Future[str] = self._loop.create_future()
        self._loop.add_reader(self._pidfd, self._end)

    @property
    def running(self) -> bool:
        """Whether anything of it is left."""
        return not self._ended.done()

    async def started(self) -> None:
        """Until the program has been executed. Raises LaunchFailed."""
        refusal = await asyncio.shield(self._started)
        if refusal:
            raise LaunchFailed(refusal)

    async def wait(self) -> Exit:
        """Until all of it is gone."""
        return await asyncio.shield(self._ended)

    def on_end(self, call: Callable[[Exit], None]) -> None:
        """Call this from the loop once all of it is gone."""
        self._ended.add_done_callback(lambda ended: call(ended.result()))

    async def stop(self, grace_s: float) -> Exit:
        """Send the stop signal to the tree, kill what is left after the grace, return when all of it is gone."""
        self._send(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.wait(), grace_s)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> Exit:
        """Kill all of it, return when it is gone."""
        self._send(signal.SIGKILL if self.containment == "pid_namespace" else signal.SIGUSR1)
        return await self.wait()

    def _send(self, number: int) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def _hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "started" and not self._started.done():
            self._started.set_result("")
        elif word == "refused" and not self._started.done():
            self._started.set_result(rest)
        elif word == "exited":
            self._exit = Exit(code=int(rest))
        elif word == "killed":
            self._exit = Exit(signal_number=int(rest))

    def _end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._status.drain()
        self._output.drain()
        if not self._started.done():
            self._started.set_result("it was ended before it started")
        self._ended.set_result(self._exit)


class Launcher:
    """The helper of one host. Start it from the main thread: a parent-death signal follows the thread that forked."""

    def __init__(self, lease: Path | None = None, end_limit_s: float = 0.0) -> None:
        """`lease` is the node's lease page, `end_limit_s` how long after it programs may be left at most.

        The helper sees to that by itself: it kills them all, and dies.
        """
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            theirs.set_inheritable(True)
            arguments = [
                sys.executable,
                "-I",
                "-S",
                "-c",
                _HELPER_CODE,
                _SOURCE_ROOT,
                str(theirs.fileno()),
                str(os.getpid()),
                str(lease) if lease is not None else "-",
                str(round(end_limit_s * 1000)),
            ]
            self.helper_pid = os.posix_spawn(sys.executable, arguments, os.environ, setsigmask=())
        self._helper = os.pidfd_open(self.helper_pid)
        self._control.setblocking(False)
        self._watching: asyncio.AbstractEventLoop | None = None
        self._one_at_a_time = asyncio.Lock()

    def close(self) -> None:
        """Let the helper end, and with it everything it started."""
        if self._watching is not None:
            self._watching.remove_reader(self._helper)
        self._control.close()
        os.close(self._helper)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.helper_pid, 0)

    def watch(self, died: Callable[[], None]) -> None:
        """Call this from the running loop when the helper has ended, and everything it started with it."""
        self._watching = asyncio.get_running_loop()

        def ended() -> None:
            assert self._watching is not None
            self._watching.remove_reader(self._helper)
            self._watching = None
            died()

        self._watching.add_reader(self._helper, ended)

    async def launch(
        self, launch: Launch, register: Registration, on_line: Callable[[str], None] = lambda _: None
    ) -> ContainedProcess:
        """Start a program; `on_line` hears its output unless that goes to a file.

        Returns when it has been executed. Raises LaunchFailed, and whatever `register` raises; then nothing is left.
        """
        gate_read, gate = os.pipe()
        status, status_write = os.pipe()
        output, output_write = os.pipe()
        try:
            # Not to be cancelled between question and answer, or the next question would get this one's answer. An init
            # whose gate is closed meanwhile ends by itself.
            request = asyncio.ensure_future(self._request(launch, (gate_read, status_write, output_write)))
            request.add_done_callback(lambda done: done.exception())  # seen, also where nobody waits any more
            pid, contained = await asyncio.shield(request)
        except BaseException:
            for descriptor in (gate, status, output):
                os.close(descriptor)
            raise
        process = ContainedProcess(pid, contained=contained, status=status, output=output, on_line=on_line)
        try:
            await register(pid, process.start_time_ticks, contained)
            os.write(gate, b"+")
            await process.started()
        except BaseException:
            await asyncio.shield(process.kill())
            raise
        finally:
            os.close(gate)
        return process

    async def _request(self, launch: Launch, descriptors: tuple[int, ...]) -> tuple[int, bool]:
        """One question to the helper and its answer; closes the descriptors, which the helper then has."""
        try:
            packet = _packet(launch)
            async with self._one_at_a_time:
                socket.send_fds(self._control, [packet], descriptors)
                data = await asyncio.get_running_loop().sock_recv(self._control, 4096)
        except OSError as problem:
            raise LaunchFailed(f"the process helper cannot be reached: {problem}") from problem
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        answer = json.loads(data) if data else {"error": "the process helper has ended"}
        if "error" in answer:
            raise LaunchFailed(str(answer["error"]))
        return int(answer["pid"]), bool(answer["contained"])


def _packet(launch: Launch) -> bytes:
    """The request as the helper reads it. Raises LaunchFailed where it is too long for one packet."""
    request = {
        "arguments": launch.arguments,
        "working_folder": launch.working_folder,
        "environment": launch.environment,
        "user": launch.user,
        "log_path": launch.log_path,
        "log_limit_bytes": launch.log_limit_bytes,
        "stop_signal": int(launch.stop_signal),
        "ends_with_last": launch.ends_with_last,
    }
    packet = json.dumps(request).encode()
    if len(packet) > REQUEST_LIMIT_BYTES:
        raise LaunchFailed(f"command and environment are {len(packet)} bytes, the limit is {REQUEST_LIMIT_BYTES}")
    return packet


class _LineReader:
    """Lines from a pipe, given to a function in the loop; owns the descriptor."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int, on_line: Callable[[str], None]) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._on_line = on_line
        self._rest = b""
        os.set_blocking(descriptor, False)
        loop.add_reader(descriptor, self._read)

    def drain(self) -> None:
        """Take what is there, then close."""
        while self._descriptor >= 0 and self._read():
            pass
        self._close()

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _PIPE_LINE_LIMIT_BYTES or not data:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            if line:
                self._on_line(line[:_PIPE_LINE_LIMIT_BYTES].decode(errors="replace"))
        if not data:
            self._close()
        return bool(data)

    def _close(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
