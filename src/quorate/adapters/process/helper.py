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
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Final

from quorate.adapters.process import init, kernel
from quorate.wire.lease_page import LeaseReader, boot_time_s

REQUEST_LIMIT_BYTES: Final = 150_000
"""One request is one packet; the default send buffer of a Unix socket is about 200 KB."""

LOOK_S: Final = 1.0
"""Between looks at a lease that lasts longer: one that was ended early is noticed too."""
IDLE_S: Final = 0.2
"""Between looks at the lease page while there is no lease, and so nothing to end."""

_DESCRIPTORS_PER_REQUEST: Final = 3


def main() -> None:
    """Serve until the host closes the socket or dies, or its programs outstay the lease.

    Arguments: descriptor of the socket, pid of the host, path of the lease page or `-`, and how many milliseconds
    programs may outstay the lease.
    """
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
    lease = LeaseReader(Path(sys.argv[4])) if sys.argv[4] != "-" else None
    end_limit_s = int(sys.argv[5]) / 1000
    gc.freeze()  # what exists now stays shared with the children
    while True:
        if lease is not None and not _wait(control, lease, end_limit_s):
            os._exit(1)  # every program dies with this process
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


def _wait(control: socket.socket, lease: LeaseReader, end_limit_s: float) -> bool:
    """Until there is a request; False where programs are left although the lease is over and the host had its time.

    The host itself ends them well before. This is for a host and a sentinel that are both stopped: this process is a
    third one, and it suffices that any of the three runs (design §2).
    """
    while True:
        over_s = boot_time_s() - lease.read().lease_until_s - end_limit_s
        if over_s >= 0 and _has_children():
            return False
        if select.select([control], [], [], min(-over_s, LOOK_S) if over_s < 0 else IDLE_S)[0]:
            return True


def _has_children() -> bool:
    """Also where it cannot be told."""
    try:
        return bool(Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().strip())
    except OSError:
        return True


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
