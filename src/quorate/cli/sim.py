"""`quorate sim`: as many worlds as wanted, in parallel; prints the replay command of the first failure.

Owns: the spreading over processes and the printing. Does not know: how a world is judged (`sim.run`).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections import Counter

import click

from quorate.core.authority.mutations import NONE, Mutation
from quorate.sim.drawing import draw, draw_with_storage
from quorate.sim.run import Result, replay_command, run

LEAST_FIRINGS = 100
"""A branch that fires less often in a thousand seeds is not exercised (design §10)."""

ENOUGH_SEEDS = 1000
"""From so many seeds on, a branch that is not exercised fails the run."""

BRANCHES = (
    (1, "lease moved"),
    (2, "acknowledge"),
    (3, "clear own mark"),
    (3, "renew by reading"),
    (4, "renew by reading"),
    (4, "by all who are up"),
    (5, "mark suspicion"),
    (5, "adopt mark"),
    (6, "heard again"),
    (7, "verdict"),
    (7, "takeover"),
    (8, "repeat verdict"),
    (8, "consume verdict"),
    (8, "settled by the view"),
    (8, "admission settled by the view"),
    (8, "forming settled by the view"),
    (8, "settled by a later epoch"),
    (8, "consume join request"),
    (8, "consume forming"),
    (9, "older answer not adopted"),
    (10, "ended"),
    (10, "released"),
    (11, "admit"),
    (11, "repeat admission"),
    (12, "own role was released"),
    (12, "the coordinator has left"),
    (12, "the coordinator swore its role released"),
    (12, "resign to a better connected node"),
    (13, "first forming"),
    (13, "nobody to wait for"),
    (13, "only the coordinator is up"),
    (13, "own record says up"),
    (13, "too few votes to block"),
    (13, "proof"),
    (13, "must wait to be admitted"),
    (14, "refused by a guard"),
)
"""Rules, and the branches of rules 4, 8, 11, 12 and 13, that seeds must exercise."""


def _one(job: tuple[int, str, bool]) -> Result:
    seed, mutation, storage = job
    drawing = draw_with_storage if storage else draw
    return run(drawing(seed, mutations=frozenset({Mutation[mutation]}) if mutation else NONE))


@click.command()
@click.option("--seeds", default=100, show_default=True, help="How many seeds to run.")
@click.option("--first", default=0, show_default=True, help="The first seed.")
@click.option("--seed", type=int, default=None, help="Run this seed alone.")
@click.option("--trace", is_flag=True, help="With --seed: print what happened.")
@click.option("--workers", default=0, help="Processes; 0 means one a core.")
@click.option("--storage", is_flag=True, help="Clusters of an even number of nodes with a quorum storage.")
@click.option("--mutation", type=click.Choice([m.name for m in Mutation]), help="Break one rule on purpose.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def sim(
    *,
    seeds: int,
    first: int,
    seed: int | None,
    trace: bool,
    storage: bool,
    workers: int,
    mutation: str | None,
    as_json: bool,
) -> None:
    """Run simulated clusters from seeds and check the promises."""
    if seed is not None:
        chosen = frozenset({Mutation[mutation]}) if mutation else NONE
        result = run((draw_with_storage if storage else draw)(seed, mutations=chosen), trace=trace)
        for line in result.log:
            click.echo(line)
        click.echo(f"seed {seed}: {result.problem or 'every promise held'}")
        sys.exit(1 if result.problem else 0)
    jobs = [(number, mutation or "", storage) for number in range(first, first + seeds)]
    fired: Counter[tuple[int, str]] = Counter()
    failures: list[Result] = []
    virtual_s = real_s = 0.0
    with multiprocessing.get_context("spawn").Pool(workers or os.cpu_count() or 1) as pool:
        for done, result in enumerate(pool.imap_unordered(_one, jobs, chunksize=4), 1):
            fired += result.fired
            virtual_s, real_s = virtual_s + result.virtual_s, real_s + result.real_s
            if result.problem:
                failures.append(result)
                click.echo(f"seed {result.seed}: {result.problem}", err=True)
            if sys.stderr.isatty():
                click.echo(f"\r{done}/{seeds} seeds, {len(failures)} failed", nl=False, err=True)
    _print(seeds, fired, failures, virtual_s, real_s, storage=storage, as_json=as_json)
    seldom = [branch for branch in BRANCHES if fired[branch] * 1000 < LEAST_FIRINGS * seeds]
    if not storage and seeds >= ENOUGH_SEEDS and seldom:
        click.echo(f"not exercised: {seldom}; weigh the faults of sim/profiles.py anew", err=True)
    sys.exit(1 if failures or (not storage and seeds >= ENOUGH_SEEDS and seldom) else 0)


def _print(
    seeds: int,
    fired: Counter[tuple[int, str]],
    failures: list[Result],
    virtual_s: float,
    real_s: float,
    *,
    storage: bool,
    as_json: bool,
) -> None:
    counts = {f"{rule} {branch}": count for (rule, branch), count in sorted(fired.items()) if rule}
    if as_json:
        body = {"seeds": seeds, "failed": [f.seed for f in failures], "fired": counts, "virtual_s": virtual_s}
        click.echo(json.dumps(body))
        return
    click.echo(f"{seeds} seeds, {len(failures)} failed; {virtual_s / max(real_s, 1e-9):.0f} virtual seconds a real one")
    for branch, count in counts.items():
        click.echo(f"  rule {branch}: {count}")
    if failures:
        click.echo(f"replay the first failure with: {replay_command(failures[0].seed, storage=storage)}")
