"""The file system on a block device, mounted only while this node controls the device.

Owns: mounting and unmounting, and the progress record in its root. Does not know: reservations. Needs root.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from quorate.adapters.quorum_storage.mounts import mount_of

PROGRESS_FILE: Final = "quorate-progress"
TOOL_LIMIT_S: Final = 60.0
"""mount(8) may have to replay a journal."""


class DeviceFileSystem:
    """Implements `Medium` with mount(8) and umount(8)."""

    def __init__(self, device: Path, mount_point: Path) -> None:
        self._device = device
        self._point = mount_point

    def attach(self) -> str:
        """Mount it; harmless where that is done. Raises OSError."""
        self._point.mkdir(parents=True, exist_ok=True)
        if not self._is_mounted():
            _run("mount", "-o", "noatime,nodev,noexec,nosuid", str(self._device), str(self._point))
        (self._point / "member").mkdir(mode=0o700, exist_ok=True)
        return str(self._point)

    def detach(self) -> None:
        """Unmount it; harmless where it is not mounted. Raises OSError."""
        if self._is_mounted():
            _run("umount", str(self._point))

    def read_progress(self) -> bytes:
        """The progress record, empty where there is none. Raises OSError."""
        path = self._point / PROGRESS_FILE
        return path.read_bytes() if path.exists() else b""

    def write_progress(self, block: bytes) -> None:
        """Replace it, through to the device. Raises OSError."""
        descriptor = os.open(self._point / PROGRESS_FILE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, block, 0)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def _is_mounted(self) -> bool:
        return mount_of(self._point).point == self._point.resolve()


def _run(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TOOL_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as problem:
        raise OSError(f"{words[0]} did not end within {TOOL_LIMIT_S:.0f} s") from problem
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip() or f'exit status {done.returncode}'}")
