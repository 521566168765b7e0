"""What is kept of a checkpoint: in clear where it may be, sealed where it is secret (CK-07).

Owns: the choice, and the digest by which content is compared. Does not know: the cipher (`adapters.sealing`), which is
loaded when the first secret checkpoint is met: it takes 10 MB that most services never need.
How it works: the key is made of the heartbeat key, which every node of the cluster has and nobody else; resource and
checkpoint are bound in.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from quorate.model.checkpoint import Checkpoint
from quorate.node.checkpoint_store import Kept


class CannotUse(Exception):
    """What is kept cannot be opened here."""


class Seal:
    """Closes and opens content; `secret` is the file of the nodes' shared secret."""

    def __init__(self, secret: Path) -> None:
        self._secret = secret
        self._key = b""

    def close(self, packed: bytes, resource: str, point: Checkpoint) -> tuple[str, bytes]:
        """Digest and content as they are kept. Raises OSError."""
        if not point.secret:
            return hashlib.sha256(packed).hexdigest(), packed
        from quorate.adapters import sealing

        key = self._own_key()
        return sealing.keyed_digest(key, packed), sealing.seal(key, packed, f"{resource}/{point.id}")

    def open(self, kept: Kept, resource: str, point: Checkpoint) -> bytes:
        """The packed tree. Raises CannotUse and OSError."""
        packed = kept.content
        if not point.secret:
            if hashlib.sha256(packed).hexdigest() != kept.state.digest:
                raise CannotUse("what is kept does not have its checksum")
            return packed
        from quorate.adapters import sealing

        try:
            return sealing.unseal(self._own_key(), packed, f"{resource}/{point.id}")
        except sealing.CannotOpen as problem:
            raise CannotUse(str(problem)) from problem

    def _own_key(self) -> bytes:
        from quorate.adapters import sealing

        if not self._key:
            self._key = sealing.derive_key(self._secret.read_bytes())
        return self._key
