"""Votes: the arithmetic against an independent calculation, and every step of `next_step` through random histories."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from quorate.core.votes import (
    AddQuorumMember,
    ForgetForce,
    MoveQuorumMember,
    NodeVote,
    Picture,
    Promote,
    RecordNode,
    RecordQuorum,
    Remove,
    Step,
    StoreMember,
    Wait,
    further_losses,
    has_majority,
    may_vote,
    next_step,
    survived_removal,
)
from quorate.model.quorum import QUORUM_VOTER


def survives(voters: frozenset[int], up: frozenset[int], count: int) -> bool:
    """By trying every loss: whether any `count` of the voters that are up may go."""
    alive = sorted(voters & up)
    if count > len(alive):
        return False
    return all(2 * len(set(alive) - set(gone)) > len(voters) for gone in itertools.combinations(alive, count))


def margin_by_trying(voters: frozenset[int], up: frozenset[int]) -> int:
    """The most losses that are survived, found by trying; -1 where not even none is."""
    return max((count for count in range(len(voters) + 1) if survives(voters, up, count)), default=-1)


@pytest.mark.parametrize("size", range(1, 8))
def test_further_losses_are_what_trying_every_loss_gives(size: int) -> None:
    voters = frozenset(range(size))
    for count in range(size + 1):
        for alive in itertools.combinations(voters, count):
            up = frozenset(alive)
            assert max(further_losses(voters, up), -1) == margin_by_trying(voters, up)


@pytest.mark.parametrize("size", range(1, 8))
def test_votes_go_only_where_that_raises_the_losses_survived_and_as_few_as_do(size: int) -> None:
    voters = frozenset(range(1, size + 1))
    for count in range(size + 1):
        for alive in itertools.combinations(voters, count):
            up = frozenset(alive)
            gone = survived_removal(voters, up)
            now = margin_by_trying(voters, up)
            better = [
                len(some)
                for number in range(1, size + 1)
                for some in itertools.combinations(voters - up, number)
                if margin_by_trying(voters - set(some), up) > now
            ]
            if now < 0 or not better:
                assert not gone
            else:
                assert gone <= voters - up
                assert len(gone) == min(better)
                assert margin_by_trying(voters - gone, up) > now


def test_two_dead_of_five_go_together_and_one_dead_of_three_stays() -> None:
    assert survived_removal(frozenset({1, 2, 3, 4, 5}), frozenset({1, 2, 3})) == {4, 5}
    assert survived_removal(frozenset({1, 2, 3}), frozenset({1, 2})) == frozenset()
    assert survived_removal(frozenset({0, 1, 2}), frozenset({0, 1})) == frozenset()
    assert survived_removal(frozenset({1, 2, 3, 4, 5}), frozenset({1, 2})) == frozenset()


# ---------------------------------------------------------------- a world that carries steps out


class Store:
    """The store's members and the records of votes, changed by steps as etcd and the database would be."""

    def __init__(self, nodes: int) -> None:
        self.picture = Picture(
            model="node_majority",
            nodes={n: NodeVote(votes=True, pending=False) for n in range(1, nodes + 1)},
            members=tuple(StoreMember(n, n, learner=False) for n in range(1, nodes + 1)),
        )
        self.next_id = 100
        self.removed: list[int] = []

    def change(self, **fields: object) -> None:
        self.picture = replace(self.picture, **fields)  # type: ignore[arg-type]

    def node(self, node: int, **fields: object) -> None:
        self.change(nodes={**self.picture.nodes, node: replace(self.picture.nodes[node], **fields)})  # type: ignore[arg-type]

    @property
    def voters(self) -> frozenset[int]:
        """Who votes in truth."""
        return frozenset(member.voter for member in self.picture.members if not member.learner)

    @property
    def up(self) -> frozenset[int]:
        up = {node for node, vote in self.picture.nodes.items() if vote.up}
        return frozenset(up | ({QUORUM_VOTER} if self.picture.runs else set()))

    def recorded(self) -> tuple[frozenset[int], frozenset[int]]:
        """Voters by record, and those pending."""
        picture = self.picture
        has = {node for node, vote in picture.nodes.items() if vote.votes}
        pending = {node for node, vote in picture.nodes.items() if vote.pending}
        has |= {QUORUM_VOTER} if picture.quorum_votes else set()
        pending |= {QUORUM_VOTER} if picture.quorum_pending else set()
        return frozenset(has), frozenset(pending)

    def take(self, step: Step) -> None:
        """Carry one step out."""
        picture = self.picture
        match step:
            case AddQuorumMember():
                self.next_id += 1
                self.change(members=(*picture.members, StoreMember(self.next_id, QUORUM_VOTER, learner=True)))
            case Promote(id=member):
                assert picture.runs
                self._members(lambda m: replace(m, learner=False) if m.id == member else m)
            case MoveQuorumMember(id=member):
                self._members(lambda m: replace(m, in_place=True) if m.id == member else m)
            case Remove(id=member, voter=voter):
                learner = next(m.learner for m in picture.members if m.id == member)
                self.removed.append(member)
                self.change(members=tuple(m for m in picture.members if m.id != member))
                if not learner:
                    assert has_majority(self.voters, self.up - {voter}), f"{step} cost the majority"
            case RecordQuorum(votes=votes, pending=pending, member=member, forget_storage=forget):
                self.change(quorum_votes=votes, quorum_pending=pending, quorum_member=member)
                if forget:
                    self.change(storage=False, placed=False, runs=False)
            case RecordNode(node=node, votes=votes, pending=pending):
                self.node(node, votes=votes, pending=pending)
            case ForgetForce():
                self.change(forced_without=None)
            case Wait():
                pass

    def _members(self, change: object) -> None:
        assert callable(change)
        self.change(members=tuple(change(member) for member in self.picture.members))

    def nodes_join(self) -> None:
        """Nodes that may vote and have none get one, one after the other, as `node.member_keeper` does it."""
        for node, vote in self.picture.nodes.items():
            wants = not vote.votes and vote.up and may_vote(node, self.picture)
            if wants and has_majority(self.voters, self.up):
                if all(member.voter != node for member in self.picture.members):
                    self.next_id += 1
                    self.change(members=(*self.picture.members, StoreMember(self.next_id, node, learner=False)))
                self.node(node, votes=True, pending=False)

    def settle(self) -> list[Step]:
        """Take steps until none is left; every record must cover the truth at every moment."""
        taken: list[Step] = []
        for _ in range(100):
            if not has_majority(self.voters, self.up):
                return taken  # nothing can be changed
            has, pending = self.recorded()
            assert has - pending <= self.voters <= has | pending, (has, pending, self.voters)
            assert len(pending) <= 1
            step = next_step(self.picture)
            if step is None or isinstance(step, Wait):
                return taken
            taken.append(step)
            self.take(step)
            if isinstance(step, AddQuorumMember):
                self.change(runs=True)
        raise AssertionError(f"never settled: {taken[-5:]}")


def two_nodes_and_disk() -> Store:
    store = Store(2)
    store.change(model="node_and_disk_majority", storage=True, placed=True)
    store.settle()
    return store


def test_a_quorum_resource_comes_as_a_learner_and_is_counted_both_ways_until_it_votes() -> None:
    store = Store(2)
    store.change(model="node_and_disk_majority", storage=True, placed=True)
    kinds = [type(step) for step in store.settle()]
    assert kinds == [AddQuorumMember, RecordQuorum, Promote, RecordQuorum]
    assert store.voters == {0, 1, 2}


def test_two_nodes_with_a_quorum_resource_always_keep_all_three_votes() -> None:
    store = two_nodes_and_disk()
    store.node(2, up=False)
    assert store.settle() == []
    assert store.voters == {0, 1, 2}
    store.node(2, up=True)
    store.change(runs=False, placed=False)
    assert store.settle() == []
    assert store.voters == {0, 1, 2}


def test_the_member_follows_the_holder_of_the_storage() -> None:
    store = two_nodes_and_disk()
    members = tuple(replace(m, in_place=m.voter != QUORUM_VOTER) for m in store.picture.members)
    store.change(placed=True, members=members)
    assert [type(step) for step in store.settle()] == [MoveQuorumMember]


def test_the_quorum_resource_goes_without_a_gap_and_the_storage_is_forgotten_last() -> None:
    store = two_nodes_and_disk()
    store.change(model="node_majority")
    steps = store.settle()
    assert [type(step) for step in steps] == [RecordQuorum, Remove, RecordQuorum]
    assert store.voters == {1, 2}
    assert not store.picture.storage


def test_a_vote_that_is_needed_now_is_not_taken_away() -> None:
    store = two_nodes_and_disk()
    store.node(2, up=False)
    store.change(model="node_majority")
    step = next_step(store.picture)
    assert isinstance(step, Wait)
    assert "too few" in step.why
    assert store.voters == {0, 1, 2}


def test_disk_only_takes_the_nodes_votes_when_the_disk_has_its_own_and_gives_them_back() -> None:
    store = two_nodes_and_disk()
    store.change(model="disk_only")
    store.settle()
    assert store.voters == {0}
    store.change(model="node_and_disk_majority")
    store.nodes_join()
    store.settle()
    assert store.voters == {0, 1, 2}


def test_disk_only_waits_for_the_disk() -> None:
    store = Store(2)
    store.change(model="disk_only", storage=True, placed=False)
    assert isinstance(next_step(store.picture), Wait)
    assert store.voters == {1, 2}


def test_lost_data_of_the_quorum_resource_cost_its_vote_and_it_comes_anew() -> None:
    store = two_nodes_and_disk()
    former = next(member.id for member in store.picture.members if member.voter == QUORUM_VOTER)
    store.change(lacks_data=True, runs=False)
    store.take(next_step(store.picture) or Wait(""))  # recorded as pending
    store.take(next_step(store.picture) or Wait(""))  # removed
    assert store.removed == [former]
    store.change(lacks_data=False, runs=False)
    store.settle()
    assert store.voters == {0, 1, 2}


def test_a_learner_that_lost_its_data_is_replaced() -> None:
    store = Store(2)
    store.change(model="node_and_disk_majority", storage=True, placed=True)
    store.take(next_step(store.picture) or Wait(""))  # announced
    store.take(next_step(store.picture) or Wait(""))  # recorded as pending
    learner = next(member.id for member in store.picture.members if member.voter == QUORUM_VOTER)
    store.change(lacks_data=True, runs=False)
    store.take(next_step(store.picture) or Wait(""))
    assert store.removed == [learner]
    store.change(lacks_data=False)
    store.settle()
    assert store.voters == {0, 1, 2}


def test_a_learner_whose_storage_changed_hands_is_moved_before_it_can_catch_up() -> None:
    """Nobody reaches it where it was announced, so it would wait for its vote for ever."""
    store = Store(2)
    store.change(model="node_and_disk_majority", storage=True, placed=True)
    store.take(next_step(store.picture) or Wait(""))  # announced
    store.take(next_step(store.picture) or Wait(""))  # recorded as pending
    learner = next(member for member in store.picture.members if member.voter == QUORUM_VOTER)
    others = tuple(member for member in store.picture.members if member.voter != QUORUM_VOTER)
    store.change(members=(*others, replace(learner, in_place=False)))
    assert next_step(store.picture) == MoveQuorumMember(learner.id)
    store.change(members=(*others, learner))
    assert next_step(store.picture) == Promote(learner.id)


@pytest.mark.conformance("QU-17")
def test_a_node_without_weight_has_no_vote() -> None:
    store = Store(4)
    store.node(4, weight=0)
    store.settle()
    assert store.voters == {1, 2, 3}
    assert not may_vote(4, store.picture)


@pytest.mark.conformance("QU-22")
def test_the_node_of_lower_priority_gives_way_on_an_even_number() -> None:
    store = Store(4)
    store.change(lower_priority=2)
    store.settle()
    assert store.voters == {1, 3, 4}
    store = Store(3)
    store.change(lower_priority=2)
    assert store.settle() == []


def test_a_removal_that_has_lost_its_reason_is_taken_back() -> None:
    store = Store(5)
    store.node(4, up=False)
    store.node(5, up=False, votes=False, pending=True)
    store.node(4, up=True)
    store.settle()
    assert store.voters == {1, 2, 3, 4, 5}
    assert store.picture.nodes[5] == NodeVote(votes=True, pending=False, up=False)


@pytest.mark.parametrize("seed", range(300))
def test_random_histories_keep_a_majority_and_settle(seed: int) -> None:
    """Up, down, model changes, storage coming and going: no step costs the majority, and records cover the truth."""
    chance = random.Random(seed)
    store = Store(chance.randint(1, 7))
    for _ in range(40):
        node = chance.choice(list(store.picture.nodes))
        match chance.randrange(6):
            case 0:
                store.node(node, up=False)
            case 1 | 2:
                store.node(node, up=True)
            case 3:
                model = chance.choice(["node_majority", "node_and_disk_majority", "disk_only"])
                store.change(model=model, storage=store.picture.storage or model != "node_majority")
            case 4:
                holder = chance.choice([0, node]) if store.picture.storage else 0
                runs = bool(holder) and bool(store.picture.quorum_member)
                store.change(placed=bool(holder), runs=runs)
            case _:
                store.change(lower_priority=chance.choice([0, node]))
        store.settle()
        store.nodes_join()
        store.settle()
    for node in store.picture.nodes:
        store.node(node, up=True)
    if store.picture.storage:
        store.change(placed=True, runs=bool(store.picture.quorum_member))
    for _ in range(10):
        store.settle()
        store.nodes_join()
    if has_majority(store.voters, store.up):
        wanted = {node for node in store.picture.nodes if may_vote(node, store.picture)}
        if store.picture.model != "node_majority":
            wanted.add(QUORUM_VOTER)
        assert store.voters == wanted


@pytest.mark.conformance("QU-23")
def test_forced_stays_forced_until_a_majority_of_the_former_voters_is_back() -> None:
    store = Store(3)
    store.change(members=(StoreMember(1, 1, learner=False),), forced_without=frozenset({2, 3}))
    for node in (2, 3):
        store.node(node, votes=False, up=False)
    assert store.settle() == []
    store.node(2, up=True)
    store.nodes_join()
    assert store.settle() == [ForgetForce()]
    assert store.settle() == []


@pytest.mark.conformance("QU-01")
def test_of_three_voters_two_can_go_on_and_one_cannot() -> None:
    assert has_majority({1, 2, 3}, {1, 2})
    assert not has_majority({1, 2, 3}, {1})


@pytest.mark.conformance("QU-19")
def test_three_of_five_lost_at_once_stop_everything_and_no_vote_is_taken() -> None:
    store = Store(5)
    for node in (3, 4, 5):
        store.node(node, up=False)
    assert store.settle() == []
    assert not has_majority(store.voters, store.up)


@pytest.mark.conformance("QU-20")
def test_without_dynamic_votes_the_third_loss_of_five_stops_it() -> None:
    store = Store(5)
    store.change(dynamic=False)
    for node in (5, 4, 3):
        assert has_majority(store.voters, store.up)
        store.node(node, up=False)
        store.settle()
    assert store.voters == {1, 2, 3, 4, 5}
    assert not has_majority(store.voters, store.up)


@pytest.mark.conformance("QU-18")
def test_losses_one_after_the_other_are_survived_until_two_voters_are_left() -> None:
    """Five survive three losses, with time between them; the last two keep both votes (decision 0032)."""
    store = Store(5)
    for node in (5, 4, 3):
        store.node(node, up=False)
        store.settle()
        assert has_majority(store.voters, store.up), node
    assert store.voters == {1, 2, 3}
    store.node(2, up=False)
    store.settle()
    assert not has_majority(store.voters, store.up)
