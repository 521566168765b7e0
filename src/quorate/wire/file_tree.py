"""A tree of files as bytes and back: compressed JSON, equal trees give equal bytes.

Owns: that form and its bounds. Does not know: disks, or sealing. A tree that claims more than `SIZE_MOST_BYTES` is
refused while it is unpacked, not after.
"""

from __future__ import annotations

import zlib
from typing import Final

from quorate.model.base import Damaged, decode, encode
from quorate.model.checkpoint import FileTree

SIZE_MOST_BYTES: Final = 64 << 20


def pack_tree(tree: FileTree) -> bytes:
    """The bytes of a tree."""
    return zlib.compress(encode(tree), 6)


def unpack_tree(data: bytes, where: str) -> FileTree:
    """The tree in these bytes. Raises Damaged."""
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(data, SIZE_MOST_BYTES)
    except zlib.error as problem:
        raise Damaged(where, str(problem)) from problem
    if not unpacking.eof:
        raise Damaged(where, "it is cut short, or too large")
    tree = decode(plain, FileTree, where)
    for entry in tree.entries:
        parts = entry.path.split("/")
        if entry.path.startswith("/") or ".." in parts or (entry.path and "" in parts):
            raise Damaged(where, f"{entry.path!r} is no path below it")
    return tree
