"""What one node must remember of its light witness, whatever happens to its processes.

Owns: a file: the highest generation that was seen at a place, and the member whose vote is being taken away. Does not
know: what follows from them (`core.lone_survivor`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quorate.model.base import Value, decode, encode, replace
from quorate.node.disk_work import DiskWork
from quorate.node.identity import write_file

LIMIT_S: Final = 5.0


class LightNote(Value, frozen=True, kw_only=True):
    """`kind` and `path` name the place; `removing` is the id of a member that this node asked the store to remove."""

    kind: str = ""
    path: str = ""
    seen: int = 0
    removing: int = 0
    member: int = 0
    """The id of this node's member, as that last said it."""
    alone: bool = False
    """This node's last swap was for itself: its member may be the only voter of its own data."""


class LightMemory:
    """The note of one node; written before anything is done that rests on it.

    Raises OSError, or DiskSilent, where it cannot be: nothing may be done then.
    """

    def __init__(self, path: Path) -> None:
        """Raises Damaged where the file is there and cannot be read: what was seen is not known then."""
        self._path = path
        self._disk = DiskWork(f"the disk of {path}", LIMIT_S)
        try:
            self.note = decode(path.read_bytes(), LightNote, str(path))
        except FileNotFoundError:
            self.note = LightNote()

    async def at(self, kind: str, path: str) -> None:
        """From here on of that place; what was seen at another one means nothing there."""
        if (self.note.kind, self.note.path) != (kind, path):
            await self._write(LightNote(kind=kind, path=path))

    async def has_seen(self, generation: int) -> None:
        """A record of that generation was read or written."""
        if generation > self.note.seen:
            await self._write(replace(self.note, seen=generation))

    async def swaps(self, *, alone: bool) -> None:
        """A record is about to be written, for this node alone or not; one that was alone stays so until it was not."""
        if alone != self.note.alone:
            await self._write(replace(self.note, alone=alone))

    async def is_member(self, member: int) -> None:
        """This node's member says so itself."""
        if member != self.note.member:
            await self._write(replace(self.note, member=member))

    async def removes(self, member: int) -> None:
        """That member is about to lose its vote; 0: it has."""
        if member != self.note.removing:
            await self._write(replace(self.note, removing=member))

    async def _write(self, note: LightNote) -> None:
        await self._disk.run(lambda: write_file(self._path, encode(note)))
        self.note = note
