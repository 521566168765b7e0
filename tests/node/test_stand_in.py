"""The list of members that an empty stand-in is started with (design §3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from quorate.adapters.etcd.messages import Member
from quorate.adapters.etcd.peers import PeerUnreachable
from quorate.node.stand_in import peer_list, settled_members

ONE = Member(id=1, name="node-1", peerURLs=("https://10.0.0.1:2380",))
TWO = Member(id=2, name="node-2", peerURLs=("https://10.0.0.2:2380",))
QUORUM = Member(id=3, name="", peerURLs=("https://10.0.0.1:2382",), isLearner=True)


class Log:
    """A member that replays its log: what it lists, look by look; the last one stays."""

    def __init__(self, *lists: tuple[Member, ...] | None) -> None:
        self._lists: Iterator[tuple[Member, ...] | None] = iter(lists)
        self._last: tuple[Member, ...] | None = None

    async def ask(self) -> tuple[Member, ...]:
        self._last = next(self._lists, self._last)
        if self._last is None:
            raise PeerUnreachable("not yet")
        return self._last


async def test_a_list_that_still_grows_is_not_believed() -> None:
    log = Log(None, (), (), (ONE,), (ONE,), (ONE, TWO), (ONE, TWO, QUORUM))
    needed = [*ONE.peerURLs, *TWO.peerURLs]
    assert await settled_members(log.ask, needed, pause_s=0) == (ONE, TWO, QUORUM)


async def test_a_member_that_was_removed_meanwhile_is_not_waited_for() -> None:
    log = Log((ONE, TWO), (ONE, TWO, QUORUM), (ONE, QUORUM), (ONE, QUORUM))
    assert await settled_members(log.ask, ONE.peerURLs, pause_s=0) == (ONE, QUORUM)


async def test_nothing_settles_while_one_that_is_needed_is_missing() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await settled_members(Log((ONE,)).ask, TWO.peerURLs, pause_s=0)


def test_who_never_ran_is_the_quorum_resource() -> None:
    assert peer_list((ONE, QUORUM)) == (("node-1", "10.0.0.1:2380"), ("quorum", "10.0.0.1:2382"))
