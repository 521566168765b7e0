"""The dependency language: which resources must be online before a resource can be (spec/03 §3.2).

Owns: reading an expression, writing it back, and the order that dependencies impose.
Does not know: which resources exist; whoever parses looks the names up.
How it works: an expression is a conjunction of alternatives, `([a] or [b]) and [c]`, and nothing else; it becomes a
tuple of tuples. Words are not case sensitive. A single reader walks the tokens and notes every fault with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from quorate.model.problems import Problem, error

Expression = tuple[tuple[str, ...], ...]

FORM: Final = "[a] and ([b] or [c])"

_TOKEN: Final = re.compile(r"\s*(?:(\[[^\[\]]*\])|([()])|([^\s\[\]()]+)|(\S))")


def parse_dependency(text: str, where: str = "depends_on") -> tuple[Expression, tuple[Problem, ...]]:
    """The parts of an expression with the names as written, and every fault; empty text means no dependencies."""
    reader = _Reader(text, where)
    if not reader.tokens:
        return (), ()
    parts = reader.read()
    return (parts if not reader.problems else ()), tuple(reader.problems)


class _Reader:
    """Walks the tokens of one expression once."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.problems: list[Problem] = []
        found = [match for match in _TOKEN.finditer(text) if match.group().strip()]
        self.tokens = [(match.group().strip(), match.end() - len(match.group().strip()) + 1) for match in found]
        self.at = 0

    def read(self) -> Expression:
        parts = [self._part()]
        while self.at < len(self.tokens):
            word, place = self.tokens[self.at]
            self.at += 1
            if word.casefold() == "or":
                self._fault(f"`or` at {place} stands outside parentheses", "put alternatives in parentheses")
            elif word.casefold() != "and":
                self._fault(f"{word!r} at {place} where `and` was expected", "join parts with `and`")
                if word == "(" or word.startswith("["):
                    self.at -= 1
            parts.append(self._part())
        return tuple(part for part in parts if part)

    def _skip_parenthesis(self) -> None:
        """Go on behind the parenthesis that holds a fault: what follows from one fault is no news."""
        while self.at < len(self.tokens) and self.tokens[self.at - 1][0] != ")":
            self.at += 1

    def _part(self) -> tuple[str, ...]:
        word, place = self._next()
        if word.startswith("["):
            return self._name(word, place)
        if word != "(":
            self._fault(
                f"{word!r} at {place} where a resource was expected" if word else "the expression ends too early",
                "write the name of a resource in brackets",
            )
            return ()
        found: list[str] = []
        while True:
            word, place = self._next()
            if not word.startswith("["):
                if word == "(":
                    self._fault(f"parentheses in parentheses at {place}", "only alternatives stand in parentheses")
                else:
                    self._fault(f"no resource at {place}", "write the name of a resource in brackets")
                self._skip_parenthesis()
                return tuple(found)
            found += [name for name in self._name(word, place) if name not in found]
            word, place = self._next()
            if word == ")":
                return tuple(found)
            if word.casefold() != "or":
                what = f"{word!r} at {place} in parentheses" if word else "a parenthesis is not closed"
                self._fault(what, "join alternatives with `or` and close the parenthesis")
                self._skip_parenthesis()
                return tuple(found)

    def _next(self) -> tuple[str, int]:
        if self.at >= len(self.tokens):
            return "", 0
        self.at += 1
        return self.tokens[self.at - 1]

    def _name(self, word: str, place: int) -> tuple[str, ...]:
        if not word.endswith("]"):
            self._fault(f"the bracket at {place} is not closed", "write the name of a resource in brackets")
            self.at = len(self.tokens)
            return ()
        name = word[1:-1].strip()
        if name:
            return (name,)
        self._fault(f"empty brackets at {place}", "write the name of a resource in brackets")
        return ()

    def _fault(self, what: str, remedy: str) -> None:
        self.problems.append(error("dependency_form", what, where=self.where, remedy=f"{remedy}: {FORM}"))


def format_dependency(expression: Expression, name_of: Callable[[str], str] = str) -> str:
    """The expression as people write it."""
    parts = []
    for part in expression:
        names = [f"[{name_of(entry)}]" for entry in part]
        parts.append(names[0] if len(names) == 1 else f"({' or '.join(names)})")
    return " and ".join(parts)


def providers(expression: Expression) -> tuple[str, ...]:
    """Every resource that is named, once."""
    return tuple(dict.fromkeys(entry for part in expression for entry in part))


def find_cycle(dependencies: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """One cycle, from a member around to itself; empty where there is none."""
    done: set[str] = set()
    for start in sorted(dependencies):
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            at, left = stack.pop()
            if left:
                path.pop()
                done.add(at)
            elif at in path:
                return (*path[path.index(at) :], at)
            elif at not in done:
                path.append(at)
                stack.append((at, True))
                stack.extend((nearer, False) for nearer in sorted(dependencies.get(at, ()), reverse=True))
    return ()
