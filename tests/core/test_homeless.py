"""The look at groups that no other node has a place for: right, and with an end."""

from __future__ import annotations

from cluster_written import Cluster

from quorate.core.homeless import homeless
from quorate.model import keys
from quorate.model.nodes import ClusterSpec, NodeSpec


def full(groups: int) -> Cluster:
    """Groups on node 1, each asking for something else; node 2 has no room for any."""
    cluster = Cluster(2)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    for node, capacity in ((1, 99), (2, 1)):
        cluster.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", capacity={"memory": capacity}))
    for number in range(groups):
        cluster.group(f"g{number}", priority=2000 + number, demand={"memory": 2 + number})
        cluster.assigned(1, f"g{number}")
    return cluster


def test_it_ends_where_it_would_take_too_long_and_the_most_important_were_looked_at() -> None:
    found = homeless(full(5).view, 1000.0, looks_most=3)
    assert (found.without, found.not_looked_at) == ({1: ("g2", "g3", "g4")}, 2)
    assert homeless(full(5).view, 1000.0).not_looked_at == 0


def test_who_can_drive_others_out_has_a_place() -> None:
    cluster = full(1)
    cluster.put(f"{keys.SPEC_NODE}2", NodeSpec(node=2, name="n2", capacity={"memory": 2}))
    cluster.group("low", priority=100, demand={"memory": 1})
    cluster.assigned(2, "low")
    assert homeless(cluster.view, 1000.0).without == {}
    cluster.group("low", priority=3000, demand={"memory": 1})
    assert homeless(cluster.view, 1000.0).without == {1: ("g0",)}


def test_companions_of_one_node_go_together() -> None:
    cluster = full(0)
    for group in ("one", "other"):
        cluster.group(group, affinity_class_names=("pair",), affinity_enforced=True)
        cluster.assigned(1, group)
    assert homeless(cluster.view, 1000.0).without == {}
    cluster.node(2, paused=True)
    assert homeless(cluster.view, 1000.0).without == {1: ("one", "other")}
