"""`quorate events`: what happens, as it happens.

Owns: words and options of this command, and coming back after a lost connection. Does not know: what makes an event.
"""

from __future__ import annotations

import json
import time

import click

from quorate.cli.frame import Session, as_data, looks

RECONNECT_PAUSE_S = 0.5


@click.command()
@click.option("--follow", is_flag=True, help="Come back when the connection is lost, without missing what is kept.")
@click.option("--after", default="", metavar="ID", help="Begin after this event.")
@looks
def events(session: Session, follow: bool, after: str) -> None:
    """Print events until interrupted; with --json one object a line."""
    from quorate.cli.pages import event_lines
    from quorate.client import Client, NoConnection

    last = after or None
    client = session.client
    while True:
        try:
            for event in client.follow(last):
                last = event.id
                if session.as_json:
                    click.echo(json.dumps(as_data(event)))
                else:
                    click.echo("\n".join(event_lines(event)))
        except NoConnection:
            if not follow or last is None:
                raise
        if not follow:
            return
        time.sleep(RECONNECT_PAUSE_S)
        client.close()
        client = Client(session.endpoint)
