"""Typed client of the REST face: finds the cluster, asks, and tells refusals from silence.

Owns: the order in which a cluster is looked for (endpoint, QUORATE_ENDPOINT, local socket, saved profile), and what
each way of failing means to the caller. Does not know: what is done with answers.

Errors, drawn as a tree; whose move it is stands beside each:

    Refused             (model.problems) the request is wrong or not allowed; the caller's move
    CallFailed
    ├── NotNow          nothing was changed, and the cluster cannot do it now; try again later
    ├── NoConnection    nobody answered, and nothing was sent
    └── OutcomeUnknown  the request was sent and the answer is missing; look before trying again
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import quote, urlsplit

from quorate.adapters.profiles import PROFILE_ENVIRONMENT, Profile, load_profiles, profile_folder
from quorate.model.base import Damaged, Value, decode, encode
from quorate.model.problems import Problem, Refused, error

if TYPE_CHECKING:
    import httpx2

    from quorate.control.events import Event
    from quorate.model.enrolment import EnrolmentAnswer, EnrolmentRequest
    from quorate.wire.join_token import JoinToken

ENDPOINT_ENVIRONMENT: Final = "QUORATE_ENDPOINT"
DEFAULT_PORT: Final = 7400
CONNECT_LIMIT_S: Final = 3.0
ANSWER_LIMIT_S: Final = 20.0
"""Beyond the time that the caller asked the cluster to wait."""

V = TypeVar("V", bound=Value)


class CallFailed(Exception):
    """Root of everything but a refusal."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.what for problem in self.problems))


class NotNow(CallFailed):
    """Nothing was changed; trying again later may help."""


class NoConnection(CallFailed):
    """No endpoint could be reached; nothing was sent."""


class OutcomeUnknown(CallFailed):
    """The request was sent and no answer came."""


class _Problems(Value, frozen=True, kw_only=True):
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in: a Unix socket, or an address with the certificate to show."""

    url: str
    socket: Path | None = None
    profile: Profile | None = None
    profile_folder: Path | None = None

    @property
    def words(self) -> str:
        """The endpoint as people write it."""
        return f"unix:{self.socket}" if self.socket is not None else self.url


def find_endpoints(given: str = "") -> list[Endpoint]:
    """Where to ask, in order. Raises NoConnection where there is nowhere."""
    asked = given or os.environ.get(ENDPOINT_ENVIRONMENT, "")
    if asked:
        return [_parse_endpoint(asked)]
    local = Path(os.environ.get("QUORATE_ROOT", "/")) / "run/quorate/service.sock"
    profiles = load_profiles()
    chosen = os.environ.get(PROFILE_ENVIRONMENT, "")
    if local.exists() and not chosen:
        return [Endpoint("http://local", socket=local)]
    names = [chosen] if chosen else list(profiles)
    if len(names) == 1 and names[0] in profiles:
        profile = profiles[names[0]]
        folder = profile_folder() / names[0]
        return [Endpoint(url, profile=profile, profile_folder=folder) for url in profile.endpoints]
    if chosen:
        what, remedy = f"there is no profile {chosen!r}", f"there are: {', '.join(profiles) or 'none'}"
    elif profiles:
        what, remedy = (
            "no service runs here and several profiles are saved",
            f"choose by {PROFILE_ENVIRONMENT}: {', '.join(profiles)}",
        )
    else:
        what = f"no service runs here ({local} is missing) and no profile is saved"
        remedy = "start the node (quorate node run), or name one: --endpoint https://ADDRESS:7400"
    raise NoConnection([error("no_cluster_here", what, remedy=remedy)])


def _parse_endpoint(text: str) -> Endpoint:
    if text.startswith(("unix:", "/")):
        return Endpoint("http://local", socket=Path(text.removeprefix("unix:").removeprefix("//")))
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme != "https" or not parts.hostname:
        raise Refused(
            [
                error(
                    "endpoint_form",
                    f"{text!r} is no endpoint",
                    where="endpoint",
                    remedy="write https://ADDRESS:7400 or unix:/run/quorate/service.sock",
                )
            ]
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"https://{host}:{parts.port or DEFAULT_PORT}"
    profiles = load_profiles()
    fitting = [name for name, profile in profiles.items() if url in profile.endpoints] or list(profiles)
    chosen = os.environ.get(PROFILE_ENVIRONMENT) or (fitting[0] if fitting else "")
    if chosen not in profiles:
        raise NoConnection(
            [
                error(
                    "no_credentials",
                    f"there is no saved profile to show to {url}",
                    where="endpoint",
                    remedy=f"copy a profile into {profile_folder()}",
                )
            ]
        )
    return Endpoint(url, profile=profiles[chosen], profile_folder=profile_folder() / chosen)


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

    def look(self, path: str, kind: type[V]) -> V:
        """Read a view. Raises Refused or CallFailed."""
        return _decoded(self._send("GET", path, {}, None, 0.0), kind)

    def ask(
        self,
        method: str,
        path: str,
        kind: type[V],
        *,
        body: Value | None = None,
        query: Mapping[str, str] | None = None,
        wait_s: float | None = None,
    ) -> V:
        """Ask for a change. Raises Refused or CallFailed."""
        parameters = dict(query or {})
        if wait_s is not None:
            parameters["wait_s"] = f"{wait_s:g}"
        return _decoded(self._send(method, path, parameters, body, wait_s or 0.0), kind)

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
            raise NoConnection([_no_connection(str(problem), self._endpoints)]) from problem

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Value | None, wait_s: float
    ) -> httpx2.Response:
        import httpx2

        http = self._connected()
        timeout = httpx2.Timeout(CONNECT_LIMIT_S, read=ANSWER_LIMIT_S + wait_s)
        content = encode(body) if body is not None else None
        try:
            answer = http.request(method, path, params=dict(query), content=content, timeout=timeout)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
            raise NoConnection([_no_connection(str(problem), self._endpoints)]) from problem
        except httpx2.TransportError as problem:
            if method == "GET":
                raise NoConnection([_no_connection(str(problem), self._endpoints)]) from problem
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
        raise NoConnection([_no_connection(why, self._endpoints)])


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


def path_of(*parts: str) -> str:
    """A path with the names of objects quoted."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def enrol(token: JoinToken, request: EnrolmentRequest) -> EnrolmentAnswer:
    """Ask the cluster that made the token for a place in it. Raises Refused or CallFailed."""
    import httpx2

    from quorate.model.enrolment import EnrolmentAnswer

    why: list[str] = []
    for host, port in token.endpoints:
        try:
            authority = _pinned_authority(host, port, token.fingerprint)
        except (OSError, ssl.SSLError) as problem:
            why.append(f"{host}:{port}: {problem}")
            continue
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authority)
        name = f"[{host}]" if ":" in host else host
        try:
            with httpx2.Client(verify=context, base_url=f"https://{name}:{port}", trust_env=False) as http:
                answer = http.post("/v1/join", content=encode(request), timeout=ANSWER_LIMIT_S)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
            why.append(f"{host}:{port}: {problem}")
            continue
        except httpx2.TransportError as problem:
            raise OutcomeUnknown(
                [
                    error(
                        "outcome_unknown",
                        f"{host} took the request and its answer was lost: {problem}",
                        remedy="give the same command again on this machine: it gets the same node number",
                    )
                ]
            ) from problem
        _raise_problems(answer)
        return _decoded(answer, EnrolmentAnswer)
    remedy = "see that a node of the cluster runs and that this machine reaches it"
    raise NoConnection([error("no_connection", f"no node answers: {'; '.join(why)}", remedy=remedy)])


def _pinned_authority(host: str, port: int, fingerprint: bytes) -> str:
    """The node authority's certificate, as the server shows it, if its fingerprint is the one in the token.

    Nothing is believed on this connection: it only fetches the certificate by which the next one is checked.
    """
    import hashlib
    import socket

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout=CONNECT_LIMIT_S) as raw,
        context.wrap_socket(raw) as tls,
    ):
        chain = _shown_chain(tls)
    for certificate in chain:
        if hashlib.sha256(certificate).digest() == fingerprint:
            return ssl.DER_cert_to_PEM_cert(certificate)
    raise ssl.SSLError("the certificate is not of the cluster that made this token")


def _shown_chain(tls: ssl.SSLSocket) -> list[bytes]:
    """All certificates that the server sent, in DER. Public from Python 3.13 on; 3.11 has it one level down."""
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    inner = getattr(tls, "_sslobj")  # noqa: B009 - see above
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner.get_unverified_chain()]


def _no_connection(why: str, endpoints: list[Endpoint]) -> Problem:
    tried = ", ".join(endpoint.words for endpoint in endpoints)
    return error(
        "no_connection",
        f"no answer from {tried}: {why}",
        where="endpoint",
        remedy="see that the node's service runs and that this user may use it",
    )


def _unknown(why: str) -> Problem:
    return error(
        "outcome_unknown",
        f"the request was sent and no answer came: {why}",
        remedy="look at the object before trying again",
    )


def _strange(status: int, text: str) -> Problem:
    return error("strange_answer", f"status {status}: {text}", remedy="see that client and node are of one version")
