"""Cuts between some nodes only: who should lead, and who must leave (design §4, after rule 14).

Owns: the decision made from the who-hears-whom matrix. Pure arithmetic on sets; does not know records or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resign:
    """Hand the role to a node that hears all others."""

    to: int


@dataclass(frozen=True, slots=True)
class OrderOut:
    """Nodes outside the largest fully connected set must end and leave."""

    nodes: tuple[int, ...]


Remedy = Resign | OrderOut


def mutual_pairs(rows: Mapping[int, frozenset[int]]) -> dict[int, frozenset[int]]:
    """Complete the matrix: a pair hears each other if either row says so."""
    complete: dict[int, set[int]] = {node: set(row) for node, row in rows.items()}
    for node, row in rows.items():
        for other in row:
            complete.setdefault(other, set()).add(node)
    return {node: frozenset(row) for node, row in complete.items()}


def largest_connected(nodes: frozenset[int], pairs: Mapping[int, frozenset[int]], leader: int) -> frozenset[int]:
    """The largest set in which every pair hears each other; on a tie the one with the leader, then the lowest ids.

    Cuts that share no node are decided apart: searched together, 14 of them took 3 s, and every further one doubles it.
    """
    kept: frozenset[int] = frozenset()
    waiting = set(nodes)
    while waiting:
        tangle: set[int] = set()
        reached = {min(waiting)}
        while reached:
            node = reached.pop()
            tangle.add(node)
            reached |= waiting - tangle - {node} - pairs.get(node, frozenset())
        waiting -= tangle
        kept |= _largest_of_tangle(tangle, pairs, leader)
    return kept


def _largest_of_tangle(nodes: set[int], pairs: Mapping[int, frozenset[int]], leader: int) -> frozenset[int]:
    best: tuple[int, int, list[int]] = (0, 0, [])

    def extend(chosen: list[int], open_nodes: list[int]) -> None:
        nonlocal best
        rank = (len(chosen), int(leader in chosen), [-node for node in sorted(chosen)])
        best = max(best, rank)
        if len(chosen) + len(open_nodes) < best[0]:
            return
        for index, node in enumerate(open_nodes):
            row = pairs.get(node, frozenset())
            extend([*chosen, node], [other for other in open_nodes[index + 1 :] if other in row])

    ordered = sorted(nodes, key=lambda node: (-len(pairs.get(node, frozenset()) & nodes), node))
    extend([], ordered)
    return frozenset(-node for node in best[2])


def remedy(leader: int, up: frozenset[int], rows: Mapping[int, frozenset[int]]) -> Remedy | None:
    """What the coordinator should do about nodes that are up and do not hear it, or that it does not hear.

    `rows[n]` are the nodes that n hears and that hear n. None where the leader hears everybody. Of nodes that the
    leader does not hear there is no row: no sign of a cut between two of them, it may be the leader that is cut off.
    """
    unheard = up - rows.keys()
    pairs = mutual_pairs({**rows, **{node: unheard - {node} for node in unheard}})
    others = {node: up - {node} for node in up}
    if others[leader] <= pairs.get(leader, frozenset()):
        return None
    for node in sorted(up - {leader}):
        if others[node] <= pairs.get(node, frozenset()):
            return Resign(node)
    kept = largest_connected(up, pairs, leader)
    if leader not in kept:
        return Resign(min(kept))
    return OrderOut(tuple(sorted(up - kept)))
