"""What a page of the command line consists of: headings, facts, sentences, tables.

Owns: these forms. Does not know: which facts go on a page (`cli.pages`), or how one looks (`cli.render`).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column names; the column `state` is coloured by what it says."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (may be empty), facts as name and value, sentences, and a table."""

    heading: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    sentences: tuple[str, ...] = ()
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one command shows."""

    sections: tuple[Section, ...] = field(default=())
