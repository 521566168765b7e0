"""Nodes that fail too often: what is counted, once; when it keeps a node out, for how long, and whom never."""

from __future__ import annotations

import pytest
from cluster_written import Cluster
from hypothesis import given
from hypothesis import strategies as some

from quorate.core.gate import barred, refusal
from quorate.core.quarantine import counting, is_needed, is_uncounted, quarantine, standing
from quorate.model import keys
from quorate.model.base import decode
from quorate.model.membership import JoinRequest, MemberRecord, NodeStanding, Proof
from quorate.model.nodes import ClusterSpec
from quorate.model.records import Unchanged

HOUR_S = 3600.0


def made(nodes: int = 3, *, threshold: int = 3, duration_s: int = 7200) -> Cluster:
    cluster = Cluster(nodes)
    spec = ClusterSpec(
        name="alpha",
        id="x",
        quarantine_threshold=threshold,
        quarantine_duration_s=duration_s,
        expulsion_limit=0,
    )
    cluster.put(keys.SPEC_CLUSTER, spec)
    return cluster


def end(cluster: Cluster, node: int, life: str, proof: Proof = "lease_over") -> None:
    record = MemberRecord(node=node, state="down", incarnation=f"{node}.{life}", proof=proof)
    cluster.put(keys.member(node), record)


def count(cluster: Cluster, wall_s: float) -> int:
    """What the coordinator does at that time; how many records it writes."""
    guards, writes = counting(cluster.view, wall_s)
    for write in writes:
        cluster.put(write.key, decode(write.value, NodeStanding))
    assert bool(guards) == bool(writes)
    return len(writes)


def fail(cluster: Cluster, node: int, *times: float) -> None:
    for number, at in enumerate(times):
        end(cluster, node, f"life{at}.{number}")
        count(cluster, at)


@pytest.mark.conformance("ND-19")
def test_failures_within_an_hour_keep_a_node_out_for_the_duration() -> None:
    cluster = made()
    fail(cluster, 3, 0.0, 1000.0)
    assert quarantine(cluster.view, 3, 1000.0) is None
    fail(cluster, 3, 3500.0)
    found = quarantine(cluster.view, 3, 3500.0)
    assert found is not None
    assert (found.failures, found.until_s) == (3, 3500.0 + 7200.0)
    cluster.put(keys.join(3), JoinRequest(node=3, incarnation="3.z"))
    for wall_s, out in ((3500.0, True), (10_699.0, True), (10_700.0, False), (1e9, False)):
        assert (barred(cluster.view, wall_s) == {3}) is out
    reason = refusal(cluster.view, 3, 3500.0)
    assert reason is not None
    assert (reason.code, reason.detail) == ("node_quarantined", "3")


def test_failures_further_apart_do_not() -> None:
    cluster = made()
    fail(cluster, 3, 0.0, 1800.0, 3600.0, 5400.0, 7200.0)
    assert quarantine(cluster.view, 3, 7200.0) is None


def test_a_failure_is_counted_once_and_guarded_by_the_life_that_ended() -> None:
    cluster = made()
    end(cluster, 3, "a")
    guards, _ = counting(cluster.view, 5.0)
    assert Unchanged(keys.member(3), cluster.view.authority.members[3].revision) in guards
    assert keys.COORDINATOR in {guard.key for guard in guards}
    assert count(cluster, 5.0) == 1
    assert count(cluster, 6.0) == 0
    assert standing(cluster.view, 3).failures == (5.0,)


def test_who_failed_is_not_admitted_before_that_is_counted() -> None:
    """Its next life would overwrite the record by which the failure is known."""
    cluster = made()
    cluster.put(keys.join(3), JoinRequest(node=3, incarnation="3.b"))
    end(cluster, 3, "a")
    assert is_uncounted(cluster.view, 3)
    assert barred(cluster.view, 0.0) == {3}
    count(cluster, 0.0)
    assert barred(cluster.view, 0.0) == frozenset()


def test_a_clean_stop_is_no_failure() -> None:
    cluster = made()
    for life in "abcdef":
        end(cluster, 3, life, proof="released")
        assert count(cluster, 1.0) == 0
    assert barred(cluster.view, 1.0) == frozenset()


def test_a_threshold_of_nothing_disables_it() -> None:
    cluster = made(threshold=0)
    fail(cluster, 3, *map(float, range(10)))
    assert standing(cluster.view, 3) == NodeStanding()
    assert quarantine(cluster.view, 3, 10.0) is None


@pytest.mark.conformance("ND-20")
def test_cleared_failures_let_it_in_at_once() -> None:
    cluster = made()
    fail(cluster, 3, 1.0, 2.0, 3.0)
    kept = standing(cluster.view, 3)
    cluster.put(f"{keys.STANDING}3", NodeStanding(counted=kept.counted))
    assert quarantine(cluster.view, 3, 3.0) is None
    assert count(cluster, 4.0) == 0, "what was cleared is not counted again"


def test_the_quorum_is_never_kept_out() -> None:
    cluster = made()
    fail(cluster, 3, 1.0, 2.0, 3.0)
    cluster.put(keys.join(3), JoinRequest(node=3, incarnation="3.z"))
    assert barred(cluster.view, 3.0) == {3}
    end(cluster, 2, "x", proof="released")
    assert is_needed(cluster.view, 3)
    assert barred(cluster.view, 3.0) == frozenset()


def test_of_two_nodes_none_is_kept_out() -> None:
    cluster = made(2)
    fail(cluster, 2, 1.0, 2.0, 3.0)
    cluster.put(keys.join(2), JoinRequest(node=2, incarnation="2.z"))
    assert barred(cluster.view, 3.0) == frozenset()


@given(
    failures=some.lists(some.floats(0, 20_000), min_size=1, max_size=12),
    threshold=some.integers(1, 5),
    duration_s=some.integers(0, 10_000),
    wall_s=some.floats(0, 40_000),
)
def test_nobody_is_kept_out_for_less_than_so_many_failures_or_for_longer(
    failures: list[float], threshold: int, duration_s: int, wall_s: float
) -> None:
    cluster = made(threshold=threshold, duration_s=duration_s)
    fail(cluster, 3, *sorted(failures))
    found = quarantine(cluster.view, 3, wall_s)
    newest = max(failures)
    near = [at for at in failures if newest - at < HOUR_S]
    if found is None:
        assert len(near) < threshold or wall_s >= newest + duration_s or wall_s < newest - 300.0
    else:
        assert found.failures == len(near) >= threshold
        assert wall_s < found.until_s == newest + duration_s
