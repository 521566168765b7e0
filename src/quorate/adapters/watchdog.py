"""The watchdog of a machine: a device of the kernel, or a file that stands in for one in tests.

Owns: arming, feeding and disarming, and what tells a later start that one was armed. Does not know: when any of it is
right; `node.watchdog_keeper` decides. Standard library only: the sentinel loads it.
How it works: opening a Linux watchdog arms it; each write feeds it; the letter V before closing disarms it, with
drivers that know this (WDIOF_MAGICCLOSE) and do not refuse it (nowayout). Only such drivers are taken: with any other a
clean stop would reset the machine. See Documentation/watchdog/watchdog-api.rst of the kernel.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

GET_SUPPORT: Final = 0x80285700
GET_TIMEOUT: Final = 0x80045707
SET_TIMEOUT: Final = 0xC0045706
SUPPORT_BYTES: Final = 40
"""struct watchdog_info: options, firmware version, 32 bytes of identity."""
MAGIC_CLOSE: Final = 0x0100
SET_TIMEOUT_KNOWN: Final = 0x0080


class WatchdogRefused(Exception):
    """It must not be armed; the text says why."""


class Watchdog(Protocol):
    """One watchdog, not armed yet."""

    def arm(self, timeout_s: int) -> float:
        """Arm it; the time-out that it really has. Raises WatchdogRefused, OSError."""
        ...

    def feed(self) -> None:
        """Put the reset off by one time-out. Raises OSError."""
        ...

    def disarm(self) -> None:
        """Let it go. Raises OSError."""
        ...


class DeviceWatchdog:
    """A character device, such as /dev/watchdog0."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._device = -1

    def arm(self, timeout_s: int) -> float:
        """Open it, set the time-out and read it back. Raises WatchdogRefused, OSError."""
        nowayout = Path("/sys/class/watchdog") / self._path.name / "nowayout"
        if nowayout.exists() and nowayout.read_text().strip() == "1":
            raise WatchdogRefused(f"{self._path} cannot be disarmed (nowayout): a clean stop would reset this machine")
        self._device = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            return self._set_up(timeout_s)
        except BaseException:
            self.disarm()
            raise

    def _set_up(self, timeout_s: int) -> float:
        support = array.array("B", bytes(SUPPORT_BYTES))
        fcntl.ioctl(self._device, GET_SUPPORT, support)
        options = int.from_bytes(support[:4].tobytes(), "little")
        if not options & MAGIC_CLOSE:
            raise WatchdogRefused(f"{self._path} knows no clean end (no magic close): a stop would reset this machine")
        number = array.array("i", [timeout_s])
        if options & SET_TIMEOUT_KNOWN:
            fcntl.ioctl(self._device, SET_TIMEOUT, number)
        fcntl.ioctl(self._device, GET_TIMEOUT, number)
        return float(number[0])

    def feed(self) -> None:
        """One write. Raises OSError."""
        os.write(self._device, b"\0")

    def disarm(self) -> None:
        """The letter V, then close: also one that a former process left running. Raises OSError."""
        device = self._device if self._device >= 0 else os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        self._device = -1
        try:
            os.write(device, b"V")
        finally:
            os.close(device)


class FileWatchdog:
    """A regular file in which a test reads what a device would have been told; nothing is ever reset by it."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._told: dict[str, object] = {"armed": False, "timeout_s": 0, "fed_at": 0.0, "feeds": 0, "times_armed": 0}
        if path.read_text():
            self._told = json.loads(path.read_text())

    def arm(self, timeout_s: int) -> float:
        """As a device would."""
        times = int(str(self._told["times_armed"])) + 1
        self._tell(armed=True, timeout_s=timeout_s, fed_at=self._now(), feeds=0, times_armed=times)
        return float(timeout_s)

    def feed(self) -> None:
        """As a device would."""
        self._tell(fed_at=self._now(), feeds=int(str(self._told["feeds"])) + 1)

    def disarm(self) -> None:
        """As a device would."""
        self._tell(armed=False)

    def _tell(self, **news: object) -> None:
        self._told.update(news)
        temporary = self._path.with_name(self._path.name + ".new")
        temporary.write_text(json.dumps(self._told))
        temporary.replace(self._path)


def open_watchdog(path: Path, now: Callable[[], float]) -> Watchdog:
    """The watchdog behind that path. Raises WatchdogRefused where it is neither device nor file."""
    try:
        mode = path.stat().st_mode
    except OSError as problem:
        raise WatchdogRefused(f"{path}: {problem.strerror or problem}") from problem
    if stat.S_ISCHR(mode):
        return DeviceWatchdog(path)
    if stat.S_ISREG(mode):
        return FileWatchdog(path, now)
    raise WatchdogRefused(f"{path} is neither a device nor a file")
