"""Placement over drawn clusters: never a node that may not be, a reason for every node, the same answer every time."""

from __future__ import annotations

from dataclasses import dataclass

from cluster_written import Cluster
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.explain import explain_group
from quorate.core.moment import Moment
from quorate.core.placement.choosing import Placement, place
from quorate.core.placement.ranking import Mode
from quorate.core.reasons import SENTENCES, in_words


@dataclass(frozen=True)
class Drawn:
    """A cluster as drawn, beside the questions asked of it."""

    nodes: int
    down: frozenset[int]
    paused: frozenset[int]
    draining: frozenset[int]
    stopping: frozenset[int]
    possible: tuple[frozenset[int], ...]
    """Per resource; empty means every node."""
    preferred: tuple[int, ...]
    loads: tuple[int, ...]
    """Owners of further groups."""
    mode: Mode
    owner: int
    without: frozenset[int]

    def may(self, node: int, *, anywhere: bool = False) -> bool:
        here = all(not owners or node in owners for owners in self.possible)
        barred = self.down | self.paused | self.draining | self.stopping
        barred |= frozenset() if anywhere else self.without
        return here and node not in barred


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    count = draw(st.integers(1, 6))
    one = st.integers(1, count)
    some = st.frozensets(one, max_size=3)
    return Drawn(
        nodes=count,
        down=draw(some),
        paused=draw(some),
        draining=draw(some),
        stopping=draw(some),
        possible=tuple(draw(st.lists(some, max_size=2))),
        preferred=tuple(draw(st.lists(one, unique=True, max_size=count))),
        loads=tuple(draw(st.lists(one, max_size=6))),
        mode=draw(st.sampled_from(("place", "failover", "move", "failback"))),
        owner=draw(st.integers(0, count)),
        without=draw(some),
    )


def written(world: Drawn) -> Cluster:
    cluster = Cluster(world.nodes)
    for number, owner in enumerate(world.loads):
        cluster.group(f"other{number}")
        cluster.assigned(owner, f"other{number}")
    for node in range(1, world.nodes + 1):
        cluster.member(node, up=node not in world.down)
        cluster.node(
            node,
            paused=node in world.paused,
            drain="d" if node in world.draining else "",
            stopping=node in world.stopping,
        )
    cluster.group("g", preferred_owners=world.preferred, sticky=False)
    for number, owners in enumerate(world.possible):
        cluster.resource(f"r{number}", possible_owners=tuple(sorted(owners)))
    return cluster


def asked(world: Drawn, cluster: Cluster) -> Placement:
    group = cluster.view.groups["g"].record
    return place(cluster.view, group, world.mode, owner=world.owner, without=world.without)


@given(drawn())
def test_every_node_is_a_candidate_or_has_a_reason_against_it_and_none_is_both(world: Drawn) -> None:
    placement = asked(world, written(world))
    candidates = [candidate.node for candidate in placement.candidates]
    against = [reason.node for reason in placement.against]
    assert sorted(candidates + against) == list(range(1, world.nodes + 1))
    assert {node for node in range(1, world.nodes + 1) if world.may(node)} == set(candidates)


@given(drawn())
def test_every_reason_names_its_node_and_has_a_sentence(world: Drawn) -> None:
    cluster = written(world)
    placement = asked(world, cluster)
    for candidate in placement.candidates:
        assert candidate.reason.node == candidate.node
    for reason in (*placement.against, *(candidate.reason for candidate in placement.candidates)):
        assert reason.code in SENTENCES
        assert f"n{reason.node}" in in_words(cluster.view, reason)


@given(drawn())
def test_the_same_cluster_gives_the_same_answer_whoever_is_asked(world: Drawn) -> None:
    assert asked(world, written(world)) == asked(world, written(world))


@given(drawn())
def test_preferred_owners_come_first_and_the_others_by_number_of_groups(world: Drawn) -> None:
    placement = asked(world, written(world))
    candidates = [candidate.node for candidate in placement.candidates]
    preferred = [node for node in candidates if node in world.preferred]
    assert candidates[: len(preferred)] == preferred
    order = list(world.preferred)
    if world.mode == "failover" and world.owner in order:
        after = order.index(world.owner) + 1
        order = order[after:] + order[:after]
    assert preferred == [node for node in order if world.may(node)]
    rest = candidates[len(preferred) :]
    assert rest == sorted(rest, key=lambda node: (world.loads.count(node), node))


def test_where_nobody_can_the_best_is_nobody_and_all_reasons_are_there() -> None:
    cluster = Cluster(2)
    cluster.group()
    cluster.member(1, up=False)
    cluster.node(2, paused=True)
    placement = place(cluster.view, cluster.view.groups["g"].record, "place")
    assert placement.best is None
    assert [(reason.node, reason.code) for reason in placement.against] == [(1, "node_down"), (2, "node_paused")]


@given(drawn())
def test_explain_names_a_rule_for_every_node_that_is_not_the_owner(world: Drawn) -> None:
    cluster = written(world)
    if world.owner and world.owner not in world.down:
        cluster.assigned(world.owner)
    found = explain_group(cluster.view, "g", Moment(1000.0))
    assert [standing.node for standing in found.nodes] == list(range(1, world.nodes + 1))
    assert all(standing.why for standing in found.nodes)
    assert {s.node for s in found.nodes if s.rank} == {
        n for n in range(1, world.nodes + 1) if world.may(n, anywhere=True)
    }
