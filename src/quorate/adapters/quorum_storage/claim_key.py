"""A claim as a registration key: who controls a device is told by the key that holds its reservation.

Owns: the 64 bits of such a key: 16 of the cluster, 8 of the node, 12 of the claim, 28 of its beat, which comes round
after months. Does not know: devices. A key never is 0, which means *no key*: nodes are numbered from 1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

BEATS: Final = 1 << 28
STARTS: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class ClaimKey:
    """The parts of a key."""

    cluster: int
    node: int
    start: int
    beat: int

    @staticmethod
    def of(number: int) -> ClaimKey:
        """The parts of that number."""
        return ClaimKey(number >> 48, number >> 40 & 0xFF, number >> 28 & 0xFFF, number & 0xFFF_FFFF)

    @property
    def number(self) -> int:
        """As the device keeps it."""
        return self.cluster << 48 | self.node << 40 | self.start << 28 | self.beat

    def beaten(self) -> ClaimKey:
        """The next beat of the same claim."""
        return ClaimKey(self.cluster, self.node, self.start, (self.beat + 1) % BEATS)

    def is_same_claim(self, other: ClaimKey) -> bool:
        """Whatever the beat."""
        return (self.cluster, self.node, self.start) == (other.cluster, other.node, other.start)


def cluster_tag(cluster: str) -> int:
    """Sixteen bits that stand for a cluster's id: enough to tell a storage that was plugged in by mistake."""
    return int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:2])
