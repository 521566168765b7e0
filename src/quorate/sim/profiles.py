"""Lists of faults by which worlds are injured, one function for each kind of trouble.

Owns: the weights of faults and the shapes of trouble. Does not know: what a fault does (`faults`), or how often a world
gets which list (`drawing`).
"""

from __future__ import annotations

import random

from quorate.core.authority.timings import Timings
from quorate.sim.options import Fault, FaultKind
from quorate.sim.troubles import AFTERMATH

WEIGHTS: dict[FaultKind, float] = {
    "power_off": 3.0,
    "power_on": 4.0,
    "kill_service": 2.0,
    "hang_service": 2.0,
    "pause_sentinel": 2.0,
    "pause_host": 1.0,
    "kill_host": 1.0,
    "break_host": 1.0,
    "lose_command": 1.0,
    "freeze_node": 2.5,
    "kill_sentinel": 1.5,
    "leave": 3.0,
    "leave_for_good": 0.0,
    "cut": 3.5,
    "cut_one_way": 3.5,
    "cut_network": 1.0,
    "partition": 3.0,
    "heal": 4.0,
    "stall_store": 2.0,
    "break_channel": 0.5,
    "stall_channel": 1.5,
    "cut_store": 2.0,
    "stop_member": 1.0,
    "elect": 1.0,
    "power_off_all": 0.5,
    "fail_resource": 1.0,
    "move_group": 1.0,
    "kill_keeper": 0.0,
    "cut_storage": 0.0,
}
"""The last two mean something only where there is a quorum storage; its faults are drawn apart (`storage_faults`)."""

CALM_WEIGHTS: dict[FaultKind, float] = {
    **{kind: 1.0 for kind, weight in WEIGHTS.items() if weight and kind not in {"power_on", "heal", "power_off_all"}},
    "power_off": 3.0,
    "cut": 3.0,
    "cut_one_way": 3.0,
    "partition": 3.0,
}
CALM_TROUBLES = 4

MANNERS = {"all leave": 2.5, "last dies": 1.5, "rest dies": 7.0, "anyhow": 1.0}
"""How a cluster is emptied."""


def _duration(chance: random.Random, timings: Timings) -> float:
    """Short, long, or just around one of the limits on which proofs rest."""
    edges = (
        timings.heartbeat_s,
        timings.ending_s,
        timings.suspicion_s,
        timings.lease_s,
        timings.lease_s + timings.ending_s,
        timings.verdict_wait_s,
        timings.verdict_wait_s + timings.suspicion_s,
        timings.hang_limit_s,
    )
    edge = max(0.01, chance.choice(edges) + chance.uniform(-0.03, 0.03))
    return chance.choice((chance.uniform(0.05, 0.6), chance.uniform(0.5, 5.0), edge, edge))


def store_faults(chance: random.Random, quiet: float) -> list[Fault]:
    """Stalls and elections alone, once the cluster has settled."""
    at, faults = 6.0, []
    while at < quiet:
        kind: FaultKind = chance.choice(("stall_store", "elect"))
        length = chance.uniform(0.2, 4.0)
        faults.append(Fault(at, kind, duration_s=length))
        at += length + chance.uniform(0.5, 3.0)
    return faults


def one_at_a_time(chance: random.Random, count: int, timings: Timings) -> tuple[list[Fault], float]:
    """One trouble, everything mended, and a while until the next; a death may come with an election of the store."""
    kinds = list(CALM_WEIGHTS)
    weights = list(CALM_WEIGHTS.values())
    everyone = list(range(1, count + 1))
    at, faults = 6.0, []
    for _ in range(CALM_TROUBLES):
        kind = chance.choices(kinds, weights)[0]
        some = chance.sample(everyone, 2 if kind in {"cut", "cut_one_way"} else 1)
        if kind == "partition":
            some = chance.sample(everyone, chance.randint(1, count - 1))
        duration = _duration(chance, timings)
        faults.append(Fault(at, kind, tuple(some), duration))
        if kind == "power_off" and chance.random() < 0.5:
            faults.append(Fault(at + chance.uniform(0.0, timings.verdict_wait_s), "elect"))
        mended = at + max(duration, timings.takeover_bound_s) + chance.uniform(0.5, 2.0)
        faults.append(Fault(mended, "heal"))
        faults += [Fault(mended, "power_on", (n,)) for n in everyone]
        at = mended + AFTERMATH * timings.takeover_bound_s + 3.0
    return faults, at


def emptied(chance: random.Random, count: int, quiet: float) -> list[Fault]:
    """Nodes leave cleanly or die one after the other, in some order; then some or all start again, perhaps split."""
    everyone = chance.sample(range(1, count + 1), count)
    manner = chance.choices(tuple(MANNERS), tuple(MANNERS.values()))[0]
    clean = {"all leave": count, "last dies": count - 1, "rest dies": count // 2 + 1}.get(manner)
    clean = chance.randint(0, count) if clean is None else clean
    at = chance.uniform(4.0, 6.0)
    faults: list[Fault] = []
    for node in everyone[:clean]:
        faults.append(Fault(at, "leave_for_good", (node,)))
        at += chance.choice((0.05, 0.05, chance.uniform(0.3, 2.0)))
    for node in everyone[clean:]:
        if manner != "anyhow" or chance.random() < 0.6:
            faults.append(Fault(at, "power_off", (node,)))
            at += chance.choice((0.05, chance.uniform(0.3, 2.0)))
    at += chance.uniform(2.0, 4.0)
    if chance.random() < 0.5:
        faults.append(Fault(at, "partition", tuple(everyone[:clean])))
        at += 0.1
    returning = chance.sample(everyone, count) if manner == "anyhow" else everyone
    for index, node in enumerate(returning):
        if index == clean and manner != "anyhow":
            at += 6.0  # who died is missed for longer than any wait
        faults.append(Fault(at, "power_on", (node,)))
        at += chance.choice((0.02, chance.uniform(0.1, 2.0)))
    return [fault for fault in faults if fault.at_s < quiet]


def hangs_and_pair_cuts(chance: random.Random, count: int, quiet: float, timings: Timings) -> list[Fault]:
    """Services hang, or are deaf as another node leaves; two nodes do not hear each other; one is away for a moment."""
    everyone: tuple[int, ...] = tuple(range(1, count + 1))
    faults: list[Fault] = []
    at = chance.uniform(4.0, 6.0)
    while at < quiet - 4.0:
        dice, everyone = chance.random(), tuple(chance.sample(everyone, count))
        if dice < 0.2:
            faults.append(Fault(at, "leave", (everyone[0],), 2.0))
            faults.append(Fault(at, "stall_channel", everyone[1:], chance.uniform(0.5, 0.9)))
        elif dice < 0.53:
            faults.append(Fault(at, "hang_service", everyone, chance.uniform(1.2, 2.5)))
        elif dice < 0.97:
            faults.append(Fault(at, "cut", everyone[:2]))
            faults.append(Fault(at + 2.6, "heal"))
            faults.append(Fault(at + 2.7, "cut", everyone[-2:]))
            at += 1.3
            faults.append(Fault(at + 4.0, "heal"))
        else:
            node, length = chance.choice(everyone), chance.uniform(timings.suspicion_s, timings.lease_s)
            faults.append(Fault(at, "cut_store", (node,), 4.0))
            faults.append(Fault(at, "partition", (node,)))
            faults.append(Fault(at + length, "heal"))
        at += chance.uniform(4.0, 5.5)
    return faults


def interrupted_joins(chance: random.Random, count: int, quiet: float, timings: Timings) -> list[Fault]:
    """A node that starts is switched off again, or cut off, while it is being admitted."""
    faults: list[Fault] = []
    at = chance.uniform(4.0, 6.0)
    while at < quiet - 3.0:
        node = chance.randint(1, count)
        faults.append(Fault(at, "power_off", (node,)))
        back = at + chance.uniform(0.3, 2.0)
        faults.append(Fault(back, "power_on", (node,)))
        cut = back + chance.uniform(0.05, 0.9)
        if chance.random() < 0.5:
            faults.append(Fault(cut, "power_off", (node,)))
            back = cut + chance.uniform(0.5, 2.0)
            faults.append(Fault(back, "power_on", (node,)))
        else:
            back = cut + timings.takeover_bound_s + chance.uniform(-0.2, 0.5)
            faults.append(Fault(cut, "partition", (node,)))
            faults.append(Fault(back, "heal"))
        at = back + chance.uniform(0.5, 2.0)
    return faults


def any_faults(chance: random.Random, count: int, quiet: float, timings: Timings) -> list[Fault]:
    """Everything at once, by weight."""
    kinds = list(WEIGHTS)
    weights = list(WEIGHTS.values())
    at, faults = chance.uniform(0.5, 5.0), []
    pace = chance.choice((0.3, 1.0, 2.5))
    everyone = list(range(1, count + 1))
    while at < quiet:
        kind = chance.choices(kinds, weights)[0]
        some = chance.sample(everyone, chance.randint(1, max(1, count // 2)))
        if kind in {"cut", "cut_one_way"}:
            some = chance.sample(everyone, 2)
        elif kind == "hang_service" and chance.random() < 0.4:
            some = everyone
        elif kind not in {"partition", "power_on", "leave", "power_off"}:
            some = some[:1]
        duration = _duration(chance, timings)
        network = chance.choice(("", "", "a", "b")) if kind in {"cut", "cut_one_way", "cut_network"} else ""
        faults.append(Fault(at, kind, tuple(some), duration, network))
        if kind == "power_off" and chance.random() < 0.7:
            faults.append(Fault(at + chance.uniform(0.1, 6.0), "power_on", tuple(some)))
        at += chance.expovariate(1 / pace)
    return [fault for fault in faults if fault.at_s < quiet]


def storage_faults(chance: random.Random, count: int, quiet: float, timings: Timings) -> list[Fault]:
    """The keeper is killed, or the storage does not answer: one node, or all of them."""
    faults: list[Fault] = []
    everyone = list(range(1, count + 1))
    at = chance.uniform(4.0, 8.0)
    while at < quiet:
        kind: FaultKind = chance.choice(("kill_keeper", "cut_storage", "cut_storage"))
        some = everyone if chance.random() < 0.3 else chance.sample(everyone, 1)
        faults.append(Fault(at, kind, tuple(some), min(_duration(chance, timings), quiet - at)))
        at += chance.uniform(1.0, 6.0)
    return faults
