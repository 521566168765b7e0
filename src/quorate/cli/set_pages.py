"""Group sets as people read them.

Owns: the words for what makes a set ready. Does not know: when it is.
"""

from __future__ import annotations

from quorate.cli.page import Table
from quorate.control.group_sets import GroupSetView


def set_table(sets: tuple[GroupSetView, ...]) -> Table:
    """One line a set."""
    return Table(
        ("set", "ready", "groups", "ready when", "waits for", "description"),
        tuple(
            (
                one.name,
                "yes" if one.ready else "no",
                ", ".join(one.groups) or "none",
                _when(one),
                one.depends_on or "-",
                one.description,
            )
            for one in sets
        ),
    )


def _when(one: GroupSetView) -> str:
    what = "given to their nodes" if one.startup_setting == 1 else "online"
    words = f"{one.needed} of {len(one.groups)} are {what}"
    if one.startup_delay_s:
        words += f", {one.startup_delay_s} s later"
    return f"{words}; before all others" if one.is_global else words
