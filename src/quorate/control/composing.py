"""Several commands as one transaction: each sees what those before it have written.

Owns: the composition of guards and writes. Does not know: which commands, or the audit record;
whoever composes adds one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from quorate.control.change import Change, Done
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.records import Guard, Put, Write


@dataclass(slots=True)
class Composed:
    """What has been composed so far. `view` is the cluster as it will be then."""

    view: ClusterView
    guards: dict[str, Guard] = field(default_factory=dict)
    writes: dict[str, Write] = field(default_factory=dict)

    def add(self, change: Change[Done]) -> None:
        """Add a command's change; a guard on what was written here before holds by itself."""
        for guard in change.guards:
            if guard.key not in self.writes and not guard.key.startswith(keys.AUDIT):
                self.guards.setdefault(guard.key, guard)
        made = {write.key: write for write in change.writes if not write.key.startswith(keys.AUDIT)}
        self.writes |= made
        values = ((key, write.value if isinstance(write, Put) else None) for key, write in made.items())
        self.view = self.view.imagine(values)
