"""`quorate explain`: why it is so, and what would help.

Owns: words of this command. Does not know: any reason.
"""

from __future__ import annotations

import click

from quorate.cli.frame import Session, looks


@click.group()
def explain() -> None:
    """Why it is so, and what would help."""


@explain.command()
@click.argument("name")
@looks
def group(session: Session, name: str) -> None:
    """Why the group is where it is, why it does not run, why not elsewhere."""
    from quorate.client import path_of
    from quorate.control.views import GroupExplanation

    session.show(session.client.look(path_of("groups", name, "explanation"), GroupExplanation))
