"""What travels between us and etcd's JSON gateway, as typed values.

Owns: the part of etcd's v3 messages that we use, under etcd's own field names, so that its documentation applies.
Does not know: connections, endpoints, or what a key means.
How it works: msgspec structs. Its JSON codec writes `bytes` as base64, as the gateway wants; 64-bit numbers arrive as
strings, hence lax decoding; fields at their default value are left out, as the gateway does too.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

Answer = TypeVar("Answer")


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of everything here."""


def encode(message: Message) -> bytes:
    """The JSON body of a request."""
    return msgspec.json.encode(message)


def decode(body: bytes, kind: type[Answer]) -> Answer:
    """One JSON answer as `kind`. Raises msgspec.MsgspecError where it is something else."""
    return msgspec.json.decode(body, type=kind, strict=False)


class Header(Message, frozen=True):
    """Stands on every answer; `revision` is that of the whole store."""

    cluster_id: int = 0
    member_id: int = 0
    revision: int = 0
    raft_term: int = 0


class Answered(Message, frozen=True):
    """An answer of which only the header matters."""

    header: Header = Header()


class Empty(Message, frozen=True):
    """A request without content."""


# Keys: ranges, transactions


class StoredKey(Message, frozen=True):
    """One key as stored, or, in a delete event, only its name and the revision of the deletion."""

    key: bytes = b""
    value: bytes = b""
    create_revision: int = 0
    mod_revision: int = 0


class RangeRequest(Message, frozen=True):
    """One key, or all keys from `key` up to but without `range_end`."""

    key: bytes
    range_end: bytes = b""
    revision: int = 0
    """As of then; 0: now."""
    serializable: bool = False
    """From this member's own copy, which may be old; the others need not be there."""


class RangeResponse(Message, frozen=True):
    """The keys of a range, sorted."""

    header: Header = Header()
    kvs: tuple[StoredKey, ...] = ()


class PutRequest(Message, frozen=True):
    """Write one key."""

    key: bytes
    value: bytes


class DeleteRangeRequest(Message, frozen=True):
    """Delete one key."""

    key: bytes


class Compare(Message, frozen=True):
    """One condition of a transaction. Exactly the field that `target` names is set."""

    key: bytes
    target: Literal["CREATE", "MOD", "VALUE"]
    create_revision: int | None = None
    mod_revision: int | None = None
    value: bytes | None = None


class RequestOp(Message, frozen=True):
    """One operation of a transaction. Exactly one field is set."""

    request_range: RangeRequest | None = None
    request_put: PutRequest | None = None
    request_delete_range: DeleteRangeRequest | None = None


class ResponseOp(Message, frozen=True):
    """The answer to one operation; answers to writes tell us nothing more."""

    response_range: RangeResponse | None = None


class TxnRequest(Message, frozen=True):
    """If every condition holds do `success`, else `failure`; one atomic step."""

    compare: tuple[Compare, ...] = ()
    success: tuple[RequestOp, ...] = ()
    failure: tuple[RequestOp, ...] = ()


class TxnResponse(Message, frozen=True):
    """Which branch was taken, and its answers in order."""

    header: Header = Header()
    succeeded: bool = False
    responses: tuple[ResponseOp, ...] = ()


class CompactionRequest(Message, frozen=True):
    """Forget history before `revision`."""

    revision: int


# Watches


class WatchCreate(Message, frozen=True):
    """Events of a range from `start_revision` on; `fragment` lets etcd split an answer that is too large."""

    key: bytes
    range_end: bytes
    start_revision: int
    progress_notify: bool = False
    fragment: bool = False


class WatchRequest(Message, frozen=True):
    """The only request sent on a watch stream."""

    create_request: WatchCreate


class Event(Message, frozen=True):
    """One change of one key."""

    kv: StoredKey
    type: Literal["PUT", "DELETE"] = "PUT"


class WatchResponse(Message, frozen=True):
    """One message of a watch stream: created, cancelled, events, or (with none of them) a progress note."""

    header: Header = Header()
    created: bool = False
    canceled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""
    fragment: bool = False
    events: tuple[Event, ...] = ()


class StreamFault(Message, frozen=True):
    """How a stream reports its end."""

    grpc_code: int = 2
    message: str = ""


class WatchLine(Message, frozen=True):
    """One line of a watch stream."""

    result: WatchResponse | None = None
    error: StreamFault | None = None


class ErrorBody(Message, frozen=True):
    """How a single call reports that it failed."""

    message: str
    code: int


# Members and maintenance


class Status(Message, frozen=True):
    """One member's own view of itself; `leader` is 0 while it knows none."""

    header: Header = Header()
    version: str = ""
    dbSize: int = 0  # noqa: N815 - etcd's name
    dbSizeInUse: int = 0  # noqa: N815
    leader: int = 0
    raftIndex: int = 0  # noqa: N815
    raftTerm: int = 0  # noqa: N815
    raftAppliedIndex: int = 0  # noqa: N815
    isLearner: bool = False  # noqa: N815
    errors: tuple[str, ...] = ()


class Member(Message, frozen=True, rename={"id": "ID"}):
    """One member of the cluster; a member that was added but never started has no name."""

    id: int = 0
    name: str = ""
    peerURLs: tuple[str, ...] = ()  # noqa: N815
    clientURLs: tuple[str, ...] = ()  # noqa: N815
    isLearner: bool = False  # noqa: N815


class MemberListResponse(Message, frozen=True):
    """All members, voters and learners."""

    header: Header = Header()
    members: tuple[Member, ...] = ()


class MemberAddRequest(Message, frozen=True):
    """Add a voter, or with `isLearner` a member that follows and does not vote."""

    peerURLs: tuple[str, ...]  # noqa: N815
    isLearner: bool = False  # noqa: N815


class MemberAddResponse(Message, frozen=True):
    """The new member and the list that it now belongs to."""

    header: Header = Header()
    member: Member = Member()
    members: tuple[Member, ...] = ()


class MemberIdRequest(Message, frozen=True, rename={"id": "ID"}):
    """Remove or promote this member."""

    id: int


class MemberUpdateRequest(Message, frozen=True, rename={"id": "ID"}):
    """Give this member another address."""

    id: int
    peerURLs: tuple[str, ...]  # noqa: N815


class Alarm(Message, frozen=True):
    """An alarm raised by one member."""

    memberID: int = 0  # noqa: N815
    alarm: Literal["NONE", "NOSPACE", "CORRUPT"] = "NONE"


class AlarmRequest(Message, frozen=True):
    """List alarms, or withdraw one."""

    action: Literal["GET", "DEACTIVATE"]
    memberID: int = 0  # noqa: N815
    alarm: Literal["NONE", "NOSPACE", "CORRUPT"] = "NONE"


class AlarmResponse(Message, frozen=True):
    """The alarms that stand."""

    header: Header = Header()
    alarms: tuple[Alarm, ...] = ()
