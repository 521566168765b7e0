"""History is pruned, backups are made in time, the local copy is kept: on the store's twin and real files."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from faces_world import FacesWorld, cluster_spec, faces_world
from quorate.adapters.scheduled_backups import STALE_S, remove_surplus
from quorate.control.backup import pack, take_backup
from quorate.control.cluster import ClusterChange, change_cluster
from quorate.control.executor import execute, new_occasion
from quorate.control.history import list_history
from quorate.control.history_reading import show_difference
from quorate.control.status import cluster_status
from quorate.core.pruning import DAY_S
from quorate.model import keys
from quorate.model.backup import BackupArchive
from quorate.model.base import replace
from quorate.model.enrolment import TokenRecord
from quorate.model.membership import CoordinatorRecord
from quorate.model.problems import Refused
from quorate.model.records import Committed, Guard, Snapshot, Write
from quorate.node.backup_keeper import BackupKeeper
from quorate.node.copy_keeper import CopyKeeper
from quorate.node.disk_work import DiskSilent, DiskWork
from quorate.node.history_pruner import HistoryPruner
from quorate.wire.backup_archive import entry_lines, read_archive, write_archive


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path / "node") as made:
        yield made


async def set_cluster(world: FacesWorld, **properties: int | str) -> None:
    wish = ClusterChange(properties={**properties})
    await execute(world, lambda v, o: change_cluster(v, wish, o), new_occasion(world, "ann", ""))


async def caught_up(world: FacesWorld) -> None:
    revision = world.engine.engine.revision
    while world.view.position.revision < revision:
        await world.events.moved()


# ---------------------------------------------------------------- pruning


async def test_old_changes_go_with_what_they_replaced_and_the_floor_says_so(world: FacesWorld) -> None:
    pruner = HistoryPruner(world.view, world.store, lambda: True, world.wall_time_s, lambda text: None)
    for number in range(1, 6):
        await set_cluster(world, quarantine_threshold=number + 10)
        world.now_s += DAY_S
    await set_cluster(world, history_keep_days=3)
    token = TokenRecord(created_at="", expires_s=int(world.now_s - 31 * DAY_S))
    await world.put((keys.TOKEN + "h", token), (keys.TOKEN + "i", replace(token, expires_s=int(world.now_s))))
    await pruner.look()
    left = await list_history(world, "", "")
    assert [change.record.detail for change in left.changes] == [
        "history_keep_days=3",
        "quarantine_threshold=15",
        "quarantine_threshold=14",
    ]
    values = await world.store.read(prefixes=(keys.PAST, keys.TOKEN))
    assert len(values.items) == 4
    with pytest.raises(Refused) as caught:
        await show_difference(world, "3", "", "")
    assert caught.value.problems[0].code == "history_forgotten"
    assert (await show_difference(world, str(left.changes[-1].revision), "", "")).objects
    before = world.engine.engine.revision
    await pruner.look()
    assert world.engine.engine.revision == before, "nothing is left to forget"


async def test_only_the_node_that_leads_in_this_epoch_forgets(world: FacesWorld) -> None:
    await set_cluster(world, quarantine_threshold=9)
    world.now_s += 400 * DAY_S
    follower = HistoryPruner(world.view, world.store, lambda: False, world.wall_time_s, lambda text: None)
    await follower.look()

    class Late:
        """The store, reached after somebody else took over."""

        async def read(
            self, *, keys: Sequence[str] = (), prefixes: Sequence[str] = (), timeout_s: float = 1
        ) -> Snapshot:
            found = await world.store.read(keys=keys, prefixes=prefixes, timeout_s=timeout_s)
            await world.put(("coordinator", CoordinatorRecord(node=2, epoch=2)))
            return found

        async def commit(self, guards: Sequence[Guard], writes: Sequence[Write], *, timeout_s: float = 1) -> Committed:
            return await world.store.commit(guards, writes, timeout_s=timeout_s)

    late = HistoryPruner(world.view, Late(), lambda: True, world.wall_time_s, lambda text: None)  # type: ignore[arg-type]
    await late.look()
    assert (await list_history(world, "", "")).total == 1


# ---------------------------------------------------------------- scheduled backups


def backups(world: FacesWorld, *, leads: bool = True) -> BackupKeeper:
    async def take() -> BackupArchive:
        return await take_backup(world, "cluster", "scheduled")

    return BackupKeeper(
        1, world.view, world.store, lambda: leads, take, world.wall_time_s, world.wall_time, lambda text: None
    )


async def test_backups_are_made_in_time_and_their_number_is_kept(world: FacesWorld, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    foreign = folder / "quorate-alpha-by-hand.tar"
    foreign.write_text("kept")
    with pytest.raises(Refused) as caught:
        await set_cluster(world, backup_interval_min=60)
    assert caught.value.problems[0].code == "backup_without_folder"
    await set_cluster(world, backup_interval_min=60, backup_folder=str(folder), backup_keep=2)
    await backups(world, leads=False).look()
    keeper = backups(world)
    for _ in range(4):
        await keeper.look()
        await keeper.look()
        await caught_up(world)
        world.now_s += 3600
    made = sorted(path for path in folder.iterdir() if path != foreign)
    assert len(made) == 2
    assert foreign.read_text() == "kept"
    assert world.view.backup is not None
    standing = world.view.backup.record
    assert (standing.node, standing.failures) == ("node1", 0)
    newest = read_archive(made[-1].read_bytes(), "it")
    assert str(made[-1]) == standing.path
    assert (newest.manifest.revision, newest.manifest.reason) == (standing.revision, "scheduled")
    status = cluster_status(world)
    assert status.backup == standing
    assert not [problem for problem in status.problems if problem.where == "backup"]


async def test_a_schedule_that_fails_is_told_and_tried_again(world: FacesWorld, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    await set_cluster(world, backup_interval_min=60, backup_folder=str(folder))
    keeper = backups(world)
    for _ in range(2):
        await keeper.look()
        await caught_up(world)
        await keeper.look()
        world.now_s += 300
    (told,) = [problem for problem in cluster_status(world).problems if problem.where == "backup"]
    assert (told.code, told.severity.value) == ("backup_failing", "error")
    assert "the last 2 scheduled backups failed" in told.what
    assert "is not a folder" in told.what
    folder.mkdir()
    await keeper.look()
    await caught_up(world)
    assert not [problem for problem in cluster_status(world).problems if problem.where == "backup"]
    assert len(list(folder.iterdir())) == 1


def test_only_what_the_schedule_made_is_removed(tmp_path: Path) -> None:
    own = [
        tmp_path / f"quorate-scheduled-c1-20270115T08000{n}Z-r1.{revision}.tar" for n, revision in enumerate((9, 10))
    ]
    others = [
        tmp_path / "quorate-scheduled-c2-20270115T080000Z-r1.1.tar",
        tmp_path / "quorate-scheduled-c1-20270115T080000Z-r1.1.tar.bak",
        tmp_path / "quorate-alpha-20270115T080000Z-r1.1.tar",
    ]
    stale = tmp_path / f".{own[0].name}.0a1b.partial"
    fresh = tmp_path / f".{own[0].name}.0a1c.partial"
    for path in (*own, *others, stale, fresh):
        path.write_text("x")
    os.utime(stale, (1000, 1000))
    link = tmp_path / "quorate-scheduled-c1-20270115T080000Z-r1.2.tar"
    link.symlink_to(others[0])
    removed = remove_surplus(tmp_path, "c1", 1, fresh.stat().st_mtime + STALE_S - 1)
    assert set(removed) == {own[0], stale}, "by revision, not by name"
    assert set(tmp_path.iterdir()) == {own[1], *others, fresh, link}


# ---------------------------------------------------------------- the local copy


def copies(world: FacesWorld, path: Path) -> CopyKeeper:
    async def packed(snapshot: Snapshot) -> BackupArchive:
        return pack(snapshot, cluster_spec(), "node1", world.wall_time(), "", "copy")

    return CopyKeeper(path, world.view, world.store, packed, lambda text: None)


async def test_the_copy_is_renewed_where_something_changed_and_holds_no_tokens(
    world: FacesWorld, tmp_path: Path
) -> None:
    path = tmp_path / "copy.tar"
    keeper = copies(world, path)
    await world.put((keys.TOKEN + "h", TokenRecord(created_at="", expires_s=1)))
    await keeper.look()
    first = path.stat().st_ino
    await keeper.look()
    assert path.stat().st_ino == first, "nothing has changed"
    await set_cluster(world, quarantine_threshold=9)
    await keeper.look()
    kept = read_archive(path.read_bytes(), "it")
    assert kept.manifest.revision == world.view.position.revision
    assert not [entry.key for entry in kept.entries if entry.key.startswith((keys.TOKEN, keys.AUDIT, keys.PAST))]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_copy_that_is_newer_than_the_database_is_kept_and_told_of(world: FacesWorld, tmp_path: Path) -> None:
    path = tmp_path / "copy.tar"
    await copies(world, path).look()
    former = read_archive(path.read_bytes(), "it")
    later = replace(former.manifest, revision=former.manifest.revision + 40)
    lines = entry_lines(former.entries)
    path.write_bytes(write_archive(later, lines))
    keeper = copies(world, path)
    await keeper.look()
    kept = tmp_path / f"copy-r{later.generation}.{later.revision}.tar"
    assert keeper.gone_back is not None
    assert (keeper.gone_back.code, str(kept) in keeper.gone_back.remedy) == ("database_went_back", True)
    assert read_archive(kept.read_bytes(), "it").manifest == later
    assert read_archive(path.read_bytes(), "it").manifest.revision == former.manifest.revision
    again = copies(world, path)
    await again.look()
    assert again.gone_back is not None, "it is told until somebody has settled it"
    kept.unlink()
    await again.look()
    assert again.gone_back is None


@pytest.mark.parametrize("other", [{"generation": 0}, {"cluster_id": "another"}])
async def test_a_copy_of_another_history_says_nothing(
    world: FacesWorld, tmp_path: Path, other: dict[str, object]
) -> None:
    path = tmp_path / "copy.tar"
    await copies(world, path).look()
    former = read_archive(path.read_bytes(), "it")
    foreign = replace(former.manifest, revision=former.manifest.revision + 40, **other)
    path.write_bytes(write_archive(foreign, entry_lines(former.entries)))
    keeper = copies(world, path)
    await keeper.look()
    assert keeper.gone_back is None
    assert not list(tmp_path.glob("copy-*"))  # noqa: ASYNC240 - a folder of the test


async def test_a_disk_that_takes_nothing_is_named_and_the_former_copy_stays(world: FacesWorld, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    keeper = copies(world, folder / "copy.tar")
    await keeper.look()
    assert keeper.problem is not None
    assert (keeper.problem.code, keeper.problem.where) == ("copy_not_written", str(folder / "copy.tar"))
    folder.mkdir()
    await keeper.look()
    assert keeper.problem is None


async def test_a_disk_that_hangs_hangs_nobody_and_threads_do_not_pile_up() -> None:
    ends = threading.Event()
    disk = DiskWork("the disk", 0.05)
    for _ in range(3):
        with pytest.raises(DiskSilent):
            await disk.run(ends.wait)
    assert [thread.name for thread in threading.enumerate()].count("the disk") == 1
    ends.set()
    async with asyncio.timeout(5):
        while True:
            try:
                assert await disk.run(lambda: 7) == 7
                break
            except DiskSilent:
                await asyncio.sleep(0)
    with pytest.raises(OSError, match="full"):
        await disk.run(_full)


def _full() -> None:
    raise OSError("full")
