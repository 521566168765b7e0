"""`quorate resource checkpoint`: files that travel with a resource.

Owns: words, options, and the table. Does not know: when files are saved and put back (`node.checkpoint_keeper`).
"""

from __future__ import annotations

import click

from quorate.cli.frame import Session, changes, looks


@click.group()
def checkpoint() -> None:
    """Files that travel with a resource: saved while it is online, put back on its next node before it is."""


@checkpoint.command()
@click.argument("resource")
@click.argument("path")
@click.option("--secret", is_flag=True, help="Keep and send it sealed with a key that only nodes have.")
@changes
def add(session: Session, resource: str, path: str, secret: bool) -> None:
    """Have a file or folder travel with a resource. PATH is absolute, and the same on every node.

    What is changed while the resource is offline is overwritten when it comes online.
    """
    from quorate.control.checkpoints import NewCheckpoint

    body = NewCheckpoint(path=path, secret=secret)
    session.finish(session.change("POST", "resources", resource, "checkpoints", body=body), "the checkpoint is added")


@checkpoint.command()
@click.argument("resource")
@click.argument("path")
@changes
def remove(session: Session, resource: str, path: str) -> None:
    """Let a file or folder travel no more; it stays where it is, and what was saved is deleted."""
    changed = session.change("DELETE", "resources", resource, "checkpoints", query={"path": path})
    session.finish(changed, "the checkpoint is removed")


@checkpoint.command("list")
@click.argument("resource")
@looks
def list_checkpoints(session: Session, resource: str) -> None:
    """List the checkpoints of a resource, with what is kept of them."""
    from quorate.client import path_of
    from quorate.control.checkpoints import CheckpointList

    found = session.client.look(path_of("resources", resource, "checkpoints"), CheckpointList)
    if session.as_json:
        session.print_json(found)
        return
    from quorate.cli.page import Page, Section, Table
    from quorate.cli.render import print_page

    rows = tuple(
        (
            point.path,
            "secret" if point.secret else "-",
            point.saved_at or "not yet",
            point.saved_by or "-",
            str(point.size_bytes),
            point.problem or "-",
        )
        for point in found.checkpoints
    )
    columns = ("path", "kept", "saved at", "by", "bytes", "problem")
    print_page(Page((Section(table=Table(columns, rows)),)))
