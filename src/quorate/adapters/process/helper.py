"""The small process beside a host from which contained processes are forked.

Owns: the request on its socket, and the fork into a new process-id namespace.
Does not know: resources or holdings; `init` is what happens in the child, `launcher` the other end of the socket.
How it works: forking a host of 25 MB with threads and a loop is slow and delicate, so a bare interpreter is started
with the host and forks on request, which takes about a millisecond. It dies with the host (parent-death signal), and
every init dies with it, each taking its namespace along: a kill -9 of the host leaves nothing. Its end is also seen
through a pipe, whose write end only the helper holds, because a parent outside the namespace cannot be asked for with
getppid.

`unshare(CLONE_NEWPID)` may be called only once by a process whose children's namespace is already another one, so
after each fork the helper enters its own namespace again (setns), which lifts that.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from quorate.adapters.process import init, kernel

REQUEST_LIMIT_BYTES: Final = 150_000
"""One request is one packet; the default send buffer of a Unix socket is about 200 KB."""

_DESCRIPTORS_PER_REQUEST: Final = 3


def main() -> None:
    """Serve until the host closes the socket or dies. Arguments: descriptor of the socket, pid of the host."""
    control = socket.socket(fileno=int(sys.argv[2]))
    control.set_inheritable(False)
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != int(sys.argv[3]):
        return  # the host died before the signal was set
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Ended inits need no one to wait for them: their status goes through a pipe, their end is seen through a pidfd.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if os.geteuid() == 0 else -1
    life_read, life_write = os.pipe()
    surroundings = init.Surroundings(
        life=life_read,
        foreign=(control.fileno(), life_write, own_namespace),
        private_proc=own_namespace >= 0 and _mounts_are_shared(),
    )
    gc.freeze()  # what exists now stays shared with the children
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, REQUEST_LIMIT_BYTES, _DESCRIPTORS_PER_REQUEST)
        if not data:
            return
        gate, status, output = descriptors
        request = init.Request(**json.loads(data))
        answer: dict[str, object]
        try:
            pid, contained = _fork(request, own_namespace, surroundings, init.Pipes(gate, status, output))
            answer = {"pid": pid, "contained": contained}
        except OSError as problem:
            answer = {"error": str(problem)}
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(BrokenPipeError):
            control.send(json.dumps(answer).encode())


def _fork(
    request: init.Request, own_namespace: int, surroundings: init.Surroundings, pipes: init.Pipes
) -> tuple[int, bool]:
    """Fork the init of one program; its pid as seen from here, and whether it is the first of its own namespace."""
    contained = own_namespace >= 0 and _new_namespace()
    pid = os.fork()
    if pid == 0:
        init.run(request, surroundings, pipes, contained=contained)
    if contained:
        kernel.enter_namespace(own_namespace, kernel.CLONE_NEWPID)
    return pid, contained


def _new_namespace() -> bool:
    """Whether the next child starts a namespace; root in a container may lack the right."""
    try:
        kernel.unshare(kernel.CLONE_NEWPID)
    except PermissionError:
        return False
    return True


def _mounts_are_shared() -> bool:
    """Whether an unmount on the host reaches a copied mount namespace.

    Only then may a program get its own mounts (for a /proc of its own): where mounts are private, its copy would keep a
    file system mounted after the node has unmounted it for another node to take over.
    """
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, _ = line.partition(" - ")
        if fields.split()[4] == "/":
            return "shared:" in fields
    return False
