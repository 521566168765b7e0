"""`quorate cluster show-copy`: what this machine last knew of the cluster, without any cluster.

Owns: words, options, and the page. Does not know: who writes the copy (`node.copy_keeper`), or what is in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from quorate.cli.frame import Session, local

if TYPE_CHECKING:
    from quorate.control.copy_reading import CopyView


@click.command("show-copy")
@click.option("--file", "path", metavar="FILE", help="Another copy, or a backup; default: this node's copy.")
@local
def show_copy(session: Session, path: str | None) -> None:
    """Show the cluster database as this machine last read it: also while its node, or the cluster, is down.

    It says when it was read. What has changed since, only the cluster knows. `quorate cluster restore` takes the file.
    """
    from quorate.cli.backup import read_sound
    from quorate.control.copy_reading import view_copy
    from quorate.model.problems import Refused, error
    from quorate.node.places import Places

    place = Path(path) if path is not None else Places.from_environment().copy
    if path is None and not place.exists():
        what, remedy = f"{place}: this machine keeps no copy", "one is written when its node runs in a cluster"
        raise Refused([error("copy_missing", what, where=str(place), remedy=remedy)])
    found = read_sound(place)[0]
    shown = view_copy(found, _age_s(found.manifest.at))
    if session.as_json:
        session.print_json(shown)
        return
    _print(shown)


def _age_s(at: str) -> float:
    """How long ago that was by this machine's clock."""
    from datetime import UTC, datetime

    return (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()


def _print(shown: CopyView) -> None:
    from quorate.cli.page import Page, Section, Table
    from quorate.cli.render import print_page

    facts = (
        ("cluster", f"{shown.cluster} ({shown.cluster_id})"),
        ("as of", f"revision {shown.revision}, read by {shown.written_by} at {shown.at}"),
        ("age", f"{_words(shown.age_s)}; what has changed since is not in it"),
        ("led by", f"{shown.coordinator or 'nobody'}, epoch {shown.epoch}"),
    )
    nodes = tuple(
        (node.name, str(node.number), node.state, str(node.votes), ", ".join(node.addresses.values()))
        for node in shown.nodes
    )
    groups = tuple((group.name, group.owner, group.wanted, ", ".join(group.resources)) for group in shown.groups)
    print_page(
        Page(
            (
                Section(facts=facts),
                Section("Nodes", table=Table(("node", "number", "state then", "votes", "addresses"), nodes)),
                Section("Groups", table=Table(("group", "owner then", "should be", "resources"), groups)),
            )
        )
    )
    if shown.unreadable:
        click.echo(f"warning: {len(shown.unreadable)} records in it cannot be read", err=True)


def _words(seconds: float) -> str:
    if seconds < 0:
        return "from the future: one of the clocks is wrong"
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
