"""A change of the cluster database as a value: what must still hold, what is written, what is answered.

Owns: `Change`, the occasion on which it is asked for, and the audit record that goes into the same transaction.
Does not know: the store (`control.executor`), or any particular change.
How it works: a command is a pure function from view, typed input and `Occasion` to a `Change`, or raises Refused with
every problem it finds. It may run again with a newer view, so an occasion carries its ids instead of drawing them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from quorate.control.previews import Preview
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.enrolment import AuditRecord
from quorate.model.problems import Problem
from quorate.model.records import Absent, Delete, Guard, Put, Unchanged, Write

A = TypeVar("A", bound=Value)
V = TypeVar("V", bound=Value)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who asks, why, when, and the fresh ids that the change may use."""

    author: str
    reason: str
    at: str
    """Wall time, for people."""
    at_s: float
    id: str
    """A new UUID, for the one object or request that is created."""
    audit_id: str
    """A new ULID."""
    preview: bool = False
    """Nothing is to be changed: the caller asks what would follow."""


@dataclass(frozen=True, slots=True)
class Change(Generic[A]):
    """All writes if all guards hold. `answer` is what the caller gets then."""

    guards: tuple[Guard, ...]
    writes: tuple[Write, ...]
    answer: A


class Done(Value, frozen=True, kw_only=True):
    """Answer to a change: the object it concerned."""

    id: str
    name: str
    changed: bool = True
    """False where everything was so already; nothing was written."""
    operation: str = ""
    """Id of what is under way now: of a move or a drain."""
    warnings: tuple[Problem, ...] = ()


class Changed(Value, frozen=True, kw_only=True):
    """Answer to a change. `outcome` is `accepted` where nobody asked to wait."""

    id: str
    name: str
    changed: bool
    outcome: str
    operation: str = ""
    warnings: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Why it failed, where it did."""
    preview: Preview | None = None
    """What would follow, where that was asked for: nothing was changed then, and `outcome` is `preview`."""


def guard(key: str, revision: int | None) -> Guard:
    """The key is as the view has it: at that revision, or absent."""
    return Absent(key) if revision is None else Unchanged(key, revision)


def put(key: str, value: Value) -> Put:
    """Write a value."""
    return Put(key, encode(value))


def delete(key: str) -> Delete:
    """Remove a key."""
    return Delete(key)


def altered(value: V, **fields: object) -> V:
    """The value with some of its fields replaced."""
    kept = {name: getattr(value, name) for name in value.__struct_fields__}
    return type(value)(**{**kept, **fields})


def unchanged(answer: A) -> Change[A]:
    """Everything is so already."""
    return Change((), (), answer)


def audited(
    change: Change[A], occasion: Occasion, *, verb: str, kind: str, object_id: str, object_name: str, detail: str = ""
) -> Change[A]:
    """The change with its audit record.

    The record's key must be absent: so the transaction executes at most once, however often it is sent, and whoever
    finds the record knows that it was executed.
    """
    key = keys.AUDIT + occasion.audit_id
    record = AuditRecord(
        at=occasion.at,
        author=occasion.author,
        verb=verb,
        kind=kind,
        object_id=object_id,
        object_name=object_name,
        reason=occasion.reason,
        detail=detail,
    )
    return replace(change, guards=(*change.guards, Absent(key)), writes=(*change.writes, put(key, record)))
