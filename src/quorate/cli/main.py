"""The command line: nouns, and under each noun its verbs.

Owns: the top of the command tree. Does not know: what any command does.
"""

from __future__ import annotations

import click

from quorate.cli.lab import lab


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="quorate")
def main() -> None:
    """Quorate, a failover cluster that explains itself."""


main.add_command(lab)
