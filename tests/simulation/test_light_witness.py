"""Two voters and a light witness in simulation: nothing acknowledged is lost, and every rule of it is needed."""

from __future__ import annotations

from collections import Counter

import pytest

from quorate.sim.light_witness import Broke, Broken, TwoAndWitness

BLOCK = 250
CAUGHT_WITHIN = 1500
FIRED_LEAST = 40


@pytest.mark.parametrize("first", range(0, 2000, BLOCK))
def test_nothing_acknowledged_is_lost_and_nobody_goes_on_beside_another(first: int) -> None:
    fired = Counter[str]()
    for seed in range(first, first + BLOCK):
        world = TwoAndWitness(seed)
        try:
            world.run()
        except Broke as broke:
            pytest.fail(f"seed {seed}: {broke}")
        fired.update(world.fired)
    seldom = {"went on alone", "both again", "played"}
    assert all(fired[what] >= FIRED_LEAST for what in seldom), fired
    assert all(fired[what] for what in ("late", "answer lost", "executed late", "vote taken away", "rolled back")), (
        fired
    )


@pytest.mark.parametrize("broken", list(Broken), ids=lambda broken: broken.name.lower())
def test_each_rule_left_out_is_caught(broken: Broken) -> None:
    for seed in range(CAUGHT_WITHIN):
        try:
            TwoAndWitness(seed, broken).run()
        except Broke:
            return
    pytest.fail(f"{CAUGHT_WITHIN} seeds have not noticed: {broken.value}")
