"""What a resource host tells the sentinel before it takes hold of anything (design §2).

Owns: the holdings a sentinel can end alone, the messages to register and release them, and their bytes.
Does not know: sockets, or how a holding is ended. Standard library only: the sentinel loads it.
How it works: one JSON object a line, over a Unix stream socket on which the sentinel listens. The host sends
`Register` or `Release`, the sentinel answers each with one `Answer` carrying the same `request_id`. A host does not
take hold before the answer says yes, and releases only what is gone. Registering the same holding twice, or releasing
an unknown one, is harmless.

A process holding is the first process of a process-id namespace: SIGKILL to that one process ends all of them. Where
`contained` is false it is a subreaper: send SIGUSR1 first, on which it kills all it can find below itself and ends, and
SIGKILL only if it is still there. `start_time_ticks` (field 22 of /proc/<pid>/stat) tells it from a later process with
the same number; open a pidfd, then compare, then signal through the pidfd.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

LINE_LIMIT_BYTES: Final = 4096
"""The longest line; the longest honest one is about 300 bytes."""


@dataclass(frozen=True, slots=True)
class ProcessHolding:
    """A process tree, ended through `pid` as described above."""

    pid: int
    start_time_ticks: int
    contained: bool = True


@dataclass(frozen=True, slots=True)
class AddressHolding:
    """An address on an interface, ended by deleting it."""

    interface_index: int
    address: str
    prefix_length: int


Holding = ProcessHolding | AddressHolding


@dataclass(frozen=True, slots=True)
class Register:
    """The host is about to take hold of this for the resource."""

    request_id: int
    host: str
    resource_id: str
    holding: Holding


@dataclass(frozen=True, slots=True)
class Release:
    """The holding is gone."""

    request_id: int
    host: str
    resource_id: str
    holding: Holding


@dataclass(frozen=True, slots=True)
class Answer:
    """`detail` says why where `granted` is false (no lease, ending, list cannot be written)."""

    request_id: int
    granted: bool
    detail: str = ""


HoldingMessage = Register | Release | Answer


class BadHoldingMessage(Exception):
    """The line is not a message of this protocol; drop the connection."""


def holding_to_json(holding: Holding) -> dict[str, object]:
    """The holding as plain values, for the channel and for the sentinel's own list on disk."""
    match holding:
        case ProcessHolding():
            return {"kind": "process", **asdict(holding)}
        case AddressHolding():
            return {"kind": "address", **asdict(holding)}


def holding_from_json(value: object) -> Holding:
    """The reverse of `holding_to_json`. Raises BadHoldingMessage."""
    match value:
        case {"kind": "process", "pid": int(pid), "start_time_ticks": int(ticks), "contained": bool(contained)}:
            return ProcessHolding(pid, ticks, contained)
        case {
            "kind": "address",
            "interface_index": int(index),
            "address": str(address),
            "prefix_length": int(prefix_length),
        }:
            return AddressHolding(index, address, prefix_length)
        case _:
            raise BadHoldingMessage(f"not a holding: {value!r}")


def encode(message: HoldingMessage) -> bytes:
    """The message as one line."""
    return json.dumps(_to_json(message), separators=(",", ":")).encode() + b"\n"


def _to_json(message: HoldingMessage) -> dict[str, object]:
    match message:
        case Answer():
            return {"op": "answer", **asdict(message)}
        case Register() | Release():
            return {
                "op": "register" if isinstance(message, Register) else "release",
                "request_id": message.request_id,
                "host": message.host,
                "resource_id": message.resource_id,
                "holding": holding_to_json(message.holding),
            }


def decode(line: bytes) -> HoldingMessage:
    """One line back into its message. Raises BadHoldingMessage."""
    try:
        value = json.loads(line)
    except ValueError as problem:
        raise BadHoldingMessage(str(problem)) from problem
    match value:
        case {"op": "answer", "request_id": int(request_id), "granted": bool(granted), "detail": str(detail)}:
            return Answer(request_id, granted, detail)
        case {
            "op": "register" | "release" as operation,
            "request_id": int(request_id),
            "host": str(host),
            "resource_id": str(resource_id),
            "holding": holding,
        }:
            kind = Register if operation == "register" else Release
            return kind(request_id, host, resource_id, holding_from_json(holding))
        case _:
            raise BadHoldingMessage(f"not a message: {value!r}")


class LineSplitter:
    """Bytes in, whole messages out; keeps the incomplete rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[HoldingMessage]:
        """Take what arrived and give the messages now complete. Raises BadHoldingMessage."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT_BYTES:
            raise BadHoldingMessage("a line is too long")
        return [decode(line) for line in lines if line]
