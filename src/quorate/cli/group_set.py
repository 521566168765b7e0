"""`quorate group-set`: create, set, delete, list, show.

Owns: words and options of these commands. Does not know: when a set is ready.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from quorate.cli.frame import Session, changes, listed, looks

P = ParamSpec("P")
R = TypeVar("R")
READY = {"delay": 1, "online": 2}


@click.group("group-set")
def group_set() -> None:
    """Groups whose start others wait for together."""


def _settings(function: Callable[P, R]) -> Callable[P, R]:
    for option in (
        click.option(
            "--groups", default=None, metavar="GROUP,GROUP", help="Its groups; a group is in one set at most."
        ),
        click.option(
            "--depends-on", default=None, metavar="EXPRESSION", help="Sets that must be ready before its groups."
        ),
        click.option("--global/--not-global", "is_global", default=None, help="Ready before anything else starts."),
        click.option(
            "--ready", type=click.Choice(list(READY)), default=None, help="After a delay only, or when online."
        ),
        click.option("--count", default=None, metavar="N|majority|all", help="How many of its groups must be so."),
        click.option("--delay-s", type=int, default=None, help="So long after that."),
        click.option("--description", default=None),
    ):
        function = option(function)
    return function


def _wish(
    name: str,
    groups: str | None,
    depends_on: str | None,
    is_global: bool | None,
    ready: str | None,
    count: str | None,
    delay_s: int | None,
    description: str | None,
) -> object:
    from quorate.control.group_sets import ALL, GroupSetWish

    counts = {"majority": 0, "all": ALL}
    if count is not None and count not in counts and not count.isdigit():
        raise click.BadParameter(f"{count!r} is no number; write a number, majority or all", param_hint="--count")
    return GroupSetWish(
        name=name,
        groups=listed(groups) if groups is not None else None,
        depends_on=depends_on,
        is_global=is_global,
        startup_setting=READY[ready] if ready is not None else None,
        startup_count=None if count is None else counts.get(count, int(count) if count.isdigit() else 0),
        startup_delay_s=delay_s,
        description=description,
    )


@group_set.command()
@click.argument("name")
@_settings
@changes
def create(session: Session, /, name: str, **settings: object) -> None:
    """Make a set."""
    session.finish(session.change("POST", "sets", body=_wish(name, **settings)), "created")  # type: ignore[arg-type]


@group_set.command("set")
@click.argument("name")
@_settings
@changes
def change(session: Session, /, name: str, **settings: object) -> None:
    """Change what is given of a set."""
    session.finish(session.change("PATCH", "sets", name, body=_wish("", **settings)), "changed")  # type: ignore[arg-type]


@group_set.command()
@click.argument("name")
@changes
def delete(session: Session, name: str) -> None:
    """Remove a set that nothing waits for; its groups stay."""
    session.finish(session.change("DELETE", "sets", name), "deleted")


@group_set.command("list")
@looks
def list_sets(session: Session) -> None:
    """List all sets."""
    from quorate.control.group_sets import GroupSetList

    session.show(session.client.look("/v1/sets", GroupSetList))


@group_set.command()
@click.argument("name")
@looks
def show(session: Session, name: str) -> None:
    """Show one set."""
    from quorate.client import path_of
    from quorate.control.group_sets import GroupSetView

    session.show(session.client.look(path_of("sets", name), GroupSetView))
