"""Each rule broken on purpose, and the checkers noticing: from random seeds, or from the story made for it.

What was needed is printed (`pytest -rP`): the number of seeds, or the story. A rule whose mutation needs more than
`SEEDS` random worlds has a story in `quorate.sim.stories`.
"""

from __future__ import annotations

import pytest

from quorate.core.authority.mutations import Mutation
from quorate.sim.drawing import draw
from quorate.sim.run import run
from quorate.sim.stories import STORIES, Story

SEEDS = 60

FROM_SEEDS = (
    Mutation.KEEP_MARK_ON_RENEWAL,
    Mutation.SHORT_WAIT,
    Mutation.OATH_BEFORE_END,
    Mutation.FORM_REGARDLESS,
    Mutation.UNGUARDED,
)
FROM_STORIES = tuple((story, mutation) for story in STORIES for mutation in story.catches)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutation", FROM_SEEDS, ids=lambda mutation: mutation.name)
def test_random_seeds_show_a_broken_rule(mutation: Mutation) -> None:
    for seed in range(SEEDS):
        problem = run(draw(seed, mutations=frozenset({mutation}))).problem
        if problem:
            print(f"{mutation.value}: caught after {seed + 1} seeds: {problem}")
            return
    pytest.fail(f"{mutation.value}: not caught by {SEEDS} seeds")


@pytest.mark.parametrize(("story", "mutation"), FROM_STORIES, ids=lambda value: value.name)
def test_a_story_shows_a_broken_rule(story: Story, mutation: Mutation) -> None:
    problem = story.run(mutation=mutation).problem
    print(f"{mutation.value}: caught by the story {story.name!r}: {problem}")
    assert problem


def test_every_rule_has_a_mutation_that_is_caught() -> None:
    caught = {*FROM_SEEDS, *(mutation for _, mutation in FROM_STORIES)}
    assert caught == set(Mutation)
    assert {int(mutation.value.partition(":")[0]) for mutation in caught} >= set(range(1, 15))
