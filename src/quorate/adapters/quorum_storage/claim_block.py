"""The claim record as one block of bytes, written in place.

Owns: its form and its checksum. Does not know: files or devices.
One sector is written at a time, so a reader sees the old block, the new one, or, on storage that tears writes, one
whose checksum is wrong; that is told from a damaged one by reading again.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from quorate.ports.quorum_storage import Claim, Progress

BLOCK_BYTES: Final = 512
_DIGEST_BYTES: Final = 16
_VERSION: Final = 1


class BadBlock(Exception):
    """Not a whole claim record."""


def encode(claim: Claim, *, yielded: bool) -> bytes:
    """One block. Raises ValueError where the cluster's id is too long to fit."""
    body = json.dumps(
        [
            *(_VERSION, claim.cluster, claim.node, claim.start, claim.beat),
            *(claim.progress.term, claim.progress.index, int(yielded)),
        ]
    ).encode()
    room = BLOCK_BYTES - _DIGEST_BYTES
    if len(body) > room:
        raise ValueError("the claim does not fit into one block")
    body = body.ljust(room)
    return body + _digest(body)


def decode(block: bytes) -> tuple[Claim, bool] | None:
    """The claim and whether it was yielded; None for a block that was never written. Raises BadBlock."""
    if not block.strip(b"\0"):
        return None
    body, digest = block[: BLOCK_BYTES - _DIGEST_BYTES], block[BLOCK_BYTES - _DIGEST_BYTES :]
    if len(block) != BLOCK_BYTES or digest != _digest(body):
        raise BadBlock("the claim record is damaged: its checksum is wrong")
    try:
        version, cluster, node, start, beat, term, index, yielded = json.loads(body)
        claim = Claim(str(cluster), int(node), str(start), int(beat), Progress(int(term), int(index)))
    except (ValueError, TypeError) as problem:
        raise BadBlock(f"the claim record is damaged: {problem}") from problem
    if version != _VERSION:
        raise BadBlock(f"version {version} is unknown here")
    return claim, bool(yielded)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_DIGEST_BYTES]
