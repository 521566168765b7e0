"""The small shared page in which the sentinel keeps the end of the node's lease (design §2(a)).

Owns: the layout of the page, one writer and any number of readers over a memory map.
Does not know: who may extend the lease, or what must happen when it ends. Standard library only: the sentinel loads it.
How it works: two slots of (sequence, incarnation, lease_until, check). The writer fills the slot with the lower
sequence, so the other one stays whole while it writes; a reader takes the whole slot with the higher sequence. A slot
is whole when its check is the exclusive-or of its other words. So a writer that is killed in the middle leaves the
former value, and a reader never waits. The file is made once and never replaced: readers keep their maps over a
restart of the sentinel.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MAGIC: Final = b"QLEASE\x00\x00"
VERSION: Final = 1
PAGE_BYTES: Final = 128

_HEADER = struct.Struct("<8sQ")
_SLOT = struct.Struct("<QQdQ")
_BITS = struct.Struct("<Q")
_FLOAT = struct.Struct("<d")
_SLOT_OFFSETS: Final = (32, 64)
_SALT: Final = 0x51554F5241544531  # an all-zero slot must not look whole


class BadLeasePage(Exception):
    """The file is not a lease page of this version; the node's move, not the reader's."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease as last written: the node's incarnation, and its end on the boot-time clock in seconds."""

    incarnation_hash: int
    lease_until_s: float

    def holds_at(self, now_s: float) -> bool:
        """Whether resources may run at that moment."""
        return now_s < self.lease_until_s


NO_LEASE: Final = Lease(0, 0.0)


def boot_time_s() -> float:
    """The clock of `lease_until_s`: seconds since boot, suspend included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def incarnation_hash(incarnation: str) -> int:
    """The 64 bits by which the page names an incarnation."""
    # FNV-1a: it only tells incarnations of one node apart, and loading a hash library costs the sentinel megabytes.
    value = 0xCBF29CE484222325
    for byte in incarnation.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def _check(sequence: int, incarnation: int, lease_until_s: float) -> int:
    (bits,) = _BITS.unpack(_FLOAT.pack(lease_until_s))
    return int(sequence ^ incarnation ^ bits ^ _SALT)


def _read_slot(page: mmap.mmap, offset: int) -> tuple[int, Lease] | None:
    """The slot's sequence and lease, or None where it is not whole."""
    sequence, incarnation, lease_until_s, check = _SLOT.unpack_from(page, offset)
    if check != _check(sequence, incarnation, lease_until_s):
        return None
    return sequence, Lease(incarnation, lease_until_s)


class LeaseWriter:
    """The one writer. A second one on the same file is a fault of the caller."""

    def __init__(self, path: Path) -> None:
        """Open the page, or make it; what a former writer left stays readable until the first `write`."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(descriptor).st_size < PAGE_BYTES:
                os.ftruncate(descriptor, PAGE_BYTES)
            self._page = mmap.mmap(descriptor, PAGE_BYTES)
        finally:
            os.close(descriptor)
        _HEADER.pack_into(self._page, 0, MAGIC, VERSION)
        slots = [_read_slot(self._page, offset) for offset in _SLOT_OFFSETS]
        sequences = [slot[0] if slot is not None else 0 for slot in slots]
        self._sequence = max(sequences)
        self._next_slot = sequences.index(min(sequences))

    def write(self, incarnation_hash: int, lease_until_s: float) -> None:
        """Publish the lease. A time in the past ends it at once."""
        self._sequence += 1
        check = _check(self._sequence, incarnation_hash, lease_until_s)
        _SLOT.pack_into(
            self._page, _SLOT_OFFSETS[self._next_slot], self._sequence, incarnation_hash, lease_until_s, check
        )
        self._next_slot = 1 - self._next_slot

    def close(self) -> None:
        """Unmap; the page keeps its last value."""
        self._page.close()


class LeaseReader:
    """One reader; cheap enough to be asked before every act (about a microsecond)."""

    def __init__(self, path: Path) -> None:
        """Map the page. Raises FileNotFoundError, BadLeasePage."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_size < PAGE_BYTES:
                raise BadLeasePage(f"{path} is shorter than {PAGE_BYTES} bytes")
            self._page = mmap.mmap(descriptor, PAGE_BYTES, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        magic, version = _HEADER.unpack_from(self._page, 0)
        if magic != MAGIC or version != VERSION:
            raise BadLeasePage(f"{path} is not a lease page of version {VERSION}")

    def read(self) -> Lease:
        """The newest whole value; NO_LEASE where nothing was ever written."""
        slots = [slot for offset in _SLOT_OFFSETS if (slot := _read_slot(self._page, offset)) is not None]
        return max(slots, key=lambda slot: slot[0])[1] if slots else NO_LEASE

    def close(self) -> None:
        """Unmap."""
        self._page.close()
