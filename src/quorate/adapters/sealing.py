"""Sealing of what must lie nowhere in clear text: secret checkpoints (spec/02 §9.2, CK-07).

Owns: the cipher and how its key is made. Does not know: what is sealed, or where the secret of the nodes lies.
How it works: AES-256-GCM under a key derived (HKDF) from the secret that all nodes of a cluster share; the purpose is
bound into what is sealed, so that one checkpoint's content cannot be passed off as another's.
"""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES: Final = 12


class CannotOpen(Exception):
    """It was sealed with another key, for another purpose, or is damaged."""


def derive_key(secret: bytes) -> bytes:
    """The key for sealing, made of the nodes' secret."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"quorate checkpoint").derive(secret)


def seal(key: bytes, data: bytes, purpose: str) -> bytes:
    """The data, sealed."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, purpose.encode())


def unseal(key: bytes, sealed: bytes, purpose: str) -> bytes:
    """The data. Raises CannotOpen."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], purpose.encode())
    except (InvalidTag, ValueError) as problem:
        raise CannotOpen("it was sealed in another cluster, or is damaged") from problem


def keyed_digest(key: bytes, data: bytes) -> str:
    """A checksum that tells nothing of the data to whoever has no key."""
    return hmac.new(key, b"digest" + data, "sha256").hexdigest()
