"""The first process of a lab machine: makes the machine's namespaces, then does nothing but bury the dead.

Owns: the namespaces (network, mount, process ids, host name, inter-process), and the mounts in them. When this process
is killed, the kernel kills everything else on the machine, like pulling the plug.
Does not know: nodes, networks or clusters; it forwards and starts nothing. Commands enter its namespaces by themselves.

How it works: the outer half writes the inner half into the ledger before it lets it act, then leaves. The inner half,
process 1 of its namespace, gives the machine a /proc and /run of its own and its own /etc/quorate, /var/lib/quorate and
/var/log/quorate: these folders need not exist on the host, so /etc, /var/lib and /var/log get a writable layer that
dies with the machine, and the machine's folder is mounted there. Then it says `ready`.

    python -m quorate.lab.first <machine> <folder of the machine> <ledger>
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

from quorate.adapters.process import kernel
from quorate.lab.ledger import Ledger, Process
from quorate.lab.plan import SHARED_FOLDER, SHARED_POINT

CLONE_NEWUTS: Final = 0x0400_0000
CLONE_NEWIPC: Final = 0x0800_0000
CLONE_NEWNET: Final = 0x4000_0000
ALL: Final = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET
READY: Final = "ready"

PARTS: Final = {"etc": "/etc", "state": "/var/lib", "log": "/var/log"}
"""Folder of the machine, and below which folder of the system it becomes `quorate`."""


def main(machine: str, folder: Path, ledger: Ledger) -> None:
    """Be the outer half."""
    kernel.unshare(ALL)
    gate, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        if os.read(gate, 1) == b"":
            os._exit(1)  # the outer half died before it could write us down
        os.close(gate)
        _be_first(machine, folder)
    ledger.has_process(machine, Process.of(child))
    os.write(go, b"g")


def _be_first(machine: str, folder: Path) -> NoReturn:
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        socket.sethostname(machine)
        _mount_all(folder)
        print(READY, flush=True)
        nothing = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        while True:
            signal.sigwait({signal.SIGCHLD})
            _reap()
    except (OSError, subprocess.CalledProcessError) as problem:
        words = problem.stderr.decode().strip() if isinstance(problem, subprocess.CalledProcessError) else ""
        print(f"{problem} {words}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _mount_all(folder: Path) -> None:
    _mount("--make-rprivate", "/")  # nothing that follows may reach the host
    _mount("-t", "proc", "proc", "/proc")
    _mount("-t", "tmpfs", "-o", "mode=755", "run", "/run")
    for part, below in PARTS.items():
        upper, work = Path(f"/run/lab/{part}/upper"), Path(f"/run/lab/{part}/work")
        for made in (upper, work):
            made.mkdir(parents=True)
        _mount("-t", "overlay", "-o", f"lowerdir={below},upperdir={upper},workdir={work}", "overlay", below)
        place = Path(below) / "quorate"
        place.mkdir(exist_ok=True)
        _mount("--bind", str(folder / part), str(place))
    Path("/run/quorate").mkdir()
    shared = Path(SHARED_POINT)
    shared.mkdir(parents=True)
    _mount("--bind", str(folder.parent / SHARED_FOLDER), str(shared))


def _mount(*words: str) -> None:
    subprocess.run(("mount", *words), check=True, capture_output=True)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Ledger(Path(sys.argv[3])))
