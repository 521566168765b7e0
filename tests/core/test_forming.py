"""Forming (design §4 rule 13): the conditions, and a clock that runs for one coordinator only."""

from __future__ import annotations

import pytest

from quorate.core.authority.forming import Forming
from quorate.core.authority.frame import Answered, CommitRequest, Frame, Unknown
from quorate.core.authority.orders import Heard, Peer, Report
from quorate.core.authority.timings import FAST
from quorate.core.authority.view import AuthorityView
from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.membership import Attestation, CoordinatorRecord, Mark, MemberRecord
from quorate.model.records import Committed, Position, Put, Unchanged

BOOT = "boot"


class World:
    """A starting node 1 of five voters, and what it can read."""

    def __init__(self, *, coordinator: int = 2, up: tuple[int, ...] = (2,)) -> None:
        self.view = AuthorityView(frozenset(range(1, 6)))
        self.now = 100.0
        self.revision = 1
        self.forming = Forming(self.now)
        self.heard: tuple[Heard, ...] = ()
        self.busy: frozenset[str] = frozenset()
        self.confirms = True
        """The sentinel confirms at once that it acknowledges nobody."""
        self.write(keys.COORDINATOR, CoordinatorRecord(node=coordinator, epoch=3))
        for node in range(1, 6):
            self.member(node, up=node in up)

    def write(self, key: str, record: CoordinatorRecord | MemberRecord) -> int:
        self.revision += 1
        self.view.note(key, encode(record), self.revision)
        return self.revision

    def member(self, node: int, *, up: bool, mark: Mark | None = None) -> int:
        record = MemberRecord(node=node, state="up" if up else "down", incarnation=f"{node}.a", mark=mark)
        return self.write(keys.member(node), record)

    def step(self, seconds: float = 0.0) -> list[CommitRequest]:
        self.now += seconds
        report = Report(
            serial=1,
            now=self.now,
            incarnation="1.b",
            lease_until=0.0,
            ended="",
            released_epoch=0,
            acting=False,
            heard=self.heard,
        )
        frame = Frame(1, FAST, self.now, self.view, report, "1.b", self.busy)
        self.forming.step(frame, BOOT)
        if self.confirms and self.forming.held_by == 0:
            self.forming.held_by_order(1, frame)
            self.forming.step(frame, BOOT)
        return [request for request in frame.requests if isinstance(request, CommitRequest)]

    def mark_answered(self, node: int) -> None:
        """The mark on that node is committed and answered."""
        mark = Mark(kind="suspicion", id="1.b.f1", author=1, epoch=3)
        revision = self.member(node, up=True, mark=mark)
        outcome = Answered(self.now, Committed(Position(1, revision), succeeded=True))
        self.forming.answered("mark", f"{node}.a", outcome, self.now)


def test_nobody_forms_before_s_has_passed() -> None:
    world = World()
    assert world.step(FAST.suspicion_s * 0.9) == []
    assert [request.purpose for request in world.step(FAST.suspicion_s * 0.2)] == ["form mark 2.a"]


def test_nothing_is_marked_before_the_sentinel_has_stopped_acknowledging() -> None:
    world = World()
    world.confirms = False
    assert world.step(10.0) == []
    assert world.forming.holding


def test_an_acting_coordinator_ends_every_attempt() -> None:
    world = World()
    world.heard = (Heard(Peer(2, "2.a"), epoch=3, up=True, acting=True, silent=False),)
    assert world.step(10.0) == []


def test_the_commit_waits_its_time_after_the_mark() -> None:
    world = World()
    world.step(FAST.suspicion_s)
    world.mark_answered(2)
    assert world.step(FAST.verdict_wait_s * 0.99) == []
    (commit,) = world.step(FAST.verdict_wait_s * 0.02)
    assert commit.purpose == "form"
    assert {guard.key for guard in commit.guards} == {keys.COORDINATOR, *(keys.member(node) for node in range(1, 6))}


def test_a_clock_that_ran_for_one_coordinator_proves_nothing_of_the_next() -> None:
    """Simulation seed 294 of 22 November: another node took over while we waited, and was declared down at once."""
    world = World(up=(1, 2, 3))
    world.step(FAST.suspicion_s)
    world.mark_answered(2)
    world.member(2, up=False)
    world.write(keys.COORDINATOR, CoordinatorRecord(node=3, epoch=4))
    (request,) = world.step(FAST.verdict_wait_s * 1.1)
    assert request.purpose == "form mark 3.a"


@pytest.mark.parametrize(
    ("up", "may"),
    [((2,), True), ((1, 2, 3, 4), True), ((2, 3), True), ((2, 3, 4), False)],
    ids=["only the coordinator", "own record says up", "too few votes to block", "must wait"],
)
def test_the_conditions_of_rule_13(up: tuple[int, ...], may: bool) -> None:
    world = World(up=up)
    assert bool(world.step(FAST.suspicion_s)) is may


def test_after_a_clean_shutdown_there_is_nothing_to_wait_for() -> None:
    world = World(up=())
    assert [request.purpose for request in world.step(FAST.suspicion_s)] == ["form"]


def test_consuming_an_attempt_of_unknown_outcome_leaves_the_mark() -> None:
    """Without its mark the coordinator would seem to have cleared it, and be left alone although it is dead."""
    world = World()
    world.step(FAST.suspicion_s)
    world.mark_answered(2)
    world.step(FAST.verdict_wait_s * 1.01)
    world.forming.answered("form", "", Unknown(), world.now)
    settle = next(request for request in world.step() if request.purpose == "settle form")
    (write,) = settle.writes
    assert isinstance(write, Put)
    assert decode(write.value, MemberRecord).mark is not None
    assert settle.guards == (Unchanged(keys.member(2), world.revision),)


def test_a_coordinator_that_cleared_its_mark_is_marked_again_after_one_wait() -> None:
    """Its clearing may have executed after its death (simulation seed 376): then nobody else will form."""
    world = World()
    world.step(FAST.suspicion_s)
    world.mark_answered(2)
    world.member(2, up=True)
    assert world.step() == []
    assert world.step(FAST.verdict_wait_s * 0.9) == []
    assert [request.purpose for request in world.step(FAST.verdict_wait_s * 0.2)] == ["form mark 2.a"]


def test_a_coordinator_that_somebody_vouched_is_off_is_not_waited_for() -> None:
    world = World(up=(2, 3, 4, 5))
    world.now += FAST.suspicion_s
    assert world.step() == []  # the others block a majority: it must wait to be admitted
    said = Attestation(kind="confirmed", by="ann", at="2027-01-15T08:00:00Z")
    revision = world.member(2, up=True, mark=Mark(kind="suspicion", id="3.a.1", author=3, epoch=3, attestation=said))
    (form,) = world.step()
    down = next(write for write in form.writes if isinstance(write, Put) and write.key == keys.member(2))
    record = decode(down.value, MemberRecord, down.key)
    assert (record.state, record.proof, record.attestation) == ("down", "confirmed", said)
    assert Unchanged(keys.member(2), revision) in form.guards
