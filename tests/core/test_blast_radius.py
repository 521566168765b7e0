"""How many nodes may be put out within a while: what counts, from records alone, and what stands still beyond it."""

from __future__ import annotations

from cluster_written import Cluster

from quorate.core.blast_radius import allowance, left
from quorate.core.explain import explain_group
from quorate.core.fencing import targets
from quorate.core.moment import Moment
from quorate.core.quarantine import counting
from quorate.model import keys
from quorate.model.fencing import FenceDevice
from quorate.model.membership import Attestation, JoinRequest, Mark, MemberRecord, NodeStanding, Proof
from quorate.model.nodes import ClusterSpec


def made(nodes: int = 5, *, limit: int = 2, released_s: float = 0.0) -> Cluster:
    cluster = Cluster(nodes)
    released(cluster, released_s, limit)
    return cluster


def released(cluster: Cluster, at_s: float, limit: int = 2) -> None:
    spec = ClusterSpec(name="alpha", id="x", expulsion_limit=limit, expulsion_period_s=600)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(**{**_fields(spec), "expulsions_released_s": at_s}))  # type: ignore[arg-type]


def _fields(spec: ClusterSpec) -> dict[str, object]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


def lose(cluster: Cluster, node: int, proof: Proof = "lease_over") -> None:
    cluster.put(keys.member(node), MemberRecord(node=node, state="down", incarnation=f"{node}.a", proof=proof))


def count(cluster: Cluster, wall_s: float) -> None:
    """Write what a coordinator would, as a new one finds it."""
    _, writes = counting(cluster.view, wall_s)
    for write in writes:
        number = int(write.key.removeprefix(keys.STANDING))
        known = cluster.view.standings.get(number)
        former = known.record.expelled if known is not None else ()
        back = b'"expelled"' not in write.value
        made = NodeStanding(counted=f"{number}.a", failures=(wall_s,), expelled=former if back else (*former, wall_s))
        cluster.put(write.key, made)


def test_ends_count_from_the_verdict_on_and_from_records_until_the_period_is_over() -> None:
    cluster = made()
    assert left(cluster.view, 1000.0) == 2
    lose(cluster, 5)
    assert left(cluster.view, 1000.0) == 1, "declared, and written by nobody yet"
    count(cluster, 1000.0)
    assert left(cluster.view, 1000.0) == 1
    lose(cluster, 4, "ended")
    count(cluster, 1100.0)
    found = allowance(cluster.view, 1599.0)
    assert found is not None
    assert (found.left, found.spent, found.until_s) == (0, 2, 1600.0)
    assert left(cluster.view, 1601.0) == 1
    assert left(cluster.view, 1701.0) == 2


def test_a_clean_stop_does_not_count_nor_does_a_node_that_had_been_away_and_is_back() -> None:
    cluster = made()
    lose(cluster, 5, "released")
    cluster.put(keys.join(4), JoinRequest(node=4, incarnation="4.b"))
    lose(cluster, 4)
    assert left(cluster.view, 1000.0) == 2
    count(cluster, 1000.0)
    assert left(cluster.view, 1000.0) == 2
    cluster.put(keys.join(3), JoinRequest(node=3, incarnation="3.b"))
    lose(cluster, 3, "ended")  # it ended itself, and it is back at once: that is one
    assert left(cluster.view, 1000.0) == 1


def test_whoever_has_looked_lets_it_go_on_and_nothing_means_no_limit() -> None:
    cluster = made()
    for node in (4, 5):
        lose(cluster, node)
    count(cluster, 1000.0)
    assert left(cluster.view, 1001.0) == 0
    released(cluster, 1002.0)
    assert left(cluster.view, 1003.0) == 2
    released(cluster, 0.0, limit=0)
    assert left(cluster.view, 1003.0) is None


def test_no_more_nodes_are_fenced_than_may_be_put_out() -> None:
    cluster = made()
    plugs = {str(node): "7" for node in range(1, 6)}
    cluster.put(keys.SPEC_FENCE + "pdu", FenceDevice(name="pdu", agent="fence_x", plugs=plugs))
    said = Attestation(kind="fenced", by="pdu", at="now")
    for node in (3, 4, 5):
        mark = Mark(kind="suspicion", id=f"m{node}", author=1, epoch=1, attestation=said if node == 3 else None)
        cluster.put(keys.member(node), MemberRecord(node=node, state="up", incarnation=f"{node}.a", mark=mark))
    cluster.view.authority.expulsions_left = 2
    assert [target.node for target in targets(cluster.view, 1, leads=True)] == [4]
    cluster.view.authority.expulsions_left = None
    assert [target.node for target in targets(cluster.view, 1, leads=True)] == [4, 5]


def test_explain_says_that_the_cluster_holds_still() -> None:
    cluster = made()
    cluster.group()
    cluster.resource("r")
    cluster.assigned(3)
    mark = Mark(kind="suspicion", id="m", author=1, epoch=1)
    cluster.put(keys.member(3), MemberRecord(node=3, state="up", incarnation="3.a", mark=mark))
    cluster.view.authority.expulsions_left = 0
    told = explain_group(cluster.view, "g", Moment(1000.0))
    assert any("holds still" in why for why in told.why_not_running)
    assert "quorate cluster release-expulsions lets it go on" in told.what_would_help
