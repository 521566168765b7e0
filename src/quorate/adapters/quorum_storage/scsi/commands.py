"""Commands of SCSI persistent reservations as bytes, and their answers (SPC-4, sections 5.9, 6.13 and 6.14).

Owns: command blocks, parameter lists, answers, and what a status and sense data mean. Does not know: devices.
Keys are 64-bit numbers; 0 means *no key*. The only type used is *write exclusive, registrants only*: whoever is
registered writes, everybody else reads, and the reservation belongs to one of them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

TYPE: Final = 5
"""Write exclusive, registrants only."""
ANSWER_BYTES: Final = 8192
"""Room for a thousand registrations; a cluster has at most 64 nodes with a few paths each."""

GOOD: Final = 0x00
CHECK_CONDITION: Final = 0x02
BUSY: Final = 0x08
RESERVATION_CONFLICT: Final = 0x18
TASK_SET_FULL: Final = 0x28

_NO_SENSE, _UNIT_ATTENTION, _ILLEGAL_REQUEST = 0x0, 0x6, 0x5
_IN, _OUT = 0x5E, 0x5F


class Action(IntEnum):
    """Service actions of PERSISTENT RESERVE OUT."""

    REGISTER = 0
    RESERVE = 1
    RELEASE = 2
    CLEAR = 3
    PREEMPT = 4
    PREEMPT_AND_ABORT = 5
    REGISTER_AND_IGNORE = 6


class ScsiProblem(Exception):
    """The device did not do what it was told, or did not answer as the standard says."""


class Conflict(ScsiProblem):
    """Refused because of somebody else's reservation, or because our key is not registered any more."""


class Unsupported(ScsiProblem):
    """The device does not know this command."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one command."""

    status: int
    data: bytes = b""
    sense_key: int = 0
    sense_code: int = 0
    """Additional sense code and qualifier as one number."""


class Transport(Protocol):
    """Carries one command to the device and waits for its answer. Raises OSError where there is no way to it."""

    def send(self, command: bytes, data: bytes) -> Answer:
        """A command with data for the device."""
        ...

    def receive(self, command: bytes, count_bytes: int) -> Answer:
        """A command that answers with at most so many bytes."""
        ...


def read_keys_command() -> bytes:
    """PERSISTENT RESERVE IN, read keys."""
    return struct.pack(">BB5xHB", _IN, 0, ANSWER_BYTES, 0)


def read_reservation_command() -> bytes:
    """PERSISTENT RESERVE IN, read reservation."""
    return struct.pack(">BB5xHB", _IN, 1, ANSWER_BYTES, 0)


def out_command(action: Action, key: int, new_key: int) -> tuple[bytes, bytes]:
    """PERSISTENT RESERVE OUT and its parameter list: `key` is ours, `new_key` to register or to be preempted."""
    parameters = struct.pack(">QQ8x", key, new_key)
    return struct.pack(">BBB2xIB", _OUT, action, TYPE, len(parameters), 0), parameters


def ready_command() -> bytes:
    """TEST UNIT READY: also takes away a unit attention that waits."""
    return bytes(6)


@dataclass(frozen=True, slots=True)
class Keys:
    """All registered keys, one for every path; `generation` counts changes."""

    generation: int
    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reservation:
    """Whose the reservation is, and of which type; `key` 0: there is none."""

    generation: int
    key: int
    type: int


def decode_keys(data: bytes) -> Keys:
    """Raises ScsiProblem where the answer is not whole."""
    generation, length = _header(data)
    if length % 8 or len(data) < 8 + length:
        raise ScsiProblem(f"a list of keys of {length} bytes came in {len(data)} bytes")
    return Keys(generation, struct.unpack(f">{length // 8}Q", data[8 : 8 + length]))


def decode_reservation(data: bytes) -> Reservation:
    """Raises ScsiProblem where the answer is not whole."""
    generation, length = _header(data)
    if length == 0:
        return Reservation(generation, 0, 0)
    if length < 16 or len(data) < 24:
        raise ScsiProblem(f"a reservation of {length} bytes came in {len(data)} bytes")
    key, kind = struct.unpack(">Q5xB", data[8:22])
    return Reservation(generation, key, kind & 0x0F)


def _header(data: bytes) -> tuple[int, int]:
    if len(data) < 8:
        raise ScsiProblem(f"an answer of {len(data)} bytes has no header")
    generation, length = struct.unpack(">II", data[:8])
    return generation, length


def decode_sense(sense: bytes) -> tuple[int, int]:
    """Sense key, and additional code with its qualifier, of fixed or descriptor format; zeros where there is none."""
    if len(sense) < 4:
        return 0, 0
    kind = sense[0] & 0x7F
    if kind in (0x72, 0x73):
        return sense[1] & 0x0F, sense[2] << 8 | sense[3]
    if kind in (0x70, 0x71) and len(sense) >= 14:
        return sense[2] & 0x0F, sense[12] << 8 | sense[13]
    return 0, 0


def judge(answer: Answer, what: str) -> bool:
    """Whether it was done; False where the same command has to be sent again. Raises what else came of it."""
    match answer.status:
        case 0x00:
            return True
        case 0x18:
            raise Conflict(f"{what}: reservation conflict")
        case 0x08 | 0x28:
            return False
        case 0x02 if answer.sense_key == _UNIT_ATTENTION:
            return False
        case 0x02 if answer.sense_key == _NO_SENSE:
            return False
        case 0x02 if answer.sense_key == _ILLEGAL_REQUEST:
            raise Unsupported(f"{what}: illegal request (code {answer.sense_code:04x})")
        case _:
            raise ScsiProblem(
                f"{what}: status {answer.status:02x}, sense {answer.sense_key:x}, code {answer.sense_code:04x}"
            )
