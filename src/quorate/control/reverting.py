"""Taking a past change back, as a change like others: validated, guarded, audited, and itself in the history (0072).

Owns: which ordinary commands undo a change, what later changes stand in the way, and the one transaction made of them.
Does not know: what those commands demand; each of them refuses as it would refuse an administrator.
How it works: only the fields that the change touched are put back, so later changes to other fields stay. The commands
run one after the other on an imagined replica; guards on keys that an earlier one of them writes fall away, everything
else they demand goes into one transaction. In the end the imagined objects must be what the change found: what no
command can bring about (a node's number, a raised level) is refused by that comparison.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate.control.change import Change, Done, Occasion, audited
from quorate.control.composing import Composed
from quorate.control.context import Context
from quorate.control.executor import execute
from quorate.control.history_reading import Chronology, Past, read_chronology
from quorate.control.revert_steps import Steps, steps_of
from quorate.control.specifications import class_of, differing, flat, plain_now, title
from quorate.control.types import TypeCatalogue
from quorate.core.cluster_view import ClusterView
from quorate.model.history import Edit, Plain
from quorate.model.problems import Problem, Refused, Severity, error, warning


async def revert_change(context: Context, word: str, occasion: Occasion, *, force: bool) -> Done:
    """Undo the change of that id or revision. Raises as `execute` does; Refused has everything in the way."""
    history = await read_chronology(context)
    past = history.find(word)
    types = context.types

    def command(view: ClusterView, occasion: Occasion) -> Change[Done]:
        return revert(view, history, past, occasion, types, force=force)

    return await execute(context, command, occasion)


def revert(
    view: ClusterView, history: Chronology, past: Past, occasion: Occasion, types: TypeCatalogue, *, force: bool
) -> Change[Done]:
    """The change that undoes `past`. Raises Refused."""
    record = past.record
    if not past.edits:
        why = "its values were too many to be kept" if past.left_out else "it changed no specification"
        remedy = "use the opposite command, or restore a backup: quorate cluster restore"
        raise Refused([error("nothing_to_revert", f"revision {past.revision}: {why}", where="change", remedy=remedy)])
    problems, wanted = list[Problem](), dict[str, Plain | None]()
    for edit in past.edits:
        wanted[edit.key] = _wanted(view, history, past, edit, problems, force=force)
    stopping = [problem for problem in problems if problem.severity is Severity.ERROR]
    if stopping:
        raise Refused(stopping)
    composed = Composed(view)
    for step in steps_of(Steps(view, wanted, types)):
        _take(composed, step, occasion, stopping)
    if not stopping:
        stopping += _left(composed.view, wanted)
    if stopping:
        raise Refused(list(dict.fromkeys(stopping)))
    done = Done(
        id=record.object_id,
        name=record.object_name or record.object_id,
        changed=bool(composed.writes),
        warnings=tuple(problems),
    )
    change = Change(tuple(composed.guards.values()), tuple(composed.writes.values()), done)
    if not composed.writes:
        return change
    detail = f"took back revision {past.revision}: {record.verb} {record.kind} {record.object_name}, by {record.author}"
    return audited(
        change, occasion, verb="revert", kind=record.kind, object_id=record.object_id, object_name=record.object_name,
        detail=detail,
    )  # fmt: skip


def _take(
    composed: Composed, step: Callable[[ClusterView, Occasion], Change[Done]], occasion: Occasion, found: list[Problem]
) -> None:
    try:
        composed.add(step(composed.view, occasion))
    except Refused as refused:
        found += refused.problems


def _wanted(
    view: ClusterView, history: Chronology, past: Past, edit: Edit, problems: list[Problem], *, force: bool
) -> Plain | None:
    """What the object shall be: as now, with the fields of the change as they were before it."""
    now, name = plain_now(view, edit.key), title(edit.key, edit.before, edit.after)
    kind = (class_of(edit.key) or ("object",))[0].replace("_", " ")
    if edit.before is not None and now is None and edit.after is not None:
        what, remedy = f"{kind} {name} is gone", "take its deletion back first"
        problems.append(error("object_gone", what + _by(history, past, edit.key), where=name, remedy=remedy))
        return None
    if edit.after is None and now is not None:
        if now != edit.before:
            problems.append(_in_the_way(f"{kind} {name} is there again", history, past, edit.key, name, force=force))
        return edit.before
    if now is None:
        return edit.before
    new, present = flat(edit.key, edit.after), flat(edit.key, now)
    if edit.before is None:
        later = differing(new, present)
        if later:
            what = f"{kind} {name} was changed since: {', '.join(later)}"
            problems.append(_in_the_way(what, history, past, edit.key, name, force=force))
        return None
    old = flat(edit.key, edit.before)
    for field in differing(old, new):
        if present.get(field) not in (old.get(field), new.get(field)):
            what = f"{field} of {kind} {name} was changed since"
            problems.append(_in_the_way(what, history, past, edit.key, name, force=force))
    return _merged(edit, now)


def _merged(edit: Edit, now: Plain) -> Plain:
    """The present object with the fields that the change touched as they were before."""
    before, after, made = edit.before or {}, edit.after or {}, dict(now)
    for field in dict.fromkeys((*before, *after)):
        old, new = before.get(field), after.get(field)
        if old == new:
            continue
        if isinstance(old, dict) or isinstance(new, dict):
            table = dict(made.get(field, {}))
            for entry in dict.fromkeys((*(old or {}), *(new or {}))):
                if (old or {}).get(entry) == (new or {}).get(entry):
                    continue
                if entry in (old or {}):
                    table[entry] = (old or {})[entry]
                else:
                    table.pop(entry, None)
            made[field] = table
        elif field in before:
            made[field] = old
        else:
            made.pop(field, None)
    return made


def _left(view: ClusterView, wanted: dict[str, Plain | None]) -> list[Problem]:
    """What the commands could not bring about."""
    found = []
    for key, value in wanted.items():
        now = plain_now(view, key)
        fields = differing(flat(key, value), flat(key, now))
        if fields or (value is None) != (now is None):
            kind, name = (class_of(key) or ("object",))[0].replace("_", " "), title(key, value, now)
            told = ", ".join(fields) if value is not None and now is not None else "its being there"
            remedy = "use the command of that object, or restore a backup: quorate cluster restore"
            found.append(
                error("cannot_revert", f"{told} of {kind} {name} cannot be taken back", where=name, remedy=remedy)
            )
    return found


def _in_the_way(what: str, history: Chronology, past: Past, key: str, name: str, *, force: bool) -> Problem:
    told = what + _by(history, past, key)
    if force:
        return warning("changed_since", f"{told}; that is lost", where=name, remedy="quorate history show has it")
    remedy = "take the later change back first, or give that up"
    return error("changed_since", told, where=name, remedy=remedy, override="--force")


def _by(history: Chronology, past: Past, key: str) -> str:
    later = [
        f"revision {change.revision} by {change.record.author}"
        for change in reversed(history.changes)
        if change.revision > past.revision and any(edit.key == key for edit in change.edits)
    ]
    return f" ({', '.join(later[-3:])})" if later else " (not by an administrator)"
