"""`quorate quorum`: how the cluster decides which part of it may go on.

Owns: words and options of these commands. Does not know: votes.
"""

from __future__ import annotations

import sys

import click

from quorate.cli.frame import Session, changes, looks


@click.group()
def quorum() -> None:
    """See votes and what may still be lost; choose another quorum model, online."""


@quorum.command()
@looks
def show(session: Session) -> None:
    """Show who votes, the margin, and what each further loss would do."""
    from quorate.control.quorum import QuorumView

    session.show(session.client.look("/v1/quorum", QuorumView))


@quorum.command("set")
@click.argument("model", required=False)
@click.option("--directory", default=None, metavar="PATH", help="Quorum storage: a directory that every node reaches.")
@click.option("--device", default=None, metavar="PATH", help="Quorum storage: a shared device with reservations.")
@click.option(
    "--witness", default=None, metavar="ADDRESS:PORT", help="A witness host that has joined (quorate witness)."
)
@click.option("--share", default=None, metavar="PATH", help="Light witness: a folder on a share that both nodes mount.")
@click.option("--s3", default=None, metavar="URL", help="Light witness: s3://BUCKET/PREFIX?region=NAME&endpoint=URL.")
@click.option("--azure", default=None, metavar="URL", help="Light witness: azure://CONTAINER/PREFIX?account=NAME.")
@click.option("--dynamic/--no-dynamic", "dynamic", default=None, help="Whether dead nodes may lose their votes.")
@click.option(
    "--lower-priority",
    default=None,
    metavar="NODE",
    help="Goes without a vote while the number of voters is even and no storage votes; - for none.",
)
@changes
def set_model(
    session: Session,
    model: str | None,
    directory: str | None,
    device: str | None,
    witness: str | None,
    share: str | None,
    s3: str | None,
    azure: str | None,
    dynamic: bool | None,
    lower_priority: str | None,
) -> None:
    """Choose MODEL: node_majority, node_and_disk_majority, disk_only or light_witness.

    Nothing goes offline. The answer comes when it is written; --wait waits until every vote is where it shall be.
    """
    from quorate.control.quorum_setting import QuorumWish

    wish = QuorumWish(
        model=model.replace("-", "_") if model else None,
        directory=directory,
        device=device,
        witness=witness,
        share=share,
        s3=s3,
        azure=azure,
        dynamic_votes=dynamic,
        lower_priority_node="" if lower_priority == "-" else lower_priority,
    )
    session.finish(session.change("PATCH", "quorum", body=wish), "is so now", "is written; votes follow")


@quorum.command("would-hold")
@click.argument("without", nargs=-1, required=True, metavar="WITHOUT...")
@looks
def would_hold(session: Session, without: tuple[str, ...]) -> None:
    """Tell whether the quorum would hold without these nodes, or without `quorum`, its storage; changes nothing.

    Exit status 1 where it would be lost.
    """
    from quorate.control.quorum import LossAnswer

    answer = session.client.look("/v1/quorum/would-hold", LossAnswer, {"without": ",".join(without)})
    if session.as_json:
        session.print_json(answer)
    else:
        click.echo(f"without {', '.join(without)} the quorum would be {answer.words}")
    sys.exit(answer.answer)
