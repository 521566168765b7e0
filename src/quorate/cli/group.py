"""`quorate group`: create, online, offline, move, delete, list, show.

Owns: words and options of these commands. Does not know: what a group is.
"""

from __future__ import annotations

import click

from quorate.cli.dependency import group_report
from quorate.cli.frame import WAIT_DEFAULT_S, Session, changes, ignore_locked, listed, looks, not_empty
from quorate.cli.maintenance import of_group
from quorate.cli.values import given_properties


@click.group()
def group() -> None:
    """Groups: what fails over together."""


@group.command()
@click.argument("name")
@click.option("--preferred", default="", metavar="NODE,NODE", help="Preferred owners, best first.")
@click.option(
    "--failback", default="", metavar="immediate|prevent", help="Return to a better preferred owner, or stay."
)
@click.option("--set", "properties", multiple=True, metavar="NAME=VALUE", help="A common property of the group.")
@changes
def create(session: Session, name: str, preferred: str, failback: str, properties: tuple[str, ...]) -> None:
    """Make an empty group, offline."""
    from quorate.control.groups import NewGroup
    from quorate.model.common_properties import GROUP, find_common

    wish = NewGroup(
        name=name,
        preferred_owners=listed(preferred),
        failback=failback,
        properties=given_properties("--set", properties, lambda given: find_common(GROUP.settable, given)),
    )
    session.finish(session.change("POST", "groups", body=wish), "created")


@group.command("set")
@click.argument("name")
@click.argument("properties", nargs=-1, required=True, metavar="NAME=VALUE...")
@changes
def set_properties(session: Session, name: str, properties: tuple[str, ...]) -> None:
    """Set common properties of a group, under our names or those of the reference; `NAME=` means the default."""
    from quorate.control.groups import GroupChange
    from quorate.model.common_properties import GROUP, find_common

    values = given_properties("NAME=VALUE", properties, lambda given: find_common(GROUP.settable, given))
    session.finish(session.change("PATCH", "groups", name, body=GroupChange(properties=values)), "changed")


@group.command()
@click.argument("name")
@click.option("--now", is_flag=True, help="Whatever it should wait for.")
@click.option(
    "--to",
    default="",
    callback=not_empty,
    metavar="NODE",
    help="There: it moves first, or nothing changes if it cannot.",
)
@ignore_locked
@changes
def online(session: Session, name: str, now: bool, to: str, ignore_locked: bool) -> None:
    """Bring the group online, and keep it so; failure counts start anew."""
    query = {"ignore_locked": "true"} if ignore_locked else {}
    query |= {"to": to} if to else {}
    query |= {"now": "true"} if now else {}
    session.finish(session.change("POST", "groups", name, "online", query=query), "online", "is being brought online")


@group.command()
@click.argument("name")
@ignore_locked
@changes
def offline(session: Session, name: str, ignore_locked: bool) -> None:
    """Take the group offline, and keep it so."""
    query = {"ignore_locked": "true"} if ignore_locked else {}
    session.finish(session.change("POST", "groups", name, "offline", query=query), "offline", "is being taken offline")


@group.command()
@click.argument("name")
@click.option("--to", default="", callback=not_empty, metavar="NODE", help="Where; else the best other node.")
@click.option("--return-on-error", is_flag=True, help="Where it does not come online there, it goes back.")
@click.option("--queue", is_flag=True, help="Where it cannot go now, the request waits.")
@ignore_locked
@changes
def move(session: Session, name: str, to: str, return_on_error: bool, queue: bool, ignore_locked: bool) -> None:
    """Move the group to another node."""
    from quorate.control.moving import MoveWish

    query = {"ignore_locked": "true"} if ignore_locked else {}
    wish = MoveWish(to=to, return_on_error=return_on_error, queue=queue)
    changed = session.change("POST", "groups", name, "move", body=wish, query=query)
    session.finish(changed, "moved", "is being moved")


@group.command("cancel-move")
@click.argument("name")
@changes
def cancel_move(session: Session, name: str) -> None:
    """Take a move back: the group stays on, or returns to, the node it is on."""
    session.finish(session.change("POST", "groups", name, "cancel-move"), "the move is taken back")


@group.command("depends-on")
@click.argument("name")
@click.argument("expression", default="")
@changes
def depends_on(session: Session, name: str, expression: str) -> None:
    """Say which groups and group sets must be ready before the group starts; without EXPRESSION: none."""
    from quorate.control.group_sets import GroupDependencyWish

    wish = GroupDependencyWish(depends_on=expression)
    session.finish(session.change("PUT", "groups", name, "dependency", body=wish), "changed")


group.add_command(of_group)


@group.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Delete its resources too. It must be offline all the same.")
@changes
def delete(session: Session, name: str, force: bool) -> None:
    """Delete a group that is offline and empty."""
    query = {"with_resources": "true"} if force else {}
    session.finish(session.change("DELETE", "groups", name, query=query), "deleted")


@group.command()
@click.argument("name")
@click.argument("new_name")
@changes
def rename(session: Session, name: str, new_name: str) -> None:
    """Give the group another name; what runs is not touched."""
    from quorate.control.names import NewName

    session.finish(session.change("POST", "groups", name, "rename", body=NewName(name=new_name)), "renamed")


@group.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="It is meant.")
@ignore_locked
@changes
def destroy(session: Session, name: str, yes: bool, ignore_locked: bool) -> None:
    """Take the group offline and delete it with all its resources. It waits for that."""
    if not yes and not session.preview:
        raise click.UsageError(f"this deletes group {name} with all its resources; say --yes if that is meant")
    query = {"ignore_locked": "true"} if ignore_locked else {}
    session.wait_s = WAIT_DEFAULT_S if session.wait_s is None else session.wait_s
    session.finish(session.change("POST", "groups", name, "destroy", query=query), "destroyed")


@group.command("list")
@looks
def list_groups(session: Session) -> None:
    """List all groups."""
    from quorate.control.views import GroupList

    session.show(session.client.look("/v1/groups", GroupList))


@group.command()
@click.argument("name")
@looks
def show(session: Session, name: str) -> None:
    """Show one group with its resources."""
    from quorate.client import path_of
    from quorate.control.views import GroupView

    session.show(session.client.look(path_of("groups", name), GroupView))


group.add_command(group_report)
