"""Sends a request on to the node that it concerns, over mutual TLS between nodes.

Owns: one request and its answer, and who it is for. Does not know: routes. A few lines of HTTP/1.1 of our own, because
the client library belongs to `client`, and a service that rarely forwards should not hold it in memory.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final
from urllib.parse import quote

from quorate.api.identity import TlsPaths, client_context
from quorate.control.executor import CannotNow, Unsettled
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Refused, error

ON_BEHALF_OF: Final = "x-quorate-on-behalf-of"
FORWARD_LIMIT_S: Final = 10.0
ANSWER_LIMIT_BYTES: Final = 1 << 20


class Forwarder:
    """Calls other nodes in this node's name."""

    def __init__(self, paths: TlsPaths | None) -> None:
        self._paths = paths
        self._tls: ssl.SSLContext | None = None

    async def forward(self, node: NodeSpec, method: str, target: str, body: bytes, author: str) -> tuple[int, bytes]:
        """Status and body of the node's answer; tries each of its addresses. Raises CannotNow or Unsettled."""
        if self._paths is None:
            raise CannotNow(_unreachable(node, "this node has no certificate"))
        if self._tls is None:
            self._tls = client_context(self._paths)
        why = "it has no address"
        for address in dict.fromkeys(node.addresses.values()):
            try:
                async with asyncio.timeout(FORWARD_LIMIT_S / 2):
                    reader, writer = await asyncio.open_connection(address, node.api_port, ssl=self._tls)
            except (OSError, TimeoutError) as problem:
                why = str(problem) or "no answer"
                continue
            try:
                async with asyncio.timeout(FORWARD_LIMIT_S):
                    writer.write(_request(method, target, address, body, author))
                    await writer.drain()
                    return _answer(await _read_all(reader))
            except (OSError, TimeoutError, ValueError) as problem:
                raise Unsettled(_lost(node)) from problem
            finally:
                writer.close()
        raise CannotNow(_unreachable(node, why))


def _request(method: str, target: str, host: str, body: bytes, author: str) -> bytes:
    # The name goes percent-encoded: a header takes no line breaks and nothing beyond ASCII.
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"{ON_BEHALF_OF}: {quote(author)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    """Everything until the other side closes, as we asked it to."""
    data = bytearray()
    while chunk := await reader.read(1 << 16):
        data += chunk
        if len(data) > ANSWER_LIMIT_BYTES:
            raise ValueError("the answer is too long")
    return bytes(data)


def _answer(data: bytes) -> tuple[int, bytes]:
    head, separator, body = data.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split()
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if not separator or len(words) < 2 or not lengths or int(lengths[0]) != len(body):
        raise ValueError("not a whole HTTP answer")
    return int(words[1]), body


def _unreachable(node: NodeSpec, why: str) -> Refused:
    return Refused(
        [
            error(
                "node_unreachable",
                f"{node.name} cannot be reached, and only it can do this: {why}",
                where="node",
                remedy=f"ask {node.name} itself, or see why it does not answer",
            )
        ]
    )


def _lost(node: NodeSpec) -> Refused:
    return Refused(
        [
            error(
                "outcome_unknown",
                f"{node.name} took the request and its answer was lost",
                where="node",
                remedy="look at the node before trying again",
            )
        ]
    )
