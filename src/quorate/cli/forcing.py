"""`quorate cluster start --force-quorum`: the last resort, asked for by name.

Owns: what is said before, what must be answered, and the words after. Does not know: how it is done (`node.forcing`).
"""

from __future__ import annotations

import os

import click

from quorate.cli.frame import Session, local

COST = (
    "Everything that the lost voters have accepted and this node has not is lost. If one of them still runs where this"
    " node cannot see it, there will be two clusters, and groups may be active twice: see that they are off first."
)


LEFT_OPEN = (
    "The record of the light witness stays as it is: see that it is gone before a lost node is started, or that node"
    " may go on alone beside this one."
)


@click.command("start")
@click.option("--force-quorum", is_flag=True, help="Go on with this node's data alone.")
@click.option(
    "--without",
    multiple=True,
    metavar="NAME",
    help="A voter that is lost; all others, and `quorum`, must be named.",
)
@click.option("--cluster", "confirmed", default="", metavar="NAME", help="The cluster's name: answers the question.")
@local
def start(session: Session, force_quorum: bool, without: tuple[str, ...], confirmed: str) -> None:
    """Start a cluster that has lost its majority for good, on this node's data.

    The node must be stopped. A lost voter that returns discards its own version and joins again.
    """
    import asyncio
    from datetime import UTC, datetime

    from quorate.node.forcing import force_quorum as force
    from quorate.node.forcing_plan import plan_forcing
    from quorate.node.places import Places

    if not force_quorum:
        raise click.UsageError(
            "a cluster starts by itself when its nodes do (quorate node run, or their systemd units);"
            " --force-quorum is for one whose majority is lost"
        )
    places = Places.from_environment()
    plan = plan_forcing(places, without)
    name = plan.identity.cluster_name
    if not confirmed:
        lost = ", ".join(plan.names)
        click.echo(f"{plan.own.name} will be the only voter of cluster {name}, without {lost}.", err=True)
        click.echo(COST, err=True)
        if plan.light_lost:
            click.echo(LEFT_OPEN, err=True)
        confirmed = click.prompt("Type the cluster's name to go on", default="", show_default=False, err=True)
    if confirmed != name:
        raise click.UsageError(f"{confirmed!r} is not the name of this cluster; nothing was changed")
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    author = os.environ.get("SUDO_USER") or "root"

    def say(text: str) -> None:
        if not session.as_json:
            click.echo(text)

    revision = asyncio.run(force(places, plan, author=author, at=at, say=say))
    if session.as_json:
        session.print_json({"cluster": name, "node": plan.own.name, "without": list(plan.names), "revision": revision})
        return
    click.echo(f"cluster {name} consists of the data of {plan.own.name} now, at revision {revision}")
    click.echo("next: quorate node run; lost nodes that can be started join again by themselves, with this data")
