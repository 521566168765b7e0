"""A machine that belongs to no cluster any more: its state folder steps aside under another name (design §3 and §8).

Owns: the new name, and the moving. Does not know: why. Standard library only: the sentinel does it as its last act.
Nothing is deleted. Where the state folder is a mount point and cannot be renamed, its content moves into a folder
inside it, the identity first: without it the machine is a node no more, whatever interrupts the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from quorate.node.places import Places

MARK: Final = "retired-"


def retire(places: Places, suffix: str) -> Path:
    """Put the state folder aside; returns where it lies now. Raises OSError."""
    state = places.state
    target = _free(state.parent, f"{state.name}.{MARK}{suffix}")
    try:
        return state.rename(target)
    except OSError:
        if not state.is_mount():
            raise
    inside = _free(state, MARK + suffix)
    inside.mkdir(mode=0o700)
    entries = [entry for entry in state.iterdir() if not entry.name.startswith(MARK)]
    for entry in sorted(entries, key=lambda entry: entry != places.identity):
        entry.rename(inside / entry.name)
    return inside


def _free(folder: Path, name: str) -> Path:
    """That name, or one with a number behind it where it is taken."""
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f"{name}.{number}"
    return path


def retired(places: Places) -> tuple[Path, ...]:
    """What former memberships left on this machine."""
    beside = places.state.parent.glob(f"{places.state.name}.{MARK}*")
    return tuple(sorted((*beside, *places.state.glob(f"{MARK}*"))))
