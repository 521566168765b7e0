"""Votes of two nodes beside a light witness: one place each, and what its open record forbids (decision 0035)."""

from __future__ import annotations

from dataclasses import replace

from quorate.core.votes import (
    NodeVote,
    Picture,
    RecordQuorum,
    Remove,
    StoreMember,
    Wait,
    may_become_voter,
    may_vote,
    next_step,
)


def two_beside_a_light_witness(
    record_open: str = "", *, up: frozenset[int] = frozenset({1, 2}), **nodes: NodeVote
) -> Picture:
    votes = {n: nodes.get(f"node{n}", NodeVote(votes=True, pending=False, up=n in up)) for n in (1, 2)}
    members = tuple(StoreMember(10 + n, n, learner=False) for n in (1, 2))
    return Picture(model="light_witness", nodes=votes, members=members, storage=True, record_open=record_open)


def test_while_the_record_is_open_nobody_but_its_holder_takes_a_vote() -> None:
    """Not for a weight of nothing, not to finish what was begun, not to take that back (decision 0035)."""
    for node2 in (
        NodeVote(votes=True, pending=False, weight=0),
        NodeVote(votes=False, pending=True, up=False),
        NodeVote(votes=False, pending=True, weight=0, up=False),
    ):
        assert next_step(two_beside_a_light_witness("open", node2=node2)) is None
        assert next_step(two_beside_a_light_witness(node2=node2)) is not None
    assert next_step(two_beside_a_light_witness("open", up=frozenset({1}))) is None


def test_beside_a_light_witness_two_vote_and_a_third_never_does() -> None:
    nodes = {n: NodeVote(votes=n in {2, 3}, pending=False) for n in (1, 2, 3)}
    picture = Picture(model="light_witness", nodes=nodes, members=(), storage=True)
    assert [n for n in nodes if may_vote(n, picture)] == [2, 3], "whoever votes already stays"
    learner = StoreMember(11, 1, learner=True)
    assert next_step(replace(picture, members=(*_voting(2, 3), learner), record_open="open")) == Remove(11, 1)


def places_beside_a_light_witness(*able: NodeVote) -> list[int]:
    """Who of nodes 1, 2 … has a place there."""
    nodes = dict(enumerate(able, start=1))
    picture = Picture(model="light_witness", nodes=nodes, members=(), storage=True)
    return [n for n in nodes if may_vote(n, picture)]


def test_a_place_beside_a_light_witness_is_kept_by_who_is_about_to_vote_and_taken_by_who_is_up() -> None:
    voter, none = NodeVote(votes=True, pending=False), NodeVote(votes=False, pending=False)
    assert places_beside_a_light_witness(voter, none, none) == [1, 2]
    coming = NodeVote(votes=False, pending=True)
    assert places_beside_a_light_witness(voter, none, coming) == [1, 3], "its member may vote already"
    assert places_beside_a_light_witness(voter, replace(none, up=False), none) == [1, 3]
    assert places_beside_a_light_witness(voter, none, replace(coming, up=False)) == [1, 2]


def test_the_place_of_a_voter_that_gets_a_new_member_stays_free_for_it() -> None:
    voter, none = NodeVote(votes=True, pending=False), NodeVote(votes=False, pending=False)
    rebuilt = NodeVote(votes=True, pending=False, weight=0, returns=True)
    assert places_beside_a_light_witness(voter, none, rebuilt) == [1]
    assert places_beside_a_light_witness(voter, none, replace(rebuilt, votes=False)) == [1]
    assert places_beside_a_light_witness(voter, none, replace(rebuilt, returns=False)) == [1, 2], "it leaves"


def test_beside_a_light_witness_nobody_becomes_a_third_voter_before_a_place_is_free() -> None:
    """With three members that vote nobody could take one's vote away while the record is open (decision 0035)."""
    leaving = NodeVote(votes=False, pending=True, weight=0)
    nodes = {1: NodeVote(votes=True, pending=False), 2: leaving, 3: NodeVote(votes=False, pending=False)}
    picture = Picture(model="light_witness", nodes=nodes, members=_voting(1, 2), storage=True, record_open="open")
    assert may_vote(3, picture)
    assert not may_become_voter(3, picture)
    learner = StoreMember(13, 3, learner=True)
    assert not may_become_voter(3, replace(picture, members=(*_voting(1, 2), learner)))
    assert may_become_voter(3, replace(picture, members=(*_voting(1), learner)))
    assert may_become_voter(3, replace(picture, model="node_majority"))


def _voting(*nodes: int) -> tuple[StoreMember, ...]:
    return tuple(StoreMember(10 + n, n, learner=False) for n in nodes)


def test_a_light_witness_is_forgotten_when_its_record_is_closed() -> None:
    picture = replace(two_beside_a_light_witness("open"), model="node_majority")
    assert next_step(picture) == Wait("open")
    assert next_step(replace(picture, record_open="")) == RecordQuorum(
        votes=False, pending=False, member="", forget_storage=True
    )
