"""Checkpoints: files outside the database that belong to a resource and travel with its group (spec/02 §9.2).

Owns: the form of a checkpoint, of what is kept of it, and of a tree of files as a value. Does not know: disks, when a
tree is saved or put back (`node.checkpoint_keeper`), or how a secret one is sealed.
"""

from __future__ import annotations

from typing import Final, Literal

from quorate.model.base import Value

CHUNK_BYTES: Final = 1 << 20
"""Of one key's value: below what one transaction of the store takes."""
LIMIT_MOST_KIB: Final = 16 << 10


class Checkpoint(Value, frozen=True, kw_only=True):
    """A file or folder of a resource: `path` is absolute and the same on every node."""

    id: str
    path: str
    secret: bool = False
    """Kept and sent sealed with a key that only nodes have."""


class CheckpointState(Value, frozen=True, kw_only=True):
    """What is kept of one checkpoint: where its content lies, and what stands against a newer one.

    `slot` alternates, so that the former content stays whole until the new one is: this record makes it the one.
    """

    slot: Literal["a", "b"] = "a"
    chunks: int = 0
    """0: nothing was ever saved."""
    begun: int = 0
    """The most chunks of a save that was ever begun: so many may lie in either slot."""
    digest: str = ""
    """Of the tree; of a secret one keyed, so that it tells nothing of the content."""
    size_bytes: int = 0
    """As kept."""
    at: str = ""
    node: int = 0
    problem: str = ""
    """Why what is on the owner's disk now is not saved."""

    @property
    def most(self) -> int:
        """So many chunks may lie in either slot."""
        return max(self.chunks, self.begun)


class FileEntry(Value, frozen=True, kw_only=True):
    """One file, folder or symbolic link; `path` is relative to the checkpoint, empty for the checkpoint itself."""

    path: str
    kind: Literal["file", "folder", "link"]
    mode: int = 0
    user: int = 0
    group: int = 0
    attributes: dict[str, bytes] = {}
    """Extended attributes."""
    content: bytes = b""
    target: str = ""


class FileTree(Value, frozen=True, kw_only=True):
    """A file, or a folder with all that is in it, in the order of paths; no entries: there is nothing."""

    entries: tuple[FileEntry, ...] = ()
