"""The functional level, and the version of a machine that joins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import enrolment, tokens
from quorate.control.change import Done
from quorate.control.executor import Previewed, execute, execute_reading, new_occasion
from quorate.control.queries import show_node
from quorate.control.status import cluster_status
from quorate.control.upgrading import upgrade_level
from quorate.model import keys
from quorate.model.enrolment import EnrolmentRequest
from quorate.model.membership import JoinRequest, MemberRecord
from quorate.model.problems import Refused
from quorate.model.versions import Software
from quorate.wire.join_token import decode_token


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def upgrade(world: FacesWorld, *, preview: bool = False) -> Done:
    return await execute(world, upgrade_level, new_occasion(world, "ann", "", preview=preview))


async def refused(world: FacesWorld) -> list[str]:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await upgrade(world)
    assert world.engine.engine.revision == before
    return [problem.where for problem in caught.value.problems]


async def install(world: FacesWorld, node: int, release: int) -> None:
    software = Software(version=f"0.{release}.0", release=release, lowest_release=1)
    await world.put((keys.fact_software(node), software))


async def test_the_level_rises_when_every_node_is_up_and_runs_the_newer_release(world: FacesWorld) -> None:
    assert not (await upgrade(world)).changed, "there is nothing newer"
    await install(world, 1, 2)
    assert await refused(world) == ["node.node2", "node.node3"]
    await install(world, 2, 2)
    await install(world, 3, 2)
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a")))
    assert await refused(world) == ["node.node3"]
    await world.put((keys.member(3), MemberRecord(node=3, state="up", incarnation="3.b")))
    with pytest.raises(Previewed) as seen:
        await upgrade(world, preview=True)
    assert isinstance(seen.value.answer, Done)
    assert [problem.code for problem in seen.value.answer.warnings] == ["level_would_rise"]
    assert cluster_status(world).functional_level == 1
    assert (await upgrade(world)).changed
    status = cluster_status(world)
    assert (status.functional_level, status.highest_release, status.lowest_release) == (2, 2, 1)
    assert show_node(world, "node3").release == 2
    assert not (await upgrade(world)).changed


async def test_a_node_that_is_kept_out_for_its_software_is_told_with_the_reason(world: FacesWorld) -> None:
    await world.put(
        (keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a")),
        (keys.join(3), JoinRequest(node=3, incarnation="3.b", software=Software(release=3, lowest_release=2))),
    )
    told = {problem.code: problem.what for problem in cluster_status(world).problems}
    assert "node3 is kept out: release 3" in told["software_incompatible"]


@pytest.mark.conformance("CF-03")
async def test_a_node_that_asks_to_be_let_in_is_joining_until_it_is_up(world: FacesWorld) -> None:
    await world.put((keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a")))
    assert show_node(world, "node3").state == "down"
    await world.put((keys.join(3), JoinRequest(node=3, incarnation="3.b")))
    assert show_node(world, "node3").state == "joining"
    await world.put((keys.member(3), MemberRecord(node=3, state="up", incarnation="3.b")))
    assert show_node(world, "node3").state == "up"


@pytest.mark.conformance("CF-05")
@pytest.mark.parametrize(("release", "fits"), [(1, True), (2, True), (3, False)])
async def test_a_machine_joins_only_with_software_that_fits(world: FacesWorld, release: int, *, fits: bool) -> None:
    fingerprint = world.signer.fingerprint()
    made = await execute(
        world,
        lambda v, o: tokens.create_token(
            v, o, tokens.TokenWish(hours=1), fingerprint=fingerprint, secret=world.entropy(16)
        ),
        new_occasion(world, "ann", ""),
    )
    request = EnrolmentRequest(
        secret=decode_token(made.token).secret.hex(),
        name="node4",
        networks={"a": "127.0.1.9/24", "b": "127.0.2.9/24"},
        certificate_request="",
        version=f"0.{release}.0",
        release=release,
        lowest_release=max(release - 1, 1),
    )
    key = enrolment.token_key(request.secret)

    async def enrol() -> enrolment.Enrolled:
        return await execute_reading(
            world,
            (key,),
            lambda v, snapshot, o: enrolment.enrol(v, request, snapshot.get(key), "hash", o),
            new_occasion(world, "machine", "join"),
        )

    if fits:
        assert (await enrol()).node.node == 4
    else:
        with pytest.raises(Refused, match="release 3"):
            await enrol()
        assert 4 not in world.view.nodes
