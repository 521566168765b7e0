"""Clusters with a quorum storage: stories, seeds, and the vote that is not counted being noticed."""

from __future__ import annotations

from collections import Counter

import pytest

from quorate.sim.drawing import draw_with_storage, draw_with_witness
from quorate.sim.run import replay_command, run
from quorate.sim.storage_stories import STORAGE_STORIES, StorageStory

SEEDS = 48
BATCHES = 4


@pytest.mark.timeout(120)
@pytest.mark.parametrize("story", STORAGE_STORIES, ids=lambda story: story.name)
@pytest.mark.conformance("QU-03", "QU-04", "QU-06", "QU-07", "QU-29", "CF-07", "CF-08")
def test_story_ends_well(story: StorageStory) -> None:
    assert story.run().problem == ""


@pytest.mark.parametrize("story", [s for s in STORAGE_STORIES if s.uncounted], ids=lambda story: story.name)
def test_a_vote_that_the_records_do_not_count_is_noticed(story: StorageStory) -> None:
    assert story.run(counted=False).problem


@pytest.mark.timeout(300)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_promises_hold_in_every_seed(batch: int) -> None:
    fired: Counter[tuple[int, str]] = Counter()
    for seed in range(batch, SEEDS, BATCHES):
        result = run(draw_with_storage(seed))
        command = replay_command(seed, storage=True)
        assert not result.problem, f"seed {seed}: {result.problem}; replay with: {command}"
        fired += result.fired
    assert fired[0, "quorum storage claimed"] > 2 * SEEDS / BATCHES, "who holds the storage hardly ever changed"
    assert fired[0, "quorum storage given up: the claim could not be renewed"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_promises_hold_in_every_seed_with_a_witness(batch: int) -> None:
    for seed in range(batch, SEEDS // 2, BATCHES):
        result = run(draw_with_witness(seed))
        assert not result.problem, f"seed {seed}: {result.problem}"
