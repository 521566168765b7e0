"""The first process of a contained program: starts it, gathers its output, reaps, passes the stop signal on.

Owns: what happens between the fork in the helper and the end of the program.
Does not know: who asked; it speaks only through the status pipe, one word a line: `started`, `refused <why>`,
`exited <code>`, `killed <signal>`.
How it works: as process 1 of its namespace it receives every orphan, and when it ends the kernel kills whatever is
left, so "this process is gone" means "all of it is gone". It stays root while the program changes user, so that the
program cannot touch it and the parent-death signal, which a change of user clears, is never cleared. It waits at a
gate before it starts the program: the host registers the holding first, then opens the gate; if the host dies
instead, the gate reads as ended.

    SIGTERM     pass the stop signal to the whole tree and wait for it to end
    SIGKILL     the kernel kills the namespace

Without the right to make a namespace it is a subreaper instead. It then kills its descendants by looking them up, on
SIGUSR1 (also its parent-death signal); a SIGKILL of this process would leave those behind that left its process
group.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from quorate.adapters.process import kernel
from quorate.adapters.process.output import Output
from quorate.adapters.process.proc import parent_of

DRAIN_LIMIT_BYTES: Final = 1 << 20
"""How much pending output is still taken after the program has ended."""

_CHUNK_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """What to start; the fields of `launcher.Launch` as JSON carries them."""

    arguments: list[str]
    working_folder: str
    environment: dict[str, str]
    user: str
    log_path: str
    log_limit_bytes: int
    stop_signal: int
    ends_with_last: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Descriptors of the helper: the pipe that ends with it, those a child must not keep.

    And whether /proc may be private.
    """

    life: int
    foreign: tuple[int, ...]
    private_proc: bool


@dataclass(frozen=True, slots=True)
class Pipes:
    """Ends of pipes from the host: gate to wait at, status to write to, output towards the cluster log."""

    gate: int
    status: int
    output: int


def run(request: Request, surroundings: Surroundings, pipes: Pipes, *, contained: bool) -> NoReturn:
    """Be the first process of the program; never returns."""
    code = 1
    try:
        code = _run(request, surroundings, pipes, contained=contained)
    except OSError as problem:
        _say(pipes, f"refused {problem}")
    finally:
        os._exit(code)


def _run(request: Request, surroundings: Surroundings, pipes: Pipes, *, contained: bool) -> int:
    for descriptor in surroundings.foreign:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    os.setsid()
    supervisor = _Supervisor(request, pipes, contained=contained)
    if contained:
        kernel.die_with_parent(signal.SIGKILL)
        if surroundings.private_proc:
            kernel.unshare(kernel.CLONE_NEWNS)
            kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_SLAVE)
            kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    else:
        kernel.become_subreaper()
        kernel.die_with_parent(signal.SIGUSR1)
    if select.select([surroundings.life], [], [], 0)[0]:
        return 1  # the helper died before the signal was set
    if os.read(pipes.gate, 1) == b"":
        return 1  # the host died, or was refused the holding
    if not supervisor.start():
        return 1
    return supervisor.watch(surroundings.life)


def _say(pipes: Pipes, line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(pipes.status, line.encode(errors="replace")[:500] + b"\n")


class _Supervisor:
    """One running program."""

    def __init__(self, request: Request, pipes: Pipes, *, contained: bool) -> None:
        self._request = request
        self._pipes = pipes
        self._contained = contained
        self._output = Output(request.log_path, request.log_limit_bytes, pipes.output)
        self._main = 0
        self._code = 0
        self._stopping = False
        self._wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(self._wake_read, False)
        self._program_output, self._program_end = os.pipe()
        os.set_blocking(self._program_output, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)

    def start(self) -> bool:
        """Fork and execute the program; whether that succeeded."""
        fault_read, fault_write = os.pipe()
        self._main = os.fork()
        if self._main == 0:
            _become(self._request, self._program_end, fault_write, contained=self._contained)
        os.close(fault_write)
        os.close(self._program_end)
        fault = os.read(fault_read, 500)  # ends with the execution, which closes the other side
        os.close(fault_read)
        _say(self._pipes, "refused " + fault.decode(errors="replace") if fault else "started")
        return not fault

    def watch(self, life: int) -> int:
        """Until the program has ended; the exit code of this process."""
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        poller.register(self._program_output, select.POLLIN)
        poller.register(life, select.POLLIN)
        while not self._reap():
            for descriptor, _ in poller.poll():
                if descriptor == self._wake_read:
                    self._react(os.read(self._wake_read, 64))
                elif descriptor == life:
                    self._signal_tree(signal.SIGKILL)
                    poller.unregister(life)
                elif not self._take_output():
                    poller.unregister(self._program_output)
        taken = 0
        while taken < DRAIN_LIMIT_BYTES and self._take_output():
            taken += _CHUNK_BYTES
        self._output.close()
        return self._code

    def _react(self, signals: bytes) -> None:
        if signal.SIGUSR1 in signals:
            self._stopping = True
            self._signal_tree(signal.SIGKILL)
        elif signal.SIGTERM in signals:
            self._stopping = True
            self._signal_tree(self._request.stop_signal)
            self._signal_tree(signal.SIGCONT)  # a stopped process cannot react to anything else

    def _take_output(self) -> bool:
        """Move what is there; False where nothing is, or no writer is left."""
        try:
            data = os.read(self._program_output, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._output.write(data)
        return bool(data)

    def _reap(self) -> bool:
        """Take ended children; whether the program counts as ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid != self._main:
                continue
            self._code = os.waitstatus_to_exitcode(status)
            _say(self._pipes, f"exited {self._code}" if self._code >= 0 else f"killed {-self._code}")
            if not self._contained and not self._request.ends_with_last:
                self._stopping = True
                self._signal_tree(signal.SIGKILL)
            if self._contained and not self._request.ends_with_last and not self._stopping:
                return True

    def _signal_tree(self, number: int) -> None:
        if self._contained:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, number)  # everything in the namespace but this process
            return
        for pid in _descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def _become(request: Request, output: int, fault: int, *, contained: bool) -> NoReturn:
    """Turn this child into the program; never returns. A fault goes to the pipe as `<step>: <why>`."""
    step = ""

    def at(name: str, act: Callable[[], object]) -> None:
        nonlocal step
        step = name
        act()

    try:
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        environment = dict(request.environment)
        if contained:
            # The sentinel and its children are spared by the out-of-memory killer; programs are not.
            with contextlib.suppress(OSError):
                Path("/proc/self/oom_score_adj").write_text("0")
        if request.user:
            step = f"user {request.user}"
            account = pwd.getpwnam(request.user)
            environment.setdefault("HOME", account.pw_dir)
            environment.setdefault("USER", account.pw_name)
            if os.geteuid() == 0:
                os.initgroups(account.pw_name, account.pw_gid)
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            elif os.geteuid() != account.pw_uid:
                raise PermissionError("changing the user needs root")
        if not contained:
            kernel.die_with_parent(signal.SIGKILL)
        os.umask(0o022)
        at(f"working folder {request.working_folder}", lambda: os.chdir(request.working_folder))
        at(f"program {request.arguments[0]}", lambda: _execute(request.arguments, environment))
    except (OSError, KeyError) as problem:
        os.write(fault, f"{step}: {problem}".encode(errors="replace")[:400])
    finally:
        os._exit(127)


def _execute(arguments: list[str], environment: dict[str, str]) -> NoReturn:
    os.execvpe(arguments[0], arguments, environment)  # noqa: S606 - a shell is what we do not want here


def _descendants(ancestor: int) -> list[int]:
    """Every process below this one, by a scan of /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - a Path per process is slow
        if entry.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(parent_of(int(entry)), []).append(int(entry))
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
