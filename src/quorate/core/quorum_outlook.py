"""What the quorum is now, what each further loss would do, and what stands against the quorum storage.

Owns: these answers, from the replica alone. Does not know: words for people, except where a problem is one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.light_view import light_trouble, may_go_on_alone
from quorate.core.reasons import node_name
from quorate.core.votes import further_losses, has_majority, majority_of
from quorate.model.quorum import LIGHT_KINDS, QUORUM_VOTER

QUORUM_RESOURCE = "quorum resource"


def voter_name(view: ClusterView, voter: int) -> str:
    """How people call a voter."""
    return QUORUM_RESOURCE if voter == QUORUM_VOTER else node_name(view, voter)


def storage_objection(view: ClusterView) -> str:
    """Why the quorum storage must not get a vote now; empty where every node that is up sees the same storage."""
    if view.quorum_spec.kind == "witness":
        return _witness_objection(view)
    if view.quorum_spec.kind in LIGHT_KINDS:
        return ""  # nothing lies there that could get a vote
    holder = view.quorum_holder()
    for node in sorted(view.authority.up()):
        name, fact = node_name(view, node), view.quorum_fact(node)
        if fact is None:
            return f"{name} has not looked at the quorum storage yet"
        if not fact.reached or fact.code:
            return f"{name} cannot use the quorum storage: {fact.problem or 'no answer'}"
        if fact.holds and node != holder:
            return f"{node_name(view, holder)} and {name} each control a storage of their own: it is not shared"
        if holder and fact.sees != holder:
            return f"{name} does not see the claim of {node_name(view, holder)} on it: perhaps it is not shared"
    return ""


def _witness_objection(view: ClusterView) -> str:
    """A witness that one node does not reach helps the others all the same; one that nobody reaches helps nobody."""
    told = view.quorum_told()
    if told is not None:
        return ""
    first = next((fact for node in sorted(view.authority.up()) if (fact := view.quorum_fact(node))), None)
    return f"no node reaches the witness: {first.problem}" if first is not None else "no node has asked the witness yet"


def storage_trouble(view: ClusterView) -> str:
    """What is wrong with the quorum storage while it votes; empty where nothing is."""
    if view.quorum_spec.model == "light_witness":
        return light_trouble(view)
    objection = storage_objection(view)
    if objection or view.quorum_spec.kind != "witness":
        return objection
    told = view.quorum_told()
    if told is not None and not told.runs:
        return f"the witness answers, and its member does not run: {told.problem}"
    for node in sorted(view.authority.up()):
        fact = view.quorum_fact(node)
        if fact is not None and not fact.reached:
            return f"{node_name(view, node)} does not reach the witness: {fact.problem}"
    return ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The quorum as it is."""

    voters: frozenset[int]
    up: frozenset[int]
    needed: int
    further: int
    """So many voters more may go, whichever they are; negative where a majority is missing now."""


def outlook(view: ClusterView) -> Outlook:
    """The quorum as it is."""
    voters = view.authority.voters
    up = view.voters_up()
    return Outlook(voters, up, majority_of(len(voters)), further_after(view, frozenset()))


def further_after(view: ClusterView, lost: frozenset[int]) -> int:
    """How many voters more may go, whichever they are, when these have gone; negative where a majority is missing.

    A light witness has no vote, and lets one of two go on alone as long as it is not lost itself.
    """
    left = left_after(view, lost)
    further = further_losses(view.authority.voters, left)
    lets = view.quorum_spec.model == "light_witness" and QUORUM_VOTER not in lost
    if further == 0 and lets and all(holds_without(view, lost | {voter}) for voter in left):
        further = min(1, len(left) - 1)
    return further


def left_after(view: ClusterView, lost: Iterable[int]) -> frozenset[int]:
    """The voters that would be up when these have gone, for good.

    The quorum resource's vote outlives the node that runs it where another node reaches its storage: that one takes
    it over. Lost itself, it is gone.
    """
    gone = set(lost)
    left = set(view.voters_up()) - gone
    holder = view.quorum_holder()
    if QUORUM_VOTER in left and holder in gone:
        heirs = (node for node in view.authority.up() if node not in gone)
        if not any((fact := view.quorum_fact(node)) is not None and fact.reached for node in heirs):
            left.discard(QUORUM_VOTER)
    return frozenset(left)


def holds_without(view: ClusterView, lost: Iterable[int]) -> bool:
    """Whether a majority would be left, or one that a light witness lets go on alone (QU-15)."""
    left = left_after(view, lost)
    return has_majority(view.authority.voters, left) or (
        len(left) == 1 and len(view.authority.voters) == 2 and may_go_on_alone(view, next(iter(left)))
    )
