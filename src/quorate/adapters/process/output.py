"""Where the output of a contained program goes: a file of bounded size, or a pipe towards the cluster log.

Owns: the bound. Does not know: who writes or reads.
How it works: a file that reaches half its limit is renamed to `<name>.1`, replacing an older one, and a new one
begun. The pipe is never waited for: what the host does not read in time is dropped and counted, so that a busy host
cannot stop a program.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class Output:
    """One sink. Errors of the file are shown in the pipe once, then output is dropped."""

    def __init__(self, log_path: str, limit_bytes: int, pipe: int) -> None:
        self._path = log_path
        self._half_bytes = max(limit_bytes // 2, 1)
        self._pipe = pipe
        self._file = -1
        self._size_bytes = 0
        self._dropped_bytes = 0
        os.set_blocking(pipe, False)
        if log_path:
            self._open()

    def write(self, data: bytes) -> None:
        """Store or pass on; never blocks on the host."""
        if not self._path:
            self._pass_on(data)
            return
        while data and self._file >= 0:
            room_bytes = self._half_bytes - self._size_bytes
            if room_bytes <= 0:
                self._begin_anew()
                continue
            piece, data = data[:room_bytes], data[room_bytes:]
            self._size_bytes += len(piece)
            with contextlib.suppress(OSError):  # a full disk must not stop the program
                os.write(self._file, piece)

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin_anew(self) -> None:
        os.close(self._file)
        Path(self._path + ".1").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            Path(self._path).rename(self._path + ".1")
        self._open()
        if self._size_bytes >= self._half_bytes:  # it could not be renamed: keep the bound, lose the old text
            os.ftruncate(self._file, 0)
            self._size_bytes = 0

    def _open(self) -> None:
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            self._size_bytes = os.fstat(self._file).st_size
        except OSError as problem:
            self._file = -1
            self._pass_on(f"output is dropped: {problem}\n".encode())

    def _pass_on(self, data: bytes) -> None:
        if self._dropped_bytes:
            data = f"\n[{self._dropped_bytes} bytes of output dropped]\n".encode() + data
        try:
            written = os.write(self._pipe, data)
        except OSError:
            written = 0
        self._dropped_bytes = self._dropped_bytes + len(data) - written if written < len(data) else 0
