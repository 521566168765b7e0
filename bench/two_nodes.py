"""Two nodes and a quorum storage: the owner of the group *and* of the storage loses power; one line a figure.

    sudo .venv/bin/python bench/two_nodes.py [--profile fast|default] [--runs 10]

Where the lock falls with its holder: real nodes, a real directory, the prober's record; the web server's own start is
subtracted. Where a claim must be watched instead: the simulation, because such a storage (NFS, a shared device) cannot
be had on one machine; its resources take 60 ms to start, which is subtracted too. An NFSv4 server drops the lock of a
dead client only after its lease, 90 s on a usual one: that is the outage there, and it is modelled as well.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

from quorate.core.authority.timings import PROFILES
from quorate.lab import record
from quorate.lab.cluster import Lab, clear
from quorate.lab.drill import GROUP, PROGRAM, TARGET, Drill, own_path
from quorate.lab.plan import default_folder
from quorate.lab.probing import probing
from quorate.sim.options import Options
from quorate.sim.storage_stories import holder
from quorate.sim.world import World

LAB = "bench-two"
SIM_START_S = 0.06
NFS_LEASE_S = 90.0


def real(profile: str, runs: int) -> tuple[list[float], int]:
    """Outages in milliseconds beyond the server's own start, and probes that two nodes answered."""
    folder = default_folder(LAB)
    if folder.exists():
        clear(folder)
    drill = Drill(Lab.make(LAB, 2, profile, namespaces=True, quorum="directory"), lambda _: None)
    found: list[float] = []
    both = 0
    try:
        drill.bring_up()
        drill.make_group(failback=False)
        start_ms = drill.server_start_ms()
        for _ in range(runs):
            owner = str(drill.ask("quorum", "show")["holder"])
            if drill.owner().name != owner:
                drill.cli(1, "group", "move", GROUP, "--to", owner, "--wait")
            time.sleep(1.0)
            drill.record_path.unlink(missing_ok=True)
            with probing(drill.lab, TARGET, drill.record_path):
                time.sleep(0.3)
                drill.wait_online(drill.lab.power_off(owner))
                time.sleep(0.5)
            probes = record.read(drill.record_path)
            both += len(record.both_active(probes))
            found.append(max(0.0, record.longest_ms(probes) - start_ms))
            drill.lab.power_on(owner, program=PROGRAM)
            drill.until("all three vote", lambda: drill.all_vote(3), 60.0)
            time.sleep(1.5)
    finally:
        clear(folder)
    return found, both


def simulated(profile: str, runs: int, *, storage: str, lock_held_s: float = 0.0) -> list[float]:
    """Outages in milliseconds of simulated worlds beyond the start of their resources."""
    found: list[float] = []
    for seed in range(runs):
        base = Options(seed=seed, nodes=2, groups=1, timings=PROFILES[profile], drift=0.01, end_s=1e9)
        world = World(replace(base, storage="lock" if storage == "lock" else "claim", quiet_after_s=1e8))
        world.run(until=8.0 + seed * 0.013)
        victim = holder(world)
        owner = world.nodes[victim]
        if all(owner.host.states.get(("g1", f"g1{part}")) != "online" for part in "ab"):
            continue  # the group is on the other node: no outage of that group to measure
        assert world.storage is not None
        start = world.storage.holder
        world.power_off(owner)
        if lock_held_s:
            world.storage.holder = start
            world.at(world.now + lock_held_s, lambda world=world, n=victim: world.storage.drop(n))  # type: ignore[misc]
        began = world.now
        while world.offline_groups():
            world.run(until=world.now + 0.005)
        found.append((world.now - began - SIM_START_S) * 1000)
    return found


def say(name: str, profile: str, values: list[float], target: str) -> None:
    """One line a figure."""
    if values:
        print(
            f"{name} [{profile}]: median {statistics.median(values):.0f} ms, worst {max(values):.0f} ms, "
            f"{len(values)} runs ({target})",
            flush=True,
        )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", choices=("fast", "default"), default="fast")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--simulated-only", action="store_true")
    options = parser.parse_args()
    own_path()
    fast = options.profile == "fast"
    if not options.simulated_only:
        values, both = real(options.profile, options.runs)
        target = "target: median <= 1400" if fast else "no target"
        say("owner of group and quorum storage loses power, lock falls", options.profile, values, target)
        print(f"probes answered by two nodes at once: {both} (target: 0)")
    target = "target: median <= 2000" if fast else "no target"
    watched = simulated(options.profile, 40, storage="claim")
    say("the same, claim must be watched (simulated)", options.profile, watched, target)
    held = simulated(options.profile, 4, storage="claim", lock_held_s=NFS_LEASE_S)
    say("the same on NFSv4, lock dropped after 90 s (simulated)", options.profile, held, "stated")


if __name__ == "__main__":
    main()
