"""What the host's keeper says at each look at the lease page; its thread itself is seen in test_host_process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.host.calls import CallTable
from quorate.host.keeper import NAP_LIMIT_S, Keeper
from quorate.wire.lease_page import LeaseReader, LeaseWriter

NOW_S = 1000.0
LONG_S = NOW_S + 60.0


class Watched:
    """A keeper that is looked through by the test instead of its thread."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.page = LeaseWriter(folder / "lease")
        self.page.write(1, LONG_S)
        self.loop = loop
        self.told: list[set[str]] = []
        lease = LeaseReader(folder / "lease")
        self.keeper = Keeper(
            loop, CallTable(), lease, 0.15, folder / "offender", lambda over: self.told.append(set(over))
        )

    def look(self, now_s: float = NOW_S) -> list[set[str]]:
        """One round; what it told since the former one."""
        self.keeper.check_lease(now_s)
        self.loop.run_until_complete(asyncio.sleep(0))
        told, self.told = self.told, []
        return told


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    loop = asyncio.new_event_loop()
    yield Watched(tmp_path, loop)
    loop.close()


def test_what_started_between_two_looks_belongs_to_the_incarnation_of_its_start(watched: Watched) -> None:
    assert watched.look() == []
    watched.keeper.hold("r")
    watched.page.write(2, LONG_S)  # before the thread ever saw the first incarnation with anything held
    watched.keeper.hold("s")
    watched.keeper.hold("r")  # told again at each step of its life: what counts is its start
    assert watched.look() == [{"r"}]
    assert watched.look() == [], "it is told once"
    watched.keeper.let_go("r")
    watched.keeper.hold("r")
    assert watched.look() == [], "what starts again belongs to the new one"


def test_the_end_of_the_lease_is_the_end_of_all_that_is_held(watched: Watched) -> None:
    watched.keeper.hold("r")
    watched.keeper.hold("s")
    assert watched.keeper.check_lease(LONG_S - 2.0) == 2.0, "it looks again when the lease ends"
    assert watched.look(LONG_S) == [{"r", "s"}]
    for resource in ("r", "s"):
        watched.keeper.let_go(resource)
    assert watched.keeper.check_lease(LONG_S + 1.0) == NAP_LIMIT_S
    watched.page.write(1, LONG_S + 60.0)
    watched.keeper.hold("s")
    assert watched.look(LONG_S + 1.0) == []
    watched.page.write(1, 0.0)
    assert watched.look(LONG_S + 1.0) == [{"s"}], "a second end is told as the first was"
