"""SCSI commands to a block device of this machine, through the kernel's SG_IO call.

Owns: the kernel's structure and the open device. Does not know: what the commands mean.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from quorate.adapters.quorum_storage.scsi.commands import CHECK_CONDITION, Answer, decode_sense

SG_IO: Final = 0x2285
_TO_DEVICE, _FROM_DEVICE, _NO_DATA = -2, -3, -1
_SENSE_BYTES: Final = 64
_DRIVER_SENSE: Final = 0x08
"""The driver's word that sense data came along; everything else in its status is a failure."""


class _Header(ctypes.Structure):
    """struct sg_io_hdr of the kernel's scsi/sg.h."""

    _fields_ = [  # type: ignore[mutable-override]
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    ]


class SgDevice:
    """Implements `Transport`. Raises OSError where the device cannot be opened or the command did not reach it."""

    def __init__(self, device: Path, *, limit_s: float) -> None:
        self._device = device
        self._limit_ms = round(limit_s * 1000)
        self._descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the device."""
        os.close(self._descriptor)

    def send(self, command: bytes, data: bytes) -> Answer:
        """A command with data for the device."""
        return self._call(command, ctypes.create_string_buffer(data, len(data)), _TO_DEVICE)

    def receive(self, command: bytes, count_bytes: int) -> Answer:
        """A command that answers with at most so many bytes."""
        return self._call(command, ctypes.create_string_buffer(count_bytes), _FROM_DEVICE)

    def _call(self, command: bytes, data: ctypes.Array[ctypes.c_char], direction: int) -> Answer:
        block = ctypes.create_string_buffer(command, len(command))
        sense = ctypes.create_string_buffer(_SENSE_BYTES)
        header = _Header(
            interface_id=ord("S"),
            dxfer_direction=direction if len(data) else _NO_DATA,
            cmd_len=len(command),
            mx_sb_len=_SENSE_BYTES,
            dxfer_len=len(data),
            dxferp=ctypes.addressof(data),
            cmdp=ctypes.addressof(block),
            sbp=ctypes.addressof(sense),
            timeout=self._limit_ms,
        )
        fcntl.ioctl(self._descriptor, SG_IO, header)
        driver = header.driver_status & 0x0F
        if header.host_status or driver not in (0, _DRIVER_SENSE):
            what = f"{self._device}: host status {header.host_status:#x}, driver status {header.driver_status:#x}"
            raise OSError(errno.EIO, what)
        received = data.raw[: max(0, len(data) - header.resid)] if direction == _FROM_DEVICE else b""
        key, code = decode_sense(sense.raw[: header.sb_len_wr]) if header.status == CHECK_CONDITION else (0, 0)
        return Answer(header.status, received, key, code)
