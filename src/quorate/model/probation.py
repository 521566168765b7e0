"""Probation: what a resource has to have been online with before its failures may move others (decision 0091).

Owns: the digest of what makes a resource new or changed. Does not know: where proofs are kept (facts of
`model.workload`).
"""

from __future__ import annotations

import hashlib
from typing import Final

from quorate.model.base import Value, encode
from quorate.model.properties import PropertyValue
from quorate.model.workload import ResourceSpec

DIGESTS_KEPT: Final = 4
"""So many proven digests of a resource are remembered: a change that is taken back is not put on probation."""


class _Essence(Value, frozen=True, kw_only=True):
    type: str
    properties: tuple[tuple[str, PropertyValue], ...]


def digest_of(spec: ResourceSpec) -> str:
    """Of its type and private properties: what decides whether it can work at all."""
    essence = _Essence(type=spec.type, properties=tuple(sorted(spec.properties.items())))
    return hashlib.blake2s(encode(essence), digest_size=8).hexdigest()
