"""The file system of a quorum device, on a loop device: mounted while the device is controlled, and at no other time.

Reservations are a SCSI target's in user space; the file system is the kernel's.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from iscsi_target import running_target

from quorate.adapters.quorum_storage.block_device import BlockDevice
from quorate.adapters.quorum_storage.device_file_system import DeviceFileSystem
from quorate.adapters.quorum_storage.mounts import mount_of
from quorate.adapters.quorum_storage.scsi.reservations import Reservations
from quorate.ports.quorum_storage import ClaimRefused, Progress, StorageLost

pytestmark = pytest.mark.root

IMAGE_BYTES = 16 << 20


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Path]:
    """A loop device with a new file system."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
    done = subprocess.run(["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True)
    found = Path(done.stdout.strip())
    try:
        yield found
    finally:
        subprocess.run(["losetup", "--detach", str(found)], check=True)


@pytest.fixture
def point(tmp_path: Path) -> Iterator[Path]:
    """Where it is mounted; nothing is left there, whatever a test did."""
    found = tmp_path / "mounted"
    yield found
    if found.is_mount():
        subprocess.run(["umount", str(found)], check=True)


def test_it_is_mounted_once_and_keeps_what_was_written(device: Path, point: Path) -> None:
    medium = DeviceFileSystem(device, point)
    assert medium.attach() == str(point)
    medium.attach()
    assert mount_of(point).type == "ext4"
    assert medium.read_progress() == b""
    medium.write_progress(b"so far")
    (point / "member" / "a1").mkdir()
    medium.detach()
    medium.detach()
    assert not point.is_mount()
    medium.attach()
    assert medium.read_progress() == b"so far"
    assert (point / "member" / "a1").is_dir()
    medium.detach()


def test_a_device_without_a_file_system_is_told(tmp_path: Path, point: Path) -> None:
    with (tmp_path / "empty").open("wb") as file:
        file.truncate(IMAGE_BYTES)
    with pytest.raises(OSError, match="mount"):
        DeviceFileSystem(tmp_path / "empty", point).attach()
    assert not point.is_mount()


def mounted(point: Path) -> bool:
    return point.is_mount()


def unmount(point: Path) -> None:
    subprocess.run(["umount", str(point)], check=True)


async def test_control_mounts_it_and_every_end_of_control_unmounts_it(
    device: Path, point: Path, tmp_path: Path
) -> None:
    with running_target(tmp_path) as target:

        def way(node: int) -> BlockDevice:
            return BlockDevice(Reservations(target.path(f"node{node}")), DeviceFileSystem(device, point), limit_s=20.0)

        one, two = way(1), way(2)
        control = await one.claim("c-1", 1, stood_still=None, newest=Progress())
        assert mounted(point)
        (Path(control.data_dir) / "a1").mkdir()
        assert await control.has_member("a1")
        await control.renew(Progress(2, 9))
        await control.give_up()
        assert not mounted(point)
        with pytest.raises(ClaimRefused, match="older"):
            await two.claim("c-1", 2, stood_still=None, newest=Progress(3, 1))
        assert not mounted(point), "a refused claim leaves nothing mounted"
        taken = await two.claim("c-1", 2, stood_still=None, newest=Progress(2, 9))
        assert await taken.has_member("a1")
        unmount(point)
        with pytest.raises(StorageLost):
            await taken.has_member("a1")
        await taken.give_up()
