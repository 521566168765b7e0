"""`quorate resource add-dependency|remove-dependency|can-depend|dependencies|impact`, and the report of a group.

Owns: words of these commands and their pages. Does not know: what a dependency may be.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quorate.cli.exits import Exit
from quorate.cli.frame import Session, changes, looks, print_problem
from quorate.cli.page import Page, Section, Table

if TYPE_CHECKING:
    from quorate.control.dependency_changes import DependencyView, GroupDependencies, ImpactView


@click.command("add-dependency")
@click.argument("name")
@click.argument("provider")
@changes
def add_dependency(session: Session, name: str, provider: str) -> None:
    """Let resource NAME depend on PROVIDER too."""
    from quorate.control.dependency_changes import DependencyWish

    changed = session.change("POST", "resources", name, "add-dependency", body=DependencyWish(on=provider))
    session.finish(changed, f"depends on {provider} now")


@click.command("remove-dependency")
@click.argument("name")
@click.argument("provider")
@changes
def remove_dependency(session: Session, name: str, provider: str) -> None:
    """Let resource NAME depend on PROVIDER no more, wherever that stands in its expression."""
    from quorate.control.dependency_changes import DependencyWish

    changed = session.change("POST", "resources", name, "remove-dependency", body=DependencyWish(on=provider))
    session.finish(changed, f"does not depend on {provider} any more")


@click.command("can-depend")
@click.argument("name")
@click.argument("provider")
@looks
def can_depend(session: Session, name: str, provider: str) -> None:
    """Whether NAME could depend on PROVIDER, and what stands against it. Exit status 2: it could not."""
    from quorate.client import path_of
    from quorate.control.dependency_changes import DependencyAnswer

    found = session.client.look(path_of("resources", name, "can-depend"), DependencyAnswer, {"on": provider})
    if session.as_json:
        session.print_json(found)
    else:
        click.echo(f"{found.resource} {'can' if found.possible else 'cannot'} depend on {found.on}")
        for problem in found.problems:
            print_problem(problem)
    sys.exit(Exit.OK if found.possible else Exit.REFUSED)


SVG = click.option(
    "--svg",
    "svg",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Draw it; `-`: to the output.",
)


@click.command()
@click.argument("name")
@SVG
@looks
def dependencies(session: Session, name: str, svg: str | None) -> None:
    """What the resource depends on and provides for, directly; drawn: with all that is connected to it."""
    from quorate.cli.render import print_page
    from quorate.client import path_of
    from quorate.control.dependency_changes import DependencyView, GroupDependencies

    found = session.client.look(path_of("resources", name, "dependencies"), DependencyView)
    if svg is not None:
        whole = session.client.look(path_of("groups", found.group, "dependencies"), GroupDependencies)
        _draw(session, whole, svg, found.resource)
    elif session.as_json:
        session.print_json(found)
    else:
        print_page(dependency_page(found))


@click.command()
@click.argument("name")
@looks
def impact(session: Session, name: str) -> None:
    """What goes offline if the resource does, and what alternatives spare."""
    from quorate.client import path_of
    from quorate.control.dependency_changes import ImpactView

    found = session.client.look(path_of("resources", name, "impact"), ImpactView)
    if session.as_json:
        session.print_json(found)
    else:
        click.echo("\n".join(impact_lines(found)))


@click.command("dependencies")
@click.argument("name")
@SVG
@looks
def group_report(session: Session, name: str, svg: str | None) -> None:
    """The dependencies of every resource of the group."""
    from quorate.cli.render import print_page
    from quorate.client import path_of
    from quorate.control.dependency_changes import GroupDependencies

    found = session.client.look(path_of("groups", name, "dependencies"), GroupDependencies)
    if svg is not None:
        _draw(session, found, svg)
    elif session.as_json:
        session.print_json(found)
    else:
        print_page(report_page(found))


def _draw(session: Session, found: GroupDependencies, place: str, about: str = "") -> None:
    """Write the picture. A file that cannot be written ends the command with what is wrong."""
    from quorate.control.dependency_drawing import draw_dependencies

    picture = draw_dependencies(found, about)
    if place == "-":
        click.echo(picture, nl=False)
        return
    try:
        Path(place).write_text(picture, encoding="utf-8")
    except OSError as problem:
        raise click.FileError(place, problem.strerror or str(problem)) from problem
    if session.as_json:
        click.echo(json.dumps({"file": place}))
    else:
        click.echo(f"{place}: drawn")


def dependency_page(found: DependencyView) -> Page:
    """One resource."""
    facts = (
        ("resource", f"{found.resource} of group {found.group}"),
        ("depends on", found.expression or "nothing"),
        ("by id", found.expression_by_id or "-"),
        ("provides for", ", ".join(found.provides_for) or "nothing"),
        ("starts after", ", ".join(found.starts_after) or "nothing"),
    )
    return Page((Section(facts=facts),))


def report_page(found: GroupDependencies) -> Page:
    """One row a member."""
    rows = tuple(
        (one.resource, one.expression or "-", ", ".join(one.provides_for) or "-", ", ".join(one.starts_after) or "-")
        for one in found.resources
    )
    table = Table(("resource", "depends on", "provides for", "starts after"), rows)
    return Page((Section(heading=f"group {found.group}", table=table),))


def impact_lines(found: ImpactView) -> list[str]:
    """Sentences."""
    head = f"if {found.resource} goes offline"
    if found.assumed:
        head += " while everything of its group is online (it is not online now)"
    lines = [f"{head}, these go offline first: {', '.join(found.goes_offline)}"]
    if not found.goes_offline:
        lines = [f"{head}, nothing else of group {found.group} goes offline"]
    return lines + [f"{one.resource} stays, because of {', '.join(one.by)}" for one in found.spared]
