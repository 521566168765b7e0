"""Typed client of the REST face: finds the cluster, asks, and tells refusals from silence.

Owns: the connection, and what each way of failing means to the caller (`client.errors`). Does not know: where a cluster
is looked for (`client.endpoints`), or what is done with answers. The only module of the package that knows `httpx2`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import quote

from quorate.client.endpoints import Endpoint, find_endpoints, no_connection
from quorate.client.errors import CallFailed, NoConnection, NotNow, OutcomeUnknown
from quorate.model.base import Damaged, Value, decode, encode
from quorate.model.problems import Problem, Refused, error

if TYPE_CHECKING:
    import httpx2

    from quorate.control.events import Event

__all__ = ["CallFailed", "Client", "NoConnection", "NotNow", "OutcomeUnknown", "path_of", "post_once"]

CONNECT_LIMIT_S: Final = 3.0
ANSWER_LIMIT_S: Final = 20.0
"""Beyond the time that the caller asked the cluster to wait."""

FORECAST_LIMIT_S: Final = 180.0
"""A forecast runs every loss forward: half a minute for 64 nodes with 10,000 groups."""

V = TypeVar("V", bound=Value)


class _Problems(Value, frozen=True, kw_only=True):
    problems: tuple[Problem, ...]


class Client:
    """Asks a cluster. Use as a context manager, or close it."""

    def __init__(self, endpoint: str = "") -> None:
        """Find out whom to ask; nothing is sent yet. Raises NoConnection or Refused."""
        self._endpoints = find_endpoints(endpoint)
        self._http: httpx2.Client | None = None
        self.answered_by: Endpoint | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._http is not None:
            self._http.close()

    def look(
        self,
        path: str,
        kind: type[V],
        query: Mapping[str, str] | None = None,
        *,
        answer_limit_s: float = ANSWER_LIMIT_S,
    ) -> V:
        """Read a view. Raises Refused or CallFailed."""
        return _decoded(self._send("GET", path, query or {}, None, answer_limit_s), kind)

    def ask(
        self,
        method: str,
        path: str,
        kind: type[V],
        *,
        body: Value | None = None,
        query: Mapping[str, str] | None = None,
        wait_s: float | None = None,
        answer_limit_s: float = ANSWER_LIMIT_S,
    ) -> V:
        """Ask for a change. Raises Refused or CallFailed."""
        parameters = dict(query or {})
        if wait_s is not None:
            parameters["wait_s"] = f"{wait_s:g}"
        limit_s = answer_limit_s + (wait_s or 0.0)
        return _decoded(self._send(method, path, parameters, body, limit_s), kind)

    def follow(self, after: str | None = None) -> Iterator[Event]:
        """Every event from now on, or after that id; ends when the connection does. Raises CallFailed or Refused."""
        import httpx2

        from quorate.control.events import Event

        http = self._connected()
        headers = {"last-event-id": after} if after else {}
        timeout = httpx2.Timeout(CONNECT_LIMIT_S, read=60.0)
        try:
            with http.stream("GET", "/v1/events", headers=headers, timeout=timeout) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    _raise_problems(answer)
                for line in answer.iter_lines():
                    if line.startswith("data: "):
                        yield decode(line.removeprefix("data: ").encode(), Event, "event")
        except httpx2.TransportError as problem:
            raise NoConnection([no_connection(str(problem), self._endpoints)]) from problem

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Value | None, limit_s: float
    ) -> httpx2.Response:
        import httpx2

        http = self._connected()
        timeout = httpx2.Timeout(CONNECT_LIMIT_S, read=limit_s)
        content = encode(body) if body is not None else None
        try:
            answer = http.request(method, path, params=dict(query) or None, content=content, timeout=timeout)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
            raise NoConnection([no_connection(str(problem), self._endpoints)]) from problem
        except httpx2.TransportError as problem:
            if method == "GET":
                raise NoConnection([no_connection(str(problem), self._endpoints)]) from problem
            raise OutcomeUnknown([_unknown(str(problem))]) from problem
        _raise_problems(answer)
        return answer

    def _connected(self) -> httpx2.Client:
        """The connection to the first endpoint that lets itself be reached."""
        if self._http is not None:
            return self._http
        import httpx2

        why = ""
        for endpoint in self._endpoints:
            if endpoint.socket is not None and not endpoint.socket.exists():
                why = f"{endpoint.words} does not exist"
                continue
            http = _open(endpoint)
            try:
                http.get("/v1/me", timeout=httpx2.Timeout(CONNECT_LIMIT_S, read=ANSWER_LIMIT_S))
            except httpx2.TransportError as problem:
                why = f"{endpoint.words}: {problem}"
                http.close()
                continue
            self._http, self.answered_by = http, endpoint
            return http
        raise NoConnection([no_connection(why, self._endpoints)])


def _decoded(answer: httpx2.Response, kind: type[V]) -> V:
    try:
        return decode(answer.content, kind, "answer")
    except Damaged as problem:
        raise NotNow([_strange(answer.status_code, str(problem))]) from problem


def _raise_problems(answer: httpx2.Response) -> None:
    """Turn a problem document into the exception that says whose move it is."""
    if answer.status_code < 300:
        return
    try:
        problems = decode(answer.content, _Problems, "answer").problems
    except Damaged:
        problems = (_strange(answer.status_code, answer.text[:200]),)
    match answer.status_code:
        case 503:
            raise NotNow(problems)
        case 504:
            raise OutcomeUnknown(problems)
        case status if status >= 500:
            raise OutcomeUnknown(problems)
        case _:
            raise Refused(problems)


def _open(endpoint: Endpoint) -> httpx2.Client:
    import httpx2

    if endpoint.socket is not None:
        return httpx2.Client(transport=httpx2.HTTPTransport(uds=str(endpoint.socket)), base_url=endpoint.url)
    assert endpoint.profile is not None
    assert endpoint.profile_folder is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=endpoint.profile.authority)
    context.load_cert_chain(endpoint.profile_folder / "client.pem", endpoint.profile_folder / "client.key")
    return httpx2.Client(verify=context, base_url=endpoint.url, trust_env=False)


def post_once(url: str, tls: ssl.SSLContext, path: str, body: Value, kind: type[V], *, named: str = "") -> V:
    """One request on a connection of its own. Raises Refused or CallFailed.

    `named`: what the server's certificate must be valid for, where that is something else than the host of `url`.
    """
    import httpx2

    try:
        with httpx2.Client(verify=tls, base_url=url, trust_env=False) as http:
            answer = http.post(
                path,
                content=encode(body),
                timeout=httpx2.Timeout(CONNECT_LIMIT_S, read=ANSWER_LIMIT_S),
                extensions={"sni_hostname": named} if named else None,
            )
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
        raise NoConnection([error("no_connection", f"{url}: {problem}", remedy="see that it runs there")]) from problem
    except httpx2.TransportError as problem:
        raise OutcomeUnknown([_unknown(str(problem))]) from problem
    _raise_problems(answer)
    return _decoded(answer, kind)


def path_of(*parts: str) -> str:
    """A path with the names of objects quoted. Raises Refused where one is empty: it would be another path."""
    if not all(parts):
        what = f"a name is empty after {parts[parts.index('') - 1]!r}" if parts[0] else "a name is empty"
        raise Refused([error("name_empty", what, where="name", remedy="write the name; is a variable unset?")])
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _unknown(why: str) -> Problem:
    return error(
        "outcome_unknown",
        f"the request was sent and no answer came: {why}",
        remedy="look at the object before trying again",
    )


def _strange(status: int, text: str) -> Problem:
    return error("strange_answer", f"status {status}: {text}", remedy="see that client and node are of one version")
