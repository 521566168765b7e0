"""`quorate node`: join, run, list, show, pause, resume, drain, stop, evict.

Owns: words and options of these commands. Does not know: how a node joins or runs.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quorate.cli.cluster import numbers
from quorate.cli.exits import Exit
from quorate.cli.frame import Session, changes, local, looks, not_empty, pairs
from quorate.cli.maintenance import of_node

if TYPE_CHECKING:
    from quorate.control.change import Changed
    from quorate.model.enrolment import EnrolmentAnswer, EnrolmentRequest
    from quorate.wire.join_token import JoinToken

POLL_S = 0.2
"""Between looks at whether this node's own service has gone: it cannot tell us any more."""


@click.group()
def node() -> None:
    """Join, run, pause, drain, stop and evict nodes."""


@node.command()
@click.argument("token")
@click.option("--node-name", required=True, help="Name of this machine in the cluster.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="NAME=ADDRESS/PREFIX",
    help="This machine's address on each network of the cluster.",
)
@click.option("--port", "ports", multiple=True, metavar="NAME=PORT", help="api, heartbeat, client or peer.")
@click.option("--no-check", is_flag=True, help="Accept addresses that this machine does not have yet.")
@local
def join(
    session: Session,
    token: str,
    node_name: str,
    networks: tuple[str, ...],
    ports: tuple[str, ...],
    no_check: bool,
) -> None:
    """Make this machine a node of the cluster that made TOKEN.

    Soon after an eviction (cluster property add_evict_delay_s) it waits, and says so.
    If the answer is lost, give the same command again: the machine gets the same node number.
    """
    from importlib import metadata

    from quorate.client.joining import enrol_patiently
    from quorate.node.join import Wish, join_cluster
    from quorate.node.places import Places

    wish = Wish(
        token=token,
        node_name=node_name,
        networks=pairs("--network", networks),
        version=metadata.version("quorate"),
        ports=numbers("--port", ports),
        check_addresses=not no_check,
    )

    def enrol(token: JoinToken, request: EnrolmentRequest) -> EnrolmentAnswer:
        return enrol_patiently(token, request, lambda text: click.echo(text, err=True), time.sleep)

    answer = join_cluster(Places.from_environment(), wish, enrol)
    if session.as_json:
        session.print_json({"node": answer.node, "cluster": answer.cluster, "nodes": answer.nodes})
        return
    click.echo(f"this machine is node {answer.node} of cluster {answer.cluster.name}, {node_name}")
    click.echo("next: quorate node run")


@node.command()
@click.option("--root", default="", metavar="FOLDER", help="Root of the node's folders; else QUORATE_ROOT, else /.")
@click.option(
    "--prevent-quorum", is_flag=True, help="Join an active cluster, or wait for one; never form it, nor help to."
)
def run(root: str, prevent_quorum: bool) -> None:
    """Run this node in the foreground, until it is stopped."""
    environment = dict(os.environ)
    if prevent_quorum:
        environment["QUORATE_PREVENT_QUORUM"] = "1"
    if root:
        environment["QUORATE_ROOT"] = str(Path(root).absolute())
    _must_be_sound(Path(environment.get("QUORATE_ROOT", "/")))
    # The sentinel takes this process's place: whoever started us sees and signals it, and nothing else stays around.
    os.execve(sys.executable, [sys.executable, "-m", "quorate.node.sentinel"], environment)  # noqa: S606


def _must_be_sound(root: Path) -> None:
    """Refuse to start on settings or data that the service would refuse; a running sentinel could only try again."""
    from quorate.model.problems import Problem, Refused
    from quorate.node.identity import load_identity, load_replica
    from quorate.node.places import Places
    from quorate.node.settings import load
    from quorate.node.soundness import check_files

    places = Places(root)
    problems: tuple[Problem, ...] = ()
    try:
        load(places.settings)
        identity = load_identity(places)
        if identity is not None:
            problems = check_files(places, identity, load_replica(places, identity))
    except Refused as refused:
        problems = refused.problems
    if problems:
        Session(as_json=False, endpoint="").fail(problems, Exit.REFUSED)


@node.command("list")
@looks
def list_nodes(session: Session) -> None:
    """List all nodes."""
    from quorate.control.views import NodeList

    session.show(session.client.look("/v1/nodes", NodeList))


@node.command()
@click.argument("name")
@looks
def show(session: Session, name: str) -> None:
    """Show one node."""
    from quorate.client import path_of
    from quorate.control.views import NodeView

    session.show(session.client.look(path_of("nodes", name), NodeView))


@node.command()
@click.argument("name")
@changes
def pause(session: Session, name: str) -> None:
    """Let no group come to the node any more; what runs there runs on."""
    session.finish(session.change("POST", "nodes", name, "pause"), "paused")


@node.command()
@click.argument("name")
@click.option(
    "--failback",
    type=click.Choice(["policy", "immediate"]),
    default="policy",
    help="Groups that a drain moved away: each by its own failback, or all at once.",
)
@changes
def resume(session: Session, name: str, failback: str) -> None:
    """Let the node take groups again."""
    from quorate.control.nodes import ResumeWish

    wish = ResumeWish(failback=failback)
    session.finish(session.change("POST", "nodes", name, "resume", body=wish), "takes groups again")


node.add_command(of_node)


@node.command()
@click.argument("name")
@click.option(
    "--target", default="", callback=not_empty, help="Node that takes all groups; else each goes to its best node."
)
@changes
def drain(session: Session, name: str, target: str) -> None:
    """Pause the node and have all its groups leave."""
    from quorate.control.nodes import DrainWish

    changed = session.change("POST", "nodes", name, "drain", body=DrainWish(target=target))
    session.finish(changed, "drained", "paused; its groups are leaving")


@node.command()
@click.argument("name")
@changes
def stop(session: Session, name: str) -> None:
    """Stop the node cleanly: its groups leave first, then it leaves the cluster."""
    changed = session.change("POST", "nodes", name, "stop")
    if session.wait_s is not None and changed.outcome == "accepted":
        # The node itself was asked, and its last word is that it goes: what is left is to see its service gone, and,
        # where that node is this machine, its sentinel, which ends last.
        from quorate.client import CallFailed
        from quorate.control.change import altered
        from quorate.control.views import WhoAmI
        from quorate.node.places import Places
        from quorate.node.process import is_held

        end = time.monotonic() + session.wait_s
        while time.monotonic() < end:
            try:
                session.client.look("/v1/me", WhoAmI)
            except CallFailed:
                if not (_is_here(name) and is_held(Places.from_environment().sentinel_lock)):
                    session.finish(altered(changed, outcome="done"), "stopped")
            time.sleep(POLL_S)
        session.finish(altered(changed, outcome="pending"), "stopped")
    session.finish(changed, "stopped", "is stopping; its groups leave first")


@node.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Take groups offline that no other node can take.")
@changes
def evict(session: Session, name: str, force: bool) -> None:
    """Remove a node from the cluster for good.

    A node that is up lets its groups move first, leaves, and puts its state folder aside: its machine is a node no
    more. One that is down, or joined and never started, is removed as it is; its machine learns of it when it starts.
    The number of the node is never used again, its name is free. `quorate node resume` takes an eviction back as
    long as groups have not left.
    """
    from quorate.control.evicting import EvictWish

    here = _is_here(name)
    changed = session.change("POST", "nodes", name, "evict", body=EvictWish(force=force))
    if here and session.wait_s is not None and changed.outcome == "accepted":
        _wait_for_retirement(session, changed)
    session.finish(changed, "evicted", "is being evicted; its groups leave first")


@node.command()
@click.argument("name")
@click.argument("new_name")
@changes
def rename(session: Session, name: str, new_name: str) -> None:
    """Give a node another name; its certificates and what runs on it are not touched."""
    from quorate.control.names import NewName

    session.finish(session.change("POST", "nodes", name, "rename", body=NewName(name=new_name)), "renamed")


@node.command("set")
@click.argument("name")
@click.argument("properties", nargs=-1, required=True, metavar="NAME=VALUE...")
@changes
def set_properties(session: Session, name: str, properties: tuple[str, ...]) -> None:
    """Set properties of a node: weight=0, it never votes, weight=1, it may; site=WORD, where it stands."""
    from quorate.cli.values import given_properties
    from quorate.control.weighing import NodeChange
    from quorate.model.common_properties import NODE_PROPERTIES, find_common

    values = given_properties("NAME=VALUE", properties, lambda given: find_common(NODE_PROPERTIES, given))
    session.finish(session.change("PATCH", "nodes", name, body=NodeChange(properties=values)), "changed")


@node.command("rebuild-member")
@click.argument("name")
@click.option("--force", is_flag=True, help="Although its member serves.")
@changes
def rebuild_member(session: Session, name: str, force: bool) -> None:
    """Make the store member of a node anew from the others' data; its damaged folder is renamed and kept.

    For a member whose data are damaged. The node stays in the cluster, and what runs on it runs on.
    """
    from quorate.control.rebuilding import RebuildWish

    changed = session.change("POST", "nodes", name, "rebuild-member", body=RebuildWish(force=force))
    session.finish(changed, "its new member votes", "its member is removed and made anew")


@node.command("clear-quarantine")
@click.argument("name")
@changes
def clear_quarantine(session: Session, name: str) -> None:
    """Let a node in at once that is kept out because it failed too often."""
    session.finish(session.change("POST", "nodes", name, "clear-quarantine"), "may come back")


@node.command("confirm-off")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for the node's name again.")
@changes
def confirm_off(session: Session, name: str, yes: bool) -> None:
    """Confirm that a silent node is off, so that nobody waits for it any longer.

    Look at the machine first: if it runs on, what it runs is started a second time. It is refused for a node that is
    heard or that nobody suspects, and holds for this life of the node only.
    """
    from quorate.client import path_of
    from quorate.control.confirming import ConfirmOffWish
    from quorate.control.views import NodeView

    found = session.client.look(path_of("nodes", name), NodeView)
    known = yes or session.preview
    again = found.name if known else click.prompt(f"{found.name} is certainly off? Type its name", err=True)
    changed = session.change("POST", "nodes", name, "confirm-off", body=ConfirmOffWish(name=again))
    session.finish(changed, "is out of the cluster", "confirmed off")


@node.command()
@local
def state(session: Session) -> None:
    """Tell what this machine is, without asking any cluster.

    0 not installed, 1 not configured, 3 not running, 19 running.
    """
    from quorate.cli.frame import print_problem
    from quorate.node.local_state import local_state
    from quorate.node.places import Places

    found = local_state(Places.from_environment())
    if session.as_json:
        session.print_json(found)
        return
    click.echo(f"{found.words} ({found.value})")
    if found.number:
        click.echo(f"node {found.number}, {found.node}, of cluster {found.cluster}")
    for folder in found.retired:
        click.echo(f"kept from a former membership: {folder}")
    for problem in found.problems:
        print_problem(problem)


@node.command()
@click.option("--force", is_flag=True, help="It is meant.")
@local
def cleanup(session: Session, force: bool) -> None:
    """Make this machine, on which no cluster service runs, belong to no cluster. Its files are kept aside.

    For machines whose cluster is gone. A cluster that lives goes on listing the node: evict it there.
    """
    from quorate.node.local_state import clean_up
    from quorate.node.places import Places

    kept = clean_up(Places.from_environment(), force=force)
    if session.as_json:
        session.print_json({"changed": kept is not None, "kept": str(kept or "")})
        return
    click.echo(f"this machine belongs to no cluster now; what it had is kept in {kept}" if kept else "nothing to do")


def _wait_for_retirement(session: Session, changed: Changed) -> None:
    """This very machine is evicted: nobody is left to ask in the end but its state folder."""
    from quorate.control.change import altered
    from quorate.node.places import Places
    from quorate.node.process import is_held

    places = Places.from_environment()
    end = time.monotonic() + (session.wait_s or 0.0)
    while time.monotonic() < end:
        if not places.identity.exists() and not is_held(places.sentinel_lock):
            session.finish(altered(changed, outcome="done"), "evicted")
        time.sleep(POLL_S)
    session.finish(altered(changed, outcome="pending"), "evicted")


def _is_here(name: str) -> bool:
    """Whether the node of that name is this machine."""
    from quorate.node.local_state import local_state
    from quorate.node.places import Places

    here = local_state(Places.from_environment())
    return bool(here.number) and name.casefold() in {here.node.casefold(), str(here.number)}
