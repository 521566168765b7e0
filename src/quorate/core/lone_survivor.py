"""Two voters and a light witness: which of them may go on alone, and when (design §3).

Owns: the record on the witness as a value, who may write what into it, and the steps of one node. Does not know: how a
record is kept, etcd, authority. Pure.

How it works: the record says *both*, or the one node that may form a majority without the other. Both: every change
needed both copies, so either has everything, and whichever swaps the record first may go on alone. One: that one may
have changes that the other lacks; the other stands still, whatever it sees, and only that one writes the record.

A survivor that has won keeps its member running and lets an empty stand-in take the other's place for as long as it
takes to be elected and to remove the other. With two voters every majority contains the survivor itself, so nothing
that is said in the other's name can decide anything twice. Before it plays, an *answered* swap of its own makes void
whatever it sent before: a *both* of its own that executes late would let the other go on without its changes.

The record says *both* again only when the other has said that it has applied its own vote, and a change that was made
after the holder knew of both votes was answered: that one needed both copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from quorate.model.light_witness import BOTH, CLOSED, LightRecord


@dataclass(frozen=True, slots=True)
class Situation:
    """What one node knows at one moment. All of it about the two that vote, this one and the other."""

    node: int
    record: LightRecord | None
    """As last read; None where there is none."""
    seen: int
    """The highest generation that this node has ever seen: an older record is a rolled-back copy."""
    reached: bool
    """The witness answered the last question."""
    leads: bool
    """The store answers: this node's member has a leader."""
    silent_s: float
    """How long the other node has not been heard and the store not answered."""
    head_start: bool
    """This node owns groups, or the other is known to own none."""
    voters: Literal["alone", "both", "other"]
    """This node's own member, as its own data have it: the only voter; one of two; or nothing of the kind."""
    applied: bool = False
    """The other says, in its present life, that it has applied its own vote."""
    confirmed: bool = False
    """A change made after this node knew of both votes was answered, and no change of votes is under way."""
    wanted: int = BOTH
    """What the record shall say: BOTH, CLOSED where the witness is given up, or the node whose vote alone stays."""
    coordinates: bool = False
    doubt: bool = False
    """A swap of this node's was never answered, and no later one of its own was: it may execute still."""


@dataclass(frozen=True, slots=True)
class Swap:
    """Replace the record, if it is still the one that was read."""

    holder: int


@dataclass(frozen=True, slots=True)
class Play:
    """The swap was answered and won: form a majority with a stand-in, and remove the other."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Nothing may be done; why, for people."""

    why: str


Step = Swap | Play | Stand


def may_take_vote(now: Situation) -> bool:
    """The other's vote may be taken away: the record names this node, and nothing of its own can change that late."""
    named = now.record is not None and now.record.holder == now.node
    return now.leads and named and not now.doubt and now.voters == "both"


@dataclass(frozen=True, slots=True)
class Patience:
    """Times of one node, in seconds."""

    suspicion_s: float
    behind_s: float
    """How much longer a node without groups waits than one that has some."""


def light_step(now: Situation, patience: Patience, won: LightRecord | None) -> Step | None:
    """What to do now; None where all is well.

    `won` is the record of the swap that this node sent last for going on alone, once it was *answered* as done; None
    from the moment another swap is sent.
    """
    if not now.reached:
        return Stand("the witness does not answer") if not now.leads else None
    if now.record is None and now.seen:
        # Nobody can tell what it said, or who acts on it: only a person opens another, after both have let go of it.
        return Stand("the witness has lost its record")
    if now.record is not None and now.record.generation < now.seen:
        return Stand("the witness holds an older record than this node has seen")
    return _with_store(now) if now.leads else _without_store(now, patience, won)


def _with_store(now: Situation) -> Step | None:
    """The store answers: the record follows the votes."""
    record = now.record
    whole = now.voters == "both" and now.applied and now.confirmed
    if record is None or record.holder == CLOSED:
        opens = now.wanted != CLOSED and (now.voters == "alone" or (whole and now.coordinates))
        return Swap(now.node) if opens else None
    if record.holder == now.wanted:
        # Before a vote is taken away: a *both* of this node's own that executes late must find another record.
        return Swap(now.node) if now.wanted == now.node and now.doubt and now.voters == "both" else None
    if record.holder == BOTH:
        return Swap(now.wanted) if now.coordinates or now.wanted == now.node else None
    if record.holder != now.node:
        return None  # only the holder knows what else it has done
    return Swap(now.wanted) if whole or now.wanted == CLOSED else None


def _without_store(now: Situation, patience: Patience, won: LightRecord | None) -> Step | None:
    record = now.record
    if now.voters != "both":
        return None if now.voters == "alone" else Stand("this node's copy has no vote: it may lack changes")
    if record is None:
        return Stand("the witness has no record of this cluster")
    if record.holder not in {BOTH, now.node}:
        return Stand(f"node {record.holder} may have changes that this node lacks")
    if now.silent_s < patience.suspicion_s + (0.0 if now.head_start else patience.behind_s):
        return Stand("the other node may still be heard")
    if won is not None and won == record:
        return Play()
    return Swap(now.node)
