"""Who changed what, when and why: the audit trail, newest first.

Owns: how it is read and chosen from. Does not know: how a record gets there (`control.change.audited`): each is written
in the transaction that makes the change, so what is listed was done, and what was done is listed.
How it works: the order is that of the store's revisions; the times in the records are those of several clocks.
"""

from __future__ import annotations

from typing import Final

from quorate.control.context import Context
from quorate.control.executor import unreadable
from quorate.model import keys
from quorate.model.base import Damaged, Value, decode
from quorate.model.enrolment import AuditRecord
from quorate.model.problems import Refused, error
from quorate.ports.store import StoreAlarm, StoreUnavailable

READ_LIMIT_S: Final = 15.0
LIMIT_DEFAULT: Final = 50
LIMIT_MOST: Final = 10_000


class PastChange(Value, frozen=True, kw_only=True):
    """One change that was made. `id` is its ULID; `revision` the store's, at which it was made."""

    id: str
    revision: int
    record: AuditRecord


class PastChanges(Value, frozen=True, kw_only=True):
    """Changes, newest first; `total` is how many there are of those asked for."""

    changes: tuple[PastChange, ...]
    total: int
    damaged: tuple[str, ...] = ()
    """Keys of records that cannot be read."""


async def list_history(context: Context, limit: str, about: str) -> PastChanges:
    """The newest changes, or those of one object by name or id. Raises Refused or CannotNow."""
    wanted = int(limit) if limit.isdigit() else LIMIT_DEFAULT if not limit else 0
    if not 0 < wanted <= LIMIT_MOST:
        remedy = f"give 1 to {LIMIT_MOST}"
        raise Refused([error("field_ill_typed", f"limit={limit!r} is no such number", where="limit", remedy=remedy)])
    try:
        snapshot = await context.store.read(prefixes=(keys.AUDIT,), timeout_s=READ_LIMIT_S)
    except (StoreUnavailable, StoreAlarm) as problem:
        raise unreadable(problem) from problem
    found, damaged, total, folded = list[PastChange](), list[str](), 0, about.casefold()
    for item in sorted(snapshot.items, key=lambda item: item.mod_revision, reverse=True):
        if not about and len(found) >= wanted:
            total = len(snapshot.items)
            break
        try:
            record = decode(item.value, AuditRecord, item.key)
        except Damaged:
            damaged.append(item.key)
            continue
        if about and folded not in {record.object_name.casefold(), record.object_id.casefold()}:
            continue
        total += 1
        if len(found) < wanted:
            past = PastChange(id=item.key.removeprefix(keys.AUDIT), revision=item.mod_revision, record=record)
            found.append(past)
    return PastChanges(changes=tuple(found), total=total, damaged=tuple(damaged))
