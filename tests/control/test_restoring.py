"""An authoritative restore: what comes back, what never does, and what stands against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control.backup import take_backup
from quorate.control.change import Done
from quorate.control.cluster import ClusterChange, change_cluster
from quorate.control.executor import Command, execute, new_occasion
from quorate.control.group_sets import GroupSetWish, change_set, create_set, delete_set
from quorate.control.groups import NewGroup, create_group, delete_group, group_offline, group_online
from quorate.control.resource_writing import NewResource, ResourceChange, change_resource, create_resource
from quorate.control.restoring import restore
from quorate.model import keys
from quorate.model.backup import BackupEntry
from quorate.model.base import decode, replace
from quorate.model.enrolment import AuditRecord
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused
from quorate.model.restore import RestoreAnswer, RestoreWish
from quorate.model.topology import NetworkSpec
from quorate.wire.backup_archive import entries_digest, entry_lines, read_archive, write_archive

LIFE = (keys.COORDINATOR, keys.MEMBER, keys.JOIN, keys.ASSIGNMENT, keys.FACT, keys.SPEC_NODE, keys.STANDING)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def do(world: FacesWorld, command: Command[Done]) -> None:
    await execute(world, command, new_occasion(world, "ann", ""))


async def make(world: FacesWorld, name: str) -> None:
    await do(world, lambda v, o: create_group(v, NewGroup(name=name, preferred_owners=("node2", "node3")), o))
    wish = NewResource(
        name=f"{name}-app", group=name, type="generic_application", properties={"command_line": "/bin/true"},
        possible_owners=("node2", "node3"),
    )  # fmt: skip
    await do(world, lambda v, o: create_resource(v, wish, o, world.types))


async def alone(world: FacesWorld) -> None:
    """The other nodes are down."""
    for node in (2, 3):
        await world.put((keys.member(node), MemberRecord(node=node, state="down", incarnation=f"{node}.a")))


async def kept(world: FacesWorld) -> bytes:
    return (await take_backup(world, "ann", "")).archive


async def put_back(world: FacesWorld, archive: bytes, **options: object) -> RestoreAnswer:
    wish = RestoreWish(archive=archive, **options)  # type: ignore[arg-type]
    return await restore(world, wish, "ben", "it was better")


async def refused(world: FacesWorld, archive: bytes, **options: object) -> set[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await put_back(world, archive, **options)
    assert world.engine.engine.revision == before, "nothing was changed"
    return {problem.code for problem in caught.value.problems}


async def configuration(world: FacesWorld) -> dict[str, bytes]:
    found = await world.store.read(prefixes=("spec/", "name/"))
    return {item.key: item.value for item in found.items}


async def life(world: FacesWorld) -> dict[str, bytes]:
    return {item.key: item.value for item in (await world.store.read(prefixes=LIFE)).items}


@pytest.mark.conformance("DB-09", "DB-10")
async def test_what_was_changed_added_and_removed_is_as_before(world: FacesWorld) -> None:
    await make(world, "web")
    await make(world, "mail")
    for name in ("tier", "rest"):
        one = GroupSetWish(name=name, groups=("web" if name == "tier" else "mail",))
        await do(world, lambda v, o, one=one: create_set(v, one, o))  # type: ignore[misc]
    before, archive = await configuration(world), await kept(world)
    await do(world, lambda v, o: delete_set(v, "rest", o))
    await do(world, lambda v, o: change_set(v, "tier", GroupSetWish(startup_delay_s=1), o))
    await do(world, lambda v, o: create_set(v, GroupSetWish(name="new"), o))
    await do(world, lambda v, o: delete_group(v, "mail", o, with_resources=True))
    await make(world, "News")
    wish = ResourceChange(properties={"command_line": "/bin/false"})
    await do(world, lambda v, o: change_resource(v, "web-app", wish, o, world.types))
    properties = ClusterChange(properties={"quarantine_threshold": 5})
    await do(world, lambda v, o: change_cluster(v, properties, o))
    assert await refused(world, archive) == {"cluster_node_up"}
    await alone(world)
    seen = await put_back(world, archive, preview=True)
    told = {(item.action, item.kind, item.name) for item in seen.items}
    assert told == {
        ("removed", "group", "News"), ("removed", "resource", "News-app"), ("added", "group", "mail"),
        ("added", "resource", "mail-app"), ("changed", "resource", "web-app"), ("changed", "cluster", "alpha"),
        ("added", "set", "rest"), ("changed", "set", "tier"), ("removed", "set", "new"),
    }  # fmt: skip
    assert await configuration(world) != before
    untouched = await life(world)
    done = await put_back(world, archive)
    assert (done.items, done.parts) == (seen.items, 1)
    assert await configuration(world) == before
    assert await life(world) == untouched, "membership, coordinator, epoch, marks and facts are those of this life"
    assert not (await put_back(world, archive)).items
    audit = [decode(i.value, AuditRecord) for i in (await world.store.read(prefixes=(keys.AUDIT,))).items]
    last = next(record for record in audit if record.verb == "restore")
    assert (last.author, last.reason) == ("ben", "it was better")


async def test_groups_come_back_offline_or_as_they_were(world: FacesWorld) -> None:
    await make(world, "web")
    await do(world, lambda v, o: group_online(v, "web", o, world.types.find))
    archive = await kept(world)
    await alone(world)
    group = world.group_id("web")
    for as_they_were in (False, True):
        await do(world, lambda v, o: group_offline(v, "web", o))
        await do(world, lambda v, o: delete_group(v, "web", o, with_resources=True))
        await put_back(world, archive, as_they_were=as_they_were)
        assert world.view.intent(group).persistent_state is as_they_were


async def test_what_is_online_is_touched_by_force_alone_and_goes_offline_first(world: FacesWorld) -> None:
    await make(world, "web")
    await make(world, "same")
    archive = await kept(world)
    wish = ResourceChange(properties={"command_line": "/bin/false"})
    await do(world, lambda v, o: change_resource(v, "web-app", wish, o, world.types))
    for name in ("web", "same"):
        await do(world, lambda v, o, name=name: group_online(v, name, o, world.types.find))  # type: ignore[misc]
        await world.assign(name, 2)
        await world.obey(name)
    assert await refused(world, archive) == {"cluster_node_up", "group_not_offline"}
    restoring = asyncio.create_task(put_back(world, archive, force=True))
    while world.view.intent(world.group_id("web")).persistent_state:
        await world.events.moved()
    assert not restoring.done()
    assert world.view.resources[resource_id(world, "web-app")].record.properties["command_line"] == "/bin/false"
    await world.obey("web")
    answer = await restoring
    told = {problem.code: problem.remedy for problem in answer.problems}
    assert told.keys() == {"cluster_node_up", "group_goes_offline", "group_left_offline"}
    assert "quorate group online web" in told["group_left_offline"]
    assert answer.left_offline == ("web",)
    assert world.view.resources[resource_id(world, "web-app")].record.properties["command_line"] == "/bin/true"
    assert world.view.intent(world.group_id("same")).persistent_state, "what is as in the backup is not disturbed"


def resource_id(world: FacesWorld, name: str) -> str:
    return next(known.record.id for known in world.view.resources.values() if known.record.name == name)


async def test_in_another_cluster_nodes_are_known_by_name_or_by_what_is_said(world: FacesWorld, tmp_path: Path) -> None:
    await make(world, "web")
    archive = elsewhere(await kept(world))
    async with faces_world(tmp_path / "other", nodes=1) as other:
        assert await refused(other, archive) == {"owners_unknown", "node_left_out"}
        assert "node_unknown" in await refused(other, archive, map_nodes={"node9": "node1", "node2": "node8"})
        done = await put_back(other, archive, map_nodes={"NODE2": "node1"})
        assert other.view.groups[other.group_id("web")].record.preferred_owners == (1,)
        assert [problem.code for problem in done.problems] == ["node_left_out", "node_left_out", "group_left_offline"]
        cluster = other.view.cluster
        assert cluster is not None
        assert (cluster.record.next_node, cluster.record.name) == (2, "alpha")


def elsewhere(archive: bytes) -> bytes:
    """The backup as if it were of another cluster."""
    backup = read_archive(archive, "it")
    lines = entry_lines(backup.entries)
    manifest = replace(backup.manifest, cluster_id="another", sha256=entries_digest(lines))
    return write_archive(manifest, lines)


async def test_a_network_keeps_its_role(world: FacesWorld) -> None:
    network = NetworkSpec(id="n", name="a", prefixes=("127.0.1.0/24",), role="client", description="front")
    await world.put((keys.SPEC_NETWORK + "n", network))
    archive = await kept(world)
    await world.put((keys.SPEC_NETWORK + "n", replace(network, role="both", description="")))
    await alone(world)
    done = await put_back(world, archive)
    assert [problem.code for problem in done.problems] == ["network_role_kept"]
    assert world.view.networks["n"].record == replace(network, role="both")


async def test_what_exceeds_one_transaction_goes_in_guarded_parts(world: FacesWorld) -> None:
    for number in range(260):
        wish = NewGroup(name=f"g{number}")
        await do(world, lambda v, o, wish=wish: create_group(v, wish, o))  # type: ignore[misc]
    before, archive = await configuration(world), await kept(world)
    await alone(world)
    for number in range(260):
        await do(world, lambda v, o, n=f"g{number}": delete_group(v, n, o, with_resources=False))  # type: ignore[misc]
    for number in range(120):
        wish = NewGroup(name=f"G{number}")
        await do(world, lambda v, o, wish=wish: create_group(v, wish, o))  # type: ignore[misc]
    done = await put_back(world, archive)
    assert done.parts > 1
    assert await configuration(world) == before


async def test_what_is_damaged_is_refused(world: FacesWorld) -> None:
    await alone(world)
    assert await refused(world, b"x" * 2000) == {"backup_damaged"}
    backup = read_archive(await kept(world), "it")
    bad = tuple(BackupEntry(key=e.key, value=b"{" if e.key == keys.SPEC_CLUSTER else e.value) for e in backup.entries)
    lines = entry_lines(bad)
    manifest = replace(backup.manifest, size_bytes=len(lines), sha256=entries_digest(lines), functional_level=99)
    archive = write_archive(manifest, lines)
    assert await refused(world, archive) == {"backup_damaged", "backup_incomplete", "backup_newer"}
