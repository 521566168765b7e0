"""Control of the quorum storage, over random histories: at most one member writes, and somebody soon holds it again.

Every node has a drifting clock; nodes lose power, freeze, lose their lease, and lose the storage. The storage is the
port's twin, in both kinds: its lock falls with its holder, or the claim has to be watched.
"""

from __future__ import annotations

import random
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from quorate.core.authority.timings import DEFAULT, FAST
from quorate.core.quorum_keeping import (
    ARBITRATION_LIMIT_S,
    EndMember,
    Keeping,
    LetGo,
    Look,
    Renew,
    Sight,
    StartMember,
    TakeControl,
    patience_s,
    wanted_mode,
)
from quorate.ports.quorum_storage import Claim, ClaimRefused, Progress, StorageLost
from quorate.ports.quorum_storage_memory import MemoryControl, MemoryStorage
from quorate.sdk.overriding import override

T = TypeVar("T")
STEP_S = 0.005


def now(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine of the twin, which never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("the twin waited")


class Node:
    """One node's keeper, turned by hand."""

    def __init__(self, storage: MemoryStorage, number: int, chance: random.Random) -> None:
        self.storage = storage
        self.way = storage.reach(number)
        self.number = number
        self.rate = 1.0 + chance.uniform(-0.01, 0.01)
        self.powered = True
        self.frozen_until = 0.0
        self.lease_until = 1e9
        self.claims: dict[object, Claim] = {}
        self.writes = False
        """The member runs: it may write at any moment."""
        self.begin()

    def begin(self) -> None:
        self.keeping = Keeping(FAST, falls_with_holder=self.storage.falls_with_holder)
        self.keeping.mode = "hold"
        self.control: MemoryControl | None = None

    def clock(self, true_s: float) -> float:
        return 100.0 * self.number + self.rate * true_s

    def lose_power(self) -> None:
        self.powered = self.writes = False
        self.storage.drop(self.number)
        self.begin()

    def turn(self, true_s: float) -> None:
        if not self.powered or true_s < self.frozen_until:
            return
        for _ in range(8):
            at = self.clock(true_s)
            action = self.keeping.step(at, self.lease_until)
            match action:
                case None:
                    return
                case Look():
                    self.look(at)
                case TakeControl(still=still):
                    self.claim(at, self.claims.get(still))
                case Renew():
                    self.renew(at)
                case StartMember():
                    self.writes = True
                    self.keeping.started()
                case EndMember():
                    self.writes = False
                    self.keeping.ended(at, after_s=100.0)
                case LetGo():
                    assert not self.writes
                    if self.control is not None:
                        now(self.control.give_up())
                    self.control = None
                    self.keeping.gone(at)

    def look(self, at: float) -> None:
        try:
            seen = now(self.way.evidence())
        except StorageLost:
            self.keeping.looked(None, at)
            return
        key = (seen.claim.node, seen.claim.start, seen.claim.beat) if seen.claim else None
        self.claims = {key: seen.claim} if seen.claim else {}
        self.keeping.looked(Sight(key, free=seen.claim is None or seen.yielded, locked=seen.locked), at)

    def claim(self, at: float, still: Claim | None) -> None:
        try:
            self.control = now(self.way.claim("c", self.number, stood_still=still, newest=Progress()))
        except (ClaimRefused, StorageLost):
            self.keeping.refused(at)
        else:
            self.keeping.claimed(at, at)

    def renew(self, at: float) -> None:
        assert self.control is not None
        try:
            now(self.control.renew(Progress()))
        except StorageLost:
            self.keeping.lost()
        else:
            self.keeping.renewed(at)


class Watched(MemoryStorage):
    """A storage that only claims protect: no lock tells that a holder lives."""

    @override
    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, "" if name == "holder" else value)


@pytest.mark.parametrize("falls", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_at_most_one_member_writes_and_the_storage_finds_a_holder_again(seed: int, falls: bool) -> None:
    chance = random.Random(seed)
    storage = MemoryStorage() if falls else Watched(falls_with_holder=False)
    nodes = [Node(storage, number, chance) for number in range(1, chance.randint(2, 4) + 1)]
    true_s, quiet_s = 0.0, 12.0
    while true_s < 20.0:
        true_s += STEP_S
        if true_s < quiet_s and chance.random() < 0.01:
            hurt(chance.choice(nodes), true_s, chance, freezing=falls)
        if true_s >= quiet_s:
            for node in nodes:
                node.powered, node.lease_until = True, 1e9
                storage.cut_off.clear()
        for node in chance.sample(nodes, len(nodes)):
            node.turn(true_s)
            writing = [other.number for other in nodes if other.writes]
            assert len(writing) <= 1, f"{writing} at {true_s:.3f}"
    assert [node.number for node in nodes if node.writes], "nobody took it"


def hurt(node: Node, true_s: float, chance: random.Random, *, freezing: bool) -> None:
    match chance.randrange(5):
        case 0:
            node.lose_power()
        case 1:
            node.powered = True
        case 2 if freezing:  # where only claims protect, what was frozen is ended by the device's refusal, not by us
            node.frozen_until = true_s + chance.uniform(0.0, 3.0)
        case 3:
            now_cut = node.storage.cut_off
            now_cut.symmetric_difference_update({node.number})
        case _:
            node.lease_until = chance.choice([0.0, 1e9])


def holding(*, falls: bool = True, at: float = 0.0) -> Keeping:
    keeping = Keeping(FAST, falls_with_holder=falls)
    keeping.mode = "hold"
    assert keeping.step(at, 0.0) == Look()
    keeping.looked(Sight(None, free=True, locked=False), at)
    assert keeping.step(at, 0.0) == TakeControl(None)
    keeping.claimed(at, at)
    assert keeping.step(at, 0.0) == StartMember()
    keeping.started()
    return keeping


def test_a_claim_that_cannot_be_renewed_within_a_lease_ends_the_member_at_once() -> None:
    keeping = holding()
    keeping.renewed(0.1)
    assert keeping.step(0.1 + FAST.lease_s - 0.001, 1e9) == Renew()
    ended = keeping.step(0.1 + FAST.lease_s, 1e9)
    assert isinstance(ended, EndMember)
    assert ended.at_once


def test_a_renewal_counts_from_when_it_was_sent() -> None:
    keeping = holding()
    keeping.renewed(0.3)
    keeping.renewed(0.2)  # answered later, sent before
    assert keeping.step(0.3 + FAST.heartbeat_s - 0.001, 1e9) is None


@pytest.mark.conformance("QU-14")
def test_a_claim_that_brings_no_authority_within_the_arbitration_time_is_given_up() -> None:
    keeping = holding()
    keeping.renewed(ARBITRATION_LIMIT_S)
    assert keeping.step(ARBITRATION_LIMIT_S - 0.001, 0.0) is None
    ended = keeping.step(ARBITRATION_LIMIT_S, 0.0)
    assert isinstance(ended, EndMember)
    keeping.ended(ARBITRATION_LIMIT_S, after_s=20.0)
    assert isinstance(keeping.step(ARBITRATION_LIMIT_S, 0.0), LetGo)
    keeping.gone(ARBITRATION_LIMIT_S)
    assert keeping.step(ARBITRATION_LIMIT_S, 0.0) == Look()
    keeping.looked(Sight(None, free=True, locked=False), ARBITRATION_LIMIT_S)
    assert keeping.step(ARBITRATION_LIMIT_S + 0.01, 0.0) is None  # another node gets its chance first


@pytest.mark.conformance("QU-13")
def test_control_ends_with_the_authority_of_its_holder_but_not_at_once() -> None:
    """The store may need just that member to answer, and so to give the lease back."""
    keeping = holding()
    keeping.renewed(1.0)
    keeping.step(1.0, 2.0)
    end = 1.0 + patience_s(FAST)
    keeping.renewed(end - FAST.heartbeat_s)
    assert keeping.step(end - 0.001, 0.0) in {None, Renew()}
    assert isinstance(keeping.step(end, 0.0), EndMember)


@pytest.mark.conformance("QU-12")
def test_a_claim_is_taken_only_after_it_stood_still_for_longer_than_a_lease() -> None:
    keeping = Keeping(DEFAULT, falls_with_holder=False)
    keeping.mode = "hold"
    at = 0.0
    for beat in range(5):
        keeping.looked(Sight(("a", beat), free=False, locked=False), at)
        at += DEFAULT.heartbeat_s
    last = at - DEFAULT.heartbeat_s
    while at - last <= DEFAULT.verdict_wait_s:
        keeping.looked(Sight(("a", 4), free=False, locked=False), at)
        assert keeping.step(at, 0.0) is None
        at += DEFAULT.heartbeat_s / 4
    keeping.looked(Sight(("a", 4), free=False, locked=False), at)
    assert keeping.step(at, 0.0) == TakeControl(("a", 4))


def test_what_was_not_seen_in_between_was_not_watched() -> None:
    keeping = Keeping(DEFAULT, falls_with_holder=False)
    keeping.mode = "hold"
    still = Sight(("a", 1), free=False, locked=False)
    keeping.looked(still, 0.0)
    keeping.looked(None, 10.0)
    keeping.looked(still, 10.1)
    assert keeping.step(10.1, 0.0) is None


def test_a_living_holder_is_never_challenged() -> None:
    keeping = Keeping(FAST, falls_with_holder=True)
    keeping.mode = "hold"
    keeping.looked(Sight(("a", 1), free=False, locked=True), 0.0)
    assert keeping.step(0.01, 0.0) is None


@pytest.mark.conformance("CF-01")
def test_a_starting_node_takes_control_only_where_it_has_heard_nobody_active() -> None:
    def mode(**fields: object) -> str:
        usual: dict[str, object] = {
            "here": True, "leaving": False, "lease_held": False, "may_run": True, "alone_for_s": 0.0, "timings": FAST,
        }  # fmt: skip
        return wanted_mode(**{**usual, **fields})  # type: ignore[arg-type]

    assert mode() == "stay"
    assert mode(alone_for_s=FAST.suspicion_s) == "hold"
    assert mode(lease_held=True) == "hold"
    assert mode(lease_held=True, may_run=False) == "stay"
    assert mode(lease_held=True, leaving=True) == "release"
    assert mode(lease_held=True, here=False) == "release"


def test_what_was_seen_is_tried_once() -> None:
    """It was tried again and again, and a storage that had changed since was never looked at again."""
    keeping = Keeping(FAST, falls_with_holder=True)
    keeping.mode = "hold"
    keeping.looked(Sight(None, free=True, locked=False), 0.0)
    assert keeping.step(0.0, 0.0) == TakeControl(None)
    keeping.refused(0.0)
    assert keeping.step(0.0, 0.0) is None
    assert keeping.step(FAST.heartbeat_s, 0.0) == Look()
