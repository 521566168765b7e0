"""`quorate fence`: list, show, create, delete, test.

Owns: words and options of these commands. Does not know: what a role permits; the cluster checks that.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from quorate.cli.exits import Exit
from quorate.cli.frame import Session, changes, looks, pairs


@click.group()
def fence() -> None:
    """Fence devices: what switches a silent node off, so that nobody has to wait for its lease."""


@fence.command("list")
@looks
def list_devices(session: Session) -> None:
    """List all fence devices."""
    from quorate.control.fencing import FenceDeviceList

    session.show(session.client.look("/v1/fence", FenceDeviceList))


@fence.command()
@click.argument("name")
@looks
def show(session: Session, name: str) -> None:
    """Show one fence device and what came of calling it. Secrets are not shown."""
    from quorate.client import path_of
    from quorate.control.fencing import FenceDeviceView

    session.show(session.client.look(path_of("fence", name), FenceDeviceView))


@fence.command()
@click.argument("name")
@click.option("--agent", required=True, help="Program of the fence-agents family, such as fence_ipmilan.")
@click.option("--node", "plugs", multiple=True, metavar="NODE=PLUG", help="A node, and what the device calls it.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="As the agent's manual says.")
@click.option(
    "--secret-file", "secrets", multiple=True, metavar="NAME=FILE", help="A secret parameter: the file's first line."
)
@click.option("--action", type=click.Choice(["off", "reboot"]), default="off", show_default=True)
@click.option("--level", default=1, show_default=True, help="Tried in order; all devices of one level must succeed.")
@click.option("--delay-ms", default=0, show_default=True, help="Pause before the first call.")
@click.option("--retries", default=1, show_default=True, help="Further calls where one fails.")
@click.option("--call-limit-s", "call_timeout_s", default=30, show_default=True, help="Longest that one call may take.")
@changes
def create(
    session: Session,
    name: str,
    agent: str,
    plugs: tuple[str, ...],
    parameters: tuple[str, ...],
    secrets: tuple[str, ...],
    action: str,
    level: int,
    delay_ms: int,
    retries: int,
    call_timeout_s: int,
) -> None:
    """Create a fence device. From now on it is called as soon as a node of it is suspected."""
    from quorate.control.fencing import NewFenceDevice

    wish = NewFenceDevice(
        name=name,
        agent=agent,
        plugs=pairs("--node", plugs),
        parameters=pairs("--parameter", parameters),
        secrets={entry: _first_line(entry, path) for entry, path in pairs("--secret-file", secrets).items()},
        action="reboot" if action == "reboot" else "off",
        level=level,
        delay_ms=delay_ms,
        retries=retries,
        timeout_s=call_timeout_s,
    )
    session.finish(session.change("POST", "fence", body=wish), "created; try it: quorate fence test " + name)


@fence.command()
@click.argument("name")
@changes
def delete(session: Session, name: str) -> None:
    """Delete a fence device."""
    session.finish(session.change("DELETE", "fence", name), "deleted")


@fence.command("test")
@click.argument("name")
@looks
def check(session: Session, name: str) -> None:
    """Ask the device how it and every plug of it are, from the node that answers; nothing is switched."""
    from quorate.client import path_of
    from quorate.control.fence_testing import FenceTest

    found = session.client.look(path_of("fence", name, "test"), FenceTest)
    session.show(found)
    sys.exit(Exit.OK if found.good else Exit.FAILED)


def _first_line(name: str, path: str) -> str:
    try:
        return Path(path).read_text().partition("\n")[0]
    except (OSError, UnicodeDecodeError) as problem:
        raise click.UsageError(f"--secret-file {name}={path}: {problem}") from problem
