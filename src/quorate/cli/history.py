"""`quorate history`: who changed what, when and why; what was there before; and taking a change back.

Owns: words, options, and the pages. Does not know: where changes are recorded (`control.history`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from quorate.cli.frame import Session, changes, looks

if TYPE_CHECKING:
    from quorate.cli.page import Section
    from quorate.control.history import PastChange
    from quorate.model.history import ObjectChange


@click.group()
def history() -> None:
    """Changes that were made: by whom, when and why; what they replaced; and taking them back."""


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


@history.command("show")
@click.argument("change", metavar="REVISION|ID")
@looks
def show(session: Session, change: str) -> None:
    """Show one change with every field's former and new value."""
    from quorate.client import path_of
    from quorate.model.history import PastChangeView

    found = session.client.look(path_of("history", change), PastChangeView)
    if session.as_json:
        session.print_json(found)
        return
    from quorate.cli.page import Page, Section
    from quorate.cli.render import print_page

    facts = (
        ("change", found.what),
        ("revision", str(found.revision)),
        ("id", found.id),
        ("at", found.at),
        ("by", found.author),
        *((("reason", found.reason),) if found.reason else ()),
        *((("detail", found.detail),) if found.detail else ()),
    )
    sections = [Section(facts=facts), *_sections(found.objects)]
    if not found.values_kept:
        sections.append(Section(sentences=("no former values are kept of it: it changed no specification",)))
    print_page(Page(tuple(sections)))


@history.command("diff")
@click.argument("since", metavar="REVISION|ID")
@click.argument("until", metavar="[REVISION|ID]", default="")
@click.option("--object", "about", default="", metavar="NAME|ID", help="Of this object alone.")
@looks
def diff(session: Session, since: str, until: str, about: str) -> None:
    """Show what differs between the configuration of then and now, or of two moments.

    A revision is the store's: any number up to the present one. A change stands for the moment after it.
    """
    from quorate.model.history import Difference

    query = {"since": since, "until": until, "object": about}
    found = session.client.ask("GET", "/v1/history/diff", Difference, query=query)
    if session.as_json:
        session.print_json(found)
        return
    from quorate.cli.page import Page, Section
    from quorate.cli.render import print_page

    words = f"from revision {found.since} to {found.until}: "
    words += f"{len(found.objects)} objects differ" if found.objects else "nothing differs"
    print_page(Page((Section(sentences=(words,)), *_sections(found.objects))))
    for gap in found.incomplete:
        click.echo(f"warning: {gap}", err=True)


@history.command("revert")
@click.argument("change", metavar="REVISION|ID")
@click.option("--force", is_flag=True, help="Also where later changes touched the same fields; those are lost.")
@changes
def revert(session: Session, change: str, force: bool) -> None:
    """Take one change back. Later changes to other fields stay.

    It is a change like others: refused where the ordinary command would be, recorded, and can be taken back itself.
    """
    from quorate.model.history import RevertWish

    changed = session.change("POST", "history", change, "revert", body=RevertWish(force=force))
    session.finish(changed, "the change is taken back")


def _sections(objects: tuple[ObjectChange, ...]) -> list[Section]:
    from quorate.cli.page import Section, Table

    return [
        Section(
            heading=f"{one.kind.replace('_', ' ')} {one.name}: {one.action}",
            table=Table(
                ("field", "before", "after"),
                tuple((field.field, _value(field.before), _value(field.after)) for field in one.fields),
            ),
        )
        for one in objects
    ]


def _value(value: Any) -> str:  # noqa: ANN401 - JSON is what it is
    """A value as people read it; what is not there shows as a dash."""
    if value is None:
        return "-"
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value) or '""'
    return value if isinstance(value, str) and value else json.dumps(value)
