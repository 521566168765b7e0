"""`quorate cluster restore`: make a cluster's configuration that of a backup.

Owns: words, options, and what is printed. Does not know: what a restore changes (`control.restoring`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quorate.cli.backup import read_sound
from quorate.cli.exits import Exit
from quorate.cli.frame import Session, looks, pairs

if TYPE_CHECKING:
    from quorate.model.backup import Backup
    from quorate.model.restore import RestoreAnswer

ANSWER_LIMIT_S = 600.0
"""Groups are taken offline one after the other."""


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--preview", is_flag=True, help="Say what would be added, changed and removed; change nothing.")
@click.option("--force", is_flag=True, help="Although other nodes are active; take groups that change offline.")
@click.option("--as-they-were", is_flag=True, help="Groups come online as at the time of the backup.")
@click.option("--map-node", "mapped", multiple=True, metavar="OLD=NEW", help="This node stands for that of the backup.")
@click.option("--reason", default="", help="Why; kept in the audit record.")
@looks
def restore(
    session: Session, file: Path, preview: bool, force: bool, as_they_were: bool, mapped: tuple[str, ...], reason: str
) -> None:
    """Put groups, resources, names and properties back as a backup has them; what it does not have is removed.

    Nodes, votes, and who owns what stay as they are. Groups that differ come back offline.
    """
    from quorate.model.restore import RestoreAnswer, RestoreWish

    wish = RestoreWish(
        archive=_needed(read_sound(file)[0]),
        preview=preview,
        force=force,
        as_they_were=as_they_were,
        map_nodes=pairs("--map-node", mapped),
    )
    query = {"reason": reason} if reason else {}
    answer = session.client.ask(
        "POST", "/v1/cluster/restore", RestoreAnswer, body=wish, query=query, answer_limit_s=ANSWER_LIMIT_S
    )
    _print(session, answer)


def _needed(backup: Backup) -> bytes:
    """An archive of what a restore reads: the audit trail may be long, and need not travel."""
    from quorate.control.restore_reading import restorable
    from quorate.model.base import replace
    from quorate.wire.backup_archive import entries_digest, entry_lines, write_archive

    entries = restorable(backup.entries)
    lines = entry_lines(entries)
    manifest = replace(backup.manifest, entries=len(entries), size_bytes=len(lines), sha256=entries_digest(lines))
    return write_archive(manifest, lines)


def _print(session: Session, answer: RestoreAnswer) -> None:
    from quorate.cli.frame import print_problem
    from quorate.model.problems import stops

    if session.as_json:
        session.print_json(answer)
    else:
        for problem in answer.problems:
            print_problem(problem)
        for item in answer.items:
            click.echo(f"{item.action:8} {item.kind:9} {item.name}" + (f"  ({item.detail})" if item.detail else ""))
        told = f"backup of {answer.cluster} at revision {answer.revision}, taken {answer.at}"
        if answer.preview:
            click.echo(f"{told}: {len(answer.items)} objects differ; nothing was changed")
        elif answer.items:
            click.echo(f"{told}: restored, {len(answer.items)} objects in {answer.parts} transactions")
        else:
            click.echo(f"{told}: nothing to do, it is so already")
    sys.exit(Exit.REFUSED if answer.preview and stops(answer.problems) else Exit.OK)
