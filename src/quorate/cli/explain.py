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
    from quorate.control.explanations import GroupExplanation

    session.show(session.client.look(path_of("groups", name, "explanation"), GroupExplanation))


@explain.command()
@click.argument("name")
@looks
def node(session: Session, name: str) -> None:
    """Why the node is in its state, what it hosts and cannot host, how far its drain is."""
    from quorate.client import path_of
    from quorate.control.explanations import NodeExplanation

    session.show(session.client.look(path_of("nodes", name, "explanation"), NodeExplanation))


@explain.command()
@click.argument("name")
@looks
def resource(session: Session, name: str) -> None:
    """Why the resource is in its state, what it waits for, what follows if it fails."""
    from quorate.client import path_of
    from quorate.control.explanations import ResourceExplanation

    session.show(session.client.look(path_of("resources", name, "explanation"), ResourceExplanation))


@explain.command()
@click.argument("incident_id", metavar="[ID]", default="last")
@looks
def incident(session: Session, incident_id: str) -> None:
    """What a failure was, what became of every group, where the time went; the newest where no ID is given."""
    from quorate.client import path_of
    from quorate.control.incidents import IncidentView

    session.show(session.client.look(path_of("incidents", incident_id), IncidentView))


@explain.command()
@click.option("--group", metavar="NAME", default="", help="Only those that concerned this group.")
@looks
def incidents(session: Session, group: str) -> None:
    """The failures that took groups from where they ran, newest first; the last 100 are kept."""
    from quorate.client import path_of
    from quorate.control.incidents import IncidentList

    session.show(session.client.look(path_of("incidents"), IncidentList, {"group": group} if group else {}))
