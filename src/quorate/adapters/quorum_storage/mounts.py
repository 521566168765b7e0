"""On which file system a path lies, as the kernel tells it.

Owns: reading /proc/self/mountinfo. Does not know: which file systems are good for what.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted file system."""

    point: Path
    type: str
    source: str


def mount_of(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> Mount:
    """The mount under which `path` lies; the latest where several lie upon each other. Raises OSError."""
    wanted = path.resolve()
    found: Mount | None = None
    for line in mountinfo.read_text().splitlines():
        left, _, right = line.partition(" - ")
        point = Path(_unescaped(left.split()[4]))
        kind, source, *_ = right.split()
        longer = found is None or len(point.parts) >= len(found.point.parts)
        if longer and (point == wanted or point in wanted.parents):
            found = Mount(point, kind, _unescaped(source))
    if found is None:
        raise OSError(f"{path} lies on no file system")
    return found


def _unescaped(word: str) -> str:
    """Blanks in it are written as three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, character)
    return word
