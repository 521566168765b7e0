"""The programs of one resource, made real: what a type sees as `context.processes`.

Owns: the order *lease, sentinel, then the kernel* in which a program takes hold, and giving the holding back when it
is gone.
Does not know: types or channels. `host.addresses` does the same for addresses.
How it works: the launcher forks the program's init and calls back with its pid; only when the sentinel has it on its
list is the program executed. The end of the program releases the holding, then tells the type.
"""

# ruff: noqa: D102 - what replaces a method is documented where the method is declared

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from quorate.adapters.process.launcher import ContainedProcess, Exit, Launch, Launcher, LaunchFailed
from quorate.host.holdings import HoldingsClient
from quorate.sdk.facilities import CannotStart, HoldRefused, Processes, Program, ProgramEnd, RunningProgram
from quorate.sdk.overriding import override
from quorate.wire.holdings import ProcessHolding


class HostedProgram(RunningProgram):
    """One program of a resource."""

    def __init__(self, process: ContainedProcess) -> None:
        self._process = process

    @property
    @override
    def pid(self) -> int:
        return self._process.pid

    @property
    @override
    def containment(self) -> str:
        return self._process.containment

    @property
    @override
    def running(self) -> bool:
        return self._process.running

    @override
    async def wait(self) -> ProgramEnd:
        return _program_end(await self._process.wait())

    @override
    async def stop(self, grace_ms: int) -> ProgramEnd:
        return _program_end(await self._process.stop(grace_ms / 1000))

    @override
    async def kill(self) -> ProgramEnd:
        return _program_end(await self._process.kill())


class HostedProcesses(Processes):
    """The programs of one resource. `surroundings` gives what every program of it finds in its environment."""

    def __init__(
        self,
        resource_id: str,
        launcher: Launcher,
        holdings: HoldingsClient,
        lease_holds: Callable[[], bool],
        surroundings: Callable[[], dict[str, str]],
        log: Callable[[str], None],
    ) -> None:
        self._resource_id = resource_id
        self._launcher = launcher
        self._holdings = holdings
        self._lease_holds = lease_holds
        self._surroundings = surroundings
        self._log = log
        self._releases: set[asyncio.Task[None]] = set()
        self._running: set[ContainedProcess] = set()

    @override
    async def start(self, program: Program, on_end: Callable[[ProgramEnd], None]) -> RunningProgram:
        if not self._lease_holds():
            raise HoldRefused("this node's lease is over")
        environment = {
            "PATH": os.environ.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            **program.environment,
            **self._surroundings(),
        }
        launch = Launch(
            arguments=program.arguments,
            working_folder=program.working_folder,
            environment=environment,
            user=program.user,
            log_path=program.log_path,
            log_limit_bytes=program.log_limit_bytes,
            stop_signal=signal.Signals[program.stop_signal],
            ends_with_last=program.ends_with == "last_process",
        )
        holding: ProcessHolding | None = None

        async def register(pid: int, start_time_ticks: int, contained: bool) -> None:
            nonlocal holding
            holding = ProcessHolding(pid, start_time_ticks, contained)
            await self._holdings.register(self._resource_id, holding)
            if not self._lease_holds():
                raise HoldRefused("this node's lease ended meanwhile")

        try:
            process = await self._launcher.launch(launch, register, self._log)
        except BaseException as problem:
            if holding is not None:
                self._release(holding)
            if isinstance(problem, LaunchFailed):
                raise CannotStart(str(problem)) from problem
            raise
        held = holding
        self._running.add(process)

        def ended(end: Exit) -> None:
            self._running.discard(process)
            if held is not None:
                self._release(held)
            on_end(_program_end(end))

        process.on_end(ended)
        return HostedProgram(process)

    async def end_all(self) -> None:
        """Kill every program of the resource; returns when all of them are gone."""
        await asyncio.gather(*(process.kill() for process in list(self._running)))

    def _release(self, holding: ProcessHolding) -> None:
        release = asyncio.ensure_future(self._holdings.release(self._resource_id, holding))
        self._releases.add(release)
        release.add_done_callback(self._releases.discard)


def _program_end(end: Exit) -> ProgramEnd:
    return ProgramEnd(end.code, end.signal_number)
