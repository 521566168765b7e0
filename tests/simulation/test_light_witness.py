"""Two voters and a light witness in simulation: nothing acknowledged is lost, and every rule of it is needed."""

from __future__ import annotations

from collections import Counter

import pytest

from quorate.model.light_witness import BOTH, LightRecord
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


@pytest.mark.parametrize(
    "broken", [b for b in Broken if b is not Broken.REMOVE_IN_DOUBT], ids=lambda broken: broken.name.lower()
)
def test_each_rule_left_out_is_caught(broken: Broken) -> None:
    for seed in range(CAUGHT_WITHIN):
        try:
            TwoAndWitness(seed, broken).run()
        except Broke:
            return
    pytest.fail(f"{CAUGHT_WITHIN} seeds have not noticed: {broken.value}")


@pytest.mark.parametrize("broken", [None, Broken.REMOVE_IN_DOUBT], ids=["whole", "removes in doubt"])
def test_a_both_that_executes_late_finds_another_record_before_a_vote_is_taken(broken: Broken | None) -> None:
    """Six thousand seeds never met it: node 1 said *both*, was not answered, and is to take the other's vote."""
    world = TwoAndWitness(0, broken)
    one, two = world.members.values()
    named = LightRecord(cluster="c", generation=3, holder=1, claim="1-3")
    world.record, one.seen, two.seen = named, 3, 3
    world.late = [(named, LightRecord(cluster="c", generation=4, holder=BOTH, claim="1-4"))]
    one.doubt, world.ceding, world.calm = True, 1, True
    world.elect(one)
    for _ in range(6):
        world.take_turn(one)
        world.take_turn(two)
    world.cut = True
    world.execute_late()
    for _ in range(6):
        world.take_turn(two)
    world.write(one)  # acknowledged by node 1 alone, where the vote of node 2 is gone
    gone_alone = two.plays
    assert gone_alone == (broken is not None), "node 2 goes on by a record that should not be there"
