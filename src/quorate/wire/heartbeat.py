"""Heartbeat datagrams: bytes to values and back, authenticated and safe from replay (design §4).

Owns: the frame, its authentication with the cluster key, and the freshness of what is received.
Does not know: sockets. Standard library only: the sentinel loads it.
How it works: a frame is version, a MAC over all that follows (keyed BLAKE2s, RFC 7693, 16 bytes), a JSON body. Every
sender has a start number, drawn at random when its sentinel starts. A frame names the receiver's start number as the
sender last heard it; a receiver believes only frames that name its present one, and only rising counters. So a frame
recorded before a restart of either side proves nothing afterwards. A first contact is answered by the next heartbeat.
"""

from __future__ import annotations

import json

# The modules beneath hashlib and hmac: those two load OpenSSL, 3.7 MB of the sentinel's 20 (measured, decision 0020).
from _blake2 import blake2s
from _operator import _compare_digest as same_in_constant_time
from dataclasses import dataclass
from typing import Any, Final

from quorate.core.authority.orders import Acknowledgement, Heartbeat, Peer

VERSION: Final = b"Q1"
MAC_BYTES: Final = 16
FRAME_LIMIT_BYTES: Final = 1400
"""One Ethernet frame: heartbeats are never fragmented. 64 nodes in every row need about 900 bytes."""

RETIRED_LIMIT: Final = 64
"""Former starts remembered per node; a recording must be older than so many restarts of its sender to be answered."""

Message = Heartbeat | Acknowledgement


@dataclass(frozen=True, slots=True)
class Frame:
    """A message in its envelope."""

    message: Message
    sender_start: int
    receiver_start: int
    counter: int
    echo_sent_at: float = 0.0
    """Send time of the receiver's last heartbeat that came to the sender on this network; 0 where there was none."""
    echo_held_us: int = 0
    """How long ago it came when this frame left: what is left of the time is the round trip."""


class BadDatagram(Exception):
    """Not a frame of this cluster; drop it."""


def seal(frame: Frame, key: bytes) -> bytes:
    """The frame as bytes."""
    message = frame.message
    body: list[object]
    match message:
        case Heartbeat():
            body = [
                "h",
                frame.sender_start,
                frame.receiver_start,
                frame.counter,
                message.sender.node,
                message.sender.incarnation,
                message.epoch,
                message.sent_at,
                message.serial,
                int(message.up) | int(message.acting) << 1,
                message.heard,
                message.mutual,
                message.ended,
                message.released_epoch,
                message.service_age_ms,
                message.boot_id,
                frame.echo_sent_at,
                frame.echo_held_us,
            ]
        case Acknowledgement():
            body = [
                "a",
                frame.sender_start,
                frame.receiver_start,
                frame.counter,
                message.sender.node,
                message.sender.incarnation,
                message.epoch,
                message.sent_at,
                message.to.node,
                message.to.incarnation,
            ]
    data = json.dumps(body, separators=(",", ":")).encode()
    return VERSION + _mac(data, key) + data


def _mac(data: bytes, key: bytes) -> bytes:
    return blake2s(data, key=key, digest_size=MAC_BYTES, person=b"quorateH").digest()


def unseal(datagram: bytes, key: bytes) -> Frame:
    """The frame in a datagram. Raises BadDatagram where it is not authentic or not of this form."""
    start = len(VERSION) + MAC_BYTES
    data = datagram[start:]
    if datagram[: len(VERSION)] != VERSION:
        raise BadDatagram("unknown version")
    if not same_in_constant_time(datagram[len(VERSION) : start], _mac(data, key)):
        raise BadDatagram("not authentic")
    echo: tuple[float, int] = (0.0, 0)
    try:
        body: list[Any] = json.loads(data)
        kind, sender_start, receiver_start, counter, node, incarnation, epoch, sent_at, *rest = body
        sender = Peer(int(node), str(incarnation))
        if kind == "h":
            serial, flags, heard, mutual, ended, released, age, boot, echo_sent_at, echo_held_us = rest
            echo = (float(echo_sent_at), int(echo_held_us))
            message: Message = Heartbeat(
                sender=sender,
                epoch=int(epoch),
                sent_at=float(sent_at),
                serial=int(serial),
                up=bool(flags & 1),
                acting=bool(flags & 2),
                heard=tuple(heard),
                mutual=tuple(mutual),
                ended=str(ended),
                released_epoch=int(released),
                service_age_ms=int(age),
                boot_id=str(boot),
            )
        else:
            to_node, to_incarnation = rest
            message = Acknowledgement(sender, Peer(int(to_node), str(to_incarnation)), int(epoch), float(sent_at))
    except (ValueError, TypeError) as problem:
        raise BadDatagram(str(problem)) from problem
    return Frame(message, int(sender_start), int(receiver_start), int(counter), *echo)


class Freshness:
    """What makes frames fresh between this sentinel and its peers."""

    def __init__(self, own_start: int) -> None:
        self.own_start = own_start
        self._starts: dict[int, int] = {}
        self._counters: dict[tuple[int, str], int] = {}
        self._retired: dict[int, list[int]] = {}
        """Former starts of each node: nothing of them is believed again, whoever kept a recording."""
        self._sent = 0

    def envelope(self, message: Message, receiver: int, echo: tuple[float, int] = (0.0, 0)) -> Frame:
        """Put a message for that node into its envelope; `echo` as in `Frame`."""
        self._sent += 1
        return Frame(message, self.own_start, self._starts.get(receiver, 0), self._sent, *echo)

    def accept(self, frame: Frame, network: str) -> bool:
        """Tell whether the frame is fresh: meant for this start of ours, and newer than the last on that network."""
        node = frame.message.sender.node
        if self._starts.get(node) != frame.sender_start:
            retired = self._retired.setdefault(node, [])
            if frame.receiver_start not in (0, self.own_start) or frame.sender_start in retired:
                return False
            if node in self._starts:
                retired.append(self._starts[node])
                del retired[:-RETIRED_LIMIT]
            # Somebody new, or a replay of somebody old: answered, but believed only when it names our start.
            self._starts[node] = frame.sender_start
            for known in [key for key in self._counters if key[0] == node]:
                del self._counters[known]
        if frame.receiver_start != self.own_start:
            return False
        if frame.counter <= self._counters.get((node, network), 0):
            return False
        self._counters[node, network] = frame.counter
        return True
