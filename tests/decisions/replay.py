"""Decisions as files that a person can read: given, when, then; replayed through the pure engine.

Owns: the form of a transcript, and its replay and rewriting. Does not know: any engine; a `Stage` does.
How it works: the folder of a transcript names its stage. A transcript is lines:

    # words for people
    covers FR-07 DP-10        lines of the conformance checklist that it would miss if they broke
    given <what>              told to the stage; usually nothing comes of it
    when <what>               told to the stage
    then <outcome>            what came of it, line by line; rewritten by --rewrite-decisions, reviewed as a diff

A stage is a class with a list of `Verb`s: a pattern and a method. The first that matches the whole of <what> is called
with its groups and returns the outcomes. Everything else about a stage is its own affair.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

FOLDER: Final = Path(__file__).parent


class BadTranscript(Exception):
    """A line that is no transcript's, or that no verb of the stage understands."""


@dataclass(frozen=True, slots=True)
class Verb:
    """`pattern` matches what stands behind `given` or `when`; `{name}` in it stands for one word, `{name...}` for any.

    The method is called with the stage and what stood there, by name.
    """

    pattern: str
    method: Callable[..., Iterable[str]]

    def match(self, text: str) -> dict[str, str] | None:
        """What stands for each name, or None."""
        words = re.split(r"(\{\w+(?:\.\.\.)?\})", self.pattern)
        form = "".join(_form(word) for word in words)
        found = re.fullmatch(form, text)
        return found.groupdict() if found else None


def _form(word: str) -> str:
    if not word.startswith("{"):
        return re.escape(word)
    name = word.strip("{}.")
    return f"(?P<{name}>.*)" if word.endswith("...}") else rf"(?P<{name}>\S+)"


class Stage:
    """What a transcript plays on; made anew for each."""

    verbs: ClassVar[tuple[Verb, ...]] = ()

    def play(self, what: str) -> list[str]:
        """The outcomes of one line."""
        for verb in self.verbs:
            found = verb.match(what)
            if found is not None:
                arguments: dict[str, Any] = dict(found)
                return list(verb.method(self, **arguments))
        known = "\n  ".join(verb.pattern for verb in self.verbs)
        raise BadTranscript(f"nobody understands {what!r}; there is:\n  {known}")


def covered(text: str) -> tuple[str, ...]:
    """Lines of the checklist that the transcript names."""
    return tuple(word for line in text.splitlines() if line.startswith("covers ") for word in line.split()[1:])


def replay(text: str, stage: Stage) -> str:
    """The transcript with the outcomes as they are now."""
    written: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        head, _, rest = line.partition(" ")
        match head:
            case "then":
                continue
            case "given" | "when":
                try:
                    outcomes = stage.play(rest)
                except BadTranscript as fault:
                    raise BadTranscript(f"line {number}: {fault}") from None
                written += [line, *(f"then {outcome}" for outcome in outcomes)]
            case "#" | "covers" | "":
                written.append(line)
            case _:
                raise BadTranscript(f"line {number}: {line!r} is neither given, when, then, covers nor a comment")
    return "\n".join(written) + "\n"
