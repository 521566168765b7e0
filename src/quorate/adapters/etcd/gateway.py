"""etcd's v3 JSON gateway over HTTP: one typed method per call that we use.

Owns: the HTTP client, the order in which endpoints are asked, time-outs of single attempts, and decoding.
Does not know: the store port, keys, guards, or how an etcd process comes to run.

How it works: endpoints are given with the node's own member first. An endpoint that failed is asked last for
`AVOID_S`. A call that may be repeated goes round the endpoints until its time is over; one that may not goes on to the
next endpoint only where the failure proves that nothing was executed (`errors`), and goes round once. Every request
but `status` carries `hasleader`: a member without a leader then refuses at once instead of keeping the request until
it finds one, which would execute it late. HTTP/1.1 with connections kept open.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

import httpx2
import msgspec

from quorate.adapters.etcd.errors import GatewayError, NoAnswer, NotSent, Refused
from quorate.adapters.etcd.messages import (
    Alarm,
    AlarmRequest,
    AlarmResponse,
    Answer,
    Answered,
    CompactionRequest,
    DeleteRangeRequest,
    Empty,
    ErrorBody,
    Member,
    MemberAddRequest,
    MemberAddResponse,
    MemberIdRequest,
    MemberListResponse,
    MemberUpdateRequest,
    Message,
    RangeRequest,
    RangeResponse,
    RequestOp,
    Status,
    TxnRequest,
    TxnResponse,
    WatchCreate,
    WatchLine,
    WatchRequest,
    WatchResponse,
    decode,
    encode,
)

_NOTHING = TxnRequest(failure=(RequestOp(request_delete_range=DeleteRangeRequest(b"\xff")),))
"""Without conditions the other branch is taken, which is empty; for the one that is not, etcd proposes it."""

CONNECT_S = 0.25
"""For one connection, handshake included; the peers are at most a site link away."""

ATTEMPT_S = 0.4
"""For one attempt of a repeatable call where another endpoint is left: longer than a default election (0.27 s), so
that a change of leader is waited out rather than fled from."""

AVOID_S = 1.0
"""How long an endpoint that failed is asked last."""

RETRY_PAUSE_S = 0.02
"""Between two rounds over all endpoints, so that refused connections do not make a busy loop."""

ADMIN_S = 5.0
"""For changes of membership and other rare calls."""

LARGE_BYTES = 1 << 20
"""An answer beyond this is read by a thread."""

KEEPALIVE_S = 60.0

_HEADERS = {"Content-Type": "application/json"}
_WITH_LEADER = {"Grpc-Metadata-hasleader": "true"}


class Gateway:
    """A client of one etcd cluster; close it, or use it as an asynchronous context manager.

    `endpoints` are URLs, the preferred one first. `tls` carries our certificate and the authority we trust; it is
    required for https. Unless said otherwise a method raises GatewayError in its three forms.
    """

    def __init__(
        self, endpoints: Sequence[str], *, tls: ssl.SSLContext | None = None, connect_timeout_s: float = CONNECT_S
    ) -> None:
        if tls is None and any(endpoint.startswith("https:") for endpoint in endpoints):
            raise ValueError("https endpoints need a TLS context")
        self._endpoints = tuple(endpoint.rstrip("/") for endpoint in endpoints)
        self._connect_timeout_s = connect_timeout_s
        self._avoid_until: dict[str, float] = {}
        self._doubtful: frozenset[str] = frozenset()
        self._client = httpx2.AsyncClient(
            verify=tls if tls is not None else False,  # without TLS there is nothing to verify
            trust_env=False,  # a proxy from the environment must not stand between a node and its store
            headers=_HEADERS,
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_S),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    def in_order(self) -> tuple[str, ...]:
        """The endpoints in the order in which they are worth asking now."""
        now = asyncio.get_running_loop().time()

        def worth(endpoint: str) -> tuple[bool, bool]:
            return endpoint in self._doubtful, self._avoid_until.get(endpoint, now) > now

        return tuple(sorted(self._endpoints, key=worth))

    def use(self, endpoints: Sequence[str], doubtful: Iterable[str] = ()) -> None:
        """Ask these endpoints from now on, the preferred one first; requests under way go on where they are.

        Those that are `doubtful` are asked after all others, whatever these answered: a machine that is silent costs a
        request all its time, and one that has just refused for want of a leader has one a moment later.
        """
        self._endpoints = tuple(endpoint.rstrip("/") for endpoint in endpoints)
        self._doubtful = frozenset(endpoint.rstrip("/") for endpoint in doubtful)

    def avoid(self, endpoint: str) -> None:
        """Ask this endpoint last for a while."""
        self._avoid_until[endpoint] = asyncio.get_running_loop().time() + AVOID_S

    # Keys

    async def txn(
        self, request: TxnRequest, *, timeout_s: float, repeatable: bool, attempt_s: float = ATTEMPT_S
    ) -> TxnResponse:
        """One transaction. `repeatable` says that executing it twice does no harm: each endpoint gets `attempt_s`."""
        return await self._ask(
            "/v3/kv/txn", request, TxnResponse, timeout_s=timeout_s, repeatable=repeatable, attempt_s=attempt_s
        )

    async def range(self, request: RangeRequest, *, timeout_s: float) -> RangeResponse:
        """A linearizable read of one range."""
        return await self._ask("/v3/kv/range", request, RangeResponse, timeout_s=timeout_s, repeatable=True)

    async def compact(self, revision: int, *, timeout_s: float = ADMIN_S) -> None:
        """Forget history before `revision`. Refused where that was done already."""
        request = CompactionRequest(revision)
        await self._ask("/v3/kv/compaction", request, Answered, timeout_s=timeout_s, repeatable=False)

    async def watch(self, endpoint: str, create: WatchCreate, *, silence_s: float) -> AsyncGenerator[WatchResponse]:
        """The messages of one watch on one endpoint until the stream ends, which is always an error.

        Raises NoAnswer after `silence_s` without a message, so ask for progress notes more often than that.
        """
        limits = self._limits(silence_s)
        body = encode(WatchRequest(create))
        try:
            async with self._client.stream(
                "POST", f"{endpoint}/v3/watch", content=body, headers=_WITH_LEADER, timeout=limits
            ) as response:
                if response.status_code != httpx2.codes.OK:
                    raise _refusal(response.status_code, await response.aread())
                pending = b""
                async for chunk in response.aiter_raw():
                    *lines, pending = (pending + chunk).split(b"\n")
                    for line in lines:
                        yield _watch_message(line)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSent(_words(error)) from error
        except (httpx2.HTTPError, OSError) as error:
            raise NoAnswer(_words(error)) from error
        raise NoAnswer("etcd ended the watch stream")

    # Members and maintenance

    async def status(self, endpoint: str, *, timeout_s: float = 1.0) -> Status:
        """That member's own view of itself; answered without a leader too."""
        return await self._post(endpoint, "/v3/maintenance/status", Empty(), Status, timeout_s, headers={})

    async def digest(self, endpoint: str, prefix: str, revision: int, *, timeout_s: float = ADMIN_S) -> str:
        """A checksum of all that the member at that endpoint itself has below a prefix, as of a revision."""
        start = prefix.encode()
        end = start[:-1] + bytes([start[-1] + 1])
        request = RangeRequest(start, end, revision=revision, serializable=True)
        answer = await self._post(endpoint, "/v3/kv/range", request, RangeResponse, timeout_s)
        return await asyncio.to_thread(_digest, answer)

    async def metrics(self, endpoint: str, *, timeout_s: float = 1.0) -> str:
        """The counters of the member at that endpoint, as text."""
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._client.get(endpoint + "/metrics", timeout=self._limits(timeout_s))
        except (httpx2.HTTPError, TimeoutError, OSError) as error:
            raise NoAnswer(_words(error)) from error
        if response.status_code != httpx2.codes.OK:
            raise _refusal(response.status_code, response.content)
        return response.text

    async def members(self, *, timeout_s: float = ADMIN_S) -> tuple[Member, ...]:
        """All members, with every change that was answered before this call.

        An endpoint lists what it has applied, which may be old (before 3.5 there is no other list). So it first has to
        carry a transaction that changes nothing through the log: its answer means that all before it is applied there.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        last: GatewayError = NotSent("there is no endpoint")
        for endpoint in self.in_order():
            left_s = deadline - asyncio.get_running_loop().time()
            if left_s <= 0:
                break
            try:
                await self._post(endpoint, "/v3/kv/txn", _NOTHING, TxnResponse, left_s)
                answer = await self._post(endpoint, "/v3/cluster/member/list", Empty(), MemberListResponse, left_s)
            except GatewayError as error:
                if error.is_final:
                    raise
                self.avoid(endpoint)
                last = error
            else:
                return answer.members
        raise last

    async def add_member(
        self, peer_urls: Sequence[str], *, learner: bool, timeout_s: float = ADMIN_S
    ) -> MemberAddResponse:
        """Announce a member before it starts; as a learner it follows without a vote."""
        request = MemberAddRequest(tuple(peer_urls), isLearner=learner)
        path = "/v3/cluster/member/add"
        return await self._ask(path, request, MemberAddResponse, timeout_s=timeout_s, repeatable=False)

    async def promote_member(self, member_id: int, *, timeout_s: float = ADMIN_S) -> tuple[Member, ...]:
        """Give a learner its vote. Refused while it has not caught up."""
        return await self._change_member("/v3/cluster/member/promote", member_id, timeout_s)

    async def remove_member(self, member_id: int, *, timeout_s: float = ADMIN_S) -> tuple[Member, ...]:
        """Remove a member for good; its directory must never be used again."""
        return await self._change_member("/v3/cluster/member/remove", member_id, timeout_s)

    async def move_member(
        self, member_id: int, peer_urls: Sequence[str], *, timeout_s: float = ADMIN_S
    ) -> tuple[Member, ...]:
        """Tell the others where a member now is. Harmless to repeat."""
        request = MemberUpdateRequest(member_id, tuple(peer_urls))
        path = "/v3/cluster/member/update"
        answer = await self._ask(path, request, MemberListResponse, timeout_s=timeout_s, repeatable=True)
        return answer.members

    async def alarms(self, *, timeout_s: float = ADMIN_S) -> tuple[Alarm, ...]:
        """The alarms that stand."""
        return await self._alarm(AlarmRequest("GET"), timeout_s)

    async def withdraw_alarm(
        self, member_id: int, alarm: Literal["NOSPACE", "CORRUPT"], *, timeout_s: float = ADMIN_S
    ) -> tuple[Alarm, ...]:
        """Withdraw one alarm after its cause has gone; harmless to repeat."""
        return await self._alarm(AlarmRequest("DEACTIVATE", member_id, alarm), timeout_s)

    async def defragment(self, endpoint: str, *, timeout_s: float = 60.0) -> None:
        """Give freed space of one member back to its disk. That member answers nothing meanwhile."""
        await self._post(endpoint, "/v3/maintenance/defragment", Empty(), Answered, timeout_s)

    # How a call is made

    async def _change_member(self, path: str, member_id: int, timeout_s: float) -> tuple[Member, ...]:
        request = MemberIdRequest(member_id)
        answer = await self._ask(path, request, MemberListResponse, timeout_s=timeout_s, repeatable=False)
        return answer.members

    async def _alarm(self, request: AlarmRequest, timeout_s: float) -> tuple[Alarm, ...]:
        path = "/v3/maintenance/alarm"
        return (await self._ask(path, request, AlarmResponse, timeout_s=timeout_s, repeatable=True)).alarms

    async def _ask(
        self,
        path: str,
        request: Message,
        kind: type[Answer],
        *,
        timeout_s: float,
        repeatable: bool,
        attempt_s: float = ATTEMPT_S,
    ) -> Answer:
        now = asyncio.get_running_loop().time
        deadline = now() + timeout_s
        last: GatewayError = NotSent("there is no endpoint")
        while True:
            order = self.in_order()
            for endpoint in order:
                left_s = deadline - now()
                if left_s <= 0:
                    raise last
                slice_s = min(left_s, attempt_s) if repeatable and len(order) > 1 else left_s
                try:
                    return await self._post(endpoint, path, request, kind, slice_s)
                except GatewayError as error:
                    if error.is_final:
                        raise
                    self.avoid(endpoint)  # also where this call ends here: the caller's next one goes elsewhere
                    if not (repeatable or error.proves_not_executed):
                        raise
                    last = error
            if not repeatable or deadline - now() <= RETRY_PAUSE_S:
                raise last
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _post(
        self,
        endpoint: str,
        path: str,
        request: Message,
        kind: type[Answer],
        timeout_s: float,
        *,
        headers: Mapping[str, str] = _WITH_LEADER,
    ) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):  # httpx's own limits are per read, not for the whole answer
                response = await self._client.post(
                    endpoint + path, content=encode(request), headers=headers, timeout=self._limits(timeout_s)
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSent(_words(error)) from error
        except (httpx2.HTTPError, TimeoutError, OSError) as error:
            # OSError: with TLS 1.3 a refused certificate shows at the first read, as an SSLError that nobody wraps.
            # A write error too: httpcore hides it and reads on, and bytes may have arrived before it.
            raise NoAnswer(_words(error)) from error
        if response.status_code != httpx2.codes.OK:
            raise _refusal(response.status_code, response.content)
        try:
            if len(response.content) > LARGE_BYTES:
                # A whole database: whoever waits for it must not keep everything else from happening meanwhile.
                return await asyncio.to_thread(decode, response.content, kind)
            return decode(response.content, kind)
        except msgspec.MsgspecError as error:
            raise NoAnswer(f"the answer is not etcd's: {error}") from error

    def _limits(self, timeout_s: float) -> httpx2.Timeout:
        return httpx2.Timeout(timeout_s, connect=min(timeout_s, self._connect_timeout_s))


def _digest(answer: RangeResponse) -> str:
    made = hashlib.sha256()
    for item in answer.kvs:
        head = f"{len(item.key)} {len(item.value)} {item.create_revision} {item.mod_revision} "
        made.update(head.encode() + item.key + item.value)
    return made.hexdigest()


def _refusal(status: int, body: bytes) -> GatewayError:
    try:
        fault = decode(body, ErrorBody)
    except msgspec.MsgspecError:
        return NoAnswer(f"HTTP status {status} without an error of etcd's")
    return Refused(fault.code, fault.message)


def _watch_message(line: bytes) -> WatchResponse:
    try:
        message = decode(line, WatchLine)
    except msgspec.MsgspecError as error:
        raise NoAnswer(f"the watch stream is not etcd's: {error}") from error
    if message.error is not None:
        raise Refused(message.error.grpc_code, message.error.message)
    if message.result is None:
        raise NoAnswer("the watch stream holds an empty message")
    return message.result


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
