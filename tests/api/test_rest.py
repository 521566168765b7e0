"""The REST face over real sockets and real TLS, on the twins of everything behind it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from faces_world import FacesWorld, faces_world
from quorate.adapters import pki
from quorate.api.identity import TlsPaths
from quorate.api.routes import ROUTES
from quorate.api.server import ApiServer
from quorate.control.access import Role, local_caller
from quorate.control.change import altered
from quorate.model import keys
from quorate.model.membership import MemberRecord
from quorate.model.workload import Assignment
from quorate.node.places import Places
from quorate.ports.store_memory import Fault

ME = pwd.getpwuid(os.geteuid()).pw_name
LIMIT_S = 10.0
NAMELESS = b'{"nam": 1, "preferred_owners": "x"}'


class Rest:
    """A node that serves, and clients of every kind."""

    def __init__(self, world: FacesWorld, server: ApiServer, root: Path) -> None:
        self.world, self.server, self.root = world, server, root
        self.pki = Places(root).pki
        self.port = server.ports[0]

    def local(self) -> httpx2.AsyncClient:
        transport = httpx2.AsyncHTTPTransport(uds=str(self.root / "service.sock"))
        return httpx2.AsyncClient(transport=transport, base_url="http://local")

    def remote(self, role: str | None) -> httpx2.AsyncClient:
        """A client with a certificate of that role; None: without one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.pki / pki.NODE_CA)
        if role is not None:
            authority = pki.Issued((self.pki / pki.USER_CA).read_bytes(), (self.pki / pki.USER_CA_KEY).read_bytes())
            user = pki.issue_user(authority, "ann", role)
            pki.write_files(self.root / role, {"client.pem": user.certificate, "client.key": user.key})
            context.load_cert_chain(self.root / role / "client.pem", self.root / role / "client.key")
        return httpx2.AsyncClient(verify=context, base_url=f"https://127.0.0.1:{self.port}", trust_env=False)


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Rest]:
    async with faces_world(tmp_path) as world:
        server = ApiServer()
        tls = TlsPaths.below(Places(tmp_path).pki)
        problems = await server.start(world, tmp_path / "service.sock", [("127.0.0.1", 0)], tls)
        assert not problems
        try:
            yield Rest(world, server, tmp_path)
        finally:
            await server.stop()


def codes(answer: httpx2.Response) -> set[str]:
    return {problem["code"] for problem in answer.json()["problems"]}


async def test_local_root_is_administrator(rest: Rest) -> None:
    async with rest.local() as http:
        answer = (await http.get("/v1/me")).json()
    assert answer == {"name": ME, "role": "administrator", "node": "node1"}


def test_nobody_else_on_this_machine_gets_in() -> None:
    assert local_caller(0, "root", 1000).role is Role.ADMINISTRATOR
    assert local_caller(1000, "ann", 1000).role is Role.ADMINISTRATOR, "it is her node"
    assert local_caller(1001, "eve", 1000).role is Role.NOBODY
    assert local_caller(1001, "eve", 0).role is Role.NOBODY


@pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
@pytest.mark.conformance("AP-03", "MV-11")
async def test_every_route_asks_for_its_role(rest: Rest, role: str) -> None:
    granted = Role[role.upper()]
    async with rest.remote(role) as http:
        assert (await http.get("/v1/me")).json()["role"] == role
        for route in ROUTES:
            path = route.path.replace("{name}", "nothing")
            answer = await http.request(route.method, path, content=b"{}")
            if route.role <= granted:
                assert answer.status_code != 403, route
            else:
                assert (answer.status_code, codes(answer)) == (403, {"not_allowed"}), route


async def test_without_certificate_only_join_listens(rest: Rest) -> None:
    async with rest.remote(None) as http:
        for path in ("/v1/cluster", "/v1/events", "/v1/openapi.json"):
            assert (await http.get(path)).status_code == 403
        answer = await http.post("/v1/join", content=b'{"name": 7}')
        assert codes(answer) == {"field_ill_typed", "field_missing"}


async def test_a_certificate_of_another_authority_is_turned_away(rest: Rest, tmp_path: Path) -> None:
    stranger = pki.issue_user(pki.make_authority("test user authority"), "eve", "administrator")
    pki.write_files(tmp_path / "eve", {"client.pem": stranger.certificate, "client.key": stranger.key})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(rest.pki / pki.NODE_CA)
    context.load_cert_chain(tmp_path / "eve/client.pem", tmp_path / "eve/client.key")
    async with httpx2.AsyncClient(verify=context, trust_env=False) as http:
        with pytest.raises(httpx2.TransportError):
            await http.get(f"https://127.0.0.1:{rest.port}/v1/me")


async def test_the_node_authority_cannot_make_users(rest: Rest, tmp_path: Path) -> None:
    """Whoever holds a node's key is a node, and nobody with a role of its own choosing."""
    authority = pki.Issued((rest.pki / pki.NODE_CA).read_bytes(), (rest.pki / pki.NODE_CA_KEY).read_bytes())
    user = pki.issue_user(authority, "eve", "operator")
    pki.write_files(tmp_path / "eve", {"client.pem": user.certificate, "client.key": user.key})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(rest.pki / pki.NODE_CA)
    context.load_cert_chain(tmp_path / "eve/client.pem", tmp_path / "eve/client.key")
    async with httpx2.AsyncClient(verify=context, trust_env=False) as http:
        answer = await http.get(f"https://127.0.0.1:{rest.port}/v1/me")
    assert answer.status_code == 403


@pytest.mark.conformance("ST-03")
async def test_a_group_from_birth_to_death(rest: Rest) -> None:
    async with rest.local() as http:
        made = await http.post("/v1/groups", json={"name": "web", "preferred_owners": ["node1"]})
        assert made.json()["name"] == "web"
        resource = {"name": "site", "group": "web", "type": "generic_application"}
        answer = await http.post("/v1/resources", json={**resource, "properties": {"command": "x"}})
        assert (answer.status_code, codes(answer)) == (422, {"property_unknown", "property_required"})
        answer = await http.post("/v1/resources", json={**resource, "properties": {"command_line": "/bin/sleep 9"}})
        assert answer.status_code == 202
        await rest.world.assign("web", 1)
        pending = await http.post("/v1/groups/web/online", params={"wait_s": "0.05", "reason": "test"})
        assert (pending.status_code, pending.json()["outcome"]) == (202, "pending")
        await rest.world.obey("web")
        done = await http.post("/v1/groups/web/online", params={"wait_s": "5"})
        assert (done.status_code, done.json()["changed"], done.json()["outcome"]) == (200, False, "done")
        shown = (await http.get("/v1/groups/web")).json()
        assert (shown["state"], shown["owner"], shown["resources"][0]["state"]) == ("online", "node1", "online")
        assert (await http.delete("/v1/groups/web")).status_code == 409
        assert (await http.get("/v1/groups/wep")).status_code == 404
        status = (await http.get("/v1/cluster")).json()
        assert status["store"]["further_losses"] == 1
        assert status["as_of"]["age_s"] == 0.25


@pytest.mark.conformance("RS-01", "ST-01")
async def test_an_online_request_is_answered_before_anything_is_online(rest: Rest) -> None:
    site = {"name": "s", "group": "web", "type": "generic_application", "properties": {"command_line": "x"}}
    async with rest.local() as http:
        await http.post("/v1/groups", json={"name": "web"})
        await rest.world.assign("web", 1)
        made = (await http.post("/v1/resources", json=site)).json()
        shown = (await http.get("/v1/resources/s")).json()
        assert (shown["id"], shown["group"], shown["state"], shown["wanted"]) == (
            made["id"],
            "web",
            "offline",
            "offline",
        )
        asked = await http.post("/v1/resources/s/online")
        assert (asked.status_code, asked.json()["outcome"]) == (202, "accepted")
        await rest.world.report_states("web", {"s": "online_pending"})
        assert (await http.get("/v1/resources/s")).json()["state"] == "online_pending"
        again = await http.post("/v1/resources/s/online", params={"wait_s": "0.05"})
        assert (again.status_code, again.json()["outcome"]) == (202, "pending")
        second = {**site, "name": "t"}
        await http.post("/v1/resources", json=second)
        shown = (await http.get("/v1/resources/t")).json()
        assert (shown["group"], shown["state"]) == ("web", "offline"), "until its owner has brought it online"


@pytest.mark.conformance("ST-05")
async def test_a_group_is_brought_online_on_a_named_node_or_not_at_all(rest: Rest) -> None:
    site = {"name": "s", "group": "web", "type": "generic_application", "properties": {"command_line": "x"}}
    world, at = rest.world, {"to": "node2", "wait_s": "30"}
    async with rest.local() as http:
        await http.post("/v1/groups", json={"name": "web"})
        await http.post("/v1/resources", json={**site, "possible_owners": ["node1", "node2"]})
        assert codes(await http.post("/v1/groups/web/online", params={"to": "node2"})) == {"group_without_owner"}
        await world.assign("web", 1)
        revision = world.engine.engine.revision
        assert codes(await http.post("/v1/groups/web/online", params={"to": "node3"})) == {"node_cannot_own"}
        assert codes(await http.post("/v1/groups/web/online", params={"to": "node9"})) == {"node_unknown"}
        assert world.engine.engine.revision == revision
        asking = asyncio.create_task(http.post("/v1/groups/web/online", params=at))
        while (move := world.view.intent(world.group_id("web")).move) is None:
            await world.events.moved()
        wished = world.view.intent(world.group_id("web"))
        assert (wished.persistent_state, move.to) == (True, 2), "in one record: nobody sees one without the other"
        await world.assign("web", 1, number=2, phase="stop", to=2)
        taken = Assignment(group=world.group_id("web"), owner=2, incarnation="2.a", number=3)
        answered = (keys.INTENT_GROUP + taken.group, altered(wished, move=None))
        await world.put(answered, (keys.ASSIGNMENT + taken.group, taken))
        await world.obey("web")
        assert (await asking).json()["outcome"] == "done"
        here = await http.post("/v1/groups/web/online", params=at)
        assert (here.status_code, here.json()["changed"], here.json()["outcome"]) == (200, False, "done")
        asking = asyncio.create_task(http.post("/v1/groups/web/online", params={"to": "node1", "wait_s": "30"}))
        while (wished := world.view.intent(world.group_id("web"))).move is None:
            await world.events.moved()
        await world.put((keys.INTENT_GROUP + world.group_id("web"), altered(wished, move=None)))
        assert (await asking).json()["outcome"] == "failed", "it stays where it is: whoever leads has refused the move"


async def test_waiting_ends_when_the_group_gets_there(rest: Rest) -> None:
    async with rest.local() as http:
        await http.post("/v1/groups", json={"name": "web"})
        site = {"name": "s", "group": "web", "type": "generic_application", "properties": {"command_line": "x"}}
        await http.post("/v1/resources", json=site)
        await rest.world.assign("web", 1)
        waiting = asyncio.create_task(http.post("/v1/groups/web/online", params={"wait_s": "30"}))
        while not rest.world.view.intent(rest.world.group_id("web")).persistent_state:
            await rest.world.events.moved()
        await rest.world.obey("web")
        assert (await waiting).json()["outcome"] == "done"


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/v1/nothing", b"", {"route_unknown"}),
        ("PUT", "/v1/groups", b"", {"route_unknown"}),
        ("POST", "/v1/groups", b"{", {"body_not_json"}),
        ("POST", "/v1/groups", b"[]", {"body_not_object"}),
        ("POST", "/v1/groups", NAMELESS, {"field_unknown", "field_ill_typed", "field_missing"}),
        ("POST", "/v1/groups?waits=1", b'{"name": "a"}', {"parameter_unknown"}),
        ("POST", "/v1/groups?wait_s=soon", b'{"name": "a"}', {"field_ill_typed"}),
        ("POST", "/v1/groups", b" " * (1 << 20) + b"{}", {"body_too_large"}),
    ],
)
async def test_bad_requests_are_told_completely(
    rest: Rest, method: str, path: str, body: bytes, expected: set[str]
) -> None:
    before = rest.world.engine.engine.revision
    async with rest.local() as http:
        assert codes(await http.request(method, path, content=body)) == expected
    assert rest.world.engine.engine.revision == before


async def test_the_openapi_document_names_every_route(rest: Rest) -> None:
    async with rest.local() as http:
        document = (await http.get("/v1/openapi.json")).json()
    assert {(route.path, route.method.lower()) for route in ROUTES} < {
        (path, method) for path, methods in document["paths"].items() for method in methods
    }
    assert "required" in document["components"]["schemas"]["NewGroup"]


async def _events(
    http: httpx2.AsyncClient, count: int, after: str = "", ready: asyncio.Event | None = None
) -> list[Any]:
    found: list[Any] = []
    headers = {"last-event-id": after} if after else {}
    async with http.stream("GET", "/v1/events", headers=headers, timeout=10) as answer:
        async for line in answer.aiter_lines():
            if line.startswith(":") and ready is not None:
                ready.set()
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == count:
                    break
    return found


async def test_events_are_followed_and_resumed(rest: Rest) -> None:
    async with rest.local() as http:
        ready = asyncio.Event()
        following = asyncio.create_task(_events(http, 2, ready=ready))
        await ready.wait()
        await http.post("/v1/nodes/node2/pause", params={"reason": "test"})
        await http.post("/v1/groups", json={"name": "web"})
        seen = await following
        assert [event["kind"] for event in seen] == ["node_paused", "group_created"]
        await rest.world.assign("web", 1)
        resumed = await _events(http, 2, after=seen[0]["id"])
        assert [event["kind"] for event in resumed] == ["group_created", "group_assigned"]
        assert resumed[0] == seen[1]
        gap = await _events(http, 1, after="another-17")
        assert gap[0]["kind"] == "reconnected"


async def test_stopping_ends_streams_and_removes_the_socket(rest: Rest) -> None:
    async with rest.local() as http:
        ready = asyncio.Event()
        following = asyncio.create_task(_events(http, 99, ready=ready))
        await ready.wait()
        await rest.server.stop()
        assert await following == []
    assert not (rest.root / "service.sock").exists()


@pytest.mark.parametrize("rounds", range(6))
async def test_who_connects_while_it_stops_is_not_left_hanging(rest: Rest, rounds: int) -> None:
    """A connection that was accepted and had no protocol yet stayed open for ever, and nobody owned it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(rest.root / "service.sock"))
        for _ in range(rounds):
            await asyncio.sleep(0)
        await rest.server.stop()
        client.settimeout(LIMIT_S)
        with contextlib.suppress(ConnectionResetError):  # it was not even accepted
            assert await asyncio.to_thread(client.recv, 1) == b""


async def test_trouble_with_a_listener_is_told_and_stops_nothing(rest: Rest, tmp_path: Path) -> None:
    server = ApiServer()
    tls = TlsPaths.below(rest.pki)
    (tmp_path / "in-the-way").write_text("a person's file")
    where = [("127.0.0.1", rest.port), ("127.0.0.1", 0)]
    problems = await server.start(rest.world, tmp_path / "in-the-way", where, tls)
    assert [problem.code for problem in problems] == ["cannot_listen", "cannot_listen"]
    assert len(server.ports) == 1
    assert (tmp_path / "in-the-way").read_text() == "a person's file"
    rest.world.events.closed = False
    await server.stop()


async def test_stop_goes_to_the_node_that_it_concerns(rest: Rest) -> None:
    """Node 2 is a second server on the same store; the request reaches it as if made there, with its author."""
    other = FacesWorld(rest.world.signer, node=2, engine=rest.world.engine, view=rest.world.view)
    other.events = rest.world.events
    second = ApiServer()
    await second.start(other, None, [("127.0.0.1", 0)], TlsPaths.below(rest.pki))
    spec = altered(rest.world.view.nodes[2].record, addresses={"a": "127.0.0.1"}, api_port=second.ports[0])
    await rest.world.put((f"{keys.SPEC_NODE}2", spec))
    async with rest.local() as http:
        answer = await http.post("/v1/nodes/node2/stop", params={"reason": "disk & fan"})
        assert (answer.status_code, answer.json()["outcome"]) == (202, "accepted")
        assert other.stopped
        assert not rest.world.stopped
        audit = (await rest.world.store.read(prefixes=[keys.AUDIT])).items[-1].value.decode()
        assert f'"author":"{ME}"' in audit
        assert '"reason":"disk & fan"' in audit
        await second.stop()
        answer = await http.post("/v1/nodes/node2/stop")
    assert (answer.status_code, codes(answer)) == (503, {"node_unreachable"})


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, None])
async def test_a_node_can_be_stopped_without_a_majority_and_when_it_is_no_member(
    rest: Rest, fault: Fault | None
) -> None:
    """The last nodes of a cluster: `node stop` was refused there, and they ran on."""
    if fault is None:
        await rest.world.put((keys.member(1), MemberRecord(node=1, state="down", incarnation="1.a")))
    else:
        rest.world.store.inject(fault)
    async with rest.local() as http:
        answer = await http.post("/v1/nodes/node1/stop")
    told = answer.json()
    assert (answer.status_code, told["outcome"]) == (202, "accepted")
    assert [problem["code"] for problem in told["warnings"]] == ["stop_not_recorded"]
    assert rest.world.stopped


async def test_a_stop_of_nobody_stops_nobody(rest: Rest) -> None:
    async with rest.local() as http:
        answer = await http.post("/v1/nodes/nobody/stop")
    assert (answer.status_code, codes(answer)) == (404, {"node_unknown"})
    assert not rest.world.stopped
