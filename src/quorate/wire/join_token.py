"""The join token: what a new node must know to find its cluster and to be believed, as one word (design §8).

Owns: the form of the word: base32 of version, endpoints, fingerprint of the node authority, 128-bit secret, expiry and
a checksum, so that a slip of the pen is told from a stranger's token. Does not know: whether a token is valid; the
database knows its hash only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import struct
import zlib
from dataclasses import dataclass
from typing import Final

VERSION: Final = 1
SECRET_BYTES: Final = 16
FINGERPRINT_BYTES: Final = 32
ENDPOINTS_MOST: Final = 16
"""A token must fit in one line of a terminal's clipboard; any one endpoint that answers is enough."""


class BadToken(ValueError):
    """Not a join token; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class JoinToken:
    """What the word says. `expires_s` is seconds since 1970, for the message only: the cluster decides."""

    endpoints: tuple[tuple[str, int], ...]
    fingerprint: bytes
    secret: bytes
    expires_s: int


def secret_hash(secret: bytes) -> str:
    """The key under which the cluster keeps a token: SHA-256 of its secret."""
    return hashlib.sha256(b"quorate join token\0" + secret).hexdigest()


def encode_token(token: JoinToken) -> str:
    """The word for that token."""
    if len(token.secret) != SECRET_BYTES or len(token.fingerprint) != FINGERPRINT_BYTES:
        raise ValueError("secret or fingerprint of the wrong length")
    endpoints = token.endpoints[:ENDPOINTS_MOST]
    parts = [struct.pack("!BB", VERSION, len(endpoints))]
    for host, port in endpoints:
        packed = ipaddress.ip_address(host).packed
        parts.append(struct.pack("!B", len(packed)) + packed + struct.pack("!H", port))
    parts += [token.fingerprint, token.secret, struct.pack("!Q", token.expires_s)]
    body = b"".join(parts)
    return base64.b32encode(body + struct.pack("!I", zlib.crc32(body))).decode().rstrip("=").lower()


def decode_token(word: str) -> JoinToken:
    """The token that a word says. Raises BadToken."""
    text = "".join(word.split()).upper()
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error as problem:
        raise BadToken("it has characters or a length that no token has") from problem
    if len(raw) < 6:
        raise BadToken("it is too short")
    body, checksum = raw[:-4], raw[-4:]
    if struct.pack("!I", zlib.crc32(body)) != checksum:
        raise BadToken("it is incomplete or mistyped: its checksum does not match")
    if body[0] != VERSION:
        raise BadToken(f"it is of version {body[0]}, this software reads version {VERSION}")
    try:
        return _parse(body)
    except (struct.error, ValueError, IndexError) as problem:
        raise BadToken("its content has the wrong length") from problem


def _parse(body: bytes) -> JoinToken:
    at = 2
    endpoints: list[tuple[str, int]] = []
    for _ in range(body[1]):
        length = body[at]
        host = ipaddress.ip_address(body[at + 1 : at + 1 + length])
        (port,) = struct.unpack_from("!H", body, at + 1 + length)
        endpoints.append((str(host), port))
        at += 3 + length
    fingerprint = body[at : at + FINGERPRINT_BYTES]
    at += FINGERPRINT_BYTES
    secret = body[at : at + SECRET_BYTES]
    (expires_s,) = struct.unpack_from("!Q", body, at + SECRET_BYTES)
    if at + SECRET_BYTES + 8 != len(body):
        raise ValueError("length")
    return JoinToken(tuple(endpoints), fingerprint, secret, expires_s)
