"""One past change with its values, and the configuration of then against that of now (decision 0072).

Owns: finding a change by id or revision, and walking back from the present through what each change replaced.
Does not know: how changes are taken back (`control.reverting`).
How it works: the store is asked once, for specifications and the whole of history as of one position; undoing every
change above a revision, newest first, gives the specifications of that revision. What the cluster itself writes (a
network that it found, a vote that it moved) is no administrator's change and keeps no former value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate.control.context import Context
from quorate.control.executor import unreadable
from quorate.control.specifications import class_of, object_change, plain
from quorate.core.cluster_view import ClusterView
from quorate.model import keys
from quorate.model.base import Damaged, decode
from quorate.model.enrolment import AuditRecord
from quorate.model.history import Difference, Edit, HistoryFloor, PastChangeView, PastValues, Plain, unpack
from quorate.model.problems import Problem, Refused, error
from quorate.model.records import Snapshot
from quorate.ports.store import StoreAlarm, StoreUnavailable

READ_LIMIT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Past:
    """One change as it was recorded."""

    id: str
    revision: int
    record: AuditRecord
    edits: tuple[Edit, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Chronology:
    """The whole of history, newest first, and the specifications as they are now."""

    revision: int
    floor: int
    changes: tuple[Past, ...]
    now: dict[str, Plain]

    def find(self, word: str) -> Past:
        """The change of that id or revision. Raises Refused."""
        wanted = word.upper()
        for change in self.changes:
            if change.id == wanted or (word.isdigit() and change.revision == int(word)):
                return change
        if word.isdigit() and int(word) <= self.floor:
            raise Refused([_forgotten(int(word), self.floor)])
        what, remedy = f"there is no change {word!r}", "quorate history list shows the revision and id of each"
        raise Refused([error("change_unknown", what, where="change", remedy=remedy)])

    def at(self, revision: int) -> dict[str, Plain]:
        """The specifications as of a revision of the store."""
        state = dict(self.now)
        for change in self.changes:
            if change.revision <= revision:
                break
            for edit in change.edits:
                if edit.before is None:
                    state.pop(edit.key, None)
                else:
                    state[edit.key] = edit.before
        return state


async def read_chronology(context: Context) -> Chronology:
    """All of history. Raises CannotNow, and Refused where a record is damaged."""
    try:
        snapshot = await context.store.read(
            keys=(keys.HISTORY_FLOOR,), prefixes=("spec/", keys.AUDIT, keys.PAST), timeout_s=READ_LIMIT_S
        )
    except (StoreUnavailable, StoreAlarm) as problem:
        raise unreadable(problem) from problem
    try:
        return _chronology(snapshot)
    except Damaged as damaged:
        remedy = "see which records are damaged with `quorate cluster status`; a backup has the rest"
        raise Refused([error("history_damaged", str(damaged), where=damaged.where, remedy=remedy)]) from damaged


def _chronology(snapshot: Snapshot) -> Chronology:
    changes, values, now, floor = list[Past](), dict[str, PastValues](), dict[str, Plain](), 0
    for item in snapshot.items:
        if item.key.startswith(keys.PAST):
            values[item.key.removeprefix(keys.PAST)] = decode(item.value, PastValues, item.key)
    for item in snapshot.items:
        if item.key.startswith(keys.AUDIT):
            own = item.key.removeprefix(keys.AUDIT)
            kept = values.get(own, PastValues())
            try:
                record = decode(item.value, AuditRecord, item.key)
            except Damaged:
                record = AuditRecord(at="", author="", verb="damaged", kind="record", object_id=own)
            edits = unpack(kept, keys.PAST + own)
            changes.append(Past(own, item.mod_revision, record, edits, kept.left_out))
        elif item.key == keys.HISTORY_FLOOR:
            floor = decode(item.value, HistoryFloor, item.key).revision
        elif (found := class_of(item.key)) is not None:
            now[item.key] = plain(decode(item.value, found[1], item.key))
    changes.sort(key=lambda change: change.revision, reverse=True)
    return Chronology(snapshot.position.revision, floor, tuple(changes), now)


async def show_change(context: Context, word: str) -> PastChangeView:
    """One change with former and new values. Raises Refused or CannotNow."""
    return change_view(context.view, (await read_chronology(context)).find(word))


def change_view(view: ClusterView, change: Past) -> PastChangeView:
    """A change in words of the cluster as it is."""
    record = change.record
    found = (object_change(view, edit.key, edit.before, edit.after) for edit in change.edits)
    return PastChangeView(
        id=change.id,
        revision=change.revision,
        at=record.at,
        author=record.author,
        reason=record.reason,
        what=f"{record.verb} {record.kind} {record.object_name}".strip(),
        detail=record.detail,
        objects=tuple(one for one in found if one is not None),
        values_kept=bool(change.edits),
    )


async def show_difference(context: Context, since: str, until: str, about: str) -> Difference:
    """What differs between two revisions (or changes by id); `until` empty: now. `about` names one object."""
    if not since:
        raise Refused([error("field_missing", "since is missing", where="since", remedy="give a revision or a change")])
    history = await read_chronology(context)
    first = _revision(history, since, "since")
    last = _revision(history, until, "until") if until else history.revision
    if last < first:
        first, last = last, first
    before, after = history.at(first), history.at(last)
    folded = about.casefold()
    found = []
    for key in sorted({*before, *after}):
        one = object_change(context.view, key, before.get(key), after.get(key))
        if one is not None and (not about or folded in {one.name.casefold(), key.rpartition("/")[2].casefold()}):
            found.append(one)
    gaps = tuple(
        f"revision {change.revision}: {change.left_out} objects, too many to be kept"
        for change in history.changes
        if change.left_out and first < change.revision
    )
    return Difference(since=first, until=last, objects=tuple(found), incomplete=gaps)


def _revision(history: Chronology, word: str, where: str) -> int:
    """The revision that is meant: a number, or the id of a change."""
    if not word.isdigit():
        return history.find(word).revision
    revision = int(word)
    if revision > history.revision:
        remedy = f"the newest is {history.revision}"
        raise Refused([error("revision_unknown", f"there is no revision {revision} yet", where=where, remedy=remedy)])
    if revision < history.floor:
        raise Refused([_forgotten(revision, history.floor)])
    return revision


def _forgotten(revision: int, floor: int) -> Problem:
    remedy = f"kept is what came after revision {floor}; see history_keep_days and history_keep_number"
    return error(
        "history_forgotten", f"what was before revision {revision} is forgotten", where="change", remedy=remedy
    )
