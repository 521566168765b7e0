"""The few system calls that Python 3.11 does not offer, through the C library.

Owns: prctl, unshare, setns and mount, with errors as OSError.
Does not know: what they are used for.
How it works: one `CDLL` of the process itself; every wrapper raises where the call returned -1.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWPID: Final = 0x2000_0000
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REC: Final = 16384
MS_SLAVE: Final = 1 << 19

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LIBRARY = ctypes.CDLL(None, use_errno=True)


def _raise_on_error(result: int, call: str) -> None:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def die_with_parent(signal_number: int) -> None:
    """Be sent this signal when the parent ends. A change of user clears it, so call this afterwards (prctl(2))."""
    _raise_on_error(_LIBRARY.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


def become_subreaper() -> None:
    """Become the parent of every orphan among one's descendants."""
    _raise_on_error(_LIBRARY.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def unshare(flags: int) -> None:
    """Leave the namespaces of these kinds for new ones; for CLONE_NEWPID only children made later are in it."""
    _raise_on_error(_LIBRARY.unshare(flags), "unshare")


def enter_namespace(descriptor: int, kind: int) -> None:
    """Enter the namespace behind the descriptor; for CLONE_NEWPID only children made later are in it."""
    _raise_on_error(_LIBRARY.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str, flags: int) -> None:
    """Mount a file system, or change how one propagates."""
    result = _LIBRARY.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), None)
    _raise_on_error(result, "mount")
