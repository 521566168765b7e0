"""The service's log: one line of JSON for every event, on standard error, which the sentinel has sent to a file.

Owns: the form of a line, and from which level on lines are written (`log_level` in node.toml). Does not know: events.
Standard library only, and little of it: a service that was killed must renew its node's lease before that runs out, and
a logging library took a fifth of its start (docs/decisions/0024).
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Final

from quorate.wire.lease_page import boot_time_s

LEVELS: Final = ("debug", "info", "warning", "error")
"""From the most talkative to the quietest; a level shows itself and what follows it."""


class ServiceLog:
    """Where everything in the service process says what happens."""

    def __init__(self) -> None:
        self._least = LEVELS.index("info")

    def show_from(self, level: str) -> None:
        """Leave out what is below that level from now on."""
        self._least = LEVELS.index(level)

    def debug(self, event: str, **fields: object) -> None:
        """Say what only somebody who looks for a fault wants to know."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Say what happens."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Say what somebody should look at."""
        self._write("warning", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS.index(level) < self._least:
            return
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        # Boot time beside the wall time: it never jumps, and in a lab all nodes share it.
        line = {**fields, "event": event, "level": level, "timestamp": stamp, "at_s": round(boot_time_s(), 6)}
        try:
            sys.stderr.write(json.dumps(line, default=str) + "\n")
            sys.stderr.flush()
        except OSError:
            pass  # a full disk loses what would be told, and must not end who tells it


log: Final = ServiceLog()
"""The one of this process."""
