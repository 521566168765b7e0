"""The sentinel's watchdog: armed after admission, fed while nothing may be left running, disarmed on a clean stop.

Owns: these three moments, and the note that outlives the process (design §4 rule 7, decision 0066). Does not know:
leases; it is told at every turn of the loop whether this node is safe, that is, whether its lease holds or everything
is certainly ended. Standard library only.
How it works: a loop that does not turn feeds nothing, nor does one whose lease is over and whose resources do not end:
then the machine is reset one time-out later. It is never armed before the node was admitted: one that is reset again
and again is kept out by the cluster, and so not armed any more. A sentinel that was killed leaves it armed; the next
one lets it go when it has ended everything that was left.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from quorate.adapters.watchdog import Watchdog, WatchdogRefused, open_watchdog
from quorate.node.process import log

FEEDS_PER_TIMEOUT: Final = 10


class WatchdogKeeper:
    """One machine's watchdog; every method is harmless where none is set."""

    def __init__(self, path: str, timeout_s: int, note: Path, boot_id: str, now: Callable[[], float]) -> None:
        self.armed_s = 0.0
        """Its time-out while it is armed; 0.0 while it is not."""
        self._path = Path(path) if path else None
        self._timeout_s = timeout_s
        self._note = note
        self._boot_id = boot_id
        self._now = now
        self._device: Watchdog | None = None
        self._refused = False
        self._fed_at = 0.0

    def take_over(self) -> None:
        """Nothing of a former life is left: let go what a former sentinel left armed, and say what it may have done."""
        try:
            left = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return
        if left.get("boot_id") != self._boot_id:
            log("the watchdog was armed when this machine went down: it has reset it, or the power was lost")
        else:
            try:
                open_watchdog(Path(str(left.get("path", ""))), self._now).disarm()
                log("the watchdog that a former sentinel left armed is let go")
            except (OSError, WatchdogRefused) as problem:
                log(f"the watchdog that a former sentinel left armed cannot be let go: {problem}")
        self._note.unlink(missing_ok=True)

    def arm(self) -> None:
        """This node is admitted: from now on it must be fed. A refusal is told once."""
        if self._path is None or self._device is not None or self._refused:
            return
        try:
            device = open_watchdog(self._path, self._now)
            self._note.write_text(json.dumps({"boot_id": self._boot_id, "path": str(self._path)}))
            self.armed_s = device.arm(self._timeout_s)
        except (OSError, WatchdogRefused) as problem:
            self._refused = True
            self._note.unlink(missing_ok=True)
            log(f"the watchdog is not armed: {problem}")
            return
        self._device, self._fed_at = device, self._now()
        log(f"the watchdog {self._path} is armed; unfed for {self.armed_s:g} s it resets this machine")

    def turn(self, *, safe: bool) -> None:
        """The loop has turned."""
        now = self._now()
        if self._device is None or not safe or now - self._fed_at < self.armed_s / FEEDS_PER_TIMEOUT:
            return
        try:
            self._device.feed()
            self._fed_at = now
        except OSError as problem:
            log(f"the watchdog cannot be fed: {problem}; it will reset this machine")

    def let_go(self, *, safe: bool) -> None:
        """The node is being stopped: disarm it where nothing can be left running."""
        if self._device is None:
            return
        if not safe:
            log("something is left that does not end: the watchdog stays armed and will reset this machine")
            return
        try:
            self._device.disarm()
            self._note.unlink(missing_ok=True)
        except OSError as problem:
            log(f"the watchdog cannot be let go: {problem}; it will reset this machine")
        self._device, self.armed_s = None, 0.0
