"""Ending everything that resources hold, whatever the hosts are doing (design §2 and §4 rule 10).

Owns: the list of holdings, on disk before any holding is taken, and the ending of all of them. Does not know: leases.
Standard library only. How it works: processes are killed through pid handles, so that a number used again is never
hit; addresses are deleted; an ending is over when every pid handle has told that its process is gone.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
from pathlib import Path
from typing import Final

from quorate.adapters.netlink import delete_address
from quorate.adapters.process.proc import start_time_ticks
from quorate.node.process import log
from quorate.wire.holdings import (
    AddressHolding,
    BadHoldingMessage,
    Holding,
    ProcessHolding,
    holding_from_json,
    holding_to_json,
)


class Holdings:
    """What resource hosts of this node hold now, and in which life."""

    def __init__(self, path: Path, boot_id: str) -> None:
        """Read what a former sentinel left. What was held before a reboot is gone, its incarnation is remembered."""
        self._path = path
        self._boot_id = boot_id
        self.incarnation = ""
        self.same_boot = False
        self.held: dict[Holding, str] = {}
        self._read()

    def _read(self) -> None:
        try:
            raw = json.loads(self._path.read_text())
            self.incarnation = str(raw["incarnation"])
            self.same_boot = raw["boot_id"] == self._boot_id
            if self.same_boot:
                self.held = {holding_from_json(item["holding"]): str(item["resource"]) for item in raw["held"]}
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, BadHoldingMessage):
            # A torn list of this boot cannot be told from one of a former boot: nothing may be sworn of it.
            self.same_boot = False

    def begin_life(self, incarnation: str) -> None:
        """Everything held from now on belongs to that incarnation."""
        if incarnation != self.incarnation:
            self.incarnation = incarnation
            self._try_write()

    def add(self, holding: Holding, resource: str) -> None:
        """Remember a holding before it is taken. Raises OSError where that cannot be written."""
        self.held[holding] = resource
        self._write()

    def remove(self, holding: Holding) -> None:
        """Forget a holding that is gone."""
        if self.held.pop(holding, None) is not None:
            self._try_write()

    def clear(self) -> None:
        """Everything is gone."""
        self.held.clear()
        self._try_write()

    def _try_write(self) -> None:
        """Write where that can be done: a list that names too much ends nothing wrongly, a dead sentinel does."""
        try:
            self._write()
        except OSError as problem:
            log(f"the list of holdings cannot be written: {problem}")

    def _write(self) -> None:
        items = [{"holding": holding_to_json(h), "resource": r} for h, r in self.held.items()]
        data = {"boot_id": self._boot_id, "incarnation": self.incarnation, "held": items}
        temporary = self._path.with_name(self._path.name + ".new")
        temporary.write_text(json.dumps(data))
        temporary.replace(self._path)  # no fsync: it must outlive processes, not the machine


NO_SUCH_PROCESS: Final = frozenset({errno.ESRCH, errno.ENOENT, errno.EINVAL})
"""What pidfd_open says of a number that is nobody's, or a thread's by now: kernels differ in the second."""


def end_holding(holding: Holding) -> int:
    """End one holding; returns a pid handle that becomes readable when its process is gone, or -1 where it is gone.

    Raises OSError where neither can be said: then nothing may be sworn of it.
    """
    match holding:
        case AddressHolding(interface_index=index, address=address, prefix_length=length):
            delete_address(index, address, length)  # an interface that is gone took the address with it
            return -1
        case ProcessHolding():
            return _end_process(holding)


def _end_process(holding: ProcessHolding) -> int:
    try:
        handle = os.pidfd_open(holding.pid)
    except OSError as problem:
        if problem.errno in NO_SUCH_PROCESS:
            return -1
        raise
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        # A handle that can be read: all of it has ended, only nobody has asked for its status yet.
        if poll.poll(0) or start_time_ticks(holding.pid) != holding.start_time_ticks:
            os.close(handle)
            return -1
        if holding.contained:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        else:  # it alone knows those below it that left its process group; killed, it would leave them behind
            signal.pidfd_send_signal(handle, signal.SIGUSR1)
            signal.pidfd_send_signal(handle, signal.SIGCONT)
    except (ProcessLookupError, FileNotFoundError):
        os.close(handle)
        return -1
    except OSError:
        os.close(handle)
        raise
    return handle
