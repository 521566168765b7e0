"""Names: their form, finding the object of a name, and the nearest valid one where there is none (design §5).

Owns: the rules that every face shares for names of nodes, groups, resources and networks.
Does not know: what the objects are. Names are compared regardless of case (I-13).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

from quorate.model.base import Value
from quorate.model.problems import Problem, error

NAME_LIMIT: Final = 63
"""Characters of a name, as in a host name's label."""

_FORM: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9])?")
_HOST_FORM: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")


class NewName(Value, frozen=True, kw_only=True):
    """The name that an object shall have."""

    name: str


def name_problems(name: str, where: str, *, host: bool = False) -> list[Problem]:
    """What is wrong with the form of a name; `host` demands the form of a host name's label."""
    form = _HOST_FORM if host else _FORM
    if form.fullmatch(name) and len(name) <= NAME_LIMIT:
        return []
    allowed = "letters, digits and hyphens" if host else "letters, digits, spaces, and . _ -"
    return [
        error(
            "name_form",
            f"{name!r} cannot be a name",
            where=where,
            remedy=f"use 1 to {NAME_LIMIT} {allowed}, with a letter or digit at both ends",
        )
    ]


def unknown(kind: str, name: str, known: Iterable[str], where: str) -> Problem:
    """The problem that nothing of that kind has that name, with the nearest one that exists."""
    names = sorted(known)
    folded = {entry.casefold(): entry for entry in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    if near:
        remedy = f"did you mean {folded[near[0]]}?"
    elif names:
        shown = ", ".join(names[:10])
        remedy = f"there are: {shown}" + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    else:
        remedy = f"there is no {kind} yet; create one"
    return error(f"{kind.replace(' ', '_')}_unknown", f"there is no {kind} {name!r}", where=where, remedy=remedy)


def taken(kind: str, name: str, where: str) -> Problem:
    """The problem that the name is in use."""
    return error(
        "name_in_use",
        f"there is a {kind} {name!r} already",
        where=where,
        remedy="choose another name; names are compared regardless of case",
    )
