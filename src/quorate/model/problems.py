"""Coded problems: what an operator got wrong, or what stands in the way, as values (design §7).

Owns: `Problem` and the exception that carries a complete list of them.
Does not know: which problems exist; every validator declares its own codes, and a test of the repository documents
them.
How it works: a validator returns all problems it finds, never only the first; a face shows them as they are. A code
is a word in snake_case that never changes its meaning.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from quorate.model.base import Value


class Severity(enum.Enum):
    """ERROR stops the request, WARNING is shown and passed by."""

    ERROR = "error"
    WARNING = "warning"


class Problem(Value, frozen=True, kw_only=True):
    """One thing that is wrong.

    `what` is a plain sentence, `where` a dotted path to the offending value (empty: the request as a whole), `remedy`
    what to do about it. `override` is the name of the switch that turns the error into a warning, where that is safe.
    """

    code: str
    severity: Severity
    what: str
    where: str
    remedy: str
    override: str | None = None


def error(code: str, what: str, *, where: str = "", remedy: str, override: str | None = None) -> Problem:
    """A problem that stops the request."""
    return Problem(code=code, severity=Severity.ERROR, what=what, where=where, remedy=remedy, override=override)


def warning(code: str, what: str, *, where: str = "", remedy: str) -> Problem:
    """A problem that is shown and passed by."""
    return Problem(code=code, severity=Severity.WARNING, what=what, where=where, remedy=remedy)


def stops(problems: Iterable[Problem]) -> bool:
    """Whether any of them is an error."""
    return any(problem.severity is Severity.ERROR for problem in problems)


class Refused(Exception):
    """The request is refused for these problems; repeating it unchanged will not help."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.what for problem in self.problems) or "refused")
