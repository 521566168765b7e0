"""Guests that are suspended with their clocks: against that no lease holds, and a demanded proof does (design §4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate.core.authority.mutations import Mutation
from quorate.core.authority.timings import FAST
from quorate.sim import proof_scripts
from quorate.sim.options import Options
from quorate.sim.stories import BASE, Story


def suspended(seed: int) -> Story:
    options: Options = replace(BASE, seed=seed, timings=FAST, nodes=3 + seed % 3, required_proof="fenced")
    return Story(f"suspended {seed}", options, proof_scripts.suspended)


@pytest.mark.parametrize("seed", range(100, 108))
def test_a_suspended_guest_finds_its_groups_still_its_own(seed: int) -> None:
    assert suspended(seed).run().problem == ""


def test_without_the_demand_it_runs_beside_the_new_owner() -> None:
    found = [suspended(seed).run(mutation=Mutation.IGNORE_DEMAND).problem for seed in range(100, 108)]
    assert any(problem.startswith("one owner") for problem in found)
