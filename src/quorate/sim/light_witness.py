"""Two voters and a light witness, simulated: logs, votes and configurations as raft has them, and one record.

Owns: a small raft of two members with stand-ins, the witness with late and lost swaps, and both checkers: whatever was
acknowledged is in the log of every later leader, and two nodes never lead one term. Does not know: when a node may go
on alone; it asks `core.lone_survivor`. Everything follows from one seed.

How it works: one event at a time, any that is possible, in any order: entries travel in part, members apply late, nodes
die and come back, cuts come and go, swaps execute after their sender gave up. Time does not matter here: every pause
that the real ones keep is allowed to be over at once.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from quorate.core.lone_survivor import Patience, Play, Situation, Stand, Swap, light_step
from quorate.model.base import replace
from quorate.model.light_witness import BOTH, CLOSED, LightRecord, following

PATIENCE = Patience(suspicion_s=0.0, behind_s=0.0)
EVENTS = 420


class Broken(Enum):
    """One rule of the protocol left out; each must be caught."""

    FORGET_APPLIED = "the record says both before the other has applied its vote and a change has needed both"
    THEIRS_AS_OWN = "a node goes on although the record names the other"
    UNKNOWN_IS_WON = "a swap whose outcome is unknown counts as won"
    PLAY_WITHOUT_SWAP = "a node that holds the record already plays without a swap of its own"
    REMOVE_IN_DOUBT = "a vote is taken away while a swap of one's own may still execute"
    REMOVE_FIRST = "a vote is taken away while the record says both"
    OLD_RECORD = "a record older than one that was seen is believed"
    OPEN_ANEW = "a record that has vanished is opened anew"
    FORCE = "the survivor starts anew on what it knows to be committed"

    __hash__ = object.__hash__


class Broke(AssertionError):
    """A promise was broken; the message says which."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a log. `kind`: write, empty, remove, learn, promote; `who` is the member whose vote is changed."""

    term: int
    id: int
    kind: str = "write"
    who: int = 0


@dataclass
class Member:
    """One node with its member of the store."""

    number: int
    up: bool = True
    log: list[Entry] = field(default_factory=list)
    term: int = 1
    leads: bool = False
    committed: int = 0
    applied: int = 0
    matched: int = 0
    """How much of its log the other is known to have."""
    plays: bool = False
    """An empty stand-in of the other runs here."""
    seen: int = 0
    won: LightRecord | None = None
    doubt: bool = False
    """A swap was not answered, nor one after it; so it is after every start too."""
    told: bool = False
    """The other has said that it has applied its vote."""
    joined: int = 0
    """How often it has joined anew, each time as another member: an old vote in a replayed log is not its own."""
    barrier: int = 0
    """The entry that was proposed after this node knew of both votes."""

    def votes(self) -> frozenset[int]:
        """Who votes, as this member has applied it."""
        found, own = {1, 2}, 0
        for entry in self.log[: self.applied]:
            if entry.kind == "promote":
                found.add(entry.who)
                own += entry.who == self.number
            elif entry.kind == "remove":
                found.discard(entry.who)
        return frozenset(found - {self.number} if own < self.joined else found)


class TwoAndWitness:
    """One run."""

    def __init__(self, seed: int, broken: Broken | None = None) -> None:
        self.chance = random.Random(seed)
        self.broken = broken
        self.members = {1: Member(1), 2: Member(2)}
        self.cut = False
        opened = LightRecord(cluster="c", generation=1, holder=BOTH, claim="first")
        self.record: LightRecord | None = opened if self.chance.random() < 0.8 else None
        self.late: list[tuple[LightRecord | None, LightRecord]] = []
        self.acknowledged: set[int] = set()
        self.leaders: dict[int, int] = {}
        self.fired: Counter[str] = Counter()
        self.ceding = 0
        self.calm = False
        self.history: list[LightRecord] = []
        self._ids = 0

    # ---------------------------------------------------------------- running

    def run(self) -> None:
        """All events. Raises Broke."""
        for _ in range(EVENTS):
            self._event()
        self.cut, self.ceding, self.calm = False, 0, True
        for member in self.members.values():
            self._start(member)
        for _ in range(400):
            self._calm()
        self._judge_end()

    def _event(self) -> None:
        chance, one = self.chance, self.members[self.chance.choice([1, 2])]
        what = chance.choices(
            [
                *("step", "elect", "replicate", "apply", "write", "cut", "heal", "die", "start", "late", "member"),
                *("cede", "roll back", "vanish"),
            ],
            [10, 5, 8, 8, 5, 1, 2, 1.2, 2, 1, 6, 0.5, 0.3, 0.15],
        )[0]
        match what:
            case "cut":
                self.cut = True
            case "heal":
                self.cut = False
            case "die":
                one.up, one.leads, one.plays, one.won, one.told, one.barrier, one.doubt = (
                    False, False, False, None, False, 0, True,
                )  # fmt: skip
            case "start":
                self._start(one)
            case "late" if self.late:
                self.execute_late()
            case "roll back":
                self._roll_back()
            case "cede":
                self.ceding = chance.choices([BOTH, 1, 2, CLOSED], [4, 4, 4, 1])[0]
            case "vanish":
                self._vanish()
            case _ if one.up:
                self._act(what, one)
            case _:
                pass

    def _act(self, what: str, one: Member) -> None:
        match what:
            case "step":
                self._light(one)
            case "elect":
                self._elect(one)
            case "replicate":
                self._replicate(one)
            case "apply":
                self._apply(one)
            case "write":
                self._propose(one, Entry(one.term, self._id()))
            case "member":
                self._membership(one)
            case _:
                pass

    def _roll_back(self) -> None:
        """The share is put back from before; both nodes have seen newer, or nobody could ever tell."""
        known = min(member.seen for member in self.members.values())
        older = [record for record in self.history if record.generation < known]
        if older:
            self.record = self.chance.choice(older)
            self.late.clear()  # what stands there now bears another mark than what was read
            self.fired["rolled back"] += 1

    def _vanish(self) -> None:
        """The record is lost altogether, and whoever has seen one may tell."""
        if self.record is not None and all(member.seen for member in self.members.values()):
            self.record = None
            self.late.clear()
            self.fired["vanished"] += 1

    # ---------------------------------------------------------------- for directed histories

    def execute_late(self) -> None:
        """One of the swaps that were given up reaches the witness."""
        expected, wanted = self.late.pop(self.chance.randrange(len(self.late)))
        if self.record == expected:
            self.record = wanted
            self.fired["executed late"] += 1

    def elect(self, one: Member) -> None:
        """It stands for election."""
        self._elect(one)

    def take_turn(self, one: Member) -> None:
        """Everything that a member may do, once."""
        for what in ("step", "replicate", "apply", "member"):
            self._act(what, one)

    def write(self, one: Member) -> None:
        """A client writes there."""
        self._act("write", one)

    # ---------------------------------------------------------------- events

    def _calm(self) -> None:
        one = self.members[self.chance.choice([1, 2])]
        self._act(self.chance.choice(["step", "elect", "replicate", "apply", "member", "step"]), one)

    def _start(self, member: Member) -> None:
        member.up = True

    def _id(self) -> int:
        self._ids += 1
        return self._ids

    def _other(self, one: Member) -> Member:
        return self.members[3 - one.number]

    def _connected(self, one: Member) -> bool:
        return one.up and self._other(one).up and not self.cut

    # ---------------------------------------------------------------- a small raft

    def _elect(self, one: Member) -> None:
        if one.leads and self._has_majority(one):
            return
        other, votes = self._other(one), one.votes()
        if one.number not in votes or (not one.log and self._was_removed(one)):
            return
        term, supporters = one.term + 1, {one.number}
        if other.number in votes and one.plays:
            supporters.add(other.number)  # an empty stand-in votes for any log
        elif other.number in votes and self._connected(one) and not (other.leads and self._has_majority(other)):
            if other.term >= term:
                term = other.term + 1
            if _reach(one.log) >= _reach(other.log):
                supporters.add(other.number)
                other.term, other.leads = term, False
        if len(supporters) <= len(votes) // 2:
            return
        former = self.leaders.setdefault(term, one.number)
        if former != one.number:
            raise Broke(f"nodes {former} and {one.number} both lead term {term}")
        one.term, one.leads, one.matched = term, True, 0
        lost = self.acknowledged - {entry.id for entry in one.log}
        if lost:
            raise Broke(f"node {one.number} leads term {term} without what was acknowledged: {sorted(lost)}")
        self.fired["elected"] += 1
        one.log.append(Entry(term, self._id(), "empty"))

    def _has_majority(self, one: Member) -> bool:
        votes = one.votes()
        here = {one.number} & votes
        if one.plays or (self._connected(one) and self._other(one).term <= one.term):
            here |= votes - {one.number}
        return len(here) > len(votes) // 2

    def _replicate(self, one: Member) -> None:
        """The leader sends some of its log."""
        other = self._other(one)
        if not one.leads:
            return
        if one.plays:
            one.matched = len(one.log)
        elif self._connected(one) and other.term <= one.term and self._knows(one, other.number):
            other.leads, other.term = False, one.term
            common = 0
            while common < min(len(one.log), len(other.log)) and one.log[common] == other.log[common]:
                common += 1
            upto = self.chance.randint(common, len(one.log))
            if upto > common or len(other.log) > len(one.log):
                other.log = one.log[:upto]
            one.matched = upto
            other.committed = max(other.committed, min(one.committed, upto))
        self._commit(one)

    def _knows(self, one: Member, number: int) -> bool:
        """It is a voter or a learner in what the leader has applied."""
        known = {1, 2}
        for entry in one.log[: one.applied]:
            if entry.kind in {"learn", "promote"}:
                known.add(entry.who)
            elif entry.kind == "remove":
                known.discard(entry.who)
        return number in known

    def _commit(self, one: Member) -> None:
        if not one.leads:
            return
        votes = one.votes()
        reach = len(one.log) if votes == {one.number} else min(len(one.log), one.matched)
        if one.number not in votes or reach <= one.committed or one.log[reach - 1].term != one.term:
            return
        one.committed = reach
        self.acknowledged |= {entry.id for entry in one.log[:reach]}

    def _apply(self, one: Member) -> None:
        one.applied = max(one.applied, self.chance.randint(one.applied, max(one.applied, one.committed)))
        if one.leads and one.votes() == {one.number}:
            self._commit(one)

    def _propose(self, one: Member, entry: Entry) -> int:
        if not one.leads:
            return 0
        one.log.append(entry)
        self._commit(one)
        return len(one.log)

    # ---------------------------------------------------------------- who votes

    def _was_removed(self, one: Member) -> bool:
        other = self._other(one)
        return other.votes() == {other.number}

    def _membership(self, one: Member) -> None:
        """What a leader does for the other's vote, as the vote keepers do."""
        other = self._other(one)
        if not one.leads:
            return
        pending = _changes_votes(one)
        if pending or one.plays:
            if one.plays and not pending and other.number in one.votes():
                self._propose(one, Entry(one.term, self._id(), "remove", other.number))
            elif one.plays and other.number not in one.votes():
                one.plays = False
                self.fired["went on alone"] += 1
            return
        if other.number in one.votes():
            named = self.record is not None and self.record.holder == one.number
            allowed = named and (not one.doubt or self.broken is Broken.REMOVE_IN_DOUBT)
            if self.ceding == one.number and (allowed or self.broken is Broken.REMOVE_FIRST):
                self._propose(one, Entry(one.term, self._id(), "remove", other.number))
                self.fired["vote taken away"] += 1
            return
        if not self._connected(one) or self.ceding:
            return
        if not self._knows(one, other.number):
            other.log, other.committed, other.applied, other.term = [], 0, 0, one.term  # retired, and joins anew
            other.leads, other.told, other.barrier, other.won = False, False, 0, None
            other.joined += 1
            self._propose(one, Entry(one.term, self._id(), "learn", other.number))
        elif one.matched >= len(one.log) * 0.9:
            self._propose(one, Entry(one.term, self._id(), "promote", other.number))

    # ---------------------------------------------------------------- the witness

    def _light(self, one: Member) -> None:
        other = self._other(one)
        votes = one.votes()
        own = "both" if votes == {1, 2} else "alone" if votes == {one.number} else "other"
        if not one.log and self._was_removed(one):
            own = "other"
        leads = self._has_leader(one) if self.calm or self.chance.random() < 0.95 else False
        self._learn(one, other, own == "both")
        record = self.record
        if self.broken is Broken.THEIRS_AS_OWN and record is not None and record.holder == other.number and not leads:
            record = replace(record, holder=BOTH)
        believes = self.broken is Broken.FORGET_APPLIED
        vanished = self.broken is Broken.OPEN_ANEW and record is None
        held = record is not None and record.holder == one.number and self.broken is Broken.PLAY_WITHOUT_SWAP
        step = light_step(
            Situation(
                node=one.number,
                record=record,
                seen=0 if self.broken is Broken.OLD_RECORD or vanished else one.seen,
                reached=self.calm or self.chance.random() < 0.9,
                leads=leads,
                silent_s=1.0,
                head_start=True,
                voters=own,  # type: ignore[arg-type]
                applied=believes or one.told,
                confirmed=believes or bool(one.barrier and one.committed >= one.barrier and not _changes_votes(one)),
                wanted=self.ceding,
                coordinates=one.leads,
                doubt=one.doubt and self.broken is not Broken.REMOVE_IN_DOUBT,
            ),
            PATIENCE,
            record if held else one.won,
        )
        one.seen = max(one.seen, self.record.generation if self.record is not None else 0)
        match step:
            case Swap(holder=holder) if not one.plays:
                self._swap(one, holder, alone=not leads)
            case Play() if not one.plays:
                one.plays, one.leads = True, False
                self.fired["played"] += 1
                if self.broken is Broken.FORCE:
                    del one.log[one.committed :]
            case Stand():
                self.fired["stood still"] += 1
            case _:
                pass

    def _has_leader(self, one: Member) -> bool:
        if one.leads:
            return self._has_majority(one)
        other = self._other(one)
        return self._connected(one) and other.leads and self._has_majority(other) and other.term >= one.term

    def _learn(self, one: Member, other: Member, both: bool) -> None:
        """What the holder must know before the record may say both again."""
        if not (one.leads and both and self._connected(one)):
            one.told, one.barrier = False, 0
            return
        one.told = one.told or other.votes() == {1, 2}
        if not one.barrier:
            one.barrier = self._propose(one, Entry(one.term, self._id()))

    def _swap(self, one: Member, holder: int, *, alone: bool) -> None:
        expected = self.record
        wanted = following(expected, one.seen, cluster="c", holder=holder, claim=f"{one.number}-{self._id()}")
        one.won = None
        fate = self.chance.choices(["done", "answer lost", "late"], [8, 1, 1])[0]
        if fate == "late":
            self.late.append((expected, wanted))
        else:
            self.record = wanted
            self.history.append(wanted)
        one.doubt = fate != "done"
        if fate == "done":
            one.won = wanted if alone else None
            self.fired["both again" if holder == BOTH else "swapped"] += 1
        elif self.broken is Broken.UNKNOWN_IS_WON and alone and one.up:
            one.plays, one.leads = True, False
        elif fate == "answer lost" and alone:
            one.won = wanted if self.record == wanted else None  # its own claim is read back
        self.fired[fate] += 1

    # ---------------------------------------------------------------- at the end

    def _judge_end(self) -> None:
        if not any(self._has_leader(member) for member in self.members.values()):
            raise Broke("nobody leads although everything is whole again")


def _changes_votes(one: Member) -> bool:
    """A change of votes is on its way."""
    return any(entry.kind in {"remove", "learn", "promote"} for entry in one.log[one.applied :])


def _reach(log: list[Entry]) -> tuple[int, int]:
    return (log[-1].term if log else 0, len(log))
