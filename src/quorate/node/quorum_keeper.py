"""The keeper of the quorum storage: the process that claims it, renews the claim and runs the member on it (design §3).

Owns: the storage as this node reaches it, the member's process, and their stopping order: member, claim, socket.
Does not know: why it should claim; the service orders that, and `core.quorum_keeping` decides the rest.

How it works: a child of the sentinel beside the service, so that a restart of the service costs no vote and a storage
that hangs hangs nobody else. The member inherits the storage's lock and dies with the keeper. One action is carried out
at a time; between two the loop waits for time, an order, or the end of the member.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

from quorate.adapters.quorum_storage.opening import open_storage
from quorate.core.authority.timings import PROFILES
from quorate.core.quorum_keeping import EndMember, Keeping, LetGo, Look, Renew, Sight, StartMember, TakeControl
from quorate.model.base import Damaged, Value, decode, encode, replace
from quorate.node.identity import write_file
from quorate.node.places import Places
from quorate.node.process import log
from quorate.node.quorum_desk import QuorumDesk
from quorate.node.quorum_member import QuorumMember
from quorate.ports.quorum_storage import Claim, ClaimRefused, Control, Evidence, Progress, QuorumStorage, StorageLost
from quorate.wire.lease_page import BadLeasePage, LeaseReader, boot_time_s
from quorate.wire.quorum_channel import KeeperOrder

REMEMBER_S: Final = 5.0
"""Between writings of the furthest progress seen: a lower bound is enough to tell a rolled-back copy."""
MEMBER_LIMIT_S: Final = 3.0
"""A member that has not ended by SIGTERM by then is killed."""


class Remembered(Value, frozen=True, kw_only=True):
    """The furthest progress that this node has seen on the storage of that path."""

    path: str = ""
    term: int = 0
    index: int = 0
    created: str = ""
    """The member whose folder this node made: made once, for a member that comes back empty has forgotten its votes."""


class QuorumKeeper:
    """One node's keeper."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._desk = QuorumDesk(places.quorum_socket, self._wake)
        self._member = QuorumMember(self._wake)
        self._lease: LeaseReader | None = None
        self._order: KeeperOrder | None = None
        self._storage: QuorumStorage | None = None
        self._keeping: Keeping | None = None
        self._control: Control | None = None
        self._claims: dict[tuple[str, int, str, int], Claim] = {}
        self._ending = False
        self._woken = asyncio.Event()
        self._remembered = self._read_remembered()
        self._remember_at = 0.0
        self._has_data: bool | None = None
        """Whether the storage has the member's data, as last looked; None where that is not known."""
        self._looked_for = ""
        self._look_for_data_at = 0.0

    async def run(self) -> None:
        """Run until SIGTERM: then end the member, let go, and return."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        await self._desk.start()
        try:
            while not (self._ending and (self._keeping is None or not self._keeping.holding)):
                self._take_order()
                await self._turn()
        finally:
            await self._member.end(limit_s=MEMBER_LIMIT_S)
            await self._desk.stop()

    def _end(self) -> None:
        self._ending = True
        self._wake()

    def _wake(self) -> None:
        self._woken.set()

    # ---------------------------------------------------------------- orders

    def _take_order(self) -> None:
        order = self._desk.order
        if order is None:
            return
        former = self._order
        same = former is not None and (former.kind, former.path, former.profile) == (
            order.kind,
            order.path,
            order.profile,
        )
        if same:
            self._order = order
        elif self._keeping is None or not self._keeping.holding:
            self._order = order
            self._open(order)
        if self._keeping is not None:
            self._keeping.mode = "release" if self._ending or not (same or self._order is order) else order.mode

    def _open(self, order: KeeperOrder) -> None:
        timings = PROFILES[order.profile]
        # A renewal that hangs must be given up while there is time left to end the member within L.
        limit_s = timings.lease_s - 2 * timings.heartbeat_s
        mount_point = self._places.run / "quorum"
        self._keeping = None
        try:
            self._storage = open_storage(order.kind, Path(order.path), mount_point=mount_point, limit_s=limit_s)
        except OSError as problem:
            self._storage = None
            remedy = "see that the storage is there on this node; it is tried again"
            self._tell(code="quorum_storage_missing", problem=str(problem), remedy=remedy)
            return
        try:
            falls = self._storage.falls_with_holder
        except OSError:
            falls = False
        self._keeping = Keeping(timings, falls_with_holder=falls)
        if self._remembered.path != order.path:
            self._remembered = Remembered(path=order.path)

    # ---------------------------------------------------------------- the loop

    async def _turn(self) -> None:
        keeping, order = self._keeping, self._order
        if keeping is None or order is None:
            await self._pause(1.0 if order is not None else 3600.0)
            if order is not None and self._keeping is None:
                self._order = None  # opened anew
            return
        self._member_news(keeping)
        if self._data_in_doubt(keeping, order):
            await self._look_for_data(keeping, order)
        keeping.can_run = bool(order.member) and (self._has_data is True or self._may_create(order))
        now = boot_time_s()
        match keeping.step(now, self._lease_until()):
            case Look():
                await self._look(keeping)
            case TakeControl(still=still):
                await self._claim(keeping, order, self._claims.get(still) if isinstance(still, tuple) else None)
            case Renew():
                await self._renew(keeping, order)
            case StartMember():
                await self._start(keeping, order)
            case EndMember(at_once=at_once, reason=reason):
                _log(f"the member is ended: {reason}")
                await self._member.end(limit_s=0.0 if at_once else MEMBER_LIMIT_S)
            case LetGo(reason=reason):
                await self._let_go(keeping, reason)
            case None:
                await self._pause(keeping.deadline(now) - now)

    async def _pause(self, for_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.001, for_s)):
                await self._woken.wait()
        self._woken.clear()

    def _lease_until(self) -> float:
        try:
            self._lease = self._lease or LeaseReader(self._places.lease_page)
        except (OSError, BadLeasePage):
            return 0.0
        return self._lease.read().lease_until_s

    # ---------------------------------------------------------------- the storage

    async def _look(self, keeping: Keeping) -> None:
        assert self._storage is not None
        try:
            seen = await self._storage.evidence()
        except StorageLost as problem:
            keeping.looked(None, boot_time_s())
            remedy = "see that the storage is there on this node; nothing is lost while a majority votes without it"
            self._tell(reached=False, code="quorum_storage_lost", problem=str(problem), remedy=remedy)
            return
        keeping.looked(self._sight(seen), boot_time_s())
        claim = seen.claim
        if claim is not None:
            self._remember(claim.progress)
        standing = self._desk.standing
        self._tell(reached=True, holder=claim.node if claim is not None and not seen.yielded else 0)
        over = standing.code == "quorum_storage_empty" and claim is not None
        if over or standing.code in {"quorum_storage_lost", "quorum_storage_missing"}:
            self._tell(code="", problem="", remedy="")

    def _sight(self, seen: Evidence) -> Sight:
        claim = seen.claim
        key = (claim.cluster, claim.node, claim.start, claim.beat) if claim is not None else None
        self._claims = {key: claim} if key is not None and claim is not None else {}
        return Sight(key, free=claim is None or seen.yielded, locked=seen.locked)

    async def _claim(self, keeping: Keeping, order: KeeperOrder, still: Claim | None) -> None:
        assert self._storage is not None
        sent_at = boot_time_s()
        newest = Progress(self._remembered.term, self._remembered.index)
        try:
            self._control = await self._storage.claim(
                order.cluster, order.node, stood_still=still, newest=newest, known=order.known
            )
        except ClaimRefused as refused:
            keeping.refused(boot_time_s())
            problem = refused.problem
            if problem.code not in {"quorum_storage_held", "quorum_storage_claim_moves"}:
                self._tell(code=problem.code, problem=problem.what, remedy=problem.remedy)
            return
        except StorageLost as lost:
            keeping.refused(boot_time_s())
            self._tell(reached=False, code="quorum_storage_lost", problem=str(lost), remedy="it is tried again")
            return
        keeping.claimed(sent_at, boot_time_s())
        _log(f"this node controls {order.path}")
        self._tell(holds=True, reached=True, holder=order.node, code="", problem="", remedy="")

    async def _renew(self, keeping: Keeping, order: KeeperOrder) -> None:
        assert self._control is not None
        sent_at = boot_time_s()
        try:
            await self._control.renew(Progress(order.term, order.index))
        except StorageLost as lost:
            _log(f"control of the quorum storage is lost: {lost}")
            keeping.lost()
            self._tell(reached=False, code="quorum_storage_lost", problem=str(lost), remedy="it is tried again")
            return
        keeping.renewed(sent_at)
        self._remember(self._control.claim.progress)

    def _data_in_doubt(self, keeping: Keeping, order: KeeperOrder) -> bool:
        """Only while no member runs: a storage that hangs here must never keep a member from its end."""
        if self._control is None or keeping.runs or not order.member:
            return False
        return self._has_data is None or boot_time_s() >= self._look_for_data_at

    async def _look_for_data(self, keeping: Keeping, order: KeeperOrder) -> None:
        """A member that ever ran and whose data have gone can never be started again; its vote has to be taken away.

        Only a storage that answers may say so: one that is merely away has everything when it comes back.
        """
        assert self._control is not None
        self._look_for_data_at = boot_time_s() + keeping.timings.lease_s
        try:
            self._has_data, self._looked_for = await self._control.has_member(order.member), order.member
        except StorageLost as lost:
            keeping.lost()
            self._has_data = None
            self._tell(reached=False, code="quorum_storage_lost", problem=str(lost), remedy="it is tried again")
            return
        self._tell(lacks_data=not self._has_data and not self._may_create(order))

    async def _let_go(self, keeping: Keeping, reason: str) -> None:
        assert self._control is not None
        _log(f"the quorum storage is given up: {reason}")
        await self._control.give_up()
        self._control, self._has_data = None, None
        keeping.gone(boot_time_s())
        self._tell(holds=False, runs=False, lacks_data=False, holder=0)

    # ---------------------------------------------------------------- the member

    def _may_create(self, order: KeeperOrder) -> bool:
        return order.may_create and self._remembered.created != order.member

    async def _start(self, keeping: Keeping, order: KeeperOrder) -> None:
        assert self._control is not None
        folder = Path(self._control.data_dir) / order.member
        if not self._has_data:
            self._remembered = replace(self._remembered, created=order.member)
            try:
                write_file(self._places.quorum_seen, encode(self._remembered))
            except OSError as problem:
                keeping.ended(boot_time_s(), after_s=0.0)
                self._tell(code="quorum_note_not_written", problem=str(problem), remedy="make room on this node's disk")
                return
        await self._member.start(order.argv, folder, self._control.descriptors)
        keeping.started()
        self._has_data = None  # it may just be making them
        self._tell(runs=True, lacks_data=False)

    def _member_news(self, keeping: Keeping) -> None:
        order = self._order
        if keeping.runs and not self._member.running:
            keeping.ended(boot_time_s(), after_s=self._member.ran_s)
            self._tell(runs=False)
        if order is not None and order.member != self._looked_for:
            self._has_data = None
            self._tell(lacks_data=False)

    def _tell(self, **changes: object) -> None:
        code = changes.get("code", self._desk.standing.code)
        if code and code != self._desk.standing.code:  # a node that is not up yet can tell nobody else
            _log(f"{changes.get('problem', code)}; {changes.get('remedy', '')}")
        self._desk.tell(**changes)

    # ---------------------------------------------------------------- what was seen

    def _remember(self, progress: Progress) -> None:
        if (progress.term, progress.index) <= (self._remembered.term, self._remembered.index):
            return
        self._remembered = replace(self._remembered, term=progress.term, index=progress.index)
        if boot_time_s() >= self._remember_at:
            self._remember_at = boot_time_s() + REMEMBER_S
            with contextlib.suppress(OSError):
                write_file(self._places.quorum_seen, encode(self._remembered))

    def _read_remembered(self) -> Remembered:
        with contextlib.suppress(OSError, Damaged):
            return decode(self._places.quorum_seen.read_bytes(), Remembered, str(self._places.quorum_seen))
        return Remembered()


def _log(text: str) -> None:
    log(text, "keeper")


def main() -> int:
    """Run the keeper until the sentinel ends it."""
    os.umask(0o077)
    asyncio.run(QuorumKeeper(Places.from_environment()).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
