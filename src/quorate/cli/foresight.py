"""`quorate what-if` and `quorate forecast`: what would happen, before it does.

Owns: words of these commands. Does not know: what follows from what.
"""

from __future__ import annotations

import click

from quorate.cli.frame import Session, looks, not_empty


@click.group("what-if")
def what_if() -> None:
    """What a loss or a drain would do now; nothing is changed."""


@what_if.command("node-loss")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@looks
def node_loss(session: Session, nodes: tuple[str, ...]) -> None:
    """What would happen if the node, or all of these at once, were lost now."""
    _show(session, "node-loss", ",".join(nodes))


@what_if.command("quorum-loss")
@looks
def quorum_loss(session: Session) -> None:
    """What would happen if the quorum storage or the witness were lost now."""
    _show(session, "quorum-loss")


@what_if.command("site-loss")
@click.argument("site")
@looks
def site_loss(session: Session, site: str) -> None:
    """What would happen if all nodes of the site were lost now."""
    _show(session, "site-loss", site)


@what_if.command()
@click.argument("node")
@click.option(
    "--target",
    default="",
    callback=not_empty,
    metavar="NODE",
    help="Where all its groups would go; else each to its best node.",
)
@looks
def drain(session: Session, node: str, target: str) -> None:
    """What `quorate node drain` would do now."""
    from quorate.client import path_of
    from quorate.control.change import Changed
    from quorate.control.nodes import DrainWish

    path, body = path_of("nodes", node, "drain"), DrainWish(target=target)
    session.finish(session.client.ask("POST", path, Changed, body=body, query={"preview": "true"}), "drained")


def _show(session: Session, *path: str) -> None:
    from quorate.client import FORECAST_LIMIT_S, path_of
    from quorate.control.previews import Preview

    session.show(session.client.look(path_of("what-if", *path), Preview, answer_limit_s=FORECAST_LIMIT_S))


@click.command()
@looks
def forecast(session: Session) -> None:
    """What the loss of each node, of each site and of the quorum resource would do now."""
    from quorate.client import FORECAST_LIMIT_S
    from quorate.control.previews import Forecast

    session.show(session.client.look("/v1/forecast", Forecast, answer_limit_s=FORECAST_LIMIT_S))
