"""Commands on checkpoints; their saved content in deletions, backups and restores (spec/02 §9.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, cluster_spec, faces_world
from quorate.control import checkpoints, fencing, groups, resource_writing, resources
from quorate.control.backup import take_backup
from quorate.control.change import Done
from quorate.control.checkpoints import NewCheckpoint, list_checkpoints
from quorate.control.executor import Command, execute, new_occasion
from quorate.control.groups import NewGroup
from quorate.control.history_reading import read_chronology
from quorate.control.resource_writing import NewResource
from quorate.control.restoring import restore
from quorate.control.reverting import revert_change
from quorate.control.status import cluster_status
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.checkpoint import CheckpointState
from quorate.model.problems import Refused
from quorate.model.records import Put
from quorate.model.restore import RestoreWish


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        await run(made, lambda v, o: groups.create_group(v, NewGroup(name="web"), o))
        new = NewResource(
            name="site", group="web", type="generic_application", properties={"command_line": "/bin/sleep 9"}
        )
        await run(made, lambda v, o: resource_writing.create_resource(v, new, o, made.types))
        yield made


async def run(world: FacesWorld, command: Command[Done]) -> Done:
    return await execute(world, command, new_occasion(world, "ann", ""))


async def add(world: FacesWorld, path: str = "/srv/site/state", *, secret: bool = False) -> Done:
    wish = NewCheckpoint(path=path, secret=secret)
    return await run(world, lambda v, o: checkpoints.add_checkpoint(v, "site", wish, o))


async def remove(world: FacesWorld, path: str = "/srv/site/state") -> Done:
    return await run(world, lambda v, o: checkpoints.remove_checkpoint(v, "site", path, o))


async def save(world: FacesWorld, chunks: int = 2) -> list[str]:
    """What the owner would have saved of every checkpoint. Keys of the content."""
    made = list[str]()
    for resource in world.view.resources.values():
        for point in resource.record.checkpoints:
            state = CheckpointState(
                slot="b", chunks=chunks, begun=chunks, digest="d", size_bytes=chunks, at="then", node=2
            )
            names = [keys.checkpoint_chunk(resource.record.id, point.id, "b", number) for number in range(chunks)]
            await world.store.commit((), [Put(name, b"x") for name in names])
            await world.put((keys.checkpoint(resource.record.id, point.id), state))
            made += names
    return made


async def kept(world: FacesWorld) -> list[str]:
    snapshot = await world.store.read(prefixes=(keys.CHECKPOINT, keys.CHECKPOINT_DATA))
    return [item.key for item in snapshot.items]


def codes(caught: pytest.ExceptionInfo[Refused]) -> set[str]:
    return {problem.code for problem in caught.value.problems}


@pytest.mark.conformance("CK-04")
async def test_adding_twice_and_removing_what_is_not_there_are_refused_in_the_references_words(
    world: FacesWorld,
) -> None:
    await add(world)
    with pytest.raises(Refused, match="ALREADY_EXISTS") as caught:
        await add(world, secret=True)
    assert codes(caught) == {"checkpoint_exists"}
    with pytest.raises(Refused, match="FILE_NOT_FOUND") as caught:
        await remove(world, "/srv/other")
    assert codes(caught) == {"checkpoint_unknown"}
    await remove(world)
    with pytest.raises(Refused):
        await remove(world)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "state",
        "/",
        "/etc",
        "/srv/",
        "/srv/../etc",
        "//srv/x",
        "/proc/1",
        "/var/lib/quorate/pki",
        "/a\nb",
        "/etc/passwd",
        "/etc/ssh/x",
        "/usr/bin/x",
    ],
)
async def test_paths_that_cannot_be_one_are_refused(world: FacesWorld, path: str) -> None:
    with pytest.raises(Refused) as caught:
        await add(world, path)
    assert codes(caught) == {"checkpoint_path"}


async def test_nested_ones_are_refused_and_shared_ones_warned_of(world: FacesWorld) -> None:
    await add(world, "/srv/site")
    with pytest.raises(Refused) as caught:
        await add(world, "/srv/site/state")
    assert codes(caught) == {"checkpoint_overlaps"}
    new = NewResource(name="two", group="web", type="generic_application", properties={"command_line": "/bin/true"})
    await run(world, lambda v, o: resource_writing.create_resource(v, new, o, world.types))
    wish = NewCheckpoint(path="/srv/site/state")
    done = await run(world, lambda v, o: checkpoints.add_checkpoint(v, "two", wish, o))
    assert [problem.code for problem in done.warnings] == ["checkpoint_shared"]


@pytest.mark.conformance("CK-05")
async def test_what_was_saved_is_deleted_with_checkpoint_resource_and_group(world: FacesWorld) -> None:
    await add(world)
    await save(world)
    await remove(world)
    assert await kept(world) == []
    await add(world)
    await save(world)
    await run(world, lambda v, o: resources.delete_resource(v, "site", o, drop_dependencies=False))
    assert await kept(world) == []
    (change,) = (await read_chronology(world)).changes[:1]
    await revert_change(world, change.id, new_occasion(world, "ann", ""), force=False)
    assert [point.path for point in list_checkpoints(world, "site").checkpoints] == ["/srv/site/state"]
    await save(world)
    await run(world, lambda v, o: groups.delete_group(v, "web", o, with_resources=True))
    assert await kept(world) == []


async def test_what_is_kept_and_what_is_not_saved_is_told(world: FacesWorld) -> None:
    await add(world, secret=True)
    assert list_checkpoints(world, "site").checkpoints[0].saved_at == ""
    await save(world)
    (shown,) = list_checkpoints(world, "SITE").checkpoints
    assert (shown.saved_by, shown.size_bytes, shown.secret, shown.problem) == ("node2", 2, True, "")
    ((resource, own), known), *_ = world.view.checkpoints.items()
    await world.put((keys.checkpoint(resource, own), replace(known.record, problem="too large")))
    (problem,) = [p for p in cluster_status(world).problems if p.code == "checkpoint_not_saved"]
    assert "/srv/site/state of resource site is not saved: too large" in problem.what


@pytest.mark.conformance("DB-07")
async def test_a_backup_holds_checkpoints_and_a_restore_puts_their_content_back(world: FacesWorld) -> None:
    await add(world)
    await add(world, "/srv/key", secret=True)
    names = await save(world)
    archive = (await take_backup(world, "ann", "")).archive
    await run(world, lambda v, o: groups.delete_group(v, "web", o, with_resources=True))
    assert await kept(world) == []
    await restore(world, RestoreWish(archive=archive, force=True), "ann", "")
    states = {own: known.record for (_, own), known in world.view.checkpoints.items()}
    assert len(states) == 2
    snapshot = await world.store.read(prefixes=(keys.CHECKPOINT_DATA,))
    assert len(snapshot.items) == len(names)
    for (resource, own), known in world.view.checkpoints.items():
        for number in range(known.record.chunks):
            assert snapshot.get(keys.checkpoint_chunk(resource, own, known.record.slot, number)) is not None
    again = await restore(world, RestoreWish(archive=archive, force=True), "ann", "")
    assert again.items == ()


async def test_another_cluster_gets_no_sealed_content_and_is_told(world: FacesWorld) -> None:
    await add(world)
    await add(world, "/srv/key", secret=True)
    await save(world)
    archive = (await take_backup(world, "ann", "")).archive
    await run(world, lambda v, o: groups.delete_group(v, "web", o, with_resources=True))
    await world.put((keys.SPEC_CLUSTER, replace(cluster_spec(), id="another")))
    answer = await restore(world, RestoreWish(archive=archive, force=True), "ann", "")
    assert [problem.code for problem in answer.problems if "key" in problem.what] == ["checkpoint_sealed"]
    assert len(world.view.checkpoints) == 1


async def test_a_restore_brings_fence_devices_back(world: FacesWorld) -> None:
    wish = fencing.NewFenceDevice(name="pdu", agent="fence_apc", plugs={"node1": "1"}, secrets={"passwd": "hush"})
    await run(world, lambda v, o: fencing.create_device(v, wish, installed=True, occasion=o))
    archive = (await take_backup(world, "ann", "")).archive
    before = world.view.fence_devices["pdu"].record
    await run(world, lambda v, o: fencing.delete_device(v, "pdu", o))
    other = replace(wish, name="other")
    await run(world, lambda v, o: fencing.create_device(v, other, installed=True, occasion=o))
    answer = await restore(world, RestoreWish(archive=archive, force=True), "ann", "")
    told = {(item.action, item.kind, item.name) for item in answer.items}
    assert told == {("added", "fence_device", "pdu"), ("removed", "fence_device", "other")}
    assert world.view.fence_devices["pdu"].record == before, "its secrets too"
