"""How a machine becomes a node: create, token, join; what is refused, and what an interruption leaves."""

from __future__ import annotations

import asyncio
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from faces_world import FacesWorld, faces_world
from quorate.adapters import pki
from quorate.api.identity import TlsPaths
from quorate.api.server import ApiServer
from quorate.client.errors import NoConnection, OutcomeUnknown
from quorate.client.joining import enrol
from quorate.control import tokens
from quorate.control.executor import execute, new_occasion
from quorate.model import keys
from quorate.model.enrolment import EnrolmentAnswer, EnrolmentRequest
from quorate.model.problems import Refused
from quorate.node import founding
from quorate.node.create import Wish as NewCluster
from quorate.node.create import create_cluster
from quorate.node.identity import Identity, load_identity, load_replica
from quorate.node.join import Enrol, Wish, join_cluster
from quorate.node.places import Places
from quorate.node.settings import Settings, load
from quorate.node.settings_text import WORDS, settings_text
from quorate.wire.join_token import JoinToken, decode_token, encode_token

NETWORKS = {"a": "127.0.1.4/24", "b": "127.0.2.4/24"}


@pytest.fixture(autouse=True)
def root_of_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path / "profiles"))


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- create


def new_cluster(**fields: object) -> NewCluster:
    given = {"name": "alpha", "node_name": "node1", "networks": {"a": "127.0.1.1/24"}, **fields}
    return NewCluster(**given)  # type: ignore[arg-type]


def refused(work: Callable[[], object]) -> set[str]:
    with pytest.raises(Refused) as caught:
        work()
    return {problem.code for problem in caught.value.problems}


def test_create_makes_a_node_that_can_start(tmp_path: Path) -> None:
    places = Places(tmp_path / "machine")
    replica, warnings = create_cluster(places, new_cluster(ports={"api": 7500}))
    assert not warnings
    identity = load_identity(places)
    assert identity is not None
    assert (identity.node, identity.cluster_name) == (1, "alpha")
    assert load_replica(places, identity) == replica
    node = replica.nodes[0]
    assert (node.votes, node.api_port, node.fabric_address.startswith("100.")) == (1, 7500, True)
    assert load(places.settings) == Settings(api_port=7500)
    for path in places.pki.glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert places.heartbeat_key.stat().st_size == 32
    assert not founding.staging_folder(places).exists()


def test_a_machine_that_is_a_node_stays_what_it_is(tmp_path: Path) -> None:
    places = Places(tmp_path / "machine")
    create_cluster(places, new_cluster())
    before = {name: (places.root / name).read_bytes() for name in contents(places.root)}
    assert refused(lambda: create_cluster(places, new_cluster(name="beta"))) == {"already_a_node"}
    assert refused(lambda: join_cluster(places, joining(token_word()), never)) == {"already_a_node"}
    places.identity.write_bytes(b"{")
    assert refused(lambda: create_cluster(places, new_cluster())) == {"identity_damaged"}
    assert refused(lambda: join_cluster(places, joining(token_word()), never)) == {"identity_damaged"}
    places.identity.write_bytes(before["var/lib/quorate/identity.json"])
    assert {name: (places.root / name).read_bytes() for name in contents(places.root)} == before


def test_every_fault_of_a_new_cluster_is_told_at_once(tmp_path: Path) -> None:
    wish = new_cluster(
        name="",
        node_name="node_1",
        networks={"a": "192.0.2.1/24", "b": "192.0.2.9", "c": "x"},
        profile="quick",
        fabric_prefix="192.0.2.0/30",
        ports={"apo": 1, "peer": 0},
    )
    found = refused(lambda: create_cluster(Places(tmp_path / "machine"), wish))
    assert found == {
        "name_form", "profile_unknown", "network_address_form", "network_prefix_missing", "networks_overlap",
        "fabric_overlaps", "fabric_too_small", "port_unknown", "port_range", "address_not_here",
    }  # fmt: skip
    assert not (tmp_path / "machine").exists()


def test_what_lies_in_the_state_folder_is_never_touched(tmp_path: Path) -> None:
    places = Places(tmp_path / "machine")
    places.state.mkdir(parents=True)
    (places.state / "precious").write_text("data")
    assert refused(lambda: create_cluster(places, new_cluster())) == {"state_folder_in_use"}
    assert contents(places.root) == ["var/lib/quorate/precious"]


@pytest.mark.parametrize("step", ["stage", "settings", "rename"])
def test_an_interrupted_create_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The disk is full, or the operator presses Ctrl-C, at each step of putting the files down."""
    places = Places(tmp_path / "machine")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    match step:
        case "stage":
            monkeypatch.setattr(founding, "write_files", interrupt)
        case "settings":
            monkeypatch.setattr(founding, "settings_text", interrupt)
        case _:
            monkeypatch.setattr(Path, "rename", interrupt)
    with pytest.raises(KeyboardInterrupt):
        create_cluster(places, new_cluster())
    assert contents(places.root) == []
    monkeypatch.undo()
    monkeypatch.setenv("QUORATE_ROOT", str(tmp_path / "profiles"))
    create_cluster(places, new_cluster())


def test_the_settings_file_names_every_key(tmp_path: Path) -> None:
    assert set(WORDS) == set(Settings.__struct_fields__)
    path = tmp_path / "node.toml"
    path.write_text(settings_text({}).replace("# api_port", "api_port"))
    assert load(path) == Settings()


# ---------------------------------------------------------------- tokens


def token_word(**fields: object) -> str:
    given = {"endpoints": (("127.0.0.1", 1),), "fingerprint": bytes(32), "secret": bytes(16), "expires_s": 9, **fields}
    return encode_token(JoinToken(**given))  # type: ignore[arg-type]


def test_a_token_survives_being_typed() -> None:
    token = JoinToken((("127.0.0.1", 7400), ("fd00::1", 7400)), bytes(range(32)), bytes(range(16)), 1_800_000_000)
    word = encode_token(token)
    assert decode_token(f" {word[:40].upper()}\n{word[40:]} ") == token


@pytest.mark.parametrize(
    "damage", [lambda w: w[:-3], lambda w: "b" + w[1:], lambda w: w[:9] + "!" + w[10:], lambda _: ""]
)
def test_a_damaged_token_is_told_from_a_used_one(tmp_path: Path, damage: Callable[[str], str]) -> None:
    wish = joining(damage(token_word()))
    assert refused(lambda: join_cluster(Places(tmp_path / "machine"), wish, never)) == {"token_form"}
    assert not (tmp_path / "machine").exists()


# ---------------------------------------------------------------- join


def joining(word: str, **fields: object) -> Wish:
    given = {"node_name": "node4", "networks": NETWORKS, "version": "1", **fields}
    return Wish(token=word, **given)  # type: ignore[arg-type]


def never(token: JoinToken, request: EnrolmentRequest) -> EnrolmentAnswer:
    raise AssertionError(f"nobody should be asked: {token} {request}")


@dataclass
class Door:
    """A cluster of three that lets machines in."""

    world: FacesWorld
    server: ApiServer
    root: Path

    async def token(self, hours: int = 1) -> str:
        occasion = new_occasion(self.world, "ann", "")
        secret, fingerprint = self.world.entropy(16), self.world.signer.fingerprint()
        made = await execute(
            self.world,
            lambda v, o: tokens.create_token(
                v, o, tokens.TokenWish(hours=hours), fingerprint=fingerprint, secret=secret
            ),
            occasion,
        )
        token = decode_token(made.token)
        ports = self.server.ports
        return encode_token(JoinToken((("127.0.0.1", ports[0]),), token.fingerprint, token.secret, token.expires_s))

    async def join(self, wish: Wish, asking: Enrol = enrol, machine: str = "machine") -> EnrolmentAnswer:
        places = Places(self.root / machine)
        return await asyncio.get_running_loop().run_in_executor(None, join_cluster, places, wish, asking)

    async def refused(self, wish: Wish, machine: str = "machine") -> dict[str, str]:
        before = self.world.engine.engine.revision
        with pytest.raises(Refused) as caught:
            await self.join(wish, machine=machine)
        assert self.world.engine.engine.revision == before
        assert contents(self.root / machine) == []
        return {problem.code: problem.what for problem in caught.value.problems}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with faces_world(tmp_path / "door") as world:
        server = ApiServer()
        await server.start(world, None, [("127.0.0.1", 0)], TlsPaths.below(Places(tmp_path / "door").pki))
        yield Door(world, server, tmp_path)
        await server.stop()


async def test_a_machine_joins_once(door: Door) -> None:
    word = await door.token()
    answer = await door.join(joining(word))
    places = Places(door.root / "machine")
    assert load_identity(places) == Identity(cluster_id=answer.cluster.id, cluster_name="alpha", node=4, name="node4")
    replica = load_replica(places, load_identity(places) or Identity(cluster_id="", cluster_name="", node=0, name=""))
    assert [node.node for node in replica.nodes] == [1, 2, 3, 4]
    spec = door.world.view.nodes[4].record
    assert (spec.votes, spec.fabric_address, spec.addresses) == (0, "100.64.9.4", {"a": "127.0.1.4", "b": "127.0.2.4"})
    context = ssl.create_default_context(cafile=str(places.pki / pki.NODE_CA))
    context.load_cert_chain(places.pki / pki.NODE, places.pki / pki.NODE_KEY)
    assert places.heartbeat_key.read_bytes() == Places(door.root / "door").heartbeat_key.read_bytes()
    assert not (places.state.parent / "quorate.joining").exists()
    assert "token_refused" in await door.refused(joining(word, node_name="node5"), machine="another")


async def test_a_join_whose_answer_was_lost_is_repeated_and_gets_the_same_number(door: Door) -> None:
    word = await door.token()

    def loses_the_answer(token: JoinToken, request: EnrolmentRequest) -> EnrolmentAnswer:
        enrol(token, request)
        raise OutcomeUnknown([])

    with pytest.raises(OutcomeUnknown):
        await door.join(joining(word), loses_the_answer)
    assert not Places(door.root / "machine").identity.exists()
    answer = await door.join(joining(word))
    assert answer.node == 4
    assert sorted(door.world.view.nodes) == [1, 2, 3, 4]


async def test_two_machines_with_one_token(door: Door) -> None:
    word = await door.token()
    first = door.join(joining(word))
    other = {"a": "127.0.1.5/24", "b": "127.0.2.5/24"}
    second = door.join(joining(word, node_name="node5", networks=other), machine="another")
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert sorted(type(outcome) is Refused for outcome in outcomes) == [False, True]
    assert len(door.world.view.nodes) == 4


async def test_numbers_are_never_reused(door: Door) -> None:
    await door.join(joining(await door.token()))
    spec = door.world.view.cluster
    assert spec is not None
    assert spec.record.next_node == 5


async def test_every_objection_is_told_at_once(door: Door) -> None:
    word = await door.token()
    wish = joining(word, node_name="NODE2", networks={"a": "127.0.1.2/24", "c": "127.0.3.4/24"})
    assert (await door.refused(wish)).keys() == {"name_in_use", "address_in_use", "network_missing", "network_unknown"}
    wish = joining(word, networks={**NETWORKS, "a": "127.0.9.4/24"})
    assert (await door.refused(wish)).keys() == {"network_mismatch"}
    await door.join(joining(word))  # refusals have not used it up


async def test_an_expired_token_lets_nobody_in(door: Door) -> None:
    word = await door.token()
    door.world.now_s += 3601
    assert "expired" in (await door.refused(joining(word)))["token_refused"]


async def test_a_server_of_another_cluster_is_not_believed(door: Door) -> None:
    token = decode_token(await door.token())
    word = encode_token(JoinToken(token.endpoints, bytes(32), token.secret, token.expires_s))
    with pytest.raises(NoConnection, match="not of the cluster that made this token"):
        await door.join(joining(word))
    assert sorted(door.world.view.nodes) == [1, 2, 3]


async def test_only_the_hash_of_a_token_is_stored(door: Door) -> None:
    word = await door.token()
    secret = decode_token(word).secret
    for item in (await door.world.store.read(prefixes=[""])).items:
        assert secret.hex() not in item.key + item.value.decode()
        assert word not in item.value.decode()
    assert (await door.world.store.read(prefixes=[keys.TOKEN])).items
