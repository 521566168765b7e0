"""Pages on a terminal, or as plain text where nobody looks.

Owns: layout and colour. Colour only ever stands beside a word that says the same. Does not know: what is shown.
How it works: where standard output is not a terminal, or NO_COLOR is set, columns are aligned by spaces and `rich` is
not even loaded; so scripts, tests and logs see the same text everywhere.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from quorate.cli.page import Page, Section, Table

_STYLES: Final = {
    "online": "green",
    "up": "green",
    "failed": "bold red",
    "stop failed": "bold red",
    "down": "red",
    "offline": "dim",
    "paused": "yellow",
    "draining": "yellow",
    "stopping": "yellow",
    "joining": "cyan",
    "pending": "cyan",
    "online pending": "cyan",
    "offline pending": "cyan",
    "partial online": "yellow",
}


def print_page(page: Page) -> None:
    """Print a page."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        _print_rich(page)
    else:
        click.echo(plain(page), nl=False)


def plain(page: Page) -> str:
    """The page as text."""
    return "\n".join("".join(f"{line}\n" for line in _section_lines(section)) for section in page.sections)


def _section_lines(section: Section) -> list[str]:
    lines = [section.heading] if section.heading else []
    indent = "  " if section.heading else ""
    width = max((len(name) for name, _ in section.facts), default=0)
    lines += [f"{indent}{name.ljust(width)}  {value}" for name, value in section.facts]
    lines += [f"{indent}{'- ' if section.heading else ''}{sentence}" for sentence in section.sentences]
    if section.table is not None:
        lines += [indent + line for line in _table_lines(section.table)]
    return lines


def _table_lines(table: Table) -> list[str]:
    if not table.rows:
        return ["(none)"]
    rows = [tuple(column.upper() for column in table.columns), *table.rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _print_rich(page: Page) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    console = Console(highlight=False)
    for rank, section in enumerate(page.sections):
        if rank:
            console.print()
        if section.heading:
            console.print(f"[bold]{escape(section.heading)}[/bold]")
        if section.facts:
            grid = RichTable.grid(padding=(0, 2))
            for name, value in section.facts:
                grid.add_row(f"[dim]{escape(name)}[/dim]", escape(value))
            console.print(grid)
        for sentence in section.sentences:
            console.print(f"• {escape(sentence)}" if section.heading else escape(sentence))
        if section.table is not None and not section.table.rows:
            console.print("[dim](none)[/dim]")
        elif section.table is not None:
            table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
            for column in section.table.columns:
                table.add_column(column)
            for row in section.table.rows:
                cells = zip(section.table.columns, row, strict=True)
                table.add_row(*(_cell(column, value, escape(value)) for column, value in cells))
            console.print(table)


def _cell(column: str, value: str, escaped: str) -> str:
    style = _STYLES.get(value) if column == "state" else None
    return f"[{style}]{escaped}[/{style}]" if style else escaped
