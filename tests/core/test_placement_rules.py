"""The rules of placement one by one: what forbids a node, what speaks for it, and their order (spec/03 §8.2)."""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.core.placement.choosing import Placement, objection, place
from quorate.core.placement.preemption import room_for
from quorate.core.placement.ranking import Mode
from quorate.core.placement.scene import Scene
from quorate.model import keys
from quorate.model.nodes import ClusterSpec, NodeSpec
from quorate.model.workload import Assignment, GroupSpec


def victims(scene: Scene, group: GroupSpec) -> tuple[str, ...]:
    """Who has to go for it."""
    room = room_for(scene, group)
    return room.victims if room is not None else ()


def cluster_set(cluster: Cluster, **fields: object) -> None:
    """Set common properties of the cluster."""
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c", **fields))  # type: ignore[arg-type]


def node_set(cluster: Cluster, node: int, **fields: object) -> None:
    """Set common properties of a node."""
    cluster.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", **fields))  # type: ignore[arg-type]


def hosted(cluster: Cluster, group: str, node: int, **spec: object) -> None:
    """A group that should be online and is on that node."""
    cluster.group(group, **spec)  # type: ignore[arg-type]
    cluster.assigned(node, group)


def asked(cluster: Cluster, mode: Mode = "place", owner: int = 0, without: frozenset[int] = frozenset()) -> Placement:
    return place(cluster.view, cluster.view.groups["g"].record, mode, owner=owner, without=without)


def order(placement: Placement) -> list[int]:
    return [candidate.node for candidate in placement.candidates]


@pytest.mark.conformance("FO-12")
def test_a_node_that_hosts_a_group_of_the_same_class_is_passed_by_whatever_is_preferred() -> None:
    cluster = Cluster(3)
    hosted(cluster, "other", 1, anti_affinity_class_names=("Twins",))
    cluster.group(preferred_owners=(1, 2), anti_affinity_class_names=("twins",))
    placement = asked(cluster)
    assert order(placement) == [2, 3, 1]
    assert placement.candidates[2].reason.code == "anti_affinity"


@pytest.mark.conformance("FO-13")
def test_where_all_host_one_the_most_preferred_is_used_anyway() -> None:
    cluster = Cluster(2)
    for node in (1, 2):
        hosted(cluster, f"other{node}", node, anti_affinity_class_names=("twins",))
    cluster.group(preferred_owners=(2,), anti_affinity_class_names=("twins",))
    assert order(asked(cluster)) == [2, 1]


@pytest.mark.parametrize("by", ["cluster", "group"])
def test_enforced_it_goes_nowhere_rather_than_beside_it(by: str) -> None:
    cluster = Cluster(1)
    cluster_set(cluster, cluster_enforced_anti_affinity=by == "cluster")
    hosted(cluster, "other", 1, anti_affinity_class_names=("twins",))
    cluster.group(anti_affinity_class_names=("twins",), anti_affinity_enforced=by == "group")
    placement = asked(cluster)
    assert (order(placement), [reason.code for reason in placement.against]) == ([], ["anti_affinity"])


@pytest.mark.conformance("GR-08", "MV-04")
def test_what_is_not_to_run_asks_for_neither_distance_nor_company_nor_room() -> None:
    cluster = Cluster(1)
    hosted(cluster, "other", 1, anti_affinity_class_names=("twins",))
    cluster.group(
        online=False,
        affinity_class_names=("pair",),
        affinity_enforced=True,
        demand={"memory": 1},
        anti_affinity_class_names=("twins",),
        anti_affinity_enforced=True,
    )
    assert order(asked(cluster)) == [1]
    made = cluster.carry_out()
    assert (made.owner, made.phase) == (1, "run")
    assert objection(cluster.view, cluster.view.groups["g"].record, 1) is None
    found = objection(cluster.view, cluster.view.groups["g"].record, 1, runs=True)
    assert found is not None
    assert found.code == "anti_affinity"


def test_a_new_group_that_should_run_and_cannot_waits_on_a_node_that_may_own_it() -> None:
    cluster = Cluster(2)
    cluster.group(demand={"memory": 1})
    cluster.resource("r", possible_owners=(2,))
    made = cluster.carry_out()
    assert (made.owner, made.phase, made.number) == (2, "hold", 1)
    assert {reason.code for reason in made.reasons} == {"not_possible_owner", "lacks_capacity"}


def test_it_is_not_kept_apart_from_itself() -> None:
    cluster = Cluster(2)
    cluster.group(anti_affinity_class_names=("twins",), anti_affinity_enforced=True)
    cluster.assigned(1)
    assert objection(cluster.view, cluster.view.groups["g"].record, 1) is None


def test_apart_by_site_means_no_node_of_that_site() -> None:
    cluster = Cluster(3)
    for node, site in ((1, "east"), (2, "East"), (3, "west")):
        node_set(cluster, node, site=site)
    hosted(cluster, "other", 1, anti_affinity_class_names=("twins",))
    cluster.group(anti_affinity_class_names=("twins",), anti_affinity_enforced=True, separation_level="site")
    assert order(asked(cluster)) == [3]


def test_companions_draw_it_to_their_node_and_enforced_nowhere_else_will_do() -> None:
    cluster = Cluster(3)
    hosted(cluster, "other", 3, affinity_class_names=("pair",))
    cluster.group(preferred_owners=(1,), affinity_class_names=("pair",))
    assert order(asked(cluster))[0] == 3
    cluster.group(preferred_owners=(1,), affinity_class_names=("pair",), affinity_enforced=True)
    placement = asked(cluster)
    assert order(placement) == [3]
    assert {reason.code for reason in placement.against} == {"companions_elsewhere"}


@pytest.mark.conformance("PR-12")
def test_the_site_that_the_group_prefers_comes_before_the_cluster_s() -> None:
    cluster = Cluster(3)
    for node, site in ((1, "east"), (2, "west"), (3, "north")):
        node_set(cluster, node, site=site)
    cluster_set(cluster, preferred_site="West")
    cluster.group()
    assert order(asked(cluster))[0] == 2
    cluster.group(preferred_site="north")
    assert order(asked(cluster))[0] == 3


@pytest.mark.conformance("FO-15")
def test_without_a_list_same_site_then_fewest_groups_then_the_lowest_number() -> None:
    cluster = Cluster(4)
    for node, site in ((1, "east"), (2, "west"), (3, "west"), (4, "west")):
        node_set(cluster, node, site=site)
    hosted(cluster, "other", 3)
    cluster.group()
    cluster.assigned(2)
    assert order(asked(cluster, "failover", owner=2, without=frozenset({2}))) == [4, 3, 1]
    cluster.member(4, up=False)
    assert order(asked(cluster, "failover", owner=2, without=frozenset({2}))) == [3, 1]


def test_it_returns_to_where_it_was_unless_it_is_not_sticky() -> None:
    cluster = Cluster(3)
    hosted(cluster, "other", 2)
    cluster.group()
    cluster.assigned(2)
    assert order(asked(cluster, owner=2)) == [2, 1, 3]
    cluster.group(sticky=False)
    assert order(asked(cluster, owner=2)) == [1, 3, 2]


def test_groups_of_a_class_are_spread_over_racks_before_anything_is_counted() -> None:
    cluster = Cluster(3)
    for node, rack in ((1, "r1"), (2, "r1"), (3, "r2")):
        node_set(cluster, node, fault_domain=(rack,))
    hosted(cluster, "one", 1, spread_class_names=("web",))
    for number in range(3):
        hosted(cluster, f"load{number}", 3)
    cluster.group(spread_class_names=("web",), separation_level="fault_domain")
    assert order(asked(cluster)) == [3, 2, 1]


def test_what_does_not_fit_is_no_candidate_and_the_emptier_node_comes_first() -> None:
    cluster = Cluster(3)
    node_set(cluster, 1, capacity={"memory": 8, "license": 1})
    node_set(cluster, 2, capacity={"memory": 16, "license": 1})
    node_set(cluster, 3, capacity={"memory": 64})
    hosted(cluster, "other", 1, demand={"memory": 2})
    cluster.group(demand={"memory": 4, "license": 1})
    placement = asked(cluster)
    assert order(placement) == [2, 1]
    assert [(r.node, r.code, r.subject) for r in placement.against] == [(3, "lacks_capacity", "license")]
    cluster.group(demand={"memory": 7})
    assert 1 not in order(asked(cluster))


def test_lower_priorities_make_room_the_lowest_first_and_no_more_than_needed() -> None:
    cluster = Cluster(1)
    cluster_set(cluster)
    node_set(cluster, 1, capacity={"memory": 10})
    for name, priority, amount in (("low", 500, 3), ("middle", 1500, 4), ("never", 3000, 3)):
        hosted(cluster, name, 1, priority=priority, demand={"memory": amount})
    cluster.group(priority=2500, demand={"memory": 3})
    spec = cluster.view.groups["g"].record
    assert victims(Scene(cluster.view), spec) == ("low",)
    cluster.group(priority=2500, demand={"memory": 6})
    assert victims(Scene(cluster.view), cluster.view.groups["g"].record) == ("low", "middle")
    cluster.group(priority=4000, demand={"memory": 9})
    assert victims(Scene(cluster.view), cluster.view.groups["g"].record) == ()  # the third is never preempted
    cluster.group(priority=400, demand={"memory": 3})
    assert victims(Scene(cluster.view), cluster.view.groups["g"].record) == ()


def test_nobody_goes_for_a_group_that_must_be_with_it_or_that_could_not_come_even_then() -> None:
    cluster = Cluster(2)
    cluster_set(cluster)
    for node in (1, 2):
        node_set(cluster, node, capacity={"memory": 2})
    hosted(cluster, "full", 1, demand={"memory": 2}, affinity_class_names=("pair",))
    hosted(cluster, "low", 2, priority=0, demand={"memory": 1}, affinity_class_names=("pair",))
    cluster.group(demand={"memory": 2}, affinity_class_names=("pair",), affinity_enforced=True)
    assert victims(Scene(cluster.view), cluster.view.groups["g"].record) == ()
    hosted(cluster, "mate", 2, affinity_class_names=("pair",))
    assert victims(Scene(cluster.view), cluster.view.groups["g"].record) == ()
    hosted(cluster, "low", 2, priority=0, demand={"memory": 1})
    assert victims(Scene(cluster.view), cluster.view.groups["g"].record) == ("low",)
    cluster.assigned(2, "mate", number=2, phase="hold")  # about to go itself
    assert victims(Scene(cluster.view), cluster.view.groups["g"].record) == ()


def test_a_batch_counts_what_it_has_decided_already() -> None:
    cluster = Cluster(2)
    for number in range(4):
        cluster.group(f"g{number}")
    scene = Scene(cluster.view)
    chosen = []
    for number in range(4):
        spec = cluster.view.groups[f"g{number}"].record
        best = place(scene, spec, "place").best
        assert best is not None
        chosen.append(best.node)
        scene.decided(spec, Assignment(group=spec.id, owner=best.node, incarnation="", number=1))
    assert chosen == [1, 2, 1, 2]
    assert not list(cluster.view.occupancy.nodes())
