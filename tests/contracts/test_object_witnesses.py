"""Light witnesses in object stores: unfit stores, lost and late answers, credentials (decision 0036)."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from etcd_pki import certificates
from object_servers import (
    ACCOUNT_KEY,
    Kind,
    ObjectServers,
    container_sas,
    running_servers,
    write_credentials,
)
from tcp_proxy import TcpProxy

from quorate.adapters.etcd.member import MemberTls
from quorate.adapters.quorum_storage.light_witnesses import open_light_witness
from quorate.model.light_witness import BOTH, LightRecord
from quorate.ports.light_witness import LightWitness, WitnessLost

pytestmark = pytest.mark.slow
KINDS: tuple[Kind, ...] = ("s3", "azure")
OTHER_KEY = "A" * 86 + "=="


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServers]:
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture
def prefix() -> str:
    return secrets.token_hex(4)


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    return write_credentials(tmp_path / "light-witness.toml")


def record(generation: int, holder: int, claim: str = "x") -> LightRecord:
    return LightRecord(cluster="c-1", generation=generation, holder=holder, claim=claim)


def way(kind: Kind, address: str, credentials: Path, limit_s: float = 20.0) -> LightWitness:
    return open_light_witness(kind, address, "c-1", credentials=credentials, limit_s=limit_s)


async def codes(witness: LightWitness) -> list[str]:
    return [problem.code for problem in await witness.check()]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_check_leaves_nothing_and_one_object_bears_the_name_of_the_cluster(
    servers: ObjectServers, credentials: Path, prefix: str, kind: Kind
) -> None:
    witness = way(kind, servers.address(kind, prefix), credentials)
    assert await codes(witness) == []
    assert servers.names(kind, prefix) == []
    assert await witness.swap(None, record(1, BOTH))
    assert await codes(witness) == []
    assert servers.names(kind, prefix) == [f"{prefix}/quorate-c-1.json"]


async def test_without_a_prefix_it_lies_in_the_bucket_itself(servers: ObjectServers, credentials: Path) -> None:
    address = servers.address("s3", "").replace("/?", "?")
    cluster = secrets.token_hex(4)
    witness = open_light_witness("s3", address, cluster, credentials=credentials, limit_s=20.0)
    assert await codes(witness) == []
    assert await witness.read() is None
    assert await witness.swap(None, record(1, BOTH))
    assert await witness.read() == record(1, BOTH)


@pytest.mark.parametrize(
    ("port", "told"), [("no_conditions", "If-None-Match"), ("no_if_match", "the one that was read (If-Match)")]
)
async def test_a_store_that_ignores_conditions_is_refused(
    servers: ObjectServers, credentials: Path, prefix: str, port: str, told: str
) -> None:
    witness = way("s3", servers.address("s3", prefix, port=servers.s3[port]), credentials)
    (problem,) = await witness.check()
    assert problem.code == "witness_store_unfit"
    assert told in problem.what
    assert servers.names("s3", prefix) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bucket_that_is_not_there_is_lost_and_not_empty(
    servers: ObjectServers, credentials: Path, prefix: str, kind: Kind
) -> None:
    witness = way(kind, servers.address(kind, prefix, place="nowhere"), credentials)
    assert await codes(witness) == ["witness_store_unusable"]
    with pytest.raises(WitnessLost, match="nowhere"):
        await witness.read()
    with pytest.raises(WitnessLost):
        await witness.swap(None, record(1, BOTH))


@pytest.mark.parametrize("kind", KINDS)
async def test_damage_is_told_and_not_overwritten(
    servers: ObjectServers, credentials: Path, prefix: str, kind: Kind
) -> None:
    witness = way(kind, servers.address(kind, prefix), credentials)
    assert await witness.swap(None, record(1, BOTH))
    servers.damage(kind, f"{prefix}/quorate-c-1.json")
    with pytest.raises(WitnessLost, match="quorate-c-1"):
        await witness.read()
    with pytest.raises(WitnessLost, match="quorate-c-1"):
        await witness.swap(None, record(1, BOTH))


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_is_lost_is_settled_by_ones_own_claim(
    servers: ObjectServers, credentials: Path, prefix: str, kind: Kind
) -> None:
    async with TcpProxy(servers.port(kind)) as proxy:
        witness = way(kind, servers.address(kind, prefix, port=proxy.port), credentials)
        for generation in (1, 2):
            before = record(generation - 1, 1, "mine") if generation > 1 else None
            proxy.drop_answer_to(b"PUT ")
            assert await witness.swap(before, record(generation, 1, "mine"))
        assert await witness.read() == record(2, 1, "mine")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_swap_that_executes_late_changes_nothing_that_was_written_since(
    servers: ObjectServers, credentials: Path, prefix: str, kind: Kind
) -> None:
    other = way(kind, servers.address(kind, prefix), credentials)
    assert await other.swap(None, record(1, BOTH))
    async with TcpProxy(servers.port(kind)) as proxy:
        slow = way(kind, servers.address(kind, prefix, port=proxy.port), credentials, limit_s=1.0)
        assert await slow.read() == record(1, BOTH)
        proxy.hold_requests_like(b"PUT ")
        with pytest.raises(WitnessLost, match="not answered"):
            await slow.swap(record(1, BOTH), record(2, 1, "late"))
        assert proxy.request_held.is_set()
        assert await other.swap(record(1, BOTH), record(2, 2, "first"))
        proxy.release_requests()
        await proxy.answered.wait()
        assert await other.read() == record(2, 2, "first")
        assert not await slow.swap(record(1, BOTH), record(2, 1, "late"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_swap_that_executed_after_its_sender_gave_up_is_found_by_its_claim(
    servers: ObjectServers, credentials: Path, prefix: str, kind: Kind
) -> None:
    async with TcpProxy(servers.port(kind)) as proxy:
        witness = way(kind, servers.address(kind, prefix, port=proxy.port), credentials, limit_s=1.0)
        proxy.hold_requests_like(b"PUT ")
        with pytest.raises(WitnessLost, match="not answered"):
            await witness.swap(None, record(1, 1, "mine"))
        proxy.release_requests()
        await proxy.answered.wait()
        assert await witness.read() == record(1, 1, "mine")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_that_does_not_answer_keeps_nobody_waiting(
    servers: ObjectServers, credentials: Path, prefix: str, kind: Kind
) -> None:
    async with TcpProxy(servers.port(kind)) as proxy:
        proxy.hold_requests()
        witness = way(kind, servers.address(kind, prefix, port=proxy.port), credentials, limit_s=0.5)
        reading = asyncio.create_task(witness.read())
        await proxy.request_held.wait()  # the loop runs on meanwhile
        with pytest.raises(WitnessLost, match=r"not answered for 0\.5 s"):
            await reading


async def test_a_key_is_replaced_while_the_witness_is_in_use(
    servers: ObjectServers, credentials: Path, prefix: str
) -> None:
    witness = way("azure", servers.address("azure", prefix), credentials)
    assert await witness.swap(None, record(1, BOTH))
    write_credentials(credentials, f'[azure]\naccount_key = "{OTHER_KEY}"')
    refused = way("azure", servers.address("azure", prefix), credentials)
    assert await codes(refused) == ["witness_store_denied", "witness_store_cannot_remove"]
    with pytest.raises(WitnessLost):
        await refused.swap(record(1, BOTH), record(2, 1))
    write_credentials(credentials)
    assert await refused.read() == record(1, BOTH)
    assert await refused.swap(record(1, BOTH), record(2, 1))


async def test_a_signature_for_the_container_is_enough_and_is_never_repeated(
    servers: ObjectServers, credentials: Path, prefix: str
) -> None:
    write_credentials(credentials, f'[azure]\nsas_token = "{container_sas(ACCOUNT_KEY)}"')
    witness = way("azure", servers.address("azure", prefix), credentials)
    assert await codes(witness) == []
    assert await witness.swap(None, record(1, BOTH))
    assert await witness.swap(record(1, BOTH), record(2, 1))
    bad = container_sas(OTHER_KEY)
    write_credentials(credentials, f'[azure]\nsas_token = "{bad}"')
    refused = way("azure", servers.address("azure", prefix), credentials)
    with pytest.raises(WitnessLost) as caught:
        await refused.read()
    assert "sig=" not in str(caught.value)
    assert bad.partition("sig=")[2] not in str(caught.value)


class Answers:
    """An empty store that refuses writes with one status; counts what it was asked."""

    def __init__(self, status: str = "", tls: MemberTls | None = None) -> None:
        self.status = status
        self.asked: list[str] = []
        self.headers = ""
        self._context: ssl.SSLContext | None = None
        if tls is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(tls.certificate, tls.key)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, self.headers = head.split(" ", 2)
        self.asked.append(method)
        body = b""
        match method:
            case "PUT":
                status = self.status
            case _ if "list-type" in target:
                status, body = "200 OK", b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
            case _:
                status = "404 Not Found"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


async def test_an_authority_of_ones_own_is_trusted_where_the_file_names_it(tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    async with Answers(tls=tls).serve() as port:
        address = f"s3://witnesses?endpoint=https://127.0.0.1:{port}"
        keys = '[s3]\naccess_key_id = "x"\nsecret_access_key = "y"\n'
        credentials = write_credentials(tmp_path / "light-witness.toml", keys)
        with pytest.raises(WitnessLost):
            await way("s3", address, credentials).read()
        write_credentials(credentials, f'{keys}ca_file = "{tls.authority}"')
        assert await way("s3", address, credentials).read() is None


async def test_a_machine_without_a_role_is_told_to_name_credentials(
    credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/metadata/identity/oauth2/token")
    write_credentials(credentials, "")
    places: list[tuple[Kind, str]] = [
        ("s3", "s3://witnesses?endpoint=http://127.0.0.1:1"),
        ("azure", "azure://witnesses?account=contoso&endpoint=http://127.0.0.1:1/contoso"),
    ]
    for kind, address in places:
        problem, *_ = await way(kind, address, credentials).check()
        assert problem.code == "witness_store_denied"
        assert "no role" in problem.what
        assert "169.254" not in problem.what, "a test leaves this machine"
        assert "light-witness.toml" in problem.remedy


ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "other",
    "AWS_SESSION_TOKEN": "other",
    "AWS_ENDPOINT": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    "AWS_BUCKET": "other",
    "AWS_BUCKET_NAME": "other",
    "AWS_CONDITIONAL_PUT": "disabled",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    "AZURE_STORAGE_ACCOUNT_NAME": "other",
    "AZURE_STORAGE_ACCOUNT_KEY": OTHER_KEY,
    "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:1",
    "AZURE_ENDPOINT": "http://127.0.0.1:1",
    "AZURE_CONTAINER_NAME": "other",
    "AZURE_STORAGE_USE_EMULATOR": "true",
    "AZURE_USE_FABRIC_ENDPOINT": "true",
}


async def test_the_environment_changes_neither_place_nor_credentials(
    servers: ObjectServers, credentials: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for kind in KINDS:
        witness = way(kind, servers.address(kind, prefix), credentials)
        assert await codes(witness) == []
        assert await witness.swap(None, record(1, BOTH))
        assert servers.names(kind, prefix) == [f"{prefix}/quorate-c-1.json"]
    store = Answers()
    async with store.serve() as port:
        assert await way("s3", f"s3://witnesses?endpoint=http://127.0.0.1:{port}", credentials).read() is None
    assert "Credential=anything/" in store.headers
    assert "security-token" not in store.headers.lower()


async def swap_refused_with(status: str, credentials: Path) -> tuple[bool | None, list[str]]:
    store = Answers(status)
    async with store.serve() as port:
        witness = way("s3", f"s3://witnesses?endpoint=http://127.0.0.1:{port}", credentials)
        try:
            return await witness.swap(None, record(1, 1)), store.asked
        except WitnessLost:
            return None, store.asked


LOOK = ["GET", "GET"]
"""At the object and, because it is not there, at the bucket."""


async def test_a_write_is_sent_once_and_an_open_outcome_is_looked_at_once(credentials: Path) -> None:
    assert await swap_refused_with("503 Slow Down", credentials) == (None, [*LOOK, "PUT", *LOOK])
    assert await swap_refused_with("500 Internal Server Error", credentials) == (None, [*LOOK, "PUT", *LOOK])


async def test_two_writers_at_once_told_of_their_conflict_have_both_not_written(credentials: Path) -> None:
    assert await swap_refused_with("409 Conflict", credentials) == (False, [*LOOK, "PUT", *LOOK])
    assert await swap_refused_with("412 Precondition Failed", credentials) == (False, [*LOOK, "PUT", *LOOK])


async def test_who_may_not_write_is_told_at_once(credentials: Path) -> None:
    assert await swap_refused_with("403 Forbidden", credentials) == (None, [*LOOK, "PUT"])
