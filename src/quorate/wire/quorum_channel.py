"""What the service and the keeper of the quorum storage say to each other, as lines of JSON.

Owns: the order, the standing, and their bytes. Does not know: sockets, storages, or when to say what.
How it works: the keeper listens, the service connects. Every order states everything that is wanted; the keeper goes by
the latest, also when the service that gave it has gone, and tells its standing at the beginning of a connection and
whenever it changes.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

LINE_LIMIT_BYTES: Final = 1 << 16
DATA_FOLDER: Final = "{data}"
"""Stands in the command line for the folder of the member, which only the keeper knows."""


class KeeperOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the service wants of the keeper."""

    mode: Literal["hold", "stay", "release"]
    kind: Literal["directory", "block_device"]
    path: str
    cluster: str
    node: int
    profile: str
    member: str
    """Id of the member in hexadecimal; empty where the store has none yet."""
    may_create: bool
    """The member never ran: its folder may be made. Otherwise a missing folder is a loss."""
    known: bool
    """The storage has been this cluster's before."""
    argv: tuple[str, ...]
    """The member's command line, `DATA_FOLDER` for its folder."""
    term: int = 0
    index: int = 0
    """How far the member has come, as far as the service knows."""


class KeeperStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the keeper has, and sees."""

    holds: bool = False
    runs: bool = False
    lacks_data: bool = False
    reached: bool = False
    """The storage answered at the last look."""
    holder: int = 0
    """The node whose claim stands on the storage; 0 where nobody's does."""
    code: str = ""
    problem: str = ""
    remedy: str = ""


def changed(standing: KeeperStanding, **changes: object) -> KeeperStanding:
    """The standing with some fields changed."""
    return msgspec.structs.replace(standing, **changes)


class BadLine(Exception):
    """The other side broke the protocol; the connection is of no further use."""


_ORDER: Final = msgspec.json.Decoder(KeeperOrder)
_STANDING: Final = msgspec.json.Decoder(KeeperStanding)


def encode(message: KeeperOrder | KeeperStanding) -> bytes:
    """The message as one line."""
    return msgspec.json.encode(message) + b"\n"


def decode_order(line: bytes) -> KeeperOrder:
    """One line back into an order. Raises BadLine."""
    try:
        return _ORDER.decode(line)
    except msgspec.MsgspecError as problem:
        raise BadLine(str(problem)) from problem


def decode_standing(line: bytes) -> KeeperStanding:
    """One line back into a standing. Raises BadLine."""
    try:
        return _STANDING.decode(line)
    except msgspec.MsgspecError as problem:
        raise BadLine(str(problem)) from problem
