"""A real SCSI target in user space on loopback, and a way to it without any kernel module.

Owns: a `tgtd` of the test's own with one disk, and sessions to it through libiscsi. Each session is a path of its own,
as another machine would be: reservations are kept per initiator name.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quorate.adapters.quorum_storage.scsi.commands import CHECK_CONDITION, Answer

TARGET = "iqn.2026-11.test.quorate:disk"
DISK_BYTES = 16 << 20
LIMIT_S = 20.0
_NORMAL_SESSION = 2
_NONE, _READ, _WRITE = 0, 1, 2


class _Sense(ctypes.Structure):
    _fields_ = [  # type: ignore[mutable-override]
        ("error_type", ctypes.c_ubyte),
        ("key", ctypes.c_int),
        ("ascq", ctypes.c_int),
        ("bits", ctypes.c_ubyte),
        ("bit_pointer", ctypes.c_ubyte),
        ("field_pointer", ctypes.c_uint16),
    ]


class _Data(ctypes.Structure):
    _fields_ = [  # type: ignore[mutable-override]
        ("size", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_ubyte)),
    ]


class _Task(ctypes.Structure):
    """struct scsi_task of libiscsi 1.19, as far as it is read here."""

    _fields_ = [  # type: ignore[mutable-override]
        ("status", ctypes.c_int),
        ("cdb_size", ctypes.c_int),
        ("xfer_dir", ctypes.c_int),
        ("expxferlen", ctypes.c_int),
        ("cdb", ctypes.c_ubyte * 16),
        ("residual_status", ctypes.c_int),
        ("residual", ctypes.c_size_t),
        ("sense", _Sense),
        ("datain", _Data),
    ]


class _OutData(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("data", ctypes.c_char_p)]  # type: ignore[mutable-override]


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libiscsi.so.7")
    library.iscsi_create_context.restype = ctypes.c_void_p
    library.iscsi_create_context.argtypes = [ctypes.c_char_p]
    for name in ("iscsi_set_targetname", "iscsi_set_session_type", "iscsi_full_connect_sync", "iscsi_disconnect"):
        getattr(library, name).restype = ctypes.c_int
    library.iscsi_get_error.restype = ctypes.c_char_p
    library.scsi_create_task.restype = ctypes.POINTER(_Task)
    library.iscsi_scsi_command_sync.restype = ctypes.POINTER(_Task)
    return library


class Session:
    """Implements `Transport`."""

    def __init__(self, portal: str, initiator: str) -> None:
        self._library = _library()
        self._context = ctypes.c_void_p(self._library.iscsi_create_context(initiator.encode()))
        self._library.iscsi_set_targetname(self._context, TARGET.encode())
        self._library.iscsi_set_session_type(self._context, ctypes.c_int(_NORMAL_SESSION))
        if self._library.iscsi_full_connect_sync(self._context, portal.encode(), ctypes.c_int(1)) != 0:
            raise OSError(self._error())

    def _error(self) -> str:
        words = self._library.iscsi_get_error(self._context)
        return words.decode() if words else "libiscsi says nothing"

    def close(self) -> None:
        """Log out."""
        self._library.iscsi_disconnect(self._context)
        self._library.iscsi_destroy_context(self._context)

    def send(self, command: bytes, data: bytes) -> Answer:
        out = _OutData(len(data), data)
        return self._call(command, _WRITE if data else _NONE, len(data), ctypes.byref(out) if data else None)

    def receive(self, command: bytes, count_bytes: int) -> Answer:
        return self._call(command, _READ, count_bytes, None)

    def _call(self, command: bytes, direction: int, count_bytes: int, out: object) -> Answer:
        block = (ctypes.c_ubyte * len(command)).from_buffer_copy(command)
        task = self._library.scsi_create_task(
            ctypes.c_int(len(command)), block, ctypes.c_int(direction), ctypes.c_int(count_bytes)
        )
        done = self._library.iscsi_scsi_command_sync(self._context, ctypes.c_int(1), task, out)
        if not done:
            raise OSError(self._error())
        try:
            answer = done.contents
            received = bytes(answer.datain.data[: answer.datain.size]) if answer.datain.size > 0 else b""
            sensed = answer.status == CHECK_CONDITION
            return Answer(
                answer.status & 0xFF,
                received if not sensed else b"",
                answer.sense.key if sensed else 0,
                answer.sense.ascq if sensed else 0,
            )
        finally:
            self._library.scsi_free_scsi_task(done)


class Target:
    """The disk and how it is reached."""

    def __init__(self, portal: str) -> None:
        self.portal = portal
        self._sessions: list[Session] = []

    def path(self, initiator: str) -> Session:
        """A session as that machine."""
        session = Session(self.portal, f"iqn.2026-11.test.quorate:{initiator}")
        self._sessions.append(session)
        return session

    def close(self) -> None:
        for session in self._sessions:
            session.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_target(folder: Path) -> Iterator[Target]:
    """A target with one disk, gone on exit. Needs root, and the Debian packages tgt and libiscsi7."""
    disk, port = folder / "disk", _free_port()
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    control = str(port % 30000)  # the number of its control socket: nobody else's on this machine
    with (folder / "tgtd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),  # nothing stays behind, however the test ends
                *("/usr/sbin/tgtd", "-f", "-C", control, "--iscsi", f"portal=127.0.0.1:{port}"),
            ],
            stdout=log,
            stderr=log,
        )

    def admin(*words: str) -> int:
        done = subprocess.run(
            ["/usr/sbin/tgtadm", "-C", control, "--lld", "iscsi", *words], capture_output=True, check=False
        )
        return done.returncode

    tick = threading.Event()
    try:
        for _ in range(round(LIMIT_S / 0.02)):
            if admin("--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET) == 0:
                break
            assert daemon.poll() is None, (folder / "tgtd.log").read_text()
            tick.wait(0.02)
        else:
            raise AssertionError("tgtd takes no commands")
        assert admin("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", str(disk)) == 0
        assert admin("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL") == 0
        target = Target(f"127.0.0.1:{port}")
        try:
            yield target
        finally:
            target.close()
    finally:
        daemon.kill()
        daemon.wait()
