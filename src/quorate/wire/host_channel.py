"""What the service and a resource host say to each other, and how it looks as bytes.

Owns: the closed unions `Command` (service to host) and `Report` (host to service), the length-prefixed framing, and the
exit codes by which a host tells why it ended.
Does not know: sockets, what a resource type does, or when to say what; `host.server` and the service know that.
How it works: every message is one frozen value, encoded as JSON with its kind in the field `kind`, behind a length of
four bytes, most significant first. A `Decoder` is fed whatever bytes arrived and gives back the values that are
complete.

The host listens on `<run>/hosts/<name>.sock`, the service connects. The first message on every connection is the host's
`InventoryReport`, so that a new service can adopt what a former one started. Several connections may exist at once
(an old service dying, a new one adopting); every `State`, `CommandRefused` and `LogRecord` goes to all of them, a
`ControlAnswer` only to the one that asked.

`token` is the assignment number of the group (design §5), which only rises. The host refuses a command with a lower
token than the highest it has seen for that resource, whichever connection it came from.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
else:
    Json = Any  # msgspec does not follow an alias that refers to itself
PropertyValue = None | bool | int | float | str | list[str | int | float | bool]

FRAME_LIMIT_BYTES: Final = 1 << 20
"""The longest message. The largest honest one is an inventory of a few hundred resources, about 100 KB."""

EXIT_DEADLOCK: Final = 75
"""The host ended itself because a call overstayed its deadlock limit.

`<socket>.offender` names it (spec/04 section 1.1).
"""

EXIT_LEASE_OVER: Final = 76
"""The host ended itself because a resource was not ended in time after the lease.

The kernel took the rest down with it.
"""

EXIT_HELPER: Final = 77
"""The helper beside the host has died, and every program with it: a host without one can start nothing any more."""

EXIT_USAGE: Final = 64
"""The command line or the place of the socket was wrong; starting again will not help."""


class ReportedState(enum.Enum):
    """State of one resource as its host reports it (spec/03 section 1).

    CANNOT_HERE and CANNOT_ANYWHERE end a failed attempt to come online like FAILED, and say besides that another
    attempt on this node, or on any node, is of no use for now.
    """

    OFFLINE = "offline"
    ONLINE_PENDING = "online_pending"
    ONLINE = "online"
    OFFLINE_PENDING = "offline_pending"
    FAILED = "failed"
    CANNOT_HERE = "cannot_here"
    CANNOT_ANYWHERE = "cannot_anywhere"
    STOP_FAILED = "stop_failed"


class FailureKind(enum.Enum):
    """What failed (spec/03 section 14.3): the resource itself, something inside it, or its network."""

    GENERAL = "general"
    EMBEDDED = "embedded"
    NETWORK_LOSS = "network_loss"


class OfflineReason(enum.Enum):
    """Why a resource is taken offline (spec/04 section 6)."""

    REQUEST = "request"
    MOVE = "move"
    FAILOVER = "failover"
    FAILED_MOVE = "failed_move"
    SHUTDOWN = "shutdown"
    RUNDOWN = "rundown"


class RefusalCode(enum.Enum):
    """Why the host did not carry out a command."""

    STALE_TOKEN = "stale_token"  # noqa: S105 - a word of the protocol
    NOT_OPEN = "not_open"
    LEASE_OVER = "lease_over"
    TYPE_UNKNOWN = "type_unknown"
    PROPERTIES_INVALID = "properties_invalid"
    OPEN_FAILED = "open_failed"
    BUSY = "busy"


class _Message(msgspec.Struct, frozen=True, tag_field="kind"):
    """Base of every message."""


class Open(_Message, frozen=True, tag="open"):
    """Create the instance (or give an offline one these properties); it stays offline.

    `type_name` is a built-in type or `module:Class`. An instance that is not offline keeps what it has until it has
    been offline; that too is spec/04 section 3 (5024).
    """

    resource_id: str
    type_name: str
    name: str
    properties: dict[str, PropertyValue]
    looks_alive_poll_interval_ms: int = 5_000
    is_alive_poll_interval_ms: int = 60_000
    pending_timeout_ms: int = 180_000
    deadlock_timeout_ms: int = 300_000
    end_by_force: bool = True
    """Where `terminate` fails: end what it holds without the type, or leave it as it is."""
    already_running_action: str = "restart"
    """What is active before it is brought online: adopt, restart, or fail."""
    maintained: bool = False
    """Its health checks have no consequence: somebody works on it by hand."""
    group_id: str = ""
    group: str = ""
    """Name of its group."""
    depends_on: dict[str, str] = {}
    """Names of the resources on which it depends, by id. What differs from the former Open is told to the type."""


class Online(_Message, frozen=True, tag="online"):
    """Bring it online under assignment `token`. Repeating it is harmless."""

    resource_id: str
    token: int


class Offline(_Message, frozen=True, tag="offline"):
    """Take it offline gracefully. Repeating it is harmless."""

    resource_id: str
    token: int
    reason: OfflineReason = OfflineReason.REQUEST


class Terminate(_Message, frozen=True, tag="terminate"):
    """End it at once, also in the middle of coming online or going offline."""

    resource_id: str
    token: int


class Close(_Message, frozen=True, tag="close"):
    """Forget the instance; it is terminated first if it is not offline."""

    resource_id: str
    deleted: bool = False
    """The resource is no more, and its type shall hear that."""


class Control(_Message, frozen=True, tag="control"):
    """Ask the type for one of its own operations."""

    request_id: int
    resource_id: str
    verb: str
    body: Json = None


class Prepare(_Message, frozen=True, tag="prepare"):
    """Hint: this resource may soon come online here. Nothing follows from it but a quicker start."""

    resource_id: str


class Inventory(_Message, frozen=True, tag="inventory"):
    """Ask for an InventoryReport."""


Command = Open | Online | Offline | Terminate | Close | Control | Prepare | Inventory


class State(_Message, frozen=True, tag="state"):
    """The state of one resource, sent at every change and every sign of progress.

    `since_boot_s` is the boot-time clock when the state began. `checkpoint` rises with every sign of progress of a
    pending state. An ONLINE with a `failure` of kind EMBEDDED is an embedded failure: the resource still runs, policy
    decides.
    """

    resource_id: str
    token: int
    state: ReportedState
    detail: str
    since_boot_s: float
    checkpoint: int = 0
    failure: FailureKind | None = None
    locked: str = ""
    """Why its type has locked it; empty where it is not locked."""
    found: str = ""
    """What was active of it before it was brought online under the present assignment, in words."""
    maintained: bool = False
    """Its health checks have no consequence for now."""


class ControlAnswer(_Message, frozen=True, tag="control_answer"):
    """Answer to a Control; `problem` is empty where it succeeded."""

    request_id: int
    body: Json = None
    problem: str = ""


class InventoryReport(_Message, frozen=True, tag="inventory_report"):
    """Every open instance with its state; first message of every connection. `highest_tokens` includes closed ones."""

    host: str
    pid: int
    states: tuple[State, ...]
    highest_tokens: dict[str, int]
    containment: str


class CommandRefused(_Message, frozen=True, tag="command_refused"):
    """A command was not carried out; the state is unchanged."""

    resource_id: str
    command: str
    code: RefusalCode
    detail: str
    token: int = 0


class LogRecord(_Message, frozen=True, tag="log_record"):
    """One line for the cluster log: level is debug, info, warning or error."""

    resource_id: str
    level: str
    text: str
    since_boot_s: float


Report = State | ControlAnswer | InventoryReport | CommandRefused | LogRecord

_LENGTH = struct.Struct("!I")
_ENCODER = msgspec.json.Encoder()

Message = TypeVar("Message")


class BadFrame(Exception):
    """The other side broke the protocol; the connection is of no further use, a new one may be."""


def encode(message: Command | Report) -> bytes:
    """The message as one frame. Raises BadFrame if it is longer than FRAME_LIMIT_BYTES."""
    body = _ENCODER.encode(message)
    if len(body) > FRAME_LIMIT_BYTES:
        raise BadFrame(f"a message of {len(body)} bytes exceeds the limit of {FRAME_LIMIT_BYTES}")
    return _LENGTH.pack(len(body)) + body


class Decoder(Generic[Message]):
    """Bytes in, values out; keeps the incomplete rest."""

    def __init__(self, decoder: msgspec.json.Decoder[Message]) -> None:
        self._decoder = decoder
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Take what arrived and give the messages now complete, in order. Raises BadFrame."""
        self._rest += data
        messages: list[Message] = []
        while len(self._rest) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._rest)
            if length > FRAME_LIMIT_BYTES:
                raise BadFrame(f"a frame of {length} bytes was announced, the limit is {FRAME_LIMIT_BYTES}")
            end = _LENGTH.size + length
            if len(self._rest) < end:
                break
            try:
                messages.append(self._decoder.decode(bytes(self._rest[_LENGTH.size : end])))
            except msgspec.MsgspecError as problem:
                raise BadFrame(f"not a message of this channel: {problem}") from problem
            del self._rest[:end]
        return messages


def command_decoder() -> Decoder[Command]:
    """What a host reads with."""
    return Decoder[Command](msgspec.json.Decoder(Command))


def report_decoder() -> Decoder[Report]:
    """What the service reads with."""
    return Decoder[Report](msgspec.json.Decoder(Report))
