"""What the service and the sentinel of one node say to each other, as lines of JSON.

Owns: the messages beyond those of `core.authority.orders`, and their bytes. Does not know: sockets.
Standard library only: the sentinel loads it. The sentinel listens, the service connects; the sentinel's first line is
a `Report`, so that a new service learns what the former one left (design §2).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from quorate.core.authority.orders import Heard, Order, Peer, Renewal, Report, Unsettled
from quorate.core.paths import PathState

LINE_LIMIT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Progress:
    """The service's loop has turned."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the nodes are: per node, per network, the address; and the fabric address of each.

    `metrics` says which network is used first, by its name; `history_length` how many heartbeats of a lost path count.
    """

    addresses: dict[int, dict[str, str]]
    fabric: dict[int, str]
    metrics: dict[str, int] = field(default_factory=dict)
    history_length: int = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """Service to sentinel: heartbeat interval and missed heartbeats as the cluster has them; 0: the profile's.

    They hold within a subnet. `peers` says, per node, the interval and the silence (S) towards it, in milliseconds.
    """

    delay_ms: int
    threshold: int
    peers: dict[int, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paths:
    """Sentinel to service: every path as this node sees it; sent when one is lost or back, and every second."""

    paths: tuple[PathState, ...]


@dataclass(frozen=True, slots=True)
class RunProcess:
    """Keep a process of that name running with these arguments (etcd's member)."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunHost:
    """Keep a resource host of that name running, beside the shared one; the sentinel knows its command line."""

    name: str


@dataclass(frozen=True, slots=True)
class EndProcess:
    """End the process of that name and keep it ended."""

    name: str


@dataclass(frozen=True, slots=True)
class ServiceEnds:
    """The service is about to end. `stop_node`: everything has left, the sentinel ends the rest and itself.

    `retire`, where it is not empty: the machine is a node no more, its state folder is put aside under that suffix.
    """

    stop_node: bool
    retire: str = ""


@dataclass(frozen=True, slots=True)
class StopNode:
    """Sentinel to service: the node is to be stopped cleanly (drain, release, leave)."""


@dataclass(frozen=True, slots=True)
class Processes:
    """Sentinel to service: what runs, by name, with its process id; sent on every change."""

    running: dict[str, int]


ToSentinel = Order | Renewal | Progress | Peers | Pace | RunProcess | RunHost | EndProcess | ServiceEnds
ToService = Report | StopNode | Processes | Paths


class BadLine(Exception):
    """The other side broke the protocol; the connection is of no further use."""


def encode(message: ToSentinel | ToService) -> bytes:
    """The message as one line."""
    return json.dumps([type(message).__name__, asdict(message)], separators=(",", ":")).encode() + b"\n"


def _peers(raw: list[list[Any]]) -> tuple[Peer, ...]:
    return tuple(Peer(*peer) for peer in raw)


def _unsettled(raw: list[dict[str, Any]]) -> tuple[Unsettled, ...]:
    return tuple(Unsettled(**{**item, "peer": Peer(*item["peer"])}) for item in raw)


def _order(raw: dict[str, Any]) -> Order:
    lists = {name: _peers(raw[name]) for name in ("acknowledge", "admitting", "required", "watched")}
    return Order(**{**raw, **lists, "unsettled": _unsettled(raw["unsettled"])})


def _heard(raw: dict[str, Any]) -> Heard:
    return Heard(**{**raw, "peer": Peer(*raw["peer"]), "heard": tuple(raw["heard"]), "mutual": tuple(raw["mutual"])})


def _path(raw: dict[str, Any]) -> PathState:
    return PathState(**{**raw, "history": tuple((int(serial), int(ago)) for serial, ago in raw["history"])})


def _report(raw: dict[str, Any]) -> Report:
    return Report(
        **{
            **raw,
            "heard": tuple(_heard(item) for item in raw["heard"]),
            "silent": _peers(raw["silent"]),
            "unsettled": _unsettled(raw["unsettled"]),
            "order": _order(raw["order"]) if raw["order"] is not None else None,
        }
    )


def decode(line: bytes) -> ToSentinel | ToService:
    """One line back into its message. Raises BadLine."""
    try:
        kind, raw = json.loads(line)
        match kind:
            case "Order":
                return _order(raw)
            case "Report":
                return _report(raw)
            case "Renewal":
                return Renewal(**raw)
            case "Progress":
                return Progress()
            case "Peers":
                return Peers(
                    {int(node): dict(where) for node, where in raw["addresses"].items()},
                    {int(node): str(where) for node, where in raw["fabric"].items()},
                    {str(network): int(metric) for network, metric in raw["metrics"].items()},
                    int(raw["history_length"]),
                )
            case "Pace":
                return Pace(
                    int(raw["delay_ms"]),
                    int(raw["threshold"]),
                    {
                        int(node): (float(beat), float(silence))
                        for node, (beat, silence) in raw.get("peers", {}).items()
                    },
                )
            case "Paths":
                return Paths(tuple(_path(path) for path in raw["paths"]))
            case "RunProcess":
                return RunProcess(raw["name"], tuple(raw["argv"]))
            case "RunHost":
                return RunHost(**raw)
            case "EndProcess":
                return EndProcess(raw["name"])
            case "ServiceEnds":
                return ServiceEnds(bool(raw["stop_node"]), str(raw.get("retire", "")))
            case "StopNode":
                return StopNode()
            case "Processes":
                return Processes({str(name): int(pid) for name, pid in raw["running"].items()})
            case _:
                raise BadLine(f"unknown message {kind!r}")
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise BadLine(str(problem)) from problem


class Lines:
    """Bytes in, messages out; keeps the incomplete rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[ToSentinel | ToService]:
        """Take what arrived and give the messages now complete. Raises BadLine."""
        self._rest += data
        if len(self._rest) > LINE_LIMIT_BYTES:
            raise BadLine("a line is too long")
        *lines, self._rest = self._rest.split(b"\n")
        return [decode(line) for line in lines]
