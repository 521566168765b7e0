"""`quorate token`: one-time words by which machines join.

Owns: words and options of this command. Does not know: what is in a token.
"""

from __future__ import annotations

import click

from quorate.cli.frame import Session, changes, looks


@click.group()
def token() -> None:
    """One-time tokens by which machines join."""


@token.command()
@click.option("--hours", default=24, show_default=True, help="How long it lives.")
@click.option("--witness", is_flag=True, help="For a witness host: it gets no secret of the cluster, and runs nothing.")
@click.option("--quiet", is_flag=True, help="Print the token alone.")
@looks
def create(session: Session, hours: int, witness: bool, quiet: bool) -> None:
    """Make a token for one machine. It is shown once and kept nowhere."""
    from quorate.control.tokens import NewToken, TokenWish

    made = session.client.ask("POST", "/v1/tokens", NewToken, body=TokenWish(hours=hours, witness=witness))
    if quiet:
        click.echo(made.token)
    else:
        session.show(made)


@token.command("list")
@looks
def list_tokens(session: Session) -> None:
    """Show the tokens that are remembered: open, used, expired or revoked. Their secrets are kept nowhere."""
    from quorate.control.tokens import TokenList

    session.show(session.client.look("/v1/tokens", TokenList))


@token.command()
@click.argument("id")
@changes
def revoke(session: Session, id: str) -> None:  # noqa: A002 - what a person reads in the usage line
    """Let nobody join by a token any more. ID is what `quorate token list` shows, or its beginning."""
    session.finish(session.change("POST", "tokens", id, "revoke"), "revoked")
