"""`quorate network` and `quorate interface`: list, show, set, rename.

Owns: words and options of these commands. Does not know: what a role permits; the cluster checks that.
"""

from __future__ import annotations

import click

from quorate.cli.frame import Session, changes, looks
from quorate.cli.values import given_properties
from quorate.model.common_properties import INTERFACE_PROPERTIES, NETWORK_PROPERTIES, find_common


@click.group()
def network() -> None:
    """Networks between the nodes, and to their clients."""


@click.group()
def interface() -> None:
    """Network interfaces: what each node has on each network."""


@network.command("list")
@looks
def list_networks(session: Session) -> None:
    """List all networks."""
    from quorate.control.views import NetworkList

    session.show(session.client.look("/v1/networks", NetworkList))


@network.command()
@click.argument("name")
@looks
def show(session: Session, name: str) -> None:
    """Show one network with its interfaces."""
    from quorate.client import path_of
    from quorate.control.views import NetworkView

    session.show(session.client.look(path_of("networks", name), NetworkView))


@network.command("set")
@click.argument("name")
@click.option("--role", default=None, help="none, cluster, client or both; or the reference's number, 0 to 3.")
@click.option("--metric", default=None, help="Lower is used first; the cluster then chooses it no more.")
@click.option("--auto-metric", default=None, metavar="YES|NO", help="Let the cluster choose the metric.")
@click.option("--description", default=None, help="A comment.")
@click.option(
    "--set", "properties", multiple=True, metavar="NAME=VALUE", help="A property, also by its reference name."
)
@changes
def set_network(session: Session, /, name: str, properties: tuple[str, ...], **common: str | None) -> None:
    """Change role, metric or description. Takes effect at once, on all nodes."""
    from quorate.control.networks import NetworkChange

    given = [*properties, *(f"{option}={value}" for option, value in common.items() if value is not None)]
    values = given_properties("--set", given, lambda entry: find_common(NETWORK_PROPERTIES, entry))
    session.finish(session.change("PATCH", "networks", name, body=NetworkChange(properties=values)), "changed")


@network.command()
@click.argument("name")
@click.argument("new_name")
@changes
def rename(session: Session, name: str, new_name: str) -> None:
    """Give the network another name."""
    from quorate.control.names import NewName

    session.finish(session.change("POST", "networks", name, "rename", body=NewName(name=new_name)), "renamed")


@network.command()
@looks
def matrix(session: Session) -> None:
    """Show who hears whom over each network, with round trips and losses."""
    from quorate.control.path_views import PathMatrix

    session.show(session.client.look("/v1/paths", PathMatrix))


@interface.command("list")
@looks
def list_interfaces(session: Session) -> None:
    """List all interfaces."""
    from quorate.control.views import InterfaceList

    session.show(session.client.look("/v1/interfaces", InterfaceList))


@interface.command("show")
@click.argument("name")
@looks
def show_interface(session: Session, name: str) -> None:
    """Show one interface; its name is as `interface list` has it."""
    from quorate.client import path_of
    from quorate.control.views import InterfaceView

    session.show(session.client.look(path_of("interfaces", name), InterfaceView))


@interface.command("set")
@click.argument("name")
@click.option("--description", default=None, help="A comment.")
@click.option(
    "--set", "properties", multiple=True, metavar="NAME=VALUE", help="A property, also by its reference name."
)
@changes
def set_interface(session: Session, name: str, description: str | None, properties: tuple[str, ...]) -> None:
    """Change the description; everything else of an interface is found out."""
    from quorate.control.networks import NetworkChange

    given = [*properties, *([f"description={description}"] if description is not None else [])]
    values = given_properties("--set", given, lambda entry: find_common(INTERFACE_PROPERTIES, entry))
    session.finish(session.change("PATCH", "interfaces", name, body=NetworkChange(properties=values)), "changed")
