"""The service of this node may be starting: who asks it then waits, instead of hearing that nothing runs here.

Owns: that wait. Does not know: what is asked.

A node that starts is seen by the others a moment before its own listeners are open (they are opened when the lease is
safe); a command given to it in that moment, by a script that has just started it, is meant for the cluster.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from quorate.node.places import Places

START_LIMIT_S: Final = 10.0
ASK_AGAIN_S: Final = 0.05


def wait_for_service(places: Places, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Return when the service of this machine answers, when no node runs here, or after `START_LIMIT_S`."""
    looks = 0
    while not _listens(places.service_socket) and looks * ASK_AGAIN_S < START_LIMIT_S and _runs(places):
        looks += 1
        pause(ASK_AGAIN_S)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(str(path))
        except PermissionError:
            return True  # it is there; the answer will say what is missing
        except OSError:
            return False
    return True


def _runs(places: Places) -> bool:
    from quorate.node.process import is_held

    try:
        return is_held(places.sentinel_lock)
    except PermissionError:
        return False  # nobody who may look; such a user's way is a profile
