"""`quorate cluster|node|group|resource maintenance`: begin, prolong and end it.

Owns: words and options of these commands, and how a duration is written. Does not know: what follows from it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

import click

from quorate.cli.frame import Session, changes
from quorate.sdk.overriding import override

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[int]):
    """`90s`, `30m`, `4h`, `2d`; a bare number is seconds."""

    name = "duration"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)([smhd]?)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no duration; write 90s, 30m, 4h or 2d", param, ctx)
        return int(found[1]) * UNITS[found[2] or "s"]


IN_MAINTENANCE: Final = defaultdict(
    lambda: "in maintenance: the cluster keeps its hands off",
    resources="in maintenance: its health checks are overlooked until it ends, or its group leaves the node",
)
"""What is said of each kind of object."""

FOR = click.option(
    "--for", "for_s", type=Duration(), default=0, metavar="TIME", help="It ends by itself after 30m, 4h …"
)
OFF = click.option("--off", is_flag=True, help="End it.")


def ask(session: Session, kind: str, name: str, for_s: int, *, off: bool) -> None:
    """Send the wish and say what became of it."""
    from quorate.control.maintenance import MaintenanceWish

    path = (kind, name, "maintenance") if name else (kind, "maintenance")
    changed = session.change("POST", *path, body=MaintenanceWish(on=not off, for_s=for_s))
    session.finish(changed, "maintenance has ended" if off else IN_MAINTENANCE[kind])


@click.command("maintenance")
@click.argument("name")
@FOR
@OFF
@changes
def of_group(session: Session, name: str, for_s: int, off: bool) -> None:
    """Work on the group by hand: the cluster neither restarts nor moves it meanwhile. Needs --reason."""
    ask(session, "groups", name, for_s, off=off)


@click.command("maintenance")
@click.argument("name")
@FOR
@OFF
@changes
def of_resource(session: Session, name: str, for_s: int, off: bool) -> None:
    """Work on what runs by hand: failing health checks do not fail it. Needs --reason.

    It ends with a move or failover of its group and a restart of the node; and when it is taken offline.
    """
    ask(session, "resources", name, for_s, off=off)


@click.command("maintenance")
@click.argument("name")
@FOR
@OFF
@changes
def of_node(session: Session, name: str, for_s: int, off: bool) -> None:
    """Work on the node by hand: what it owns is neither restarted nor moved meanwhile. Needs --reason."""
    ask(session, "nodes", name, for_s, off=off)


@click.command("maintenance")
@FOR
@OFF
@changes
def of_cluster(session: Session, for_s: int, off: bool) -> None:
    """Work by hand: the cluster neither starts, restarts nor moves anything meanwhile. Needs --reason."""
    ask(session, "cluster", "", for_s, off=off)
