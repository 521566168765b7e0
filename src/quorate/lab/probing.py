"""A prober on the client's network, for as long as a drill lasts.

Owns: starting it, knowing that it has begun, and ending it so that its record is whole. Does not know: what a record
means (`record`), or what is asked.

    with probing(lab, "10.77.9.100:80", path):
        lab.power_off(1)
    found = outages(read(path))
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from quorate.lab.cluster import Lab
from quorate.lab.plan import CLIENT, LabError

BEGIN_LIMIT_S: Final = 10.0
END_LIMIT_S: Final = 10.0


@contextmanager
def probing(lab: Lab, target: str, path: Path, *, every_ms: float = 10.0, limit_ms: float = 250.0) -> Iterator[None]:
    """Ask the target through this block: the first question is decided when it begins, all of them when it ends."""
    words = [
        *(sys.executable, "-m", "quorate.lab.prober", "--target", target, "--record", str(path)),
        *("--every-ms", str(every_ms), "--limit-ms", str(limit_ms)),
    ]
    # Without namespaces there is no client; the network of any node is the network of all.
    machine = lab.machine(CLIENT) if lab.plan.namespaces else lab.plan.node_machines[0]
    environment = (
        {**lab.ground.environment(machine)} if lab.plan.namespaces else None
    )  # no node's mark: it outlives them
    size_before = path.stat().st_size if path.exists() else 0
    prober = subprocess.Popen(
        lab.ground.network_command(machine, words), env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for_begin(prober, path, size_before)
        yield
    finally:
        prober.terminate()
        code = prober.wait(END_LIMIT_S)
    if code:
        raise LabError(f"the prober ended with status {code}; its record {path} cannot be trusted")


def _wait_for_begin(prober: subprocess.Popen[bytes], path: Path, size_before: int) -> None:
    deadline_s = time.monotonic() + BEGIN_LIMIT_S
    while not (path.exists() and path.stat().st_size > size_before):
        if prober.poll() is not None or time.monotonic() >= deadline_s:
            raise LabError(f"the prober does not write to {path}")
        time.sleep(0.005)  # its record is the only thing it says
