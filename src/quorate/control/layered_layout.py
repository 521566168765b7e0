"""Places for the nodes of a directed graph in rows: what points down lies above, with few crossings and short lines.

Owns: order and place of nodes in their rows, and the way of every line around the nodes between. Does not know: what
the nodes are, or how they are drawn. Pure, and the same graph always looks the same.
How it works (Sugiyama's method, in its plain form): lines over several rows get a bend in each row between. Each row is
ordered by the mean place of the neighbours in the next one, up and down by turns, and the order with the fewest
crossings is kept. Then every node is drawn towards the mean of its neighbours as far as order and widths allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

SWEEPS: Final = 12
BEND_WIDTH: Final = 8.0

Line = tuple[str, str]
"""From a node to one in a lower row, by id."""


@dataclass(frozen=True, slots=True)
class Node:
    """Something to be placed. `row` 0 is the lowest."""

    row: int
    width: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Middles of nodes, from 0 to `width`, and for each line the middles of its bends with their rows, from the top."""

    places: Mapping[str, float]
    bends: Mapping[Line, tuple[tuple[int, float], ...]]
    width: float


def lay_out(nodes: Mapping[str, Node], lines: Sequence[Line], gap: float) -> Layout:
    """Place them; neighbours in a row are at least `gap` apart."""
    placed = dict(nodes)
    chains: dict[Line, list[str]] = {}
    steps: list[Line] = []
    for line in lines:
        upper, lower = line
        chain = [upper]
        for row in range(nodes[upper].row - 1, nodes[lower].row, -1):
            bend = f"{upper}\0{lower}\0{row}"
            placed[bend] = Node(row, BEND_WIDTH)
            chain.append(bend)
        chain.append(lower)
        chains[line] = chain[1:-1]
        steps += pairwise(chain)
    rows = _ordered(placed, steps)
    places = _spread(placed, rows, steps, gap)
    left = min((places[name] - placed[name].width / 2 for name in places), default=0.0)
    right = max((places[name] + placed[name].width / 2 for name in places), default=0.0)
    return Layout(
        {name: places[name] - left for name in nodes},
        {line: tuple((placed[bend].row, places[bend] - left) for bend in chain) for line, chain in chains.items()},
        right - left,
    )


def _neighbours(steps: Sequence[Line]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    below: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    for upper, lower in steps:
        below.setdefault(upper, []).append(lower)
        above.setdefault(lower, []).append(upper)
    return below, above


def _ordered(placed: Mapping[str, Node], steps: Sequence[Line]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(1 + max((node.row for node in placed.values()), default=0))]
    for name in sorted(placed):
        rows[placed[name].row].append(name)
    below, above = _neighbours(steps)
    best, fewest = [list(row) for row in rows], _crossings(rows, steps)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in reversed(rows) if down else rows:
            rank = {name: place for other in rows for place, name in enumerate(other)}
            near = above if down else below

            def middle(name: str, rank: dict[str, int] = rank, near: dict[str, list[str]] = near) -> float:
                others = near.get(name, [])
                return sum(rank[other] for other in others) / len(others) if others else rank[name]

            row.sort(key=middle)
        crossings = _crossings(rows, steps)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(rows: Sequence[Sequence[str]], steps: Sequence[Line]) -> int:
    rank = {name: (number, place) for number, row in enumerate(rows) for place, name in enumerate(row)}
    found = 0
    for index, (upper, lower) in enumerate(steps):
        for other_upper, other_lower in steps[index + 1 :]:
            if rank[upper][0] == rank[other_upper][0]:
                found += (rank[upper][1] - rank[other_upper][1]) * (rank[lower][1] - rank[other_lower][1]) < 0
    return found


def _spread(
    placed: Mapping[str, Node], rows: Sequence[Sequence[str]], steps: Sequence[Line], gap: float
) -> dict[str, float]:
    below, above = _neighbours(steps)
    places: dict[str, float] = {}
    for row in rows:
        places |= _apart(placed, row, dict.fromkeys(row, 0.0), gap)
    for sweep in range(SWEEPS):
        near = (above, below)[sweep % 2]
        for row in rows if sweep % 2 else reversed(rows):
            wished = {}
            for name in row:
                others = near.get(name) or (*below.get(name, ()), *above.get(name, ()))
                wished[name] = sum(places[other] for other in others) / len(others) if others else places[name]
            places |= _apart(placed, row, wished, gap)
    return places


def _apart(placed: Mapping[str, Node], row: Sequence[str], wished: Mapping[str, float], gap: float) -> dict[str, float]:
    """As near to what is wished as their order allows: the mean of pushing to the right and of pushing to the left."""

    def pushed(names: Sequence[str], sign: int) -> dict[str, float]:
        found: dict[str, float] = {}
        for number, name in enumerate(names):
            place = wished[name] * sign
            if number:
                former = names[number - 1]
                place = max(place, found[former] + (placed[former].width + placed[name].width) / 2 + gap)
            found[name] = place
        return {name: place * sign for name, place in found.items()}

    right, left = pushed(row, 1), pushed(list(reversed(row)), -1)
    return {name: (right[name] + left[name]) / 2 for name in row}
