"""The keeper of the quorum storage on a simulated node: the real decisions, on the twin of the storage.

Owns: the process, its claim, and whether the quorum resource's member runs here. Does not know: what its vote is worth
(`media`). Follows `node.quorum_keeper` and `node.quorum_share`.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from quorate.core.quorum_keeping import (
    EndMember,
    Keeping,
    LetGo,
    Look,
    Renew,
    Sight,
    StartMember,
    TakeControl,
    wanted_mode,
)
from quorate.ports.quorum_storage import Claim, ClaimRefused, Progress, StorageLost

if TYPE_CHECKING:
    from quorate.ports.quorum_storage_memory import MemoryControl, MemoryStorage
    from quorate.sim.node import SimNode

T = TypeVar("T")
RESTART_S = 0.3
START_LEAST_S, START_MOST_S = 0.03, 0.12
"""A member that starts from its data: measured 0.05 to 0.1 s."""
STEPS_MOST = 8


class SimKeeper:
    """One node's keeper; does nothing in a world without quorum storage."""

    def __init__(self, node: SimNode, storage: MemoryStorage | None) -> None:
        self._node = node
        self._storage = storage
        self._life = 0
        self._timer = 0
        self._keeping: Keeping | None = None
        self._control: MemoryControl | None = None
        self._claims: dict[object, Claim] = {}
        self._started = False
        self._alone_since = 0.0

    @property
    def member_runs(self) -> bool:
        """The member runs here, and what it writes counts: the storage is still this claim's."""
        if self._storage is None or self._control is None or not self._started or not self._node.powered:
            return False
        claim = self._storage.claim
        return claim is not None and claim.start == self._control.claim.start

    @property
    def holds(self) -> bool:
        """This node has the claim, as far as it knows."""
        return self._control is not None

    def start(self) -> None:
        """The sentinel starts the process."""
        if self._storage is None or not self._node.powered or self._keeping is not None:
            return
        self._life += 1
        self._keeping = Keeping(self._node.world.options.timings, falls_with_holder=self._storage.falls_with_holder)
        self._alone_since = self._node.clock()
        self._turn_after(0.0)

    def die(self, *, restart: bool = True) -> None:
        """SIGKILL, or a loss of power: the member goes with it, and its lock falls."""
        if self._storage is None:
            return
        self._life += 1
        self._keeping, self._control, self._started = None, None, False
        self._storage.drop(self._node.number)
        self._node.world.media.settle(self._node.world.now)
        if restart:
            self._node.world.after(RESTART_S, self.start, self._node)

    # ---------------------------------------------------------------- turning

    def _turn_after(self, delay_s: float) -> None:
        self._timer += 1
        life, mark, node = self._life, self._timer, self._node

        def fire() -> None:
            if life == self._life and mark == self._timer:
                node.when_running("kernel", lambda: self._turn() if life == self._life else None)

        node.world.after(max(delay_s, 1e-4), fire, node)

    def _turn(self) -> None:
        node, keeping = self._node, self._keeping
        if keeping is None:
            return
        self._take_order(keeping)
        for _ in range(STEPS_MOST):
            now = node.clock()
            action = keeping.step(now, node.lease_until)
            match action:
                case None:
                    break
                case Look():
                    self._look(keeping, now)
                case TakeControl(still=still):
                    self._claim(keeping, now, self._claims.get(still))
                case Renew():
                    self._renew(keeping, now)
                case StartMember():
                    keeping.started()
                    self._start_member(self._life)
                case EndMember():
                    self._started = False
                    self._life += 1  # a start under way comes to nothing
                    keeping.ended(now, after_s=1e3)
                case LetGo(reason=reason):
                    node.world.trace(node.number, f"gives the quorum storage up: {reason}")
                    node.world.fired[(0, f"quorum storage given up: {reason}")] += 1
                    self._let_go(keeping, now)
        node.world.media.settle(node.world.now)
        self._turn_after(min(keeping.deadline(node.clock()) - node.clock(), node.world.options.timings.heartbeat_s))

    def _start_member(self, life: int) -> None:
        delay = self._node.world.chance.uniform(START_LEAST_S, START_MOST_S)
        self._node.world.after(delay, lambda: self._has_started(life), self._node)

    def _has_started(self, life: int) -> None:
        if life == self._life and self._keeping is not None and self._keeping.runs:
            self._started = True
            self._node.world.media.settle(self._node.world.now)

    def _take_order(self, keeping: Keeping) -> None:
        node, loop = self._node, self._node.service.loop
        if loop is None:
            return  # the last order stands
        report = loop.sentinel_report
        if report is None or any(heard.up and not heard.silent for heard in report.heard):
            self._alone_since = node.clock()
        keeping.mode = wanted_mode(
            here=True,
            leaving=loop.membership.leaving,
            lease_held=node.clock() < node.lease_until,
            may_run=True,
            alone_for_s=node.clock() - self._alone_since,
            timings=node.world.options.timings,
        )

    # ---------------------------------------------------------------- the storage

    def _look(self, keeping: Keeping, now: float) -> None:
        assert self._storage is not None
        try:
            seen = _now(self._storage.reach(self._node.number).evidence())
        except StorageLost:
            keeping.looked(None, now)
            return
        key = (seen.claim.node, seen.claim.start, seen.claim.beat) if seen.claim else None
        self._claims = {key: seen.claim} if seen.claim else {}
        keeping.looked(Sight(key, free=seen.claim is None or seen.yielded, locked=seen.locked), now)

    def _claim(self, keeping: Keeping, now: float, still: Claim | None) -> None:
        node = self._node
        assert self._storage is not None
        way = self._storage.reach(node.number)
        try:
            self._control = _now(way.claim("c", node.number, stood_still=still, newest=Progress()))
        except (ClaimRefused, StorageLost):
            keeping.refused(now)
            return
        node.world.trace(node.number, "controls the quorum storage")
        node.world.fired[(0, "quorum storage claimed")] += 1
        keeping.claimed(now, now)

    def _renew(self, keeping: Keeping, now: float) -> None:
        assert self._control is not None
        try:
            _now(self._control.renew(Progress()))
        except StorageLost:
            keeping.lost()
        else:
            keeping.renewed(now)

    def _let_go(self, keeping: Keeping, now: float) -> None:
        if self._control is not None:
            _now(self._control.give_up())
        self._control = None
        keeping.gone(now)


def _now(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine of the twin, which never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise RuntimeError("the twin of the quorum storage waited")
