"""What every quorum storage promises, on the twin and on real ones (design §3: control of the storage)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from iscsi_target import Target, running_target

from quorate.adapters.quorum_storage import claim_block
from quorate.adapters.quorum_storage.block_device import BlockDevice
from quorate.adapters.quorum_storage.claim_key import ClaimKey
from quorate.adapters.quorum_storage.directory import Directory
from quorate.adapters.quorum_storage.mounts import Mount, mount_of
from quorate.adapters.quorum_storage.scsi.reservations import Reservations
from quorate.ports.quorum_storage import Claim, ClaimRefused, Control, Progress, QuorumStorage, StorageLost
from quorate.ports.quorum_storage_memory import MemoryStorage

CLUSTER = "c-1"
NOTHING = Progress()
HELD = {"quorum_storage_held", "quorum_storage_claim_moves"}
"""Where a lock tells that its holder lives, and where only its beat does."""


class World(Protocol):
    """One storage that two nodes can reach."""

    def way(self, node: int) -> QuorumStorage:
        """That node's way."""
        ...

    def kill_holder(self, control: Control) -> None:
        """Everything that has the storage's descriptors dies, without a word."""
        ...

    def make_member(self, control: Control, name: str) -> None:
        """A member has been there and left its data."""
        ...

    def take_away(self) -> None:
        """It does not answer any more, on any node: not mounted, not there."""
        ...

    def snapshot(self) -> object:
        """A copy of it all."""
        ...

    def roll_back(self, snapshot: object) -> None:
        """Put that copy back."""
        ...


class TwinWorld:
    def __init__(self, *, falls: bool = True) -> None:
        self.storage = MemoryStorage(falls_with_holder=falls)

    def way(self, node: int) -> QuorumStorage:
        return self.storage.reach(node)

    def kill_holder(self, control: Control) -> None:
        self.storage.drop(control.claim.node)

    def make_member(self, control: Control, name: str) -> None:
        self.storage.members.add(name)

    def take_away(self) -> None:
        self.storage.cut_off |= {1, 2}

    def snapshot(self) -> object:
        return self.storage.copy()

    def roll_back(self, snapshot: object) -> None:
        assert isinstance(snapshot, tuple)
        self.storage.put_back(snapshot)


class DirectoryWorld:
    """A real directory; `falls` False: the kernel is said to tell that it lies on NFS version 4."""

    def __init__(self, folder: Path, *, falls: bool = True) -> None:
        self.folder = folder
        self._kind = mount_of(folder).type if falls else "nfs4"

    def way(self, node: int) -> QuorumStorage:
        return Directory(self.folder, limit_s=20.0, mounted=lambda path: Mount(path, self._kind, "server:/share"))

    def kill_holder(self, control: Control) -> None:
        for descriptor in control.descriptors:
            os.close(descriptor)

    def make_member(self, control: Control, name: str) -> None:
        (Path(control.data_dir) / name).mkdir()

    def take_away(self) -> None:
        """Unmounted: the folder is there, and empty."""
        self.folder.rename(self.folder.with_name(f"{self.folder.name}-away"))
        self.folder.mkdir()

    def snapshot(self) -> object:
        return (self.folder / "claim").read_bytes()

    def roll_back(self, snapshot: object) -> None:
        assert isinstance(snapshot, bytes)
        (self.folder / "claim").write_bytes(snapshot)


class FolderMedium:
    """A file system that is a folder: the device's own, as far as mounting it goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attached = False

    def attach(self) -> str:
        self.attached = True
        return str(self.folder)

    def detach(self) -> None:
        self.attached = False

    def read_progress(self) -> bytes:
        path = self.folder / "progress"
        return path.read_bytes() if path.exists() else b""

    def write_progress(self, block: bytes) -> None:
        (self.folder / "progress").write_bytes(block)


class DeviceWorld:
    """A real SCSI target; each node has a session of its own. Needs root."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._folder.mkdir()
        self._devices: dict[int, BlockDevice] = {}

    def way(self, node: int) -> BlockDevice:
        if node not in self._devices:
            reservations = Reservations(self._target.path(f"node{node}"))
            self._devices[node] = BlockDevice(reservations, FolderMedium(self._folder), limit_s=20.0)
        return self._devices[node]

    def kill_holder(self, control: Control) -> None:
        """Its reservation stays: the device knows nothing of processes."""

    def make_member(self, control: Control, name: str) -> None:
        (Path(control.data_dir) / name).mkdir(parents=True)

    def take_away(self) -> None:
        self._folder.rename(self._folder.with_name("away"))
        self._folder.mkdir()

    def snapshot(self) -> object:
        return (self._folder / "progress").read_bytes()

    def roll_back(self, snapshot: object) -> None:
        assert isinstance(snapshot, bytes)
        (self._folder / "progress").write_bytes(snapshot)


@pytest.fixture
def device_world(tmp_path: Path) -> Iterator[DeviceWorld]:
    with running_target(tmp_path) as target:
        yield DeviceWorld(target, tmp_path / "file-system")


@pytest.fixture(params=["twin", "directory"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A lock falls with its holder."""
    return TwinWorld() if request.param == "twin" else DirectoryWorld(tmp_path)


@pytest.fixture(params=["twin", "directory", pytest.param("device", marks=pytest.mark.root)])
def slow_world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """A lock falls some time after its holder, and perhaps before."""
    if request.param == "device":
        made: World = request.getfixturevalue("device_world")
        return made
    return TwinWorld(falls=False) if request.param == "twin" else DirectoryWorld(tmp_path, falls=False)


@pytest.fixture(params=["twin", "directory", "slow twin", "nfs", pytest.param("device", marks=pytest.mark.root)])
def any_world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Whatever becomes of a lock."""
    match request.param:
        case "twin" | "slow twin":
            return TwinWorld(falls=request.param == "twin")
        case "directory" | "nfs":
            return DirectoryWorld(tmp_path, falls=request.param == "directory")
        case _:
            made: World = request.getfixturevalue("device_world")
            return made


async def claimed(world: World, node: int, newest: Progress = NOTHING, stood_still: Claim | None = None) -> Control:
    return await world.way(node).claim(CLUSTER, node, stood_still=stood_still, newest=newest)


async def refused(world: World, node: int, newest: Progress = NOTHING, stood_still: Claim | None = None) -> str:
    before = (await world.way(node).evidence()).claim
    with pytest.raises(ClaimRefused) as caught:
        await claimed(world, node, newest, stood_still)
    assert (await world.way(node).evidence()).claim == before
    assert caught.value.problem.remedy
    return caught.value.problem.code


async def test_nobody_has_claimed_a_new_storage(any_world: World) -> None:
    assert await any_world.way(1).check() == ()
    seen = await any_world.way(1).evidence()
    assert (seen.claim, seen.yielded, seen.locked) == (None, False, False)


async def test_only_one_controls_it(any_world: World) -> None:
    control = await claimed(any_world, 1)
    assert await refused(any_world, 2) in HELD
    assert await refused(any_world, 1) in HELD, "nor the same node a second time"
    seen = await any_world.way(2).evidence()
    assert seen.claim is not None
    assert (seen.claim.node, seen.claim.start, seen.yielded) == (1, control.claim.start, False)
    await control.give_up()


async def test_a_renewal_raises_the_beat_and_keeps_the_furthest_progress(any_world: World) -> None:
    control = await claimed(any_world, 1)
    await control.renew(Progress(2, 70))
    await control.renew(Progress(2, 60))
    before, beat_before = (await any_world.way(2).evidence()).claim, control.claim.beat
    await control.renew(Progress(2, 65))
    after = (await any_world.way(2).evidence()).claim
    assert before is not None
    assert after is not None
    assert (before.beat, after.beat) == (beat_before, control.claim.beat)
    assert after != before
    assert control.claim.progress == Progress(2, 70)
    await control.give_up()


async def test_who_yields_says_so_and_another_may_claim_at_once(slow_world: World) -> None:
    control = await claimed(slow_world, 1)
    await control.renew(Progress(1, 5))
    await control.give_up()
    seen = await slow_world.way(2).evidence()
    assert seen.yielded or seen.claim is None
    assert not seen.locked
    with pytest.raises(StorageLost):
        await control.renew(Progress(1, 6))
    await control.give_up()
    successor = await claimed(slow_world, 2, newest=Progress(1, 5))
    assert successor.claim.progress == Progress(1, 5)
    assert successor.claim.start != control.claim.start
    await successor.give_up()


async def test_where_the_lock_falls_with_its_holder_that_is_enough(world: World) -> None:
    control = await claimed(world, 1)
    await control.renew(Progress(1, 9))
    world.kill_holder(control)
    seen = await world.way(2).evidence()
    assert (seen.yielded, seen.locked) == (False, False)
    successor = await claimed(world, 2)
    with pytest.raises(StorageLost):
        await control.renew(Progress(1, 10))
    await successor.renew(Progress(2, 11))
    await successor.give_up()


async def test_elsewhere_the_claim_must_have_stood_still_besides(slow_world: World) -> None:
    control = await claimed(slow_world, 1)
    await control.renew(Progress(1, 1))
    watched = (await slow_world.way(2).evidence()).claim
    await control.renew(Progress(1, 2))
    slow_world.kill_holder(control)
    assert await refused(slow_world, 2) == "quorum_storage_claim_moves"
    assert await refused(slow_world, 2, stood_still=watched) == "quorum_storage_claim_moves"
    last = (await slow_world.way(2).evidence()).claim
    successor = await claimed(slow_world, 2, stood_still=last, newest=Progress(1, 2))
    await successor.give_up()


async def test_an_older_copy_is_refused(any_world: World) -> None:
    control = await claimed(any_world, 1)
    await control.renew(Progress(3, 10))
    old = any_world.snapshot()
    await control.renew(Progress(3, 20))
    await control.give_up()
    any_world.roll_back(old)
    assert await refused(any_world, 2, newest=Progress(3, 20)) == "quorum_storage_older"


async def test_a_known_storage_without_a_trace_of_the_cluster_is_refused(any_world: World) -> None:
    """An empty folder where it should be mounted looks free; nothing is made there."""
    with pytest.raises(ClaimRefused) as refused:
        await any_world.way(1).claim(CLUSTER, 1, stood_still=None, newest=NOTHING, known=True)
    assert refused.value.problem.code == "quorum_storage_empty"
    assert (await any_world.way(2).evidence()).claim is None
    await any_world.way(1).claim(CLUSTER, 1, stood_still=None, newest=NOTHING)


async def test_only_a_storage_that_is_there_says_that_it_lacks_a_members_data(any_world: World) -> None:
    """One that went away was taken for one that had lost everything, and the quorum resource lost its vote."""
    control = await claimed(any_world, 1)
    assert not await control.has_member("a1")
    any_world.make_member(control, "a1")
    assert await control.has_member("a1")
    assert not await control.has_member("b2")
    any_world.take_away()
    with pytest.raises(StorageLost):
        await control.has_member("a1")


async def test_the_storage_of_another_cluster_is_refused(any_world: World) -> None:
    other = await any_world.way(1).claim("c-2", 1, stood_still=None, newest=NOTHING)
    await other.give_up()
    assert await refused(any_world, 2) == "quorum_storage_foreign"


def living_with(descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=descriptors
    )


async def test_the_lock_lasts_as_long_as_any_process_that_inherited_it(tmp_path: Path) -> None:
    """The claimant dies and its member lives on: nobody else may write there."""
    world = DirectoryWorld(tmp_path)
    control = await claimed(world, 1)
    member = living_with(control.descriptors)
    try:
        world.kill_holder(control)
        assert (await world.way(2).evidence()).locked
        assert await refused(world, 2) == "quorum_storage_held"
    finally:
        member.kill()
        member.communicate()
    successor = await claimed(world, 2)
    await successor.give_up()


async def test_damage_is_told_and_nothing_is_claimed(tmp_path: Path) -> None:
    world = DirectoryWorld(tmp_path)
    await (await claimed(world, 1)).give_up()
    whole = (tmp_path / "claim").read_bytes()
    (tmp_path / "claim").write_bytes(whole[:40] + b"?" + whole[41:])
    with pytest.raises(StorageLost, match="damaged"):
        await claimed(world, 2)
    with pytest.raises(StorageLost, match="damaged"):
        await world.way(2).evidence()


async def test_a_storage_that_has_gone_away_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    world = DirectoryWorld(folder)
    control = await claimed(world, 1)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(StorageLost):
        await control.renew(Progress(1, 1))
    with pytest.raises(StorageLost):
        await control.renew(Progress(1, 1))
    with pytest.raises(StorageLost):
        await world.way(2).evidence()
    assert [problem.code for problem in await world.way(2).check()] == ["quorum_storage_missing"]
    await control.give_up()


@pytest.mark.parametrize("kind", ["cifs", "nfs", "fuse.sshfs"])
async def test_storage_without_locks_is_refused(tmp_path: Path, kind: str) -> None:
    way = Directory(tmp_path, limit_s=20.0, mounted=lambda path: Mount(path, kind, "server"))
    assert [problem.code for problem in await way.check()] == ["quorum_storage_without_locks"]


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Path]:
    """A storage whose claim hangs whoever reads it, as a dead server does."""
    os.mkfifo(tmp_path / "claim")
    yield tmp_path
    with open(tmp_path / "claim", "wb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)):
        pass  # whoever hangs goes on, and finds nothing


async def test_a_storage_that_hangs_hangs_nobody_and_leaves_no_lock(stuck: Path) -> None:
    way = Directory(stuck, limit_s=0.05)
    with pytest.raises(StorageLost, match="not answered"):
        await way.claim(CLUSTER, 1, stood_still=None, newest=NOTHING)
    with pytest.raises(StorageLost, match="does not answer"):
        await way.evidence()


def test_a_claim_survives_its_bytes_and_a_torn_one_does_not() -> None:
    claim = Claim("c" * 36, 64, "f" * 16, 2**60, Progress(2**40, 2**60))
    block = claim_block.encode(claim, yielded=True)
    assert len(block) == claim_block.BLOCK_BYTES
    assert claim_block.decode(block) == (claim, True)
    assert claim_block.decode(b"\0" * 512) is None
    for cut in (1, 100, 511):
        with pytest.raises(claim_block.BadBlock):
            claim_block.decode(block[:cut] + b"\0" * (512 - cut))
    with pytest.raises(ValueError, match="does not fit"):
        claim_block.encode(Claim("c" * 600, 1, "", 0, Progress()), yielded=False)


def test_the_mount_of_a_path_is_the_longest_and_latest(tmp_path: Path) -> None:
    info = tmp_path / "mountinfo"
    info.write_text(
        "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 21 0:40 / /srv/q\\040x rw shared:3 - nfs4 server:/q rw\n"
        "31 21 0:41 / /srv/q\\040x rw shared:4 - xfs /dev/sdb rw\n"
    )
    assert mount_of(Path("/srv/q x/deep"), info) == Mount(Path("/srv/q x"), "xfs", "/dev/sdb")
    assert mount_of(Path("/srv/qq"), info).type == "ext4"


# ---------------------------------------------------------------- the device alone


@pytest.mark.root
async def test_a_holder_that_slept_is_kept_out_by_the_device_itself(device_world: DeviceWorld) -> None:
    sleeper = await claimed(device_world, 1)
    await sleeper.renew(Progress(1, 1))
    seen = (await device_world.way(2).evidence()).claim
    taker = await claimed(device_world, 2, stood_still=seen)
    with pytest.raises(StorageLost):
        await sleeper.renew(Progress(1, 2))
    await sleeper.give_up()
    still = (await device_world.way(3).evidence()).claim
    assert still is not None
    assert still.node == 2, "who has lost it gives nothing back"
    await taker.give_up()


@pytest.mark.root
async def test_a_node_that_restarts_takes_its_own_reservation_back(device_world: DeviceWorld) -> None:
    await claimed(device_world, 1)
    seen = (await device_world.way(1).evidence()).claim
    assert await refused(device_world, 1) in HELD, "its former member may still run"
    again = await claimed(device_world, 1, stood_still=seen)
    await again.renew(Progress(1, 1))
    await again.give_up()
    assert (await device_world.way(2).evidence()).claim is None


@pytest.mark.root
async def test_the_file_system_is_attached_under_the_reservation_alone(device_world: DeviceWorld) -> None:
    medium = device_world.way(1).medium
    assert isinstance(medium, FolderMedium)
    control = await claimed(device_world, 1)
    assert medium.attached
    await control.give_up()
    assert not medium.attached
    assert await refused(device_world, 1, newest=Progress(9, 9)) == "quorum_storage_older"
    assert not medium.attached
    assert (await device_world.way(2).evidence()).claim is None


def test_a_key_is_its_parts() -> None:
    key = ClaimKey(cluster=0xABCD, node=64, start=0xFFF, beat=(1 << 28) - 1)
    assert ClaimKey.of(key.number) == key
    assert key.number < 1 << 64
    assert key.beaten() == ClaimKey(0xABCD, 64, 0xFFF, 0)
    assert key.is_same_claim(key.beaten())
    assert not key.is_same_claim(ClaimKey(0xABCD, 63, 0xFFF, 0))
