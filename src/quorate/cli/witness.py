"""`quorate witness`: this machine as the third vote of clusters.

Owns: words and options of these commands. Does not know: how a witness runs (`node.witness_host`).
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import click

from quorate.cli.frame import Session, local

if TYPE_CHECKING:
    from quorate.model.witness import WitnessAnswer, WitnessRequest
    from quorate.wire.join_token import JoinToken


@click.group()
def witness() -> None:
    """Give one vote to clusters, from a machine that is none of their nodes."""


@witness.command()
@click.argument("token")
@click.option("--address", required=True, help="Address of this machine at which the nodes reach it.")
@click.option("--name", default=lambda: socket.gethostname().partition(".")[0], help="How the cluster calls it.")
@click.option("--port", type=click.IntRange(1, 65534), default=None, help="Peer port; it and the next one are used.")
@click.option("--no-check", is_flag=True, help="Accept an address that this machine does not have yet.")
@local
def join(session: Session, token: str, address: str, name: str, port: int | None, no_check: bool) -> None:
    """Witness for the cluster that made TOKEN (quorate token create --witness).

    If the answer is lost, give the same command again.
    """
    from quorate.node.places import Places
    from quorate.node.witness_join import join_as_witness

    record = join_as_witness(Places.from_environment(), token, name, address, port, _enrol, check=not no_check)
    if session.as_json:
        session.print_json(record)
        return
    click.echo(f"{record.name} witnesses for cluster {record.cluster_name} at {record.address}:{record.peer_port}")
    click.echo("next: quorate witness serve, here (or its systemd unit); then, on a node:")
    click.echo(f"  quorate quorum set node_and_disk_majority --witness {record.address}:{record.peer_port}")


def _enrol(token: JoinToken, request: WitnessRequest) -> WitnessAnswer:
    from quorate.client.joining import enrol_witness

    return enrol_witness(token, request)


@witness.command()
@click.option("--etcd", default="", metavar="PATH", help="The etcd binary, where it is not found by itself.")
@local
def serve(session: Session, etcd: str) -> None:
    """Run the members of all clusters that this machine witnesses for, until SIGTERM."""
    import asyncio
    import os

    from quorate.node.places import Places
    from quorate.node.witness_host import serve as serve_all

    del session
    os.umask(0o077)
    sys.exit(asyncio.run(serve_all(Places.from_environment(), etcd)))


@witness.command("list")
@local
def show(session: Session) -> None:
    """Show each cluster that this machine witnesses for, and whether its member runs."""
    import asyncio

    from quorate.cli.page import Page, Section, Table
    from quorate.cli.render import print_page
    from quorate.node.places import Places
    from quorate.node.witness_state import witness_states

    found = asyncio.run(witness_states(Places.from_environment()))
    if session.as_json:
        session.print_json(found)
        return
    rows = tuple(
        (state.cluster_name, f"{state.address}:{state.peer_port}", state.state, ", ".join(state.nodes))
        for state in found.clusters
    )
    empty = ("no cluster yet: quorate witness join TOKEN --address ADDRESS",) if not rows else ()
    print_page(Page((Section(sentences=empty, table=Table(("cluster", "address", "state", "nodes"), rows)),)))


@witness.command()
@click.argument("cluster")
@local
def leave(session: Session, cluster: str) -> None:
    """Witness for CLUSTER no more. Everything is kept aside; refused while its member runs and votes."""
    import asyncio

    from quorate.node.places import Places
    from quorate.node.witness_state import leave_cluster

    kept = asyncio.run(leave_cluster(Places.from_environment(), cluster))
    if session.as_json:
        session.print_json(kept)
    else:
        click.echo(f"what was kept of {kept.cluster_name} lies in {kept.kept} now")
