"""Checkpoints on the owner: saved while online and at the end, put back before Online; on the store's twin."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import checkpoints, groups, resource_writing
from quorate.control.change import Done
from quorate.control.executor import Command, execute, new_occasion
from quorate.core.group_run import BringOnline
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.workload import ResourceSpec
from quorate.node import checkpoint_keeper
from quorate.node.checkpoint_keeper import CheckpointKeeper
from quorate.node.checkpoint_seal import CannotUse, Seal
from quorate.node.checkpoint_store import read_kept
from quorate.ports.store import StoreUnavailable


class Owner:
    """The checkpoints of one node, without hosts."""

    def __init__(self, world: FacesWorld, node: int, path: Path) -> None:
        self.world = world
        self.path = path
        self.online: list[ResourceSpec] = []
        self.given: list[tuple[BringOnline, str]] = []
        """What was given to the host, with the content of the file in that moment."""
        self.failed: list[str] = []
        self.wanted = True
        self.clock = 0.0
        secret = path.parent / "heartbeat.key"
        secret.write_bytes(b"k" * 32)
        self.keeper = CheckpointKeeper(
            node, world.view, world.store, Seal(secret), lambda: self.online, lambda command: self.wanted,
            self._give, lambda spec, why: self.failed.append(why), self._now, world.wall_time, lambda text: None,
        )  # fmt: skip

    def _now(self) -> float:
        self.clock += 1.0
        return self.clock

    def _give(self, command: BringOnline) -> None:
        self.given.append((command, self.path.read_text() if self.path.exists() else "nothing"))

    @property
    def spec(self) -> ResourceSpec:
        return next(iter(self.world.view.resources.values())).record

    async def bring_online(self, token: int) -> None:
        await self.keeper.bring_online(BringOnline(self.spec, token))
        self.online = [self.spec]

    async def look(self) -> None:
        """Look, much later."""
        self.clock += 1000.0
        await self.keeper.look()
        await caught_up(self.world)

    async def kept(self) -> bytes:
        snapshot = await self.world.store.read(prefixes=("",))
        return b"".join(item.value for item in snapshot.items)


async def caught_up(world: FacesWorld) -> None:
    while world.view.position.revision < world.engine.engine.revision:
        await world.events.moved()


async def run(world: FacesWorld, command: Command[Done]) -> None:
    await execute(world, command, new_occasion(world, "ann", ""))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path / "node") as made:
        await run(made, lambda v, o: groups.create_group(v, groups.NewGroup(name="web"), o))
        new = resource_writing.NewResource(
            name="site", group="web", type="generic_application", properties={"command_line": "/bin/sleep 9"}
        )
        await run(made, lambda v, o: resource_writing.create_resource(v, new, o, made.types))
        await made.assign("web", 1)
        yield made


async def owner(world: FacesWorld, path: Path, node: int = 1, *, secret: bool = False) -> Owner:
    """The owner of the group, with its first checkpoint."""
    made = Owner(world, node, path)
    if not made.spec.checkpoints:
        wish = checkpoints.NewCheckpoint(path=str(path), secret=secret)
        await run(world, lambda v, o: checkpoints.add_checkpoint(v, "site", wish, o))
    return made


@pytest.mark.conformance("CK-01", "CK-02", "CK-03")
async def test_what_was_written_online_is_there_before_the_next_online_and_nothing_else(
    world: FacesWorld, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    first = await owner(world, path)
    path.write_text("first")
    await first.bring_online(1)
    assert first.given[0][1] == "first", "nothing was saved: what is there is left alone"
    await first.look()
    path.write_text("changed online")
    await first.look()
    revision = world.engine.engine.revision
    await first.look()
    assert world.engine.engine.revision == revision, "nothing changed, nothing is written"
    first.online = []
    path.write_text("changed offline")
    await first.look()
    assert world.engine.engine.revision == revision, "offline nothing is saved"
    await world.assign("web", 2, number=2)
    second = await owner(world, path, node=2)
    await second.bring_online(2)
    assert second.given == [(BringOnline(second.spec, 2), "changed online")]
    assert not second.failed


@pytest.mark.conformance("CK-01")
async def test_what_it_wrote_at_the_very_end_is_saved_once_more(world: FacesWorld, tmp_path: Path) -> None:
    path = tmp_path / "state"
    here = await owner(world, path)
    path.write_text("running")
    await here.bring_online(1)
    await here.look()
    path.write_text("said at the end")
    await here.keeper.last_look(here.spec)
    await caught_up(world)
    path.unlink()
    await here.bring_online(1)
    assert here.given[-1][1] == "said at the end"


async def test_a_node_that_lost_the_group_saves_nothing(world: FacesWorld, tmp_path: Path) -> None:
    path = tmp_path / "state"
    late = await owner(world, path)
    path.write_text("good")
    await late.bring_online(1)
    await late.look()
    await world.assign("web", 2, number=2)
    revision = world.engine.engine.revision
    path.write_text("of a node that is no owner any more")
    await late.look()
    await late.keeper.last_look(late.spec)
    assert world.engine.engine.revision == revision


@pytest.mark.conformance("CK-07")
async def test_a_secret_one_is_nowhere_in_clear_text_and_opens_on_every_node(world: FacesWorld, tmp_path: Path) -> None:
    path = tmp_path / "key"
    here = await owner(world, path, secret=True)
    path.write_text("hush hush hush")
    await here.bring_online(1)
    await here.look()
    known = next(iter(world.view.checkpoints.values()))
    kept = await read_kept(world.store, here.spec.id, here.spec.checkpoints[0].id)
    plain = Seal(tmp_path / "none")
    assert known.record.digest != plain.close(kept.content, "", replace(here.spec.checkpoints[0], secret=False))[0]
    assert b"hush" not in await here.kept()
    (tmp_path / "other.key").write_bytes(b"o" * 32)
    with pytest.raises(CannotUse, match="sealed in another cluster"):
        Seal(tmp_path / "other.key").open(kept, here.spec.id, here.spec.checkpoints[0])
    revision = world.engine.engine.revision
    again = await owner(world, path)
    again.online = [again.spec]
    await again.look()
    assert world.engine.engine.revision == revision, "a new service sees that it is saved already"
    path.unlink()
    await again.bring_online(1)
    assert again.given[-1][1] == "hush hush hush"


async def test_many_parts_replace_each_other_whole(world: FacesWorld, tmp_path: Path) -> None:
    path = tmp_path / "large"
    assert world.view.cluster is not None
    await world.put((keys.SPEC_CLUSTER, replace(world.view.cluster.record, checkpoint_limit_kib=8192)))
    here = await owner(world, path)
    await here.bring_online(1)
    for salt in range(3):
        text = "".join(f"{hash((salt, number)):x}" for number in range(200_000))
        path.write_text(text)
        await here.look()
        kept = await read_kept(world.store, here.spec.id, here.spec.checkpoints[0].id)
        assert kept.state.chunks > 1
        chunks = await world.store.read(prefixes=(keys.CHECKPOINT_DATA,))
        assert len(chunks.items) == kept.state.chunks, "the former content is gone"
        path.unlink()
        await here.bring_online(1)
        assert here.given[-1][1] == text
    await run(world, lambda v, o: checkpoints.remove_checkpoint(v, "site", str(path), o))
    assert not (await world.store.read(prefixes=(keys.CHECKPOINT_DATA, keys.CHECKPOINT))).items


async def test_what_is_too_large_is_told_and_what_was_saved_stays(world: FacesWorld, tmp_path: Path) -> None:
    path = tmp_path / "state"
    here = await owner(world, path)
    path.write_text("small")
    await here.bring_online(1)
    await here.look()
    path.write_bytes(b"x" * (2 << 20))
    await here.look()
    (known,) = world.view.checkpoints.values()
    assert "holds more than 1048576 bytes" in known.record.problem
    revision = world.engine.engine.revision
    await here.look()
    assert world.engine.engine.revision == revision, "told once"
    await here.bring_online(1)
    assert here.given[-1][1] == "small"
    await here.look()
    (known,) = world.view.checkpoints.values()
    assert known.record.problem == ""


async def test_a_name_that_is_no_text_ends_nothing(world: FacesWorld, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "ok").write_text("x")
    here = await owner(world, folder)
    os.close(os.open(bytes(folder) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    here.online = [here.spec]
    await here.look()
    (known,) = world.view.checkpoints.values()
    assert known.record.problem


async def test_an_online_that_is_not_wanted_any_more_is_never_given(world: FacesWorld, tmp_path: Path) -> None:
    here = await owner(world, tmp_path / "state")
    here.wanted = False
    await here.bring_online(1)
    assert not here.given
    assert here.failed == [""]
    here.wanted = True
    older = asyncio.create_task(here.keeper.bring_online(BringOnline(here.spec, 1)))
    await asyncio.sleep(0)
    await here.keeper.bring_online(BringOnline(here.spec, 2))
    await older
    assert [command.token for command, _ in here.given] == [2]


async def test_without_the_store_a_restart_here_goes_on_and_a_new_owner_waits(
    world: FacesWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_keeper, "RETRY_S", 0.0)
    path = tmp_path / "state"
    here = await owner(world, path)
    path.write_text("one")
    await here.bring_online(1)
    await here.look()
    path.write_text("two")

    class Gone:
        async def read(self, **_: object) -> object:
            raise StoreUnavailable("no majority")

    here.keeper._store = Gone()  # type: ignore[assignment]
    await here.bring_online(1)
    assert here.given[-1][1] == "two", "it was online here under this assignment: what is here is the newest"
    given = len(here.given)
    await here.bring_online(2)
    assert len(here.given) == given
    assert "no majority" in here.failed[-1]
