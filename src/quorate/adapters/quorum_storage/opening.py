"""From what is configured to the storage itself.

Owns: which adapter a kind of storage means. Does not know: who uses it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from quorate.adapters.quorum_storage.block_device import BlockDevice
from quorate.adapters.quorum_storage.device_file_system import DeviceFileSystem
from quorate.adapters.quorum_storage.directory import Directory
from quorate.adapters.quorum_storage.scsi.reservations import Reservations
from quorate.adapters.quorum_storage.scsi.sg_device import SgDevice
from quorate.ports.quorum_storage import QuorumStorage


def open_storage(
    kind: Literal["directory", "block_device"], path: Path, *, mount_point: Path, limit_s: float
) -> QuorumStorage:
    """The storage of that kind. `limit_s`: no answer within that time counts as loss. Raises OSError.

    `mount_point` is where the file system of a block device is mounted while this node controls it.
    """
    match kind:
        case "directory":
            return Directory(path, limit_s=limit_s)
        case "block_device":
            medium = DeviceFileSystem(path, mount_point)
            return BlockDevice(Reservations(SgDevice(path, limit_s=limit_s)), medium, limit_s=limit_s)
