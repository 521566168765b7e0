"""Drawing a world full of faults from a seed.

Owns: how often a world gets which list of faults, and everything else that is drawn. Does not know: the lists
(`profiles`).
How it works: a seed first chooses a profile. *Calm* worlds get one trouble at a time, and everything that ends without
being touched is a failure; the others are made to reach the rare branches of the rules, or to throw everything at once.
"""

from __future__ import annotations

import random
from dataclasses import replace

from quorate.core.authority.mutations import NONE, Mutation
from quorate.core.authority.timings import CLOCK_RATE_BOUND, DEFAULT, FAST, Pace, Timings, in_force
from quorate.sim.options import Chaos, Fault, Options
from quorate.sim.profiles import (
    any_faults,
    emptied,
    hangs_and_pair_cuts,
    interrupted_joins,
    one_at_a_time,
    storage_faults,
    store_faults,
)
from quorate.sim.sentinel_process import SLOW_OATH_S

STORE_ONLY, CALM, EMPTIED, HANGS, INTERRUPTED = 0.04, 0.16, 0.58, 0.92, 0.58
"""Where in the unit interval the profiles end; interrupted joins come on top from the last one on."""

DEMANDING = 0.15
"""So many worlds have groups that wait for their lost owners: nobody calls an agent there, so they must come back."""

RIVALS = 0.4
"""So many worlds have two groups that must not run on one node."""

APART = 0.35
"""So many worlds have two or three sites, between which heartbeats have a pace of their own."""


def _sites(seed: int, count: int, timings: Timings) -> tuple[tuple[int, ...], Pace | None]:
    """Where each node stands, and the heartbeats between sites: anything that the rules allow (`Timings.problems`)."""
    chance = random.Random(f"sites {seed}")
    if count < 2 or chance.random() >= APART:
        return (), None
    sites = tuple(chance.choice((1, 1, 2, 2, 3)) for _ in range(count))
    profile = "fast" if timings == FAST else "default"
    while True:
        made = in_force(profile, chance.choice((20, 40, 90, 150, 220)), chance.randint(3, 12))
        if not made.problems():
            return sites, made.pace


def draw(
    seed: int,
    *,
    mutations: frozenset[Mutation] = NONE,
    nodes: int | None = None,
    end_s: float | None = None,
) -> Options:
    """Draw a world from a seed: size, timings, how faulty everything is, and the faults."""
    chance = random.Random(f"options {seed}")
    count = nodes or chance.choice((2, 3, 3, 4, 5, 5, 6, 7))
    timings = chance.choice((DEFAULT, FAST))
    kind = chance.random()
    calm = kind < CALM
    if nodes is None and CALM <= kind < EMPTIED:
        count = chance.choice((2, 3, 4, 5, 5, 6, 6, 7))  # with few nodes most of the rules of forming cannot matter
    sites, across = _sites(seed, count, timings)
    within = timings
    timings = timings.at(timings.pace.calmest(across)) if across else timings
    quiet = chance.uniform(16.0, 28.0)
    faults: list[Fault] = []
    chaos = 0.0 if calm else chance.choice((0.0, 0.0, 0.1, 0.3))
    least = 0.0
    if kind < STORE_ONLY:
        faults = store_faults(chance, quiet)
    elif calm:
        faults, quiet = one_at_a_time(chance, count, timings)
    elif kind < EMPTIED:
        faults = emptied(chance, count, quiet)
    elif kind < HANGS:
        faults = hangs_and_pair_cuts(chance, count, quiet, timings)
    else:
        faults = any_faults(chance, count, quiet, timings)
    if kind >= INTERRUPTED:
        chaos, least = 0.7, 0.5
        faults += interrupted_joins(chance, count, quiet, timings)
    faults.append(Fault(quiet, "heal"))
    faults += [Fault(quiet + 0.01 * n, "power_on", (n,)) for n in range(1, count + 1)]
    options = Options(
        seed=seed,
        nodes=count,
        groups=chance.randint(1, 4),
        timings=within,
        sites=sites,
        between_sites=across,
        faults=tuple(sorted(faults, key=lambda fault: fault.at_s)),
        quiet_after_s=quiet,
        end_s=0.0,
        drift=chance.choice((0.0, CLOCK_RATE_BOUND)),
        delay_s=chance.choice((0.001, 0.005, 0.02)),
        store_delay_s=chance.choice((0.002, 0.005, 0.02)),
        channel_delay_s=chance.choice((0.0005, 0.002, 0.02)),
        chaos=Chaos(
            loss=chance.choice((0.0, 0.0, 0.02, 0.1)),
            answer_lost=chaos * chance.uniform(least, 1.0),
            executed_late=chaos * chance.uniform(least, 1.0),
            ending_slow=chance.choice((0.0, 0.2)),
            ending_fails=chance.choice((0.0, 0.2)),
        ),
        mutations=mutations,
        nothing_ends=calm,
        kept_apart=count > 1 and random.Random(f"kept apart {seed}").random() < RIVALS,
        required_proof="fenced" if random.Random(f"proof {seed}").random() < DEMANDING else "lease",
    )
    last = max(quiet, *(fault.at_s + fault.duration_s for fault in faults))
    calm_again = last + max(options.chaos.late_s, SLOW_OATH_S) + options.recovery_limit_s
    return replace(options, end_s=calm_again if end_s is None else end_s)


def draw_with_storage(seed: int, *, mutations: frozenset[Mutation] = NONE) -> Options:
    """A world of two or four nodes that has a quorum storage, which gives trouble of its own."""
    chance = random.Random(f"storage {seed}")
    options = draw(seed, mutations=mutations, nodes=chance.choice((2, 2, 2, 4)))
    quiet = options.quiet_after_s
    faults = [] if options.nothing_ends else storage_faults(chance, options.nodes, quiet, options.timings)
    return replace(
        options,
        storage=chance.choice(("lock", "lock", "claim")),
        faults=tuple(sorted((*options.faults, *faults), key=lambda fault: fault.at_s)),
    )


def draw_with_witness(seed: int, *, mutations: frozenset[Mutation] = NONE) -> Options:
    """The same worlds with a witness host instead of a storage; nodes lose their way to it."""
    return replace(draw_with_storage(seed, mutations=mutations), storage="witness")
