"""`quorate cluster backup`: keep the cluster database in a file of this machine, or see whether one is sound.

Owns: words and options. Does not know: what goes into a backup (`control.backup`), or how a file is written whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from quorate.cli.frame import Session, looks

if TYPE_CHECKING:
    from quorate.model.backup import Backup


@click.command("backup")
@click.option("--to", "target", metavar="FOLDER|FILE", help="A folder gets a new file; a file is replaced.")
@click.option("--check", "checked", metavar="FILE", help="Only say whether that backup is whole and undamaged.")
@click.option("--reason", default="", help="Why; kept in the backup.")
@looks
def backup(session: Session, target: str | None, checked: str | None, reason: str) -> None:
    """Write the whole cluster database, checkpoints included, to one file of this machine.

    It holds configuration, not keys: a machine is let in with a token as before. Its audience is root.
    """
    if (target is None) == (checked is None):
        raise click.UsageError("give --to FOLDER|FILE, or --check FILE")
    if checked is not None:
        _check(session, Path(checked))
    elif target is not None:
        _write(session, target, reason)


def _write(session: Session, target: str, reason: str) -> None:
    from quorate.adapters.backup_files import target_problems, write_backup
    from quorate.cli.frame import as_data
    from quorate.model.backup import BackupArchive
    from quorate.model.problems import Refused

    place = Path(target)
    problems = target_problems(place / "x" if target.endswith("/") else place)
    if problems:
        raise Refused(problems)
    query = {"reason": reason} if reason else {}
    answer = session.client.ask("GET", "/v1/cluster/backup", BackupArchive, query=query)
    path = write_backup(place, answer.manifest, answer.archive)
    if session.as_json:
        session.print_json({"path": str(path), "manifest": as_data(answer.manifest)})
        return
    manifest = answer.manifest
    click.echo(f"{path}: {manifest.entries} keys of {manifest.cluster_name} as of revision {manifest.revision}")


def _check(session: Session, path: Path) -> None:
    manifest = read_sound(path)[0].manifest
    if session.as_json:
        session.print_json(manifest)
        return
    click.echo(
        f"{path}: whole and undamaged; cluster {manifest.cluster_name} ({manifest.cluster_id}),"
        f" {manifest.entries} keys as of revision {manifest.revision}, taken {manifest.at} on {manifest.node}"
    )


def read_sound(path: Path) -> tuple[Backup, bytes]:
    """The backup in a file, with the bytes of the file. Raises Refused where it cannot be read or is damaged."""
    from quorate.adapters.backup_files import read_backup
    from quorate.model.base import Damaged
    from quorate.model.problems import Refused, error
    from quorate.wire.backup_archive import read_archive

    data = read_backup(path)
    try:
        return read_archive(data, str(path)), data
    except Damaged as damaged:
        remedy = "use another backup; nothing was changed"
        raise Refused([error("backup_damaged", str(damaged), where=str(path), remedy=remedy)]) from damaged
