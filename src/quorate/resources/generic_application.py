"""Generic Application: any program as a resource (spec/04 section 9.3).

Owns: what starting, stopping and living mean for a program. Does not know how it is contained; the host sees to that.
How it works: online when the program has been executed, alive while it runs, failed at once when it ends by itself,
with whatever code. Offline sends the stop signal to the program and all it started and kills what is left after the
grace. The end of the program is told by its handle, so nobody has to ask whether it looks alive.
"""

from __future__ import annotations

import asyncio
import shlex
import signal
from typing import ClassVar, Final, Literal

import msgspec

from quorate.model.properties import PropertyDefinition, PropertyForm, PropertyKind
from quorate.model.resource_type import Manifest
from quorate.resources.stray_process import StrayProcess, find_stray
from quorate.sdk.facilities import CannotStart, Program, ProgramEnd, RunningProgram
from quorate.sdk.overriding import override
from quorate.sdk.resource_type import ResourceFailed, ResourceType

PROGRESS_INTERVAL_S: Final = 5.0
"""How often a long stop says that it is still waiting; well below the shortest sensible pending timeout."""

MANIFEST: Final = Manifest(
    name="generic_application",
    reference_name="Generic Application",
    display_name="Generic Application",
    description="Any program: online while it runs, failed as soon as it ends by itself.",
    takes_hold_of=("process",),
    watches_itself=True,
    properties=(
        PropertyDefinition(
            name="command_line",
            reference_alias="CommandLine",
            kind=PropertyKind.STRING,
            form=PropertyForm.COMMAND_LINE,
            required=True,
            words="program and arguments, quoted as in a shell; no shell is started",
        ),
        PropertyDefinition(
            name="working_folder",
            reference_alias="CurrentDirectory",
            kind=PropertyKind.STRING,
            form=PropertyForm.ABSOLUTE_PATH,
            default="/",
            words="folder in which the program starts",
        ),
        PropertyDefinition(
            name="environment",
            kind=PropertyKind.STRINGS,
            form=PropertyForm.ENVIRONMENT,
            default=[],
            words="additions to its environment, each NAME=value",
        ),
        PropertyDefinition(
            name="user",
            kind=PropertyKind.STRING,
            default="",
            words="user as whom it runs; empty: the user of the cluster service",
        ),
        PropertyDefinition(
            name="stop_signal",
            kind=PropertyKind.STRING,
            default="SIGTERM",
            choices=("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"),
            words="signal that asks it and all it started to stop",
        ),
        PropertyDefinition(
            name="stop_grace_ms",
            kind=PropertyKind.INTEGER,
            unit="ms",
            default=10_000,
            minimum=0,
            maximum=3_600_000,
            words="how long it may take to stop before it is killed",
        ),
        PropertyDefinition(
            name="log",
            kind=PropertyKind.STRING,
            form=PropertyForm.ABSOLUTE_PATH,
            default="",
            words="file for its output; empty: the cluster log",
        ),
        PropertyDefinition(
            name="log_limit_bytes",
            kind=PropertyKind.INTEGER,
            unit="bytes",
            default=10_000_000,
            minimum=10_000,
            maximum=1_000_000_000_000,
            words="size the log file and its predecessor may reach together",
        ),
        PropertyDefinition(
            name="pid_file",
            kind=PropertyKind.STRING,
            form=PropertyForm.ABSOLUTE_PATH,
            default="",
            words="where the program notes its process; the same program found by it was not started by the cluster",
        ),
        PropertyDefinition(
            name="ends_with",
            kind=PropertyKind.STRING,
            default="first_process",
            choices=("first_process", "last_process"),
            words="last_process for a program that puts itself into the background",
        ),
    ),
)


class Settings(msgspec.Struct, frozen=True):
    """The private properties, typed."""

    command_line: str
    working_folder: str
    environment: list[str]
    user: str
    stop_signal: str
    stop_grace_ms: int
    log: str
    log_limit_bytes: int
    pid_file: str
    ends_with: Literal["first_process", "last_process"]


class GenericApplication(ResourceType):
    """One program."""

    manifest: ClassVar[Manifest] = MANIFEST
    _program: RunningProgram | None = None
    _stopping = False

    @override
    async def probe(self) -> str:
        """The process that its file names, where that is the same program."""
        found = self._find()
        if found is None:
            return ""
        found.close()
        return f"process {found.pid} ({found.program})"

    @override
    async def end_found(self) -> None:
        """Ask that process to stop, kill it after the grace."""
        settings, found = self.read_settings(Settings), self._find()
        if found is not None:
            await found.end(signal.Signals[settings.stop_signal], settings.stop_grace_ms / 1000)

    def _find(self) -> StrayProcess | None:
        settings = self.read_settings(Settings)
        if not settings.pid_file or (self._program is not None and self._program.running):
            return None
        return find_stray(settings.pid_file, shlex.split(settings.command_line)[0])

    @override
    async def online(self) -> None:
        """Start the program; done when it has been executed."""
        await self.terminate()
        settings = self.read_settings(Settings)
        self._stopping = False
        program = Program(
            arguments=tuple(shlex.split(settings.command_line)),
            working_folder=settings.working_folder,
            environment=dict(entry.split("=", 1) for entry in settings.environment),
            user=settings.user,
            log_path=settings.log,
            log_limit_bytes=settings.log_limit_bytes,
            stop_signal=settings.stop_signal,
            ends_with=settings.ends_with,
        )
        try:
            self._program = await self.context.processes.start(program, self._ended)
        except CannotStart as problem:
            raise ResourceFailed(str(problem)) from problem

    @override
    async def offline(self) -> None:
        """Ask it to stop, kill it after the grace."""
        program = self._program
        if program is None:
            return
        self._stopping = True
        stop = asyncio.ensure_future(program.stop(self.read_settings(Settings).stop_grace_ms))
        try:
            while not (await asyncio.wait({stop}, timeout=PROGRESS_INTERVAL_S))[0]:
                self.context.report_progress("waiting for the program to stop")
        finally:
            stop.cancel()
        self._program = None

    @override
    async def terminate(self) -> None:
        """Kill it and all it started."""
        self._stopping = True
        if self._program is not None:
            await self._program.kill()
            self._program = None

    @override
    async def is_alive(self) -> bool:
        """Whether it runs."""
        return self._program is not None and self._program.running

    def _ended(self, end: ProgramEnd) -> None:
        if not self._stopping:
            self.context.report_failure("general", f"the program {end.words}")
