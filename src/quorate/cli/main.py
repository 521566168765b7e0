"""The command line: nouns, and under each noun its verbs.

Owns: the top of the command tree. Does not know: what any command does.
How it works: a noun's module is loaded when the noun is used, so `quorate --help` costs little.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from quorate.cli.exits import Exit
from quorate.sdk.overriding import override

NOUNS = {
    "cluster": ("quorate.cli.cluster_verbs:cluster", "Make a cluster on this machine; see how one stands."),
    "node": ("quorate.cli.node:node", "Join, run, pause, drain, stop and evict nodes."),
    "group": ("quorate.cli.group:group", "Groups: what fails over together."),
    "resource": ("quorate.cli.resource:resource", "Resources: addresses, programs, disks of a group."),
    "fence": ("quorate.cli.fence:fence", "Fence devices: what switches a silent node off."),
    "quorum": ("quorate.cli.quorum:quorum", "Votes, and what may still be lost."),
    "witness": ("quorate.cli.witness:witness", "This machine as the third vote of clusters, and nothing else."),
    "network": ("quorate.cli.network:network", "Networks between the nodes, and to their clients."),
    "interface": ("quorate.cli.network:interface", "Network interfaces: what each node has on each network."),
    "group-set": ("quorate.cli.group_set:group_set", "Groups whose start others wait for together."),
    "properties": ("quorate.cli.properties:properties", "Every property: its value, and where that comes from."),
    "set": ("quorate.cli.properties:set_several", "Set properties of several objects at once."),
    "token": ("quorate.cli.token:token", "One-time tokens by which machines join."),
    "history": ("quorate.cli.history:history", "Changes that were made: by whom, when and why."),
    "events": ("quorate.cli.events:events", "What happens, as it happens."),
    "explain": ("quorate.cli.explain:explain", "Why it is so, and what would help."),
    "what-if": ("quorate.cli.foresight:what_if", "What a loss or a drain would do, before it is done."),
    "forecast": ("quorate.cli.foresight:forecast", "What each possible loss would do now."),
    "lab": ("quorate.cli.lab:lab", "Several nodes on this one machine, and every way to hurt them."),
    "sim": ("quorate.cli.sim:sim", "Simulated clusters from seeds."),
}
"""Noun, the place of its command, and its line of help."""


class LazyNouns(click.Group):
    """Loads a noun when it is used."""

    @override
    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        """Run; wrong usage is told as JSON where that was asked for, and an interrupt has a status of its own."""
        words = list(sys.argv[1:] if args is None else args)
        own = words[: words.index("--")] if "--" in words else words
        try:
            status = super().main(words, *more, **{**extra, "standalone_mode": False})
        except click.ClickException as wrong:
            if "--json" not in own or not isinstance(wrong, click.UsageError):
                wrong.show()
                sys.exit(wrong.exit_code)
            path = wrong.ctx.command_path if wrong.ctx is not None else "quorate"
            problem = {
                "code": "usage", "severity": "error", "what": wrong.format_message(), "where": path,
                "remedy": f"see {path} --help", "override": "",
            }  # fmt: skip
            click.echo(json.dumps({"problems": [problem]}, indent=2))
            sys.exit(Exit.REFUSED)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        sys.exit(status if isinstance(status, int) else Exit.OK)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """All nouns."""
        del ctx
        return list(NOUNS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a noun, loaded now."""
        del ctx
        place = NOUNS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place[0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The nouns in help, without loading any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(noun, words) for noun, (_, words) in NOUNS.items()])


@click.group(cls=LazyNouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="quorate")
def main() -> None:
    """Quorate, a failover cluster that explains itself.

    Exit status: 0 done, 1 failed, 2 refused or wrong usage, 3 still pending, 4 no connection or no cluster here,
    5 outcome unknown.
    """
