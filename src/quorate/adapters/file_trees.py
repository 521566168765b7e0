"""Trees of files on disk: read as a value, put back whole.

Owns: what of a file is kept (content, mode, owner, extended attributes, the target of a link), and how one takes the
place of another. Does not know: checkpoints or the store.
How it works: a file is written under another name, flushed and renamed, so a reader sees the former or the new one;
what is not in the tree is removed from below it. A file that changes while it is read is refused (`TreeChanging`): a
later look finds it at rest. Links are never followed; devices, sockets and pipes are passed over.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from quorate.model.checkpoint import FileEntry, FileTree


class TreeTooLarge(Exception):
    """More than the limit."""


class TreeChanging(Exception):
    """A file was written while it was read; look again later."""


def signature(root: Path) -> tuple[tuple[str, int, int, int, int, int], ...]:
    """What tells cheaply whether anything was changed: names, times, sizes, inodes, modes. Raises OSError."""
    found = []
    for path, status in _walk(root):
        name = str(path.relative_to(root))
        found.append((name, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode))
    return tuple(found)


def read_tree(root: Path, limit_bytes: int) -> FileTree:
    """Everything there. Raises OSError, TreeTooLarge, TreeChanging."""
    entries, total = list[FileEntry](), 0
    for path, status in _walk(root):
        total += 512 + (status.st_size if stat.S_ISREG(status.st_mode) else 0)
        if total > limit_bytes:
            raise TreeTooLarge(f"{root} holds more than {limit_bytes} bytes")
        entries.append(_read(root, path, status))
    return FileTree(entries=tuple(entries))


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The root and everything below, in the order of paths; nothing where there is no root."""
    try:
        status = root.lstat()
    except FileNotFoundError:
        return
    waiting = [(root, status)]
    while waiting:
        path, status = waiting.pop()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)):
            continue
        yield path, status
        if stat.S_ISDIR(status.st_mode):
            below = sorted(path.iterdir(), reverse=True)
            waiting += [(entry, entry.lstat()) for entry in below if not _is_ours(entry)]


def _is_ours(path: Path) -> bool:
    """A file that is being put back."""
    return path.name.startswith(".quorate-") and path.name.endswith(".partial")


def _read(root: Path, path: Path, status: os.stat_result) -> FileEntry:
    name = "" if path == root else str(path.relative_to(root))
    mode = stat.S_IMODE(status.st_mode)
    user, group = status.st_uid, status.st_gid
    if stat.S_ISLNK(status.st_mode):
        return FileEntry(path=name, kind="link", user=user, group=group, target=str(path.readlink()))
    attributes: dict[str, bytes] = {}
    with contextlib.suppress(OSError):  # a file system without them
        attributes = {each: os.getxattr(path, each) for each in sorted(os.listxattr(path))}
    if stat.S_ISDIR(status.st_mode):
        return FileEntry(path=name, kind="folder", mode=mode, user=user, group=group, attributes=attributes)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(status.st_size + 1)
        after = os.fstat(descriptor)
    if (after.st_mtime_ns, after.st_size, after.st_ino) != (status.st_mtime_ns, len(content), status.st_ino):
        raise TreeChanging(f"{path} is being written")
    return FileEntry(path=name, kind="file", mode=mode, user=user, group=group, attributes=attributes, content=content)


def write_tree(root: Path, tree: FileTree) -> None:
    """Make what is there the tree. Raises OSError; asked again, it does the rest."""
    root.parent.mkdir(parents=True, exist_ok=True)
    wanted = {root / entry.path if entry.path else root for entry in tree.entries}
    for path, status in reversed(list(_walk(root))):
        if path in wanted:
            continue
        if stat.S_ISDIR(status.st_mode):
            with contextlib.suppress(OSError):  # something there that is passed over
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
    folders = list[tuple[Path, FileEntry]]()
    for entry in tree.entries:
        path = root / entry.path if entry.path else root
        if entry.kind == "folder":
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                path.unlink()
            path.mkdir(exist_ok=True)
            folders.append((path, entry))
        else:
            _put(path, entry)
    for path, entry in reversed(folders):
        _dress(path, entry)


def _put(path: Path, entry: FileEntry) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    partial = path.with_name(f".quorate-{secrets.token_hex(6)}.partial")
    try:
        if entry.kind == "link":
            partial.symlink_to(entry.target)
            with contextlib.suppress(PermissionError):  # without root everything is one user's
                os.lchown(partial, entry.user, entry.group)
        else:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(entry.content)
                file.flush()
                os.fsync(descriptor)
            _dress(partial, entry)
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _dress(path: Path, entry: FileEntry) -> None:
    """Owner, attributes and mode."""
    with contextlib.suppress(PermissionError):
        os.chown(path, entry.user, entry.group)
    for name, value in entry.attributes.items():
        with contextlib.suppress(OSError):  # a file system without them
            os.setxattr(path, name, value)
    path.chmod(entry.mode)
