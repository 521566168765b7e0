"""`quorate lab`: nodes on this one machine, and every way to hurt them.

Owns: words and output of these commands. Does not know: how a lab does any of it.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import NoReturn, TypeVar

import click

from quorate.lab.cluster import Lab, can_use_namespaces, clear
from quorate.lab.ground import ROLES
from quorate.lab.loopback import NOTICE
from quorate.lab.plan import NETWORKS, PROFILES, QUORUMS, LabError, default_folder
from quorate.sdk.overriding import override

F = TypeVar("F", bound=Callable[..., object])


class _Refused(click.ClickException):
    """A LabError, told in click's way."""


class _Group(click.Group):
    """Turns what a lab refuses into a message and exit status 1."""

    @override
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LabError as problem:
            raise _Refused(str(problem)) from problem


def _name(command: F) -> F:
    option = click.option("--name", default="demo", show_default=True, help="Which lab.")
    return option(command)


@click.group(cls=_Group)
def lab() -> None:
    """Build a cluster of real nodes on this machine, and hurt it.

    As root, every node lives in namespaces of its own, with two cluster networks (a, b) and a client network.
    Everything is kept in /var/tmp/quorate-lab/NAME, or in the folder that QUORATE_LAB names.
    """


@lab.command()
@click.option("--nodes", type=int, default=3, show_default=True, help="How many nodes.")
@click.option(
    "--profile", type=click.Choice(PROFILES), default="fast", show_default=True, help="Timing of the cluster."
)
@click.option("--quorum", type=click.Choice(QUORUMS), default=None, help="Give the cluster a quorum storage.")
@click.option("--bare", is_flag=True, help="Machines only: no cluster is formed.")
@click.option("--loopback", is_flag=True, help="Without namespaces, as for a user who is not root.")
@_name
def up(name: str, nodes: int, profile: str, quorum: str | None, bare: bool, loopback: bool) -> None:
    """Make the machines, form a cluster on the first and let the others join."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    namespaces = can_use_namespaces() and not loopback
    if not namespaces:
        click.echo(NOTICE)
    made: Lab | None = None
    try:
        made = Lab.make(name, nodes, profile, namespaces=namespaces, quorum=quorum or "")
        click.echo(f"{nodes} machines have power; everything of this lab is in {made.folder}")
        if not bare:
            _form(made)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it stands: an interrupt has nothing left to undo
    except LabError:
        raise
    except BaseException:
        if made is not None:
            clear(made.folder)
        raise


def _form(made: Lab) -> None:
    try:
        made.recipe(click.echo).bring_up()
    except LabError as problem:
        raise LabError(f"{problem}\nThe machines are left as they are: look, then quorate lab down") from problem


def _interrupt(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


@lab.command()
@_name
def down(name: str) -> None:
    """End everything that this lab started and remove everything that it made."""
    there = clear(default_folder(name))
    click.echo(f"lab {name} is gone" if there else f"there was no lab {name}")


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_name
def status(name: str, as_json: bool) -> None:
    """Show each node with its addresses and processes, and what is cut."""
    machines, cuts = Lab.find(name).status()
    if as_json:
        data = {"machines": [asdict(machine) for machine in machines], "cuts": [asdict(cut) for cut in cuts]}
        click.echo(json.dumps(data, indent=1))
        return
    for machine in machines:
        addresses = " ".join(f"{network}={address}" for network, address in machine.addresses.items())
        running = " ".join(f"{role}:{','.join(map(str, pids))}" for role, pids in machine.processes.items())
        click.echo(f"{machine.name:8} {machine.state:7} {addresses}  {running or 'runs nothing of a node'}")
    for cut_off in cuts:
        click.echo(f"cut: {cut_off.sender} is not heard by {cut_off.receiver} on {cut_off.network}")


@lab.command("power-off")
@click.argument("node")
@_name
def power_off(name: str, node: str) -> None:
    """Pull the plug of NODE: silent at once, then everything on it is dead."""
    Lab.find(name).power_off(node)


@lab.command("power-on")
@click.argument("node")
@click.option("--bare", is_flag=True, help="Do not start the node's cluster processes.")
@_name
def power_on(name: str, node: str, bare: bool) -> None:
    """Give NODE power again; it starts as it would after a reboot."""
    Lab.find(name).power_on(node, None if bare else ("quorate",))


@lab.command()
@click.argument("one")
@click.argument("other")
@click.option("--one-way", is_flag=True, help="Only what ONE sends to OTHER is lost.")
@click.option("--network", "networks", multiple=True, type=click.Choice([network.name for network in NETWORKS]))
@_name
def cut(name: str, one: str, other: str, one_way: bool, networks: tuple[str, ...]) -> None:
    """Lose every frame between ONE and OTHER, silently. OTHER may be `client`, or `others` for everybody else."""
    Lab.find(name).cut(one, other, one_way=one_way, networks=networks)


@lab.command()
@click.argument("node")
@click.argument("what", type=click.Choice(["away", "back"]))
@_name
def storage(name: str, node: str, what: str) -> None:
    """Take the lab's shared folder away from NODE, as if it were no longer mounted there, or give it back."""
    Lab.find(name).storage(node, there=what == "back")


@lab.command()
@_name
def heal(name: str) -> None:
    """Undo every cut."""
    Lab.find(name).heal()


@lab.command()
@click.argument("node")
@click.option("--process", "role", type=click.Choice(ROLES), help="Stop this process alone, links stay.")
@_name
def pause(name: str, node: str, role: str | None) -> None:
    """Freeze everything on NODE and unplug it, like a paused virtual machine."""
    Lab.find(name).pause(node, role)


@lab.command()
@click.argument("node")
@_name
def resume(name: str, node: str) -> None:
    """Let NODE run on after a pause."""
    Lab.find(name).resume(node)


@lab.command()
@click.argument("node")
@click.argument("roles", nargs=-1, required=True, type=click.Choice([*ROLES, "all"]))
@_name
def kill(name: str, node: str, roles: tuple[str, ...]) -> None:
    """SIGKILL for the named processes of NODE, all at once."""
    Lab.find(name).kill(node, roles)


@lab.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_name
@click.argument("node")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, node: str, words: tuple[str, ...]) -> None:
    """Run a command on NODE (or `client`) and return its exit status."""
    sys.exit(Lab.find(name).execute(node, words[1:] if words[0] == "--" else words))
