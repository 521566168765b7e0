"""A machine that becomes a witness: its token, and everything that stands against it at once; votes with a witness."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.control import enrolment, tokens, witnesses
from quorate.control.executor import execute, execute_reading, new_occasion
from quorate.control.quorum import show_quorum
from quorate.control.quorum_setting import QuorumWish, set_quorum
from quorate.model import keys
from quorate.model.enrolment import EnrolmentRequest
from quorate.model.membership import MemberRecord
from quorate.model.problems import Refused
from quorate.model.quorum import QuorumFact, QuorumSpec
from quorate.model.witness import WitnessRequest
from quorate.wire.join_token import decode_token

WHERE = "127.0.1.200:7422"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[FacesWorld]:
    async with faces_world(tmp_path) as made:
        yield made


async def token(world: FacesWorld, *, witness: bool = True) -> str:
    wish = tokens.TokenWish(hours=1, witness=witness)
    fingerprint, secret = world.signer.fingerprint(), world.entropy(16)
    made = await execute(
        world,
        lambda v, o: tokens.create_token(v, o, wish, fingerprint=fingerprint, secret=secret),
        new_occasion(world, "ann", ""),
    )
    return decode_token(made.token).secret.hex()


async def enrol(world: FacesWorld, request: WitnessRequest, key_hash: str | None = "hash") -> witnesses.Witnessed:
    key = enrolment.token_key(request.secret)
    return await execute_reading(
        world,
        (key,),
        lambda v, snapshot, o: witnesses.enrol_witness(v, request, snapshot.get(key), key_hash, o),
        new_occasion(world, "machine", "join"),
    )


def asked(secret: str, **fields: object) -> WitnessRequest:
    known: dict[str, object] = {"name": "third", "address": "127.0.1.200", "peer_port": 7422, "certificate_request": ""}
    return WitnessRequest(secret=secret, **{**known, **fields})  # type: ignore[arg-type]


async def refusal(world: FacesWorld, request: WitnessRequest, key_hash: str | None = "hash") -> list[str]:
    with pytest.raises(Refused) as caught:
        await enrol(world, request, key_hash)
    return [problem.code for problem in caught.value.problems]


async def test_a_witness_is_told_where_the_nodes_are_and_may_ask_again(world: FacesWorld) -> None:
    request = asked(await token(world))
    first = await enrol(world, request)
    assert [node.name for node in first.nodes] == ["node1", "node2", "node3"]
    assert await enrol(world, request) == first, "its answer was lost"
    assert await refusal(world, request, "another machine") == ["token_refused"]


async def test_everything_that_is_wrong_is_told_at_once(world: FacesWorld) -> None:
    node1 = next(iter(world.view.nodes[1].record.addresses.values()))
    wrong = asked(await token(world), name="", address=node1, peer_port=70000, release=99)
    codes = await refusal(world, wrong, None)
    assert {"address_in_use", "witness_port", "certificate_request_bad", "software_incompatible"} <= set(codes)
    assert len(codes) >= 5, "and the name"
    assert await refusal(world, asked(await token(world), address="third")) == ["witness_address_form"]


async def test_a_token_is_for_a_node_or_for_a_witness(world: FacesWorld) -> None:
    assert await refusal(world, asked(await token(world, witness=False))) == ["token_refused"]
    secret = await token(world)
    request = EnrolmentRequest(secret=secret, name="node4", networks={}, certificate_request="", version="1")
    key = enrolment.token_key(secret)
    with pytest.raises(Refused, match="quorate witness join"):
        await execute_reading(
            world,
            (key,),
            lambda v, snapshot, o: enrolment.enrol(v, request, snapshot.get(key), "hash", o),
            new_occasion(world, "machine", "join"),
        )


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (QuorumWish(model="node_and_disk_majority", witness="third:7422"), "witness_address_form"),
        (QuorumWish(model="node_and_disk_majority", witness="10.0.0.1"), "witness_address_form"),
        (QuorumWish(model="node_and_disk_majority", witness=WHERE, directory="/q"), "quorum_storage_twice"),
        (QuorumWish(model="disk_only", witness=WHERE), "witness_not_alone"),
        (QuorumWish(model="node_majority", witness=WHERE), "quorum_storage_unused"),
    ],
)
async def test_a_witness_that_cannot_be_is_refused(world: FacesWorld, wish: QuorumWish, code: str) -> None:
    before = world.engine.engine.revision
    with pytest.raises(Refused) as caught:
        await execute(world, lambda v, o: set_quorum(v, wish, (), o), new_occasion(world, "ann", ""))
    assert code in [problem.code for problem in caught.value.problems]
    assert world.engine.engine.revision == before


@pytest.mark.conformance("QU-31")
async def test_the_witness_counts_where_any_node_hears_it(world: FacesWorld) -> None:
    spec = QuorumSpec(model="node_and_disk_majority", kind="witness", path=WHERE, votes=1, member="a1")
    lives = {node: known.record.incarnation for node, known in world.view.authority.up().items()}
    deaf = QuorumFact(incarnation=lives[1], reached=False, code="witness_unreachable", problem="no answer")
    hears = QuorumFact(incarnation=lives[2], reached=True, runs=True)
    await world.put((keys.SPEC_QUORUM, spec), (keys.fact_quorum(1), deaf), (keys.fact_quorum(2), hears))
    shown = show_quorum(world)
    assert (shown.type, shown.holder) == (2, "")
    assert next(voter for voter in shown.voters if voter.kind == "witness").up
    await world.put((keys.member(2), MemberRecord(node=2, state="down", incarnation=lives[2])))
    assert not next(voter for voter in show_quorum(world).voters if voter.kind == "witness").up
