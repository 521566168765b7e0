"""All verbs of the noun `cluster`: those of `cli.cluster`, and those with a module of their own.

Owns: that list. Does not know: what any of them does.
"""

from __future__ import annotations

from quorate.cli.backup import backup
from quorate.cli.cluster import cluster
from quorate.cli.copy import show_copy
from quorate.cli.restore import restore

cluster.add_command(backup)
cluster.add_command(restore)
cluster.add_command(show_copy)

__all__ = ["cluster"]
