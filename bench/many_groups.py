"""A node with many groups of one resource each loses power: when all are assigned anew, and when all run again.

    sudo .venv/bin/python bench/many_groups.py [--groups 500] [--profile fast|default]

Counted from the verdict, as the coordinator's log has it. Pacemaker 2.1 with three nodes and 500 Dummy resources, for
comparison: 44 s until the 167 of a dead node run again.
"""

from __future__ import annotations

import argparse
import sys

from quorate.lab import ground, history
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import Drill
from quorate.lab.plan import default_folder
from quorate.lab.prober import boot_time_s

LAB = "bench"
ASSIGNED_S = 1.0
LIMIT_S = 240.0

MAKE = """
import sys
from quorate.client import Client, path_of
from quorate.control.change import Changed
from quorate.control.groups import NewGroup
from quorate.control.resource_writing import NewResource
with Client() as client:
    for number in range(int(sys.argv[1])):
        name = f"g{number:03}"
        client.ask("POST", "/v1/groups", Changed, body=NewGroup(name=name, preferred_owners=("node2",)))
        made = NewResource(name=f"r{number:03}", group=name, type="generic_application",
                           properties={"command_line": "/bin/sleep 86400"})
        client.ask("POST", "/v1/resources", Changed, body=made)
        client.ask("POST", path_of("groups", name, "online"), Changed)
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--profile", default="fast")
    chosen = parser.parse_args()
    folder = default_folder(LAB)
    if folder.exists():
        clear(folder)
    drill = Drill(Lab.make(LAB, 3, chosen.profile, namespaces=True), lambda _: None)
    try:
        drill.bring_up()
        return measure(drill, chosen.groups)
    finally:
        clear(folder)


def measure(drill: Drill, groups: int) -> int:
    """Make the groups, take the power from their node, read the logs."""
    lab = drill.lab
    began_s = boot_time_s()
    words = (sys.executable, "-c", MAKE, str(groups))
    done = ground.run(lab.ground, lab.machine(1), words, limit_s=LIMIT_S, capture=True)
    assert done.returncode == 0, done.stderr
    print(f"{groups} groups made in {boot_time_s() - began_s:.1f} s")
    drill.until("all are online", lambda: online(drill, began_s) >= groups, LIMIT_S)
    off_s = boot_time_s()
    lab.power_off(2)
    drill.until("all are online again", lambda: online(drill, off_s) >= groups, LIMIT_S)
    entries = history.read(lab.folder, off_s)
    ends = {"verdict", "takeover"}
    verdict_s = next(e.at_s for e in entries if e.event == "authority" and e.fields.get("branch") in ends)
    assigned = [e.at_s for e in entries if e.event == "assignment" and e.fields.get("cause") == "node_lost"]
    started = [e.at_s for e in entries if e.event == "group online"]
    last_s = max(assigned) - verdict_s
    print(f"verdict {1000 * (verdict_s - off_s):.0f} ms after the power went")
    print(
        f"{len(assigned)} groups assigned {1000 * last_s:.0f} ms after the verdict (target {1000 * ASSIGNED_S:.0f} ms)"
    )
    first_s, all_s = min(started) - verdict_s, max(started) - verdict_s
    print(f"all {groups} online {all_s:.1f} s after the verdict, the first after {first_s:.2f} s")
    return 0 if last_s <= ASSIGNED_S else 1


def online(drill: Drill, since_s: float) -> int:
    """Groups that came online since then."""
    entries = history.read(drill.lab.folder, since_s)
    return len({e.fields.get("group") for e in entries if e.event == "group online"})


if __name__ == "__main__":
    sys.exit(main())
