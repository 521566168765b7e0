"""`./demo`: the main job of a failover cluster, shown on real nodes as a readable timeline.

Owns: the steps with three nodes, and the command line. Exit status 0 only if every promise held.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from quorate.lab.cluster import can_use_namespaces, clear
from quorate.lab.drill import GROUP, own_path
from quorate.lab.plan import LabError, default_folder
from quorate.lab.prober import boot_time_s
from quorate.lab.show import LAB, SLACK_MS, Show
from quorate.lab.two_nodes import TwoNodes
from quorate.sdk.overriding import override


class ThreeNodes(Show):
    """Three nodes, each with a vote."""

    @override
    def steps(self) -> None:
        """What is done to the cluster."""
        drill, lab = self.drill, self.drill.lab
        first = drill.owner().name
        self.step(f"{first}, the owner, loses power", lambda: lab.power_off(first), limit_ms=self.bound_ms)
        self.step(
            f"{first} returns; it rejoins, and the group fails back", lambda: self.come_back(first), limit_ms=SLACK_MS
        )
        self.step(
            "a planned move to node3", lambda: self.cli("group", "move", GROUP, "--to", "node3"), limit_ms=SLACK_MS
        )
        self.step("node3 is drained", lambda: self.cli("node", "drain", "node3"), limit_ms=SLACK_MS)
        self.cli("node", "resume", "node3")
        owner = drill.owner()
        self.step(f"the web server on {owner.name} crashes", self._crash, limit_ms=SLACK_MS)
        self.step(
            f"SIGKILL for the service process of {owner.name} alone",
            lambda: lab.kill(owner.name, ["service"]),
            limit_ms=0.0,
            changes=False,
        )
        self.step(
            f"SIGKILL for sentinel, service and host of {owner.name} at once",
            lambda: lab.kill(owner.name, ["sentinel", "service", "host"]),
            limit_ms=self.bound_ms,
        )
        self.promise(f"nothing of the group is left on {owner.name}", held=not self._server_runs(owner.name))

    def _server_runs(self, name: str) -> bool:
        try:
            self.drill.server_pid(self.drill.lab.machine(name))
        except LabError:
            return False
        return True

    def _crash(self) -> float:
        pid = self.drill.server_pid(self.drill.owner())
        began_s = boot_time_s()
        os.kill(pid, signal.SIGKILL)
        return began_s


def _interrupted(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)  # which clears the lab up on its way


def main() -> int:
    """Run the demo; its exit status."""
    parser = argparse.ArgumentParser(description="Quorate shows its main job on real nodes.")
    parser.add_argument("--two-nodes", action="store_true", help="two nodes and a quorum storage that both reach")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--profile", choices=("fast", "default"), default="fast", help="timing of the cluster")
    options = parser.parse_args()
    own_path()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    if not can_use_namespaces():
        print("The demo needs root for network namespaces: run it with sudo.", file=sys.stderr)
        return 2
    folder: Path = default_folder(LAB)
    if folder.exists():
        clear(folder)
    demo: Show | None = None
    try:
        demo = (TwoNodes if options.two_nodes else ThreeNodes)(options.profile)
        demo.run()
        if options.keep:
            demo.leave_whole()
    except LabError as problem:
        print(f"the demo cannot go on: {problem}", file=sys.stderr)
        if demo is not None:
            demo.broken.append(str(problem))
    except BaseException:
        clear(folder)
        raise
    if not options.keep:
        clear(folder)
    if demo is None or demo.broken:
        print(f"\nNOT every promise held: {demo.broken if demo else 'no lab'}")
        return 1
    print("\nEvery promise held.")
    if options.keep:
        print(
            "\nThe cluster is still running. Try:\n"
            "  .venv/bin/quorate lab exec 1 -- quorate cluster status\n"
            "  .venv/bin/quorate lab exec 1 -- quorate explain group web\n"
            "  .venv/bin/quorate lab power-off 2\n"
            "  .venv/bin/quorate lab down"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
