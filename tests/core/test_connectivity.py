"""The remedy for cuts between some nodes, held to a search that tries every set of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from quorate.core.authority.connectivity import OrderOut, Resign, largest_connected, mutual_pairs, remedy

Rows = Mapping[int, frozenset[int]]


@st.composite
def matrices(draw: st.DrawFn, most: int = 7) -> tuple[frozenset[int], int, Rows]:
    """Nodes that are up, the leader among them, and what each row of the matrix says; a row may lack a pair."""
    nodes = draw(st.sets(st.integers(1, 64), min_size=1, max_size=most))
    rows: dict[int, set[int]] = {node: set() for node in nodes}
    for one, other in combinations(sorted(nodes), 2):
        told_by = draw(st.sampled_from(("nobody", "one", "other", "both", "both", "both")))
        if told_by in ("one", "both"):
            rows[one].add(other)
        if told_by in ("other", "both"):
            rows[other].add(one)
    leader = draw(st.sampled_from(sorted(nodes)))
    return frozenset(nodes), leader, {node: frozenset(row) for node, row in rows.items()}


def hear_each_other(nodes: frozenset[int], rows: Rows) -> bool:
    return all(two in rows.get(one, ()) or one in rows.get(two, ()) for one, two in combinations(nodes, 2))


def best_by_trying_all(nodes: frozenset[int], rows: Rows, leader: int) -> frozenset[int]:
    every = chain.from_iterable(combinations(sorted(nodes), size) for size in range(len(nodes) + 1))
    whole = (frozenset(some) for some in every if hear_each_other(frozenset(some), rows))
    return max(whole, key=lambda some: (len(some), leader in some, [-node for node in sorted(some)]))


@given(matrices())
def test_the_largest_connected_set_is_that_of_a_search_through_all_sets(
    matrix: tuple[frozenset[int], int, Rows],
) -> None:
    nodes, leader, rows = matrix
    assert largest_connected(nodes, mutual_pairs(rows), leader) == best_by_trying_all(nodes, rows, leader)


@given(matrices())
def test_a_leader_who_hears_everybody_changes_nothing_and_nobody_else_stays_unheard(
    matrix: tuple[frozenset[int], int, Rows],
) -> None:
    nodes, leader, rows = matrix
    hears_all = {node for node in nodes if all(hear_each_other(frozenset({node, other}), rows) for other in nodes)}
    match remedy(leader, nodes, rows):
        case None:
            assert leader in hears_all
        case Resign(to=to):
            assert leader not in hears_all
            if hears_all:
                assert to == min(hears_all)
            else:
                assert leader not in best_by_trying_all(nodes, rows, leader)
                assert to == min(best_by_trying_all(nodes, rows, leader))
        case OrderOut(nodes=out):
            assert not hears_all
            assert nodes - set(out) == best_by_trying_all(nodes, rows, leader)
            assert leader not in out


@given(matrices())
def test_after_the_remedy_nothing_is_left_to_remedy(matrix: tuple[frozenset[int], int, Rows]) -> None:
    nodes, leader, rows = matrix
    for _ in range(2):  # at most one resignation, then at most one order
        match remedy(leader, nodes, rows):
            case None:
                return
            case Resign(to=to):
                leader = to
            case OrderOut(nodes=out):
                nodes -= set(out)
    assert remedy(leader, nodes, rows) is None


@given(matrices(), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_arrive_decides_nothing(
    matrix: tuple[frozenset[int], int, Rows], chance: object
) -> None:
    nodes, leader, rows = matrix
    shuffled = list(rows.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert remedy(leader, nodes, dict(shuffled)) == remedy(leader, nodes, rows)


def test_one_cut_between_two_of_three_hands_the_role_to_the_one_who_hears_both() -> None:
    rows = {1: frozenset({3}), 2: frozenset({3}), 3: frozenset({1, 2})}
    assert remedy(1, frozenset({1, 2, 3}), rows) == Resign(3)
    assert remedy(3, frozenset({1, 2, 3}), rows) is None


def test_sixty_four_nodes_cut_in_pairs_are_decided_although_the_combinations_are_beyond_counting() -> None:
    nodes = frozenset(range(1, 65))
    partner = {node: node + 1 if node % 2 else node - 1 for node in nodes}
    rows = {node: nodes - {node, partner[node]} for node in nodes}
    assert remedy(2, nodes, rows) == OrderOut((1, *range(4, 65, 2)))


def test_a_leader_that_hears_nobody_does_not_order_everybody_out() -> None:
    """Simulation seed 92: it knew no rows but its own, and took that for cuts between all the others."""
    assert remedy(1, frozenset({1, 2, 3}), {1: frozenset()}) == Resign(2)


def test_of_two_that_do_not_hear_each_other_the_leader_stays() -> None:
    assert remedy(1, frozenset({1, 2}), {1: frozenset()}) == OrderOut((2,))
