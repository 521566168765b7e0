"""`quorate resource`: create, set, online, offline, delete, list, show.

Owns: words and options of these commands. Common properties are options of their own, by their name or the reference's;
those of the type go by `--set`. Does not know: what a resource does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from quorate.cli.checkpoint import checkpoint
from quorate.cli.dependency import add_dependency, can_depend, dependencies, impact, remove_dependency
from quorate.cli.frame import Session, changes, ignore_locked, listed, looks
from quorate.cli.maintenance import of_resource as maintenance
from quorate.cli.values import given_properties
from quorate.model.common_properties import RESOURCE_PROPERTIES, find_common

if TYPE_CHECKING:
    from quorate.model.properties import PropertyDefinition, PropertyValue


@click.group()
def resource() -> None:
    """Resources: addresses, programs, disks of a group."""


def common_options(function: Callable[..., None]) -> Callable[..., None]:
    """One option for each common property: `--restart-delay-ms`, also known as `--RestartDelay`."""
    for definition in reversed(RESOURCE_PROPERTIES):
        names = {f"--{definition.name.replace('_', '-')}", f"--{definition.reference_alias}"} - {"--"}
        function = click.option(*sorted(names), definition.name, metavar="VALUE", help=definition.words)(function)
    return function


def common_of(given: dict[str, str | None]) -> dict[str, PropertyValue]:
    """The values of those options that were given."""
    texts = [f"{name}={text}" for name, text in given.items() if text is not None]
    return given_properties("option", texts, lambda name: find_common(RESOURCE_PROPERTIES, name))


def _finder(type_name: str) -> Callable[[str], PropertyDefinition | None]:
    """The properties of a type, where this machine has it."""
    from quorate.node.type_catalogue import InstalledTypes

    manifest = InstalledTypes().find(type_name)
    return manifest.find if manifest is not None else lambda _: None


def finder_of(session: Session, name: str) -> Callable[[str], PropertyDefinition | None]:
    """The properties of the type of a resource that is there; of one that is not, none."""
    from quorate.client import path_of
    from quorate.control.views import ResourceView
    from quorate.model.problems import Refused

    try:
        present = session.client.look(path_of("resources", name), ResourceView)
    except Refused:
        return lambda _: None  # whoever sets is told, together with everything else
    return _finder(present.type)


@resource.command()
@click.argument("name")
@click.option("--group", required=True, help="Group it belongs to.")
@click.option("--type", "type_name", required=True, help='Its type, for example "IP Address" or generic_application.')
@click.option("--set", "properties", multiple=True, metavar="NAME=VALUE", help="A property of the type.")
@click.option("--depends-on", default="", metavar="EXPRESSION", help='For example "[addr] and ([d1] or [d2])".')
@click.option("--possible-owner", "owners", multiple=True, metavar="NODE", help="Where it can run; else everywhere.")
@click.option("--starts-after", "after", multiple=True, metavar="NAME", help="Of its group: an order, no dependency.")
@common_options
@changes
def create(
    session: Session,
    /,
    name: str,
    group: str,
    type_name: str,
    properties: tuple[str, ...],
    depends_on: str,
    owners: tuple[str, ...],
    after: tuple[str, ...],
    **common: str | None,
) -> None:
    """Make a resource in a group. If the group should be online, it comes online at once."""
    from quorate.control.resource_writing import NewResource

    wish = NewResource(
        name=name,
        group=group,
        type=type_name,
        properties=given_properties("--set", properties, _finder(type_name)),
        common=common_of(common),
        depends_on=depends_on,
        possible_owners=tuple(entry for owner in owners for entry in listed(owner)),
        starts_after=tuple(entry for names in after for entry in listed(names)),
    )
    session.finish(session.change("POST", "resources", body=wish), "created")


@resource.command("set")
@click.argument("name")
@click.option(
    "--set", "properties", multiple=True, metavar="NAME=VALUE", help="A property of the type; `NAME=`: its default."
)
@click.option("--depends-on", default=None, metavar="EXPRESSION", help="Replaces all dependencies; empty for none.")
@click.option(
    "--possible-owner", "owners", multiple=True, metavar="NODE", help="Replaces all of them; `any`: every node."
)
@click.option(
    "--starts-after", "after", multiple=True, metavar="NAME", help="Replaces all of them; `nothing`: no order."
)
@common_options
@changes
def set_properties(
    session: Session,
    /,
    name: str,
    properties: tuple[str, ...],
    depends_on: str | None,
    owners: tuple[str, ...],
    after: tuple[str, ...],
    **common: str | None,
) -> None:
    """Change properties, dependencies or possible owners of a resource."""
    from quorate.client import path_of
    from quorate.control.resource_writing import ResourceChange
    from quorate.control.views import ResourceView

    named = tuple(entry for owner in owners for entry in listed(owner))
    order = tuple(entry for names in after for entry in listed(names))
    present = session.client.look(path_of("resources", name), ResourceView)
    wish = ResourceChange(
        properties=given_properties("--set", properties, _finder(present.type)),
        common=common_of(common),
        depends_on=depends_on,
        possible_owners=None if not owners else () if named == ("any",) else named,
        starts_after=None if not after else () if order == ("nothing",) else order,
    )
    session.finish(session.change("PATCH", "resources", name, body=wish), "changed")


@resource.command()
@click.argument("name")
@ignore_locked
@changes
def online(session: Session, name: str, ignore_locked: bool) -> None:
    """Bring the resource online with what it needs, and keep it so."""
    query = {"ignore_locked": "true"} if ignore_locked else {}
    session.finish(
        session.change("POST", "resources", name, "online", query=query), "online", "is being brought online"
    )


@resource.command()
@click.argument("name")
@ignore_locked
@changes
def offline(session: Session, name: str, ignore_locked: bool) -> None:
    """Take the resource offline, and keep it so; what depends on it goes down first."""
    query = {"ignore_locked": "true"} if ignore_locked else {}
    done = session.change("POST", "resources", name, "offline", query=query)
    session.finish(done, "offline", "is being taken offline")


@resource.command()
@click.argument("name")
@changes
def fail(session: Session, name: str) -> None:
    """Treat the resource as failed: it counts, and its restart policy decides what follows."""
    session.finish(session.change("POST", "resources", name, "fail"), "failed on request", "is being failed")


@resource.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Take it out of the dependencies of others.")
@changes
def delete(session: Session, name: str, force: bool) -> None:
    """Delete a resource that is offline."""
    query = {"drop_dependencies": "true"} if force else {}
    session.finish(session.change("DELETE", "resources", name, query=query), "deleted")


@resource.command()
@click.argument("name")
@click.argument("new_name")
@changes
def rename(session: Session, name: str, new_name: str) -> None:
    """Give the resource another name; what runs is not touched."""
    from quorate.control.names import NewName

    session.finish(session.change("POST", "resources", name, "rename", body=NewName(name=new_name)), "renamed")


@resource.command("move-to-group")
@click.argument("name")
@click.argument("group")
@changes
def move_to_group(session: Session, name: str, group: str) -> None:
    """Put the resource into another group on the same node, with everything that dependencies connect to it.

    All of it must be offline.
    """
    from quorate.control.regrouping import RegroupWish

    changed = session.change("POST", "resources", name, "group", body=RegroupWish(group=group))
    session.finish(changed, f"is in group {group} now")


@resource.command()
@click.argument("name")
@click.argument("new_name")
@click.option("--group", default="", help="Another group: what it depends on is copied along.")
@click.option("--with-dependencies", is_flag=True, help="Copy what it depends on in its own group, too.")
@click.option("--call", "names", multiple=True, metavar="OLD=NEW", help="How something that is copied along is called.")
@click.option("--set", "properties", multiple=True, metavar="NAME=VALUE", help="A property of the copy that differs.")
@changes
def copy(
    session: Session,
    name: str,
    new_name: str,
    group: str,
    with_dependencies: bool,
    names: tuple[str, ...],
    properties: tuple[str, ...],
) -> None:
    """Copy a resource with its properties, checkpoints and dependencies. The copy is offline."""
    from quorate.control.copying import CopyWish

    wrong = [entry for entry in names if "=" not in entry]
    if wrong:
        raise click.UsageError(f"--call takes OLD=NEW, not {wrong[0]!r}")
    wish = CopyWish(
        name=new_name,
        group=group,
        with_dependencies=with_dependencies,
        names=dict(entry.split("=", 1) for entry in names),
        properties=given_properties("--set", properties, finder_of(session, name)) if properties else {},
    )
    session.finish(session.change("POST", "resources", name, "copy", body=wish), f"is a copy of {name}, offline")


@resource.command("list")
@looks
def list_resources(session: Session) -> None:
    """List all resources."""
    from quorate.control.views import ResourceList

    session.show(session.client.look("/v1/resources", ResourceList))


@resource.command()
@click.argument("name")
@looks
def show(session: Session, name: str) -> None:
    """Show one resource with its properties."""
    from quorate.client import path_of
    from quorate.control.views import ResourceView

    session.show(session.client.look(path_of("resources", name), ResourceView))


for command in (checkpoint, maintenance, add_dependency, remove_dependency, can_depend, dependencies, impact):
    resource.add_command(command)
