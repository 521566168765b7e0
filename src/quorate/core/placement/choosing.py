"""Which node should own a group, with a reason for every node (spec/03 §8.2 and §9).

Owns: the answer: candidates, best first, and why every other node is none. Pure: the same input, the same answer.
Does not know: how a group gets there; `failover` decides when, `group_run` carries out.
How it works: `filters` remove nodes, `ranking` orders those that are left. The best candidate's reason is the rule by
which it is ahead of the next one; every other one's is the first rule by which it is behind the best.
"""

from __future__ import annotations

from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.placement.filters import able_nodes, demands, found_against
from quorate.core.placement.ranking import Mode, Rule, rules
from quorate.core.placement.scene import Scene, bar
from quorate.model.workload import GroupSpec, Reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that could own the group, and why it stands where it stands."""

    node: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Placement:
    """Candidates, best first, and why every other node is none."""

    candidates: tuple[Candidate, ...]
    against: tuple[Reason, ...]

    @property
    def best(self) -> Candidate | None:
        """The first candidate."""
        return self.candidates[0] if self.candidates else None


def place(
    world: ClusterView | Scene,
    group: GroupSpec,
    mode: Mode,
    *,
    owner: int = 0,
    without: frozenset[int] = frozenset(),
    room: bool = True,
) -> Placement:
    """Order the nodes that can own the group; `owner` is the present one, `without` are excluded for this round.

    Without `room`, as if every node had enough of it: to ask who would have to make some.
    """
    able, against, applied, order = _ordered(world, group, mode, owner, without, runs=None, room=room)
    candidates = tuple(Candidate(able[at], _why(applied, able, order, rank)) for rank, at in enumerate(order))
    return Placement(candidates, tuple(against))


def choose(
    world: ClusterView | Scene,
    group: GroupSpec,
    mode: Mode,
    *,
    owner: int = 0,
    without: frozenset[int] = frozenset(),
    runs: bool | None = None,
) -> tuple[Candidate | None, tuple[Reason, ...]]:
    """The best candidate alone, and why every other node that is none is none; `runs` as `filters.demands` has it."""
    able, against, applied, order = _ordered(world, group, mode, owner, without, runs=runs, room=True)
    best = Candidate(able[order[0]], _why(applied, able, order, 0)) if order else None
    return best, tuple(against)


def _ordered(
    world: ClusterView | Scene,
    group: GroupSpec,
    mode: Mode,
    owner: int,
    without: frozenset[int],
    *,
    runs: bool | None,
    room: bool,
) -> tuple[list[int], list[Reason], list[Rule], list[int]]:
    """Nodes that are able, the rules, and the nodes' places in `able` in order."""
    scene = world if isinstance(world, Scene) else Scene(world)
    able, against = able_nodes(scene, group, demands(scene, group, runs=runs, room=room), without)
    applied = rules(scene, group, able, mode, owner)
    columns = [rule.numbers for rule in applied]
    order = [row[-1] for row in sorted(zip(*columns, range(len(able)), strict=True))]
    return able, against, applied, order


def _why(applied: list[Rule], able: list[int], order: list[int], rank: int) -> Reason:
    """The rule by which the candidate of that rank is behind the best; for the best: ahead of the next."""
    at = order[rank]
    node = able[at]
    if len(order) == 1:
        return Reason(code="only_one", node=node)
    other = order[0] if rank else order[1]
    for rule in applied:
        if rule.numbers[at] != rule.numbers[other]:
            return rule.say(node, rule.numbers[at])
    return Reason(code="by_number", node=node)


def objection(world: ClusterView | Scene, group: GroupSpec, node: int, *, runs: bool | None = None) -> Reason | None:
    """Why that node cannot own the group now, or None; `runs` as `filters.demands` has it."""
    view, wall_s = (world.view, world.wall_s) if isinstance(world, Scene) else (world, 0.0)
    found = bar(view, node, wall_s)
    if found is not None:
        return found
    scene = world if isinstance(world, Scene) else Scene(view)
    return found_against(scene, group, node, demands(scene, group, runs=runs, room=True))
