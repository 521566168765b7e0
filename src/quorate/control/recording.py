"""Every change keeps what it replaced: former and new values of specifications, in the same transaction (0072).

Owns: which writes are kept, and the guards that make the former value the true one. Does not know: any command; the
executor asks for this before it sends any change.
How it works: a change names itself by its audit record. Every specification that it writes is compared with the
replica's; what differs goes into one record beside the audit record, and a key that the command did not guard itself
is guarded now, so that what is kept as former was replaced by this change and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from quorate.control.change import Change, guard, put
from quorate.control.specifications import class_of, known_record, plain
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Value, decode
from quorate.model.history import Edit, pack
from quorate.model.records import Absent, Guard, Put

A = TypeVar("A", bound=Value)


def audit_id(change: Change[A]) -> str:
    """The id of a change, empty where it has no audit record."""
    found = (g.key for g in change.guards if isinstance(g, Absent) and g.key.startswith(keys.AUDIT))
    return next(found, "").removeprefix(keys.AUDIT)


def recorded(view: ClusterView, change: Change[A]) -> Change[A]:
    """The change with the record of what it replaces."""
    own = audit_id(change)
    if not own:
        return change
    guarded = {each.key for each in change.guards}
    edits, guards = list[Edit](), list[Guard]()
    for write in change.writes:
        found = class_of(write.key)
        if found is None:
            continue
        known = known_record(view, write.key)
        before = plain(known.record) if known is not None else None
        after = plain(decode(write.value, found[1], write.key)) if isinstance(write, Put) else None
        if before == after:
            continue
        edits.append(Edit(key=write.key, before=before, after=after))
        if write.key not in guarded:
            guards.append(guard(write.key, known.revision if known is not None else None))
    if not edits:
        return change
    kept = put(keys.PAST + own, pack(tuple(edits)))
    return replace(change, guards=(*change.guards, *guards), writes=(*change.writes, kept))
