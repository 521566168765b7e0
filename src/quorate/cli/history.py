"""`quorate history`: who changed what, when and why.

Owns: words, options, and the table. Does not know: where changes are recorded (`control.history`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quorate.cli.frame import Session, looks

if TYPE_CHECKING:
    from quorate.control.history import PastChange


@click.group()
def history() -> None:
    """Changes that were made: by whom, when and why."""


@history.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The newest so many.")
@click.option("--object", "about", default="", metavar="NAME|ID", help="Of this object alone, be it gone since.")
@looks
def list_changes(session: Session, limit: int, about: str) -> None:
    """List changes, newest first."""
    from quorate.control.history import PastChanges

    query = {"limit": str(limit), **({"object": about} if about else {})}
    found = session.client.ask("GET", "/v1/history", PastChanges, query=query)
    if session.as_json:
        session.print_json(found)
        return
    from quorate.cli.page import Page, Section, Table
    from quorate.cli.render import print_page

    rows = tuple(_row(change) for change in found.changes)
    print_page(Page((Section(table=Table(("revision", "at", "by", "change", "detail", "reason"), rows)),)))
    if found.damaged:
        click.echo(f"warning: {len(found.damaged)} records cannot be read", err=True)
    if found.total > len(found.changes):
        click.echo(f"{len(found.changes)} of {found.total}; --limit shows more", err=True)


def _row(change: PastChange) -> tuple[str, ...]:
    record = change.record
    what = f"{record.verb} {record.kind} {record.object_name}".strip()
    return (str(change.revision), record.at, record.author, what, record.detail, record.reason)
