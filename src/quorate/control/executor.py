"""Carries a change to the store, tries again with a newer replica where something else changed, says what came of it.

Owns: the loop around one command, fresh ids, and the problems that a store in trouble becomes.
Does not know: any command. How it works: every change has an audit record whose key must be absent, so a transaction
sent twice executes once; that is how an unknown outcome is settled while the store answers at all (design §4 rule 8).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Final, TypeVar

from quorate.control.change import Change, Occasion
from quorate.control.context import Context
from quorate.control.recording import recorded
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.problems import Refused, error
from quorate.model.records import Absent, Committed, Put, Snapshot
from quorate.ports.store import OutcomeUnknown, StoreAlarm, StoreRefused, StoreUnavailable

A = TypeVar("A", bound=Value)
Command = Callable[[ClusterView, Occasion], Change[A]]
ReadingCommand = Callable[[ClusterView, Snapshot, Occasion], Change[A]]

ATTEMPTS_MOST: Final = 20
"""Collisions with other changes before we give up: each needs somebody else's success."""

CATCH_UP_LIMIT_S: Final = 5.0
"""How long the replica may take to see what refused our change."""

SETTLE_LIMIT_S: Final = 5.0
"""How long an unknown outcome is pursued."""

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class CannotNow(Exception):
    """Nothing was changed, and it is not the caller's fault: trying again later may help."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.problems = refused.problems


class Unsettled(Exception):
    """It is not known whether the change was made, or whether it will be."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.problems = refused.problems


class Previewed(Exception):
    """Nothing was changed, because a preview was asked for; `imagined` is a replica in which it was.

    `alters` is False where nothing would be changed either: it is so already.
    """

    def __init__(self, answer: Value, imagined: ClusterView, *, alters: bool) -> None:
        super().__init__("a preview")
        self.answer = answer
        self.imagined = imagined
        self.alters = alters


def imagined(view: ClusterView, change: Change[A]) -> ClusterView:
    """A replica in which the change was made."""
    return view.imagine((write.key, write.value if isinstance(write, Put) else None) for write in change.writes)


def new_occasion(context: Context, author: str, reason: str, *, preview: bool = False) -> Occasion:
    """An occasion with fresh ids."""
    at_s = context.wall_time_s()
    return Occasion(
        author=author,
        reason=reason,
        at=context.wall_time(),
        at_s=at_s,
        id=str(uuid.UUID(bytes=context.entropy(16), version=4)),
        audit_id=_ulid(int(at_s * 1000), context.entropy(10)),
        preview=preview,
    )


def _ulid(time_ms: int, chance: bytes) -> str:
    number = (time_ms & (1 << 48) - 1) << 80 | int.from_bytes(chance, "big")
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


async def execute(context: Context, command: Command[A], occasion: Occasion) -> A:
    """Make the change. Raises Refused, CannotNow or Unsettled; Previewed where the occasion asks for that."""

    def reading(view: ClusterView, snapshot: Snapshot, occasion: Occasion) -> Change[A]:
        del snapshot
        return command(view, occasion)

    return await execute_reading(context, (), reading, occasion)


async def execute_reading(
    context: Context, read_keys: tuple[str, ...], command: ReadingCommand[A], occasion: Occasion
) -> A:
    """Make a change that rests on keys which the replica does not hold. Raises Refused, CannotNow or Unsettled."""
    snapshot = Snapshot(context.view.position, ())
    for _ in range(ATTEMPTS_MOST):
        if read_keys:
            snapshot = await _read(context, read_keys)
            await _caught_up(context, snapshot.position.revision)
        change = command(context.view, snapshot, occasion)
        if occasion.preview:
            raise Previewed(change.answer, imagined(context.view, change), alters=bool(change.writes))
        if not change.writes:
            return change.answer
        change = recorded(context.view, change)
        committed = await _commit(context, change)
        if committed.succeeded or _was_ours(committed, change):
            # The caller's next read comes from the replica: let it see what was just written.
            await _caught_up(context, committed.position.revision, must=False)
            return change.answer
        await _caught_up(context, committed.position.revision)
    raise CannotNow(
        Refused([error("too_many_collisions", "other changes kept coming first", remedy="try again in a moment")])
    )


def _was_ours(committed: Committed, change: Change[A]) -> bool:
    """The audit record of this very change is there: an earlier sending of it was executed."""
    audit = {g.key for g in change.guards if isinstance(g, Absent) and g.key.startswith(keys.AUDIT)}
    return any(item.key in audit for item in committed.current)


async def _read(context: Context, read_keys: tuple[str, ...]) -> Snapshot:
    try:
        return await context.store.read(keys=read_keys)
    except (StoreUnavailable, StoreAlarm) as problem:
        raise unreadable(problem) from problem


def unreadable(problem: StoreUnavailable | StoreAlarm) -> CannotNow:
    """What a caller is told where the store could not be read."""
    return CannotNow(_alarm(problem) if isinstance(problem, StoreAlarm) else _unavailable())


async def _commit(context: Context, change: Change[A]) -> Committed:
    """Send the transaction until its outcome is known."""
    unknown = False
    try:
        async with asyncio.timeout(SETTLE_LIMIT_S):
            while True:
                try:
                    return await context.store.commit(change.guards, change.writes)
                except OutcomeUnknown:
                    unknown = True  # sent again: executed once at most, and its answer settles both
                except StoreUnavailable as problem:
                    if not unknown:
                        raise CannotNow(_unavailable()) from problem
                    await asyncio.sleep(0.05)  # nothing tells when a store can be reached again
    except TimeoutError as problem:
        raise Unsettled(_unsettled()) from problem
    except StoreAlarm as problem:
        # The write that fills the quota is executed and yet answered with the alarm.
        executed = await _executed(context, change)
        if executed is not None:
            return executed
        raise (Unsettled(_unsettled()) if unknown else CannotNow(_alarm(problem))) from problem
    except StoreRefused as problem:
        raise Refused(
            [error("change_too_large", f"the database does not take it: {problem}", remedy="make it smaller")]
        ) from problem


async def _executed(context: Context, change: Change[A]) -> Committed | None:
    """The answer that was not given, where the audit record of this change is there."""
    audit = [g.key for g in change.guards if isinstance(g, Absent) and g.key.startswith(keys.AUDIT)]
    try:
        snapshot = await context.store.read(keys=audit)
    except (StoreUnavailable, StoreAlarm):
        return None
    return Committed(snapshot.position, succeeded=True) if snapshot.items else None


async def _caught_up(context: Context, revision: int, *, must: bool = True) -> None:
    try:
        async with asyncio.timeout(CATCH_UP_LIMIT_S):
            while context.view.position.revision < revision:
                await context.events.moved()
    except TimeoutError as problem:
        if must:
            raise CannotNow(
                Refused(
                    [
                        error(
                            "replica_behind",
                            "this node's copy of the database does not catch up",
                            remedy="ask another node, or look at `quorate cluster status` here",
                        )
                    ]
                )
            ) from problem


def _unavailable() -> Refused:
    return Refused(
        [
            error(
                "store_unavailable",
                "the database cannot be reached; nothing was changed",
                remedy="see which nodes are up with `quorate cluster status`; a majority of the voters is needed",
            )
        ]
    )


def _alarm(alarm: StoreAlarm) -> Refused:
    what = {"NOSPACE": "the database is full", "CORRUPT": "the members of the database disagree"}
    return Refused(
        [
            error(
                f"store_{alarm.name.lower()}",
                f"{what.get(alarm.name, alarm.name)}: it takes no changes",
                remedy="see docs/howto for this alarm; running groups are not affected",
            )
        ]
    )


def _unsettled() -> Refused:
    return Refused(
        [
            error(
                "outcome_unknown",
                "the database took the change and did not answer: it may have been made, or may still be",
                remedy="look at the object before trying again",
            )
        ]
    )
