"""The command line of a resource host.

Owns: arguments and exit codes. `runner` is the host itself. `-` for lease, holdings or guard means: without (tests).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from quorate.host.runner import HostSettings, Runner
from quorate.wire.host_channel import EXIT_USAGE
from quorate.wire.lease_page import BadLeasePage


def _optional(text: str) -> str | None:
    return None if text == "-" else text


def _optional_path(text: str) -> Path | None:
    return None if text == "-" else Path(text)


def _settings(arguments: list[str]) -> HostSettings:
    parser = argparse.ArgumentParser(prog="quorate.host", description="Run resources on behalf of the cluster service.")
    parser.add_argument("--name", required=True, help="name of this host")
    parser.add_argument("--socket", required=True, type=Path, help="where to listen for the service")
    parser.add_argument("--lease", required=True, type=_optional_path, help="lease page of the sentinel, or -")
    parser.add_argument("--holdings", required=True, type=_optional_path, help="holdings socket of the sentinel, or -")
    parser.add_argument("--guard", default=None, type=_optional, help="name of the lease guard's tables, or -")
    parser.add_argument("--end-limit-ms", default=150, type=int, help="time to end everything in after the lease")
    given = parser.parse_args(arguments)
    return HostSettings(
        name=given.name,
        socket=given.socket,
        lease=given.lease,
        holdings=given.holdings,
        guard=given.guard,
        end_limit_s=given.end_limit_ms / 1000,
    )


async def _serve(settings: HostSettings) -> int:
    try:
        await Runner(settings).run()
    except (OSError, BadLeasePage) as problem:
        print(f"quorate host {settings.name}: {problem}", file=sys.stderr)  # noqa: T201 - it has no other voice yet
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve(_settings(sys.argv[1:]))))
