"""What would follow: the coordinator's own engine, run forward on an imagined replica (design §5).

Owns: the loop of decisions and answers, and what is told of it: steps in their order, and what ends without a place.
Pure. Does not know: what is imagined (`imagined`), or words for people.
How it works: batches are decided as the coordinator decides them, written into the copy, and every living owner
does at once what it is told (`foreseen_owner`). A node that is being stopped goes when no group leaves it any more.
That goes on until nothing changes. Time stands still: what waits for an hour, a delay or a person still waits at the
end. Steps that would come without the change are marked so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from quorate.core.authority.frame import attestation_of
from quorate.core.cluster_view import ClusterView
from quorate.core.failover.batch import decide_batch, intent_after
from quorate.core.failover.deciding import decide
from quorate.core.failover.decision import Decision
from quorate.core.foreseen_owner import at_rest, carried_out
from quorate.core.moment import Moment
from quorate.core.placement.scene import Scene
from quorate.core.quorum_outlook import holds_without
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.base import replace as altered
from quorate.model.records import Change, Position
from quorate.model.workload import Assignment, Reason, as_wanted, desired

What = Literal["place", "move", "hold", "stay", "stop", "start"]

ROUNDS_MOST: Final = 400
"""Batches until it is given up; a cluster that needs more would never come to rest."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would be decided, or done by an owner.

    *place*: a group gets its first owner; *move*: it goes from `source` to `target`; *hold*: it is kept down on
    `target`; *stay*: it stays with its owner, for the reasons given; *stop* and *start*: resources on `target`.
    """

    group: str
    what: What
    source: int = 0
    target: int = 0
    cause: str = ""
    reasons: tuple[Reason, ...] = ()
    resources: tuple[str, ...] = ()
    """Ids of those that stop or start, in this order."""
    anyway: bool = False
    """It would come without the change as well."""


@dataclass(frozen=True, slots=True)
class Unserved:
    """A group that should be online and is not, in the end."""

    group: str
    node: int
    waits: tuple[Reason, ...]
    before: bool
    """It is so now already."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """What would follow, in order; `settled` is False where no end was found."""

    steps: tuple[Step, ...]
    unserved: tuple[Unserved, ...]
    settled: bool
    waiting: tuple[Unserved, ...] = ()
    """Groups that are as they should be where they are, and would wait to go elsewhere as they do not now."""


Usual = frozenset[tuple[str, What, int, int]]


def usual_steps(present: ClusterView, moment: Moment) -> Usual:
    """The steps that come without any change, to tell them from those of one."""
    steps = _Run(present.imagine(()), moment).forward(leads=True).steps
    return frozenset((step.group, step.what, step.source, step.target) for step in steps)


def foresee(
    present: ClusterView, imagined: ClusterView, moment: Moment, *, leads: bool = True, usual: Usual | None = None
) -> Foresight:
    """What follows in `imagined`, a copy of `present` with the change in it; the copy is used up.

    Without `leads` nobody can decide: owners alone act. `usual`: as `usual_steps` has it, where it is known already.
    """
    usual = usual_steps(present, moment) if usual is None else usual
    found = _Run(imagined, moment).forward(leads=leads)
    now = {group for group in present.groups if _lacks(present, group)}
    scene = Scene(present, moment.wall_s)
    return Foresight(
        tuple(replace(step, anyway=(step.group, step.what, step.source, step.target) in usual) for step in found.steps),
        tuple(replace(one, before=one.group in now) for one in found.unserved),
        found.settled,
        tuple(one for one in found.waiting if one.waits != _waits_now(scene, one.group, moment)),
    )


def _waits_now(scene: Scene, group: str, moment: Moment) -> tuple[Reason, ...]:
    known = scene.view.groups.get(group)
    return decide(scene, known.record, moment).waits if known is not None else ()


def _lacks(view: ClusterView, group: str) -> bool:
    """Something of the group should be online and is not."""
    intent, known = view.intent(group), view.assignments.get(group)
    wanted = [spec for spec in view.members_of.get(group, {}).values() if desired(spec, intent)]
    fact = view.fact(known.record) if known is not None and view.owner_lives(known.record) else None
    return bool(wanted) and (fact is None or not as_wanted(wanted, intent, fact))


class _Run:
    """One run forward on a copy that is its own."""

    def __init__(self, view: ClusterView, moment: Moment) -> None:
        self.view = view
        self.view.apply(Position(view.position.generation, view.position.revision + 1), ())  # past what is imagined
        self.moment = moment
        self.steps: list[Step] = []
        self.waits: dict[str, tuple[Reason, ...]] = {}
        self.decided = True
        """Somebody could decide until the end."""

    def forward(self, *, leads: bool) -> Foresight:
        """Decide and answer until nothing changes."""
        view = self.view
        due = set(view.groups)
        self._fall()
        self._answer(due)
        view.touched.clear()
        view.touched_all = False
        settled = not leads
        self.decided = leads
        for _ in range(ROUNDS_MOST if leads else 0):
            batch = decide_batch(view, due & view.groups.keys(), self.moment, take=lambda *_: True)
            for group, verdict in batch.verdicts.items():
                self.waits[group] = verdict.waits
            if not batch.decisions:
                if not self._leave():
                    settled = True
                    break
                due = set(view.groups)
                if not self._led():
                    settled, self.decided = True, False
                    break
                continue
            for decision in batch.decisions:
                self._told(decision)
            self._write(change for decision in batch.decisions for change in self._written(decision))
            self._answer({decision.assignment.group for decision in batch.decisions})
            due = set(batch.left) | view.touched | {group for group, waits in self.waits.items() if waits}
            view.touched.clear()
        unserved = tuple(
            Unserved(group, known.record.owner if known is not None else 0, self._why(group), before=False)
            for group in sorted(view.groups, key=lambda group: view.groups[group].record.name.casefold())
            if _lacks(view, group)
            for known in [view.assignments.get(group)]
        )
        lacking = {one.group for one in unserved}
        waiting = tuple(
            Unserved(group, view.assignments[group].record.owner, waits, before=False)
            for group, waits in sorted(self.waits.items())
            if waits and group in view.assignments and group not in lacking
        )
        return Foresight(tuple(self.steps), unserved, settled, waiting)

    def _fall(self) -> None:
        """A silent node of which somebody has said that it is off is declared down by that (rule 10)."""
        records: list[tuple[str, Value]] = []
        for node, known in sorted(self.view.authority.up().items()):
            said = attestation_of(known.record)
            if said is not None:
                down = altered(known.record, state="down", mark=None, proof=said.kind, attestation=said)
                records.append((keys.member(node), down))
        self._write(records)

    def _leave(self) -> bool:
        """Nodes that are being stopped, and that no group leaves any more, end what is left and go (spec/02 §7.4)."""
        view = self.view
        going = [n for n, known in sorted(view.authority.up().items()) if view.node_intent(n).stopping]
        records: list[tuple[str, Value]] = []
        for node in going:
            record = view.authority.members[node].record
            self._ends(node, record.incarnation)
            records.append((keys.member(node), altered(record, state="down", mark=None, proof="released")))
        self._write(records)
        return bool(going)

    def _ends(self, node: int, incarnation: str) -> None:
        for group, known in sorted(self.view.assignments.items()):
            now = known.record
            if now.owner == node and now.incarnation == incarnation and group in self.view.groups:
                self._does(group, altered(now, phase="stop"))

    def _led(self) -> bool:
        """Somebody is left who can decide."""
        return bool(self.view.authority.up()) and (
            not self.view.authority.voters or holds_without(self.view, frozenset())
        )

    def _why(self, group: str) -> tuple[Reason, ...]:
        """What it waits for; on hold, also the reason of that; and that nobody decides, where that is so."""
        known = self.view.assignments.get(group)
        held = known.record.reasons if known is not None and known.record.phase == "hold" else ()
        nobody = () if self.decided else (Reason(code="no_majority"),)
        return tuple(dict.fromkeys((*held, *self.waits.get(group, ()), *nobody)))

    # ---------------------------------------------------------------- decisions

    def _written(self, decision: Decision) -> Iterable[tuple[str, Value]]:
        made = decision.assignment
        yield keys.ASSIGNMENT + made.group, made
        intent = intent_after(self.view, decision)
        if intent is not None:
            yield keys.INTENT_GROUP + made.group, intent

    def _told(self, decision: Decision) -> None:
        made = decision.assignment
        known = self.view.assignments.get(made.group)
        former = known.record if known is not None else None
        if former is None:
            self._step(made, "hold" if made.phase == "hold" else "place", 0, made.owner)
        elif former.number == made.number:
            new = made.reasons[len(former.reasons) :]
            if new:
                self.steps.append(Step(made.group, "stay", made.owner, made.owner, made.cause, new))
        elif made.phase == "stop":
            self._step(made, "move", made.owner, made.to)
        elif made.phase == "hold":
            self._step(made, "hold", former.owner, made.owner)
        elif former.phase == "stop" and former.to == made.owner:
            return  # the second half of a move that has been told
        else:
            self._step(made, "stay" if former.owner == made.owner else "move", former.owner, made.owner)

    def _step(self, made: Assignment, what: What, source: int, target: int) -> None:
        self.steps.append(Step(made.group, what, source, target, made.cause, made.reasons))

    # ---------------------------------------------------------------- answers

    def _answer(self, groups: Iterable[str]) -> None:
        """Every living owner does at once what is wanted of it."""
        facts: list[tuple[str, Value]] = []
        for group in sorted(groups):
            known = self.view.assignments.get(group)
            if known is None or group not in self.view.groups or not self.view.owner_lives(known.record):
                continue
            now = known.record
            if at_rest(self.view, now):
                continue
            facts.append((keys.fact_group(now.owner, group), self._does(group, now)))
        self._write(facts)

    def _does(self, group: str, now: Assignment) -> Value:
        """What its owner does under that assignment; its last word."""
        fact, done = carried_out(self.view, now, self.moment.wall_s)
        self.steps += [Step(group, one.what, now.owner, now.owner, resources=one.resources) for one in done]
        return fact

    def _write(self, records: Iterable[tuple[str, Value]]) -> None:
        revision = self.view.position.revision + 1
        made = [Change(key, encode(value), revision) for key, value in records]
        if made:
            self.view.apply(Position(self.view.position.generation, revision), made)
