"""The REST application: from the table of routes to answers and problem documents.

Owns: reading requests, checking roles, statuses, and turning what goes wrong into `{"problems": [...]}`.
Does not know: sockets and TLS (`api.server`), or what any route does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from importlib import metadata
from typing import Final
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as StarletteRoute

from quorate.api.call import Ask, Call
from quorate.api.forwarding import ON_BEHALF_OF, Forwarder
from quorate.api.inputs import read_body, read_flag, read_seconds, to_json
from quorate.api.routes import BODY_MOST_BYTES, EVENTS_PATH, OPENAPI_PATH, ROUTES, ProblemDocument, Route, openapi
from quorate.api.stream import event_stream
from quorate.control.access import STRANGER, Caller, Role, demand
from quorate.control.change import Changed, Done, altered
from quorate.control.context import Context
from quorate.control.executor import CannotNow, Previewed, Unsettled
from quorate.control.foreseeing import preview_of
from quorate.control.lookup import find_node
from quorate.control.wait import node_stopped, until_unheard, wait_for
from quorate.model.base import decode
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Problem, Refused, error

log = logging.getLogger("quorate.api")

ASK_LIMIT_S: Final = 2.0
"""For one node's part of an answer."""

Endpoint = Callable[[Request], Awaitable[Response]]


def build_app(context: Context, forwarder: Forwarder) -> Starlette:
    """The application of one node."""
    routes = [
        StarletteRoute(route.path, _guarded(_endpoint(context, forwarder, route)), methods=[route.method])
        for route in ROUTES
    ]
    routes.append(StarletteRoute(EVENTS_PATH, _guarded(_events(context)), methods=["GET"]))
    routes.append(StarletteRoute(OPENAPI_PATH, _guarded(_document), methods=["GET"]))
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})


def caller_of(request: Request) -> Caller:
    """Who asks, as the connection knows it."""
    caller = request.scope.get("state", {}).get("caller", STRANGER)
    return caller if isinstance(caller, Caller) else STRANGER


def _endpoint(context: Context, forwarder: Forwarder, route: Route) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        caller = caller_of(request)
        demand(caller, route.role)
        unknown = [name for name in request.query_params if name not in route.query]
        if unknown:
            raise Refused([_unknown_parameter(name, route) for name in unknown])
        data = await _body(request, route.body_most_bytes)
        behalf = unquote(request.headers.get(ON_BEHALF_OF, "")) if caller.is_node else ""
        # A preview changes nothing, so any node can answer it; and nobody must carry it out by mistake.
        previews = read_flag(request.query_params.get("preview"), "preview")
        if route.at_node and not behalf and not previews:
            elsewhere = await _at_node(context, forwarder, request, data, caller)
            if elsewhere is not None:
                return elsewhere
        # What may be large is read and written by a thread: the service must go on showing progress.
        large = route.body_most_bytes > BODY_MOST_BYTES
        body = await asyncio.to_thread(read_body, data, route.takes) if large else read_body(data, route.takes)
        ask = _asking(forwarder, behalf or caller.name)
        call = Call(context, caller, request.path_params, request.query_params, body, behalf, ask)
        try:
            answer = await route.handler(call)
        except Previewed as previewed:
            answer = await _foreseen(context, route, previewed)
        pending = isinstance(answer, Changed) and answer.outcome in {"accepted", "pending"} and answer.changed
        return _json(await asyncio.to_thread(to_json, answer) if large else to_json(answer), 202 if pending else 200)

    return endpoint


async def _foreseen(context: Context, route: Route, previewed: Previewed) -> Changed:
    """The answer to a change that was only to be previewed."""
    done = previewed.answer
    assert isinstance(done, Done)
    parts = [part for part in route.path.split("/")[2:] if not part.startswith("{")]
    verb = parts[-1].replace("-", " ") if len(parts) > 1 else _METHODS.get(route.method, route.method)
    found = await preview_of(context, previewed.imagined, f"{verb} {done.name}", alters=previewed.alters)
    return Changed(id=done.id, name=done.name, changed=False, outcome="preview", warnings=done.warnings, preview=found)


_METHODS: Final = {"POST": "create", "PATCH": "change", "DELETE": "delete"}


def _asking(forwarder: Forwarder, author: str) -> Ask:
    """How a handler asks other nodes: each has little time, because a view that waits helps nobody."""

    async def ask(node: NodeSpec, path: str) -> bytes | None:
        try:
            async with asyncio.timeout(ASK_LIMIT_S):
                status, body = await forwarder.forward(node, "GET", path, b"", author)
        except (CannotNow, Unsettled, TimeoutError):
            return None
        return body if status == 200 else None

    return ask


async def _at_node(
    context: Context, forwarder: Forwarder, request: Request, data: bytes, caller: Caller
) -> Response | None:
    """The answer of the node in the path; None where this is that node, or there is none."""
    problems: list[Problem] = []
    node = find_node(context.view, request.path_params["name"], problems)
    if node is None or node.node == context.node:
        return None
    wait_s = read_seconds(request.query_params.get("wait_s"), "wait_s")
    reason = request.query_params.get("reason", "")
    target = quote(request.url.path) + (f"?reason={quote(reason)}" if reason else "")
    status, body = await forwarder.forward(node, request.method, target, data, caller.name)
    if status >= 300 or wait_s is None:
        return _json(body, status)
    began_s = context.wall_time_s()
    outcome = await wait_for(context, node_stopped(node.node), wait_s)
    if outcome == "done":
        outcome = await until_unheard(context, node.node, wait_s - (context.wall_time_s() - began_s))
    return _json(to_json(altered(decode(body, Changed, "answer"), outcome=outcome)), 200 if outcome == "done" else 202)


def _events(context: Context) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        demand(caller_of(request), Role.VIEWER)
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        kinds = frozenset(filter(None, request.query_params.get("kinds", "").split(",")))
        return StreamingResponse(
            event_stream(context.events, after, kinds),
            media_type="text/event-stream",
            headers={"cache-control": "no-store"},
        )

    return endpoint


async def _document(request: Request) -> Response:
    demand(caller_of(request), Role.VIEWER)
    return _json(to_json(openapi(metadata.version("quorate"))), 200)


async def _body(request: Request, most: int) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            raise Refused([error("body_too_large", f"the body exceeds {most} bytes", remedy="send less")])
    return bytes(data)


def _guarded(endpoint: Endpoint) -> Endpoint:
    """Nothing but problem documents leaves, whatever happens inside."""

    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as refused:
            return _problem_document(refused.problems, status_of(refused.problems))
        except CannotNow as problem:
            return _problem_document(problem.problems, 503)
        except Unsettled as problem:
            return _problem_document(problem.problems, 504)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            # A fault of ours must not look like silence: the caller learns that nothing is known, the log learns why.
            log.exception("%s %s", request.method, request.url.path)
            return _problem_document((_FAULT,), 500)

    return guarded


def status_of(problems: Iterable[Problem]) -> int:
    """The HTTP status of a refusal."""
    codes = {problem.code for problem in problems}
    if "not_allowed" in codes:
        return 403
    if codes <= {
        "group_unknown",
        "resource_unknown",
        "node_unknown",
        "network_unknown",
        "interface_unknown",
        "fence_device_unknown",
        "site_unknown",
    }:
        return 404
    if "cluster_not_formed" in codes:
        return 503
    if "body_too_large" in codes:
        return 413
    if codes & _CONFLICTS:
        return 409
    return 422


_FAULT: Final = error(
    "internal_fault",
    "this node made a mistake while answering; it is not known whether anything was changed",
    remedy="look at the object before trying again, and report what the service's log says",
)

_CONFLICTS: Final = {
    "name_in_use", "group_not_offline", "group_not_empty", "resource_not_offline", "dependent_resource_exists",
    "operation_under_way", "owner_cannot", "node_cannot_own", "nowhere_to_go", "resource_online", "node_stopping",
    "group_without_owner", "target_cannot_own", "node_down",
    "network_in_use", "network_is_needed",
    "last_node", "store_would_lose_majority", "group_stays", "resource_homeless", "node_leaving_for_good",
    "node_of_former_release", "add_evict_delay", "destruction_not_confirmed",
    "node_not_suspected", "node_is_heard",
}  # fmt: skip


def _unknown_parameter(name: str, route: Route) -> Problem:
    known = ", ".join(route.query) or "none"
    return error("parameter_unknown", f"there is no parameter {name!r}", where=name, remedy=f"there are: {known}")


async def _no_route(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    what = f"{request.method} {request.url.path}: {problem.detail}"
    found = error("route_unknown", what, remedy=f"see {OPENAPI_PATH} for all routes")
    return _problem_document((found,), problem.status_code)


def _problem_document(problems: tuple[Problem, ...], status: int) -> Response:
    return _json(to_json(ProblemDocument(problems=problems)), status)


def _json(data: bytes, status: int) -> Response:
    return Response(data, status, media_type="application/json", headers={"cache-control": "no-store"})
