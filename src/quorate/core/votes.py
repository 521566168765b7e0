"""Votes of the store: what may still be lost, and which single step, if any, should be taken next (design §3).

Owns: the arithmetic of votes, and the order of steps by which voters come and go. Does not know: etcd, processes,
authority. Pure: the same picture gives the same step; every step may be repeated and interrupted anywhere.

How it works: a vote is about to change from the moment that is recorded as *pending* until the record says how it
ended, and at most one vote is pending at a time. In between whatever is proved from votes must hold with and without
it. Votes are static unless a change raises the number of further losses survived: two dead voters of five go together;
removing one dead voter of three gains nothing and would lock its return out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from quorate.model.quorum import QUORUM_VOTER, QuorumModel

VOTERS_MOST: Final = 7
"""More make every write slower and no loss more survivable; further nodes are full nodes without one (design §3)."""

LIGHT_VOTERS: Final = 2
"""Beside a light witness (decision 0035)."""


def majority_of(voters: int) -> int:
    """How many of so many voters must agree."""
    return voters // 2 + 1


def further_losses(voters: Iterable[int], up: Iterable[int]) -> int:
    """How many of the voters that are up may still go, whichever they are; negative where a majority is missing."""
    all_voters = set(voters)
    return len(all_voters & set(up)) - majority_of(len(all_voters)) if all_voters else 0


def has_majority(voters: Iterable[int], up: Iterable[int]) -> bool:
    """Whether the voters that are up can commit."""
    return further_losses(voters, up) >= 0


def survived_removal(voters: frozenset[int], up: frozenset[int]) -> frozenset[int]:
    """Which dead voters should lose their vote: the fewest whose going raises the number of further losses survived.

    Empty where none does, or where a majority is missing already and nothing can be changed.
    """
    dead = sorted(voters - up, reverse=True)
    now = further_losses(voters, up)
    if now < 0:
        return frozenset()
    for count in range(1, len(dead) + 1):
        kept = voters - set(dead[:count])
        if further_losses(kept, up) > now:
            return frozenset(dead[:count])
    return frozenset()


@dataclass(frozen=True, slots=True)
class StoreMember:
    """A member as the store lists it. `voter` is a node's number, `QUORUM_VOTER`, or -1 for a stranger."""

    id: int
    voter: int
    learner: bool
    in_place: bool = True
    """Its address is where it runs; for the quorum resource's member, that of the node that holds the storage."""


@dataclass(frozen=True, slots=True)
class NodeVote:
    """A node as far as votes go."""

    votes: bool
    pending: bool
    weight: int = 1
    up: bool = True
    returns: bool = False
    """It gives its vote up for a while, to vote again by a new member: nobody takes its place meanwhile."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that steps follow from."""

    model: QuorumModel
    nodes: Mapping[int, NodeVote]
    members: tuple[StoreMember, ...]
    quorum_votes: bool = False
    quorum_pending: bool = False
    quorum_member: str = ""
    storage: bool = False
    """A quorum storage is named."""
    placed: bool = False
    """There is where the member can run: a node controls the quorum storage, or a witness answers."""
    runs: bool = False
    """The quorum resource's member runs."""
    lacks_data: bool = False
    """Its folder has gone from the storage."""
    objection: str = ""
    """Why the storage must not get a vote now: a node cannot reach it, or sees another one."""
    record_open: str = ""
    """Why the record of a light witness counts as open: while it does, only its holder takes a vote away."""
    dynamic: bool = True
    lower_priority: int = 0
    forced_without: frozenset[int] | None = None
    """The voters that a forced start declared lost; None where nothing is forced."""


@dataclass(frozen=True, slots=True)
class AddQuorumMember:
    """Announce the quorum resource's member to the store, as a learner."""


@dataclass(frozen=True, slots=True)
class MoveQuorumMember:
    """Give the quorum resource's member the address of the node that holds the storage."""

    id: int


@dataclass(frozen=True, slots=True)
class Promote:
    """Give a learner its vote."""

    id: int


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a member out of the store for good."""

    id: int
    voter: int


@dataclass(frozen=True, slots=True)
class RecordQuorum:
    """Write how far the quorum resource's vote is."""

    votes: bool
    pending: bool
    member: str
    forget_storage: bool = False


@dataclass(frozen=True, slots=True)
class RecordNode:
    """Write how far a node's vote is."""

    node: int
    votes: bool
    pending: bool


@dataclass(frozen=True, slots=True)
class ForgetForce:
    """A majority of those who voted before the cluster was started by force votes again: nothing is forced any more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something is to be done and cannot be done now."""

    why: str


Step = AddQuorumMember | MoveQuorumMember | Promote | Remove | RecordQuorum | RecordNode | ForgetForce | Wait


def may_vote(node: int, picture: Picture) -> bool:
    """Whether that node should have a vote, as far as the configuration goes."""
    vote = picture.nodes.get(node)
    if vote is None or vote.weight == 0:
        return False
    match picture.model:
        case "disk_only":
            return not picture.quorum_votes
        case "light_witness":
            return node in _two_that_vote(picture)
        case "node_majority" | "node_and_disk_majority":
            return not _gives_way(node, picture)


def _two_that_vote(picture: Picture) -> list[int]:
    """Beside a light witness: whoever votes already, then who is about to, then who is up, by number.

    Who is about to: its member may vote already, and whoever took its place then would be the third.
    """
    votes = picture.nodes

    def rank(number: int) -> tuple[bool, bool, bool, int]:
        vote = votes[number]
        return not (vote.votes or vote.returns), not (vote.pending and vote.up), not vote.up, number

    return sorted((number for number, vote in votes.items() if vote.weight or vote.returns), key=rank)[:LIGHT_VOTERS]


def may_become_voter(node: int, picture: Picture) -> bool:
    """Whether that node's member may be added, or get its vote, now.

    Beside a light witness there are never three votes, not even for a moment: the place must be free first. With
    three, nobody could take one away while the record is open.
    """
    taken = len(_voters(picture) - {node}) >= LIGHT_VOTERS and picture.model == "light_witness"
    return may_vote(node, picture) and not taken


def _gives_way(node: int, picture: Picture) -> bool:
    """The node that goes without a vote so that an even number of voters cannot split in two halves."""
    if node != picture.lower_priority or picture.model != "node_majority":
        return False
    able = [number for number, vote in picture.nodes.items() if vote.weight]
    return len(able) > 1 and len(able) % 2 == 0


def next_step(picture: Picture) -> Step | None:
    """The one step to take now; None where everything is as it should be. One vote changes at a time."""
    step = _quorum_step(picture)
    if step is not None and not isinstance(step, Wait):
        return step
    return _node_step(picture) or _force_step(picture) or step


def _force_step(picture: Picture) -> Step | None:
    """Forced stays what is forced until a majority of the former voters is there (spec/02 §8.9)."""
    lost = picture.forced_without
    if lost is None:
        return None
    former = lost | _voters(picture)
    return ForgetForce() if has_majority(former, _voters(picture) & _up(picture)) else None


# ---------------------------------------------------------------- the quorum resource


def _quorum_step(picture: Picture) -> Step | None:
    mine = next((member for member in picture.members if member.voter == QUORUM_VOTER), None)
    if picture.model == "node_majority":
        return _take_quorum_away(picture, mine)
    if picture.model == "light_witness":
        return None  # it has no member of the store
    if mine is None:
        return _bring_quorum(picture)
    name = f"{mine.id:x}"
    if mine.learner:
        if picture.lacks_data and picture.quorum_member == name:
            return Remove(mine.id, QUORUM_VOTER)  # it ran, and can never start again
        if picture.quorum_member != name or not picture.quorum_pending:
            if _pending(picture) - {QUORUM_VOTER}:
                return Wait("another vote is being changed")
            return RecordQuorum(votes=False, pending=True, member=name)
        if picture.placed and not mine.in_place:
            return MoveQuorumMember(mine.id)  # the storage changed hands meanwhile: nobody reaches it to bring it up
        return Promote(mine.id)
    if picture.lacks_data and picture.quorum_votes:
        return _removal(QUORUM_VOTER, mine, picture, "the member's data have gone from the quorum storage")
    if picture.lacks_data and picture.quorum_pending:
        return Remove(mine.id, QUORUM_VOTER)
    if not picture.quorum_votes or picture.quorum_pending or picture.quorum_member != name:
        return RecordQuorum(votes=True, pending=False, member=name)
    if picture.placed and not mine.in_place:
        return MoveQuorumMember(mine.id)
    return None


def _bring_quorum(picture: Picture) -> Step | None:
    if picture.quorum_votes or picture.quorum_pending or picture.quorum_member:
        return RecordQuorum(votes=False, pending=False, member="")  # its member was removed; a new one follows
    if not picture.storage:
        return None
    if not picture.placed:
        return Wait("no node controls the quorum storage yet, or the witness does not answer")
    if picture.objection:
        return Wait(picture.objection)
    if any(member.learner for member in picture.members) or _pending(picture):
        return Wait("another vote is being changed")
    return AddQuorumMember()


def _take_quorum_away(picture: Picture, mine: StoreMember | None) -> Step | None:
    if mine is not None:
        if mine.learner:
            return Remove(mine.id, QUORUM_VOTER)
        if picture.quorum_pending and not picture.quorum_votes:
            return Remove(mine.id, QUORUM_VOTER)
        return _removal(QUORUM_VOTER, mine, picture, "the quorum resource still votes")
    if picture.record_open:
        return Wait(picture.record_open)
    if picture.quorum_votes or picture.quorum_pending or picture.quorum_member or picture.storage:
        return RecordQuorum(votes=False, pending=False, member="", forget_storage=True)
    return None


# ---------------------------------------------------------------- nodes


def _node_step(picture: Picture) -> Step | None:
    by_voter = {member.voter: member for member in picture.members}
    for node, vote in sorted(picture.nodes.items()):
        member = by_voter.get(node)
        if member is None and (vote.votes or (vote.pending and not _joins_by_itself(node, picture))):
            return RecordNode(node, votes=False, pending=False)
    unwanted = _unwanted(picture)
    for node, vote in sorted(picture.nodes.items()):
        member = by_voter.get(node)
        kept = member is not None and not member.learner and node not in unwanted and not picture.record_open
        if kept and vote.pending and not vote.votes and not vote.up:
            return RecordNode(node, votes=True, pending=False)  # its removal was begun and has lost its reason
    for node in sorted(unwanted, reverse=True):
        member = by_voter.get(node)
        vote = picture.nodes[node]
        if member is None:
            continue
        if member.learner:
            return Remove(member.id, node)
        if picture.record_open:
            continue
        if vote.pending and not vote.votes:
            return Remove(member.id, node)
        return _removal(node, member, picture, f"node {node} still votes")
    return None


def _joins_by_itself(node: int, picture: Picture) -> bool:
    return may_vote(node, picture) and picture.nodes[node].up


def _unwanted(picture: Picture) -> frozenset[int]:
    """Nodes whose members should go."""
    if picture.model == "disk_only" and not (picture.quorum_votes and picture.runs):
        return frozenset()  # the quorum resource must stand alone before anybody goes
    voters = _voters(picture)
    unwanted = {node for node in picture.nodes if not may_vote(node, picture)}
    if picture.dynamic and picture.model not in {"disk_only", "light_witness"}:
        dead = survived_removal(frozenset(voters), frozenset(_up(picture)))
        unwanted |= dead - {QUORUM_VOTER}
    return frozenset(unwanted)


def _removal(voter: int, member: StoreMember, picture: Picture, waiting: str) -> Step:
    """The first half of a removal, where it is safe: record it as pending."""
    if _pending(picture) - {voter}:
        return Wait(f"{waiting}: another vote is being changed")
    left = _voters(picture) - {voter}
    if not left:
        return Wait(f"{waiting}: it is the last voter")
    if not has_majority(left, _up(picture)):
        return Wait(f"{waiting}: without it too few of the others are up")
    if voter == QUORUM_VOTER:
        return RecordQuorum(votes=False, pending=True, member=f"{member.id:x}")
    return RecordNode(voter, votes=False, pending=True)


def _pending(picture: Picture) -> set[int]:
    found = {node for node, vote in picture.nodes.items() if vote.pending}
    return found | ({QUORUM_VOTER} if picture.quorum_pending else set())


def _voters(picture: Picture) -> set[int]:
    return {member.voter for member in picture.members if not member.learner}


def _up(picture: Picture) -> set[int]:
    found = {node for node, vote in picture.nodes.items() if vote.up}
    return found | ({QUORUM_VOTER} if picture.runs else set())
