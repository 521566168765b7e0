"""The wait for links at a start: for what, how long, and that forming is held off by it and joining is not."""

from __future__ import annotations

import asyncio

from quorate.core.authority.frame import CommitRequest
from quorate.core.authority.membership import Membership
from quorate.core.authority.orders import Order, Report
from quorate.core.authority.timings import FAST
from quorate.core.authority.view import AuthorityView
from quorate.model import keys
from quorate.model.base import encode
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.records import Position
from quorate.node.link_wait import LinkWait, missing

TWO = {"a": "10.0.1.7", "b": "10.0.2.7"}
BOTH = frozenset({"10.0.1.7", "10.0.2.7"})


class Start:
    """One start on a machine whose working addresses are set by hand."""

    def __init__(self, limit_s: float, there: frozenset[str] | None) -> None:
        self.there = there
        self.ready = False
        self.said: list[str] = []
        self.wait = LinkWait(TWO, limit_s, lambda: self.there, self._ready, self.said.append)

    def _ready(self) -> None:
        self.ready = True


def test_an_address_counts_where_it_can_be_used_and_loopback_always_does() -> None:
    assert missing(TWO, frozenset({"10.0.2.7"})) == ("a",)
    assert missing({"a": "", "b": "of no kind"}, frozenset()) == ()
    assert missing({"a": "127.0.0.7", "b": "fd00:0::7"}, frozenset({"fd00::7"})) == ()


async def test_where_all_links_are_up_or_nothing_can_be_told_nothing_is_waited_for() -> None:
    for start in (Start(30.0, BOTH), Start(30.0, None), Start(0.0, frozenset())):
        await asyncio.wait_for(start.wait.run(), 1.0)
        assert (start.ready, start.said, start.wait.problem) == (True, [], None)


async def test_it_waits_until_the_last_link_is_up_and_says_for_what() -> None:
    start = Start(30.0, frozenset({"10.0.1.7"}))
    task = asyncio.create_task(start.wait.run())
    await asyncio.sleep(0)
    assert not start.ready
    assert start.wait.problem is not None
    assert "links to b are not up" in start.wait.problem.what
    start.there = BOTH
    await asyncio.wait_for(task, 5.0)
    assert start.ready
    assert start.wait.problem is None
    assert start.said[-1] == "all links are up"


async def test_it_does_not_wait_for_ever() -> None:
    start = Start(0.05, frozenset())
    await asyncio.wait_for(start.wait.run(), 5.0)
    assert start.ready
    assert start.said[-1] == "it goes on without a, b"
    assert start.wait.problem is None


def asked(membership: Membership, view: AuthorityView, now: float) -> set[str]:
    report = Report(
        serial=9, now=now, incarnation="", lease_until=0.0, ended="", released_epoch=0, acting=False, order=Order(0)
    )
    step = membership.step(now, view, report, frozenset())
    return {request.purpose for request in step.requests if isinstance(request, CommitRequest)}


def test_forming_begins_to_listen_when_the_links_are_up_and_joining_goes_on() -> None:
    view = AuthorityView(frozenset({1}))
    view.note(keys.COORDINATOR, encode(CoordinatorRecord(node=1, epoch=1)), 2)
    down = MemberRecord(node=1, state="down", incarnation="1.a", proof="released")
    view.note(keys.member(1), encode(down), 3)
    view.position = Position(1, 3)
    membership = Membership(1, FAST, boot_id="b", new_incarnation=lambda: "1.b", now=0.0)
    membership.links_up = False
    for now in (0.1, 1.0, 5.0):
        assert asked(membership, view, now) == {"join"}
    membership.links_up = True
    assert "form" not in asked(membership, view, 5.0 + FAST.suspicion_s * 0.9)
    asked(membership, view, 5.0 + FAST.suspicion_s)
    assert "form" in asked(membership, view, 5.1 + FAST.suspicion_s)
