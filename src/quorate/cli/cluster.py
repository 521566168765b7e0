"""`quorate cluster`: make one on this machine, and see how one stands.

Owns: words and options of these commands. Does not know: how a cluster is made (`node.create`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

import click

from quorate.cli.forcing import start
from quorate.cli.frame import Session, changes, local, looks, pairs
from quorate.cli.maintenance import of_cluster
from quorate.cli.values import given_properties

if TYPE_CHECKING:
    from quorate.control.change import Changed

POLL_S = 0.2
"""Between looks at whether the node that answered has gone: it cannot tell us any more."""


@click.group()
def cluster() -> None:
    """Make a cluster on this machine; see how one stands."""


cluster.add_command(of_cluster)


@cluster.command()
@click.option("--name", required=True, help="Name of the cluster.")
@click.option("--node-name", required=True, help="Name of this machine as node 1.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="NAME=ADDRESS/PREFIX",
    help="This machine's address on a network between the nodes; two networks are recommended.",
)
@click.option(
    "--client-network",
    "client_networks",
    multiple=True,
    metavar="NAME=ADDRESS/PREFIX",
    help="A network for clients alone: nodes never speak to each other over it.",
)
@click.option("--profile", default="default", show_default=True, help="Timings: default, fast, or wide between sites.")
@click.option(
    "--fabric-prefix",
    default="",
    metavar="PREFIX",
    help="Addresses for the nodes' own use; default: chosen from 100.64.0.0/10.",
)
@click.option("--no-fabric", is_flag=True, help="Use the address on the first network instead (one machine, loopback).")
@click.option("--port", "ports", multiple=True, metavar="NAME=PORT", help="api, heartbeat, client or peer.")
@click.option("--no-check", is_flag=True, help="Accept addresses that this machine does not have yet.")
@local
def create(
    session: Session,
    name: str,
    node_name: str,
    networks: tuple[str, ...],
    client_networks: tuple[str, ...],
    profile: str,
    fabric_prefix: str,
    no_fabric: bool,
    ports: tuple[str, ...],
    no_check: bool,
) -> None:
    """Make this machine the first node of a new cluster.

    Nothing is sent anywhere. Start the node afterwards with `quorate node run`, or with its systemd unit.
    """
    from quorate.cli.frame import print_problem
    from quorate.node.create import Wish, create_cluster
    from quorate.node.places import Places

    wish = Wish(
        name=name,
        node_name=node_name,
        networks=pairs("--network", networks),
        client_networks=pairs("--client-network", client_networks),
        profile=profile,
        fabric_prefix=fabric_prefix,
        fabric=not no_fabric,
        ports=numbers("--port", ports),
        check_addresses=not no_check,
    )
    replica, warnings = create_cluster(Places.from_environment(), wish)
    if session.as_json:
        session.print_json(replica)
        return
    for problem in warnings:
        print_problem(problem)
    click.echo(f"cluster {name} is made ({replica.cluster_id}); this machine is node 1, {node_name}")
    click.echo("next: quorate node run, and quorate token create for each further machine")


@cluster.command()
@looks
def status(session: Session) -> None:
    """Show nodes, groups, votes, and what is wrong or may be lost."""
    from quorate.control.views import ClusterStatus

    session.show(session.client.look("/v1/cluster", ClusterStatus))


@cluster.command("set")
@click.argument("properties", nargs=-1, required=True, metavar="NAME=VALUE...")
@changes
def set_properties(session: Session, properties: tuple[str, ...]) -> None:
    """Set properties of the cluster, under our names or those of the reference; `NAME=` means the default."""
    from quorate.control.cluster import ClusterChange
    from quorate.model.common_properties import CLUSTER_PROPERTIES, find_common

    values = given_properties("NAME=VALUE", properties, lambda name: find_common(CLUSTER_PROPERTIES, name))
    session.finish(session.change("PATCH", "cluster", body=ClusterChange(properties=values)), "changed")


@cluster.command()
@click.argument("new_name")
@changes
def rename(session: Session, new_name: str) -> None:
    """Give the cluster another name."""
    from quorate.control.names import NewName

    session.finish(session.change("POST", "cluster", "rename", body=NewName(name=new_name)), "renamed")


@cluster.command("release-expulsions")
@changes
def release_expulsions(session: Session) -> None:
    """Let a cluster go on that holds still because many nodes were put out (expulsion_limit)."""
    session.finish(session.change("POST", "cluster", "release-expulsions"), "goes on")


@cluster.command("upgrade-level")
@changes
def upgrade_level(session: Session) -> None:
    """Let the cluster use what its newest software can, once every node is up and runs it. There is no way back."""
    session.finish(session.change("POST", "cluster", "upgrade-level"), "its functional level is raised")


@cluster.command()
@changes
def stop(session: Session) -> None:
    """Stop every node. What should be online is online again when a majority of the voters has started."""
    changed = session.change("POST", "cluster", "stop")
    wait_for_end(session, changed, "stopped", "is stopping; every node takes its groups offline and leaves")


@cluster.command()
@click.option("--force", is_flag=True, help="It is meant.")
@changes
def destroy(session: Session, force: bool) -> None:
    """End the cluster for good: every machine stops, belongs to no cluster, and keeps its files under another name."""
    from quorate.control.ending import DestroyWish

    changed = session.change("POST", "cluster", "destroy", body=DestroyWish(force=force))
    wait_for_end(session, changed, "destroyed", "is being destroyed; every node stops and steps aside")


def wait_for_end(session: Session, changed: Changed, done: str, begun: str) -> NoReturn:
    """Wait, where that was asked for, until the node that answered has gone: the nodes wait for one another."""
    from quorate.client import CallFailed
    from quorate.control.change import altered
    from quorate.control.views import WhoAmI
    from quorate.node.places import Places
    from quorate.node.process import is_held

    if session.wait_s is None:
        session.finish(changed, done, begun)
    end = time.monotonic() + session.wait_s
    while time.monotonic() < end:
        try:
            session.client.look("/v1/me", WhoAmI)
        except CallFailed:
            if not is_held(Places.from_environment().sentinel_lock):
                session.finish(altered(changed, outcome="done"), done)
        time.sleep(POLL_S)
    session.finish(altered(changed, outcome="pending"), done)


def numbers(option: str, given: tuple[str, ...]) -> dict[str, int]:
    """`NAME=NUMBER` options as a mapping. Raises click's usage error."""
    found: dict[str, int] = {}
    for name, text in pairs(option, given).items():
        if not text.isdigit():
            raise click.UsageError(f"{option} {name}={text}: a number is needed")
        found[name] = int(text)
    return found


cluster.add_command(start)
