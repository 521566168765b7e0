"""When a group changes hands (spec/03 §8 to §10)."""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.model.workload import Move, Reason

FAILED = Reason(code="resource_failed_for_good", subject="r")


def owned(owner: int, nodes: int = 3, **spec: object) -> Cluster:
    cluster = Cluster(nodes)
    cluster.group(**spec)  # type: ignore[arg-type]
    cluster.resource("r")
    cluster.assigned(owner)
    cluster.fact()
    return cluster


@pytest.mark.conformance("GR-01", "GR-08")
def test_a_new_group_gets_an_owner() -> None:
    cluster = Cluster()
    cluster.group(online=False)
    made = cluster.carry_out()
    assert (made.owner, made.number, made.cause) == (1, 1, "created")


def test_a_settled_group_stays() -> None:
    assert owned(1).decide() is None


@pytest.mark.conformance("FO-01", "ND-22")
def test_a_lost_node_s_group_runs_elsewhere_at_once() -> None:
    cluster = owned(3)
    cluster.member(3, up=False)
    made = cluster.carry_out()
    assert (made.owner, made.phase, made.cause) == (1, "run", "node_lost")
    assert Reason(code="owner_lost", node=3, detail="lease_over") in made.reasons
    assert cluster.decide() is None


def test_another_life_of_the_owner_does_not_own_the_group() -> None:
    cluster = owned(2)
    cluster.member(2, life="b")
    made = cluster.carry_out()
    assert made.number == 2
    assert made.incarnation != "2.a"


@pytest.mark.conformance("FO-02")
def test_failover_goes_to_the_next_preferred_owner() -> None:
    cluster = owned(2, preferred_owners=(1, 2, 3))
    cluster.fact(gives_up=FAILED)
    made = cluster.carry_out()
    assert (made.phase, made.to) == ("stop", 3)


@pytest.mark.conformance("FO-03")
def test_failover_wraps_round_the_preferred_list() -> None:
    cluster = owned(2, preferred_owners=(1, 2, 3))
    cluster.member(3, up=False)
    cluster.fact(gives_up=FAILED)
    assert cluster.carry_out().to == 1


@pytest.mark.conformance("FO-04")
def test_only_possible_owners_of_all_members_get_the_group() -> None:
    cluster = owned(3, preferred_owners=(1, 2))
    cluster.resource("r2", possible_owners=(2, 3))
    cluster.fact()
    cluster.member(3, up=False)
    made = cluster.carry_out()
    assert made.owner == 2
    assert Reason(code="not_possible_owner", node=1, subject="r2") in made.reasons


@pytest.mark.conformance("FO-05")
def test_without_a_candidate_the_group_stays_where_it_is() -> None:
    cluster = owned(3)
    cluster.resource("r2", possible_owners=(3,))
    cluster.member(3, up=False)
    assert cluster.decide() is None


@pytest.mark.conformance("FO-06")
def test_it_runs_on_the_target_only_when_the_source_has_stopped() -> None:
    cluster = owned(1)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2))
    stop = cluster.carry_out()
    assert (stop.owner, stop.phase, stop.to) == (1, "stop", 2)
    assert cluster.decide() is None
    cluster.fact(states="offline_pending")
    assert cluster.decide() is None
    cluster.fact(states="offline", stopped=True)
    run = cluster.carry_out()
    assert (run.owner, run.phase, run.number) == (2, "run", stop.number + 1)


def test_a_stop_reported_under_an_older_number_proves_nothing() -> None:
    cluster = owned(1)
    cluster.fact(states="offline", stopped=True)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2))
    cluster.carry_out()
    assert cluster.decide() is None


@pytest.mark.conformance("FO-08", "FO-09", "FO-20")
def test_failovers_end_at_the_threshold() -> None:
    cluster = owned(1, nodes=2)
    cluster.fact(gives_up=FAILED)
    assert cluster.carry_out(wall_s=100.0).to == 2
    cluster.fact(states="offline", stopped=True)
    assert cluster.carry_out().owner == 2
    cluster.fact(states="failed", gives_up=FAILED)
    assert cluster.decide(wall_s=200.0) is None
    assert cluster.decide(wall_s=100.0 + 6 * 3600 + 1) is not None


@pytest.mark.conformance("FO-10")
def test_threshold_zero_means_no_failover() -> None:
    cluster = owned(1, failover_threshold=0)
    cluster.fact(states="failed", gives_up=FAILED)
    assert cluster.decide() is None


@pytest.mark.conformance("FO-16")
def test_moves_do_not_count_as_failovers() -> None:
    cluster = owned(1)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2))
    assert cluster.carry_out().failovers == ()


@pytest.mark.conformance("FO-15")
def test_without_preference_fewest_groups_then_lowest_number() -> None:
    cluster = owned(3)
    cluster.group("h")
    cluster.assigned(1, "h")
    cluster.member(3, up=False)
    made = cluster.carry_out()
    assert made.owner == 2
    assert Reason(code="fewest_groups", node=2, detail="0") in made.reasons


@pytest.mark.conformance("FO-17")
def test_an_offline_group_of_a_lost_node_changes_owner_only() -> None:
    cluster = owned(3, online=False)
    cluster.member(3, up=False)
    assert cluster.carry_out().owner == 1
    assert not cluster.view.intent("g").persistent_state


@pytest.mark.conformance("ND-02", "MV-03")
@pytest.mark.parametrize("how", ["down", "paused", "stopping", "drain"])
def test_a_move_to_a_node_that_cannot_own_is_refused(how: str) -> None:
    cluster = owned(1)
    if how == "down":
        cluster.member(2, up=False)
    else:
        cluster.node(2, **{how: True if how != "drain" else "d"})
    cluster.intent(persistent_state=True, move=Move(id="m", to=2))
    decision = cluster.decide()
    assert decision is not None
    assert (decision.assignment.owner, decision.assignment.number) == (1, 1)
    assert decision.finishes_move is not None


@pytest.mark.conformance("MV-02")
def test_a_move_without_a_node_goes_to_the_most_preferred_other() -> None:
    cluster = owned(1, preferred_owners=(1, 3, 2))
    cluster.intent(persistent_state=True, move=Move(id="m"))
    assert cluster.carry_out().to == 3


@pytest.mark.conformance("ND-07")
def test_a_drained_node_gives_its_groups_away() -> None:
    cluster = owned(1)
    cluster.node(1, paused=True, drain="d1")
    made = cluster.carry_out()
    assert (made.phase, made.to, made.cause, made.drained_from) == ("stop", 2, "drained", 1)


@pytest.mark.conformance("ND-08")
def test_a_targeted_drain_goes_to_its_target() -> None:
    cluster = owned(1)
    cluster.node(1, paused=True, drain="d1", drain_target=3)
    assert cluster.carry_out().to == 3


@pytest.mark.conformance("ND-01")
def test_a_paused_node_keeps_its_groups() -> None:
    cluster = owned(1)
    cluster.node(1, paused=True)
    assert cluster.decide() is None


def back(cluster: Cluster, node: int) -> None:
    cluster.member(node, up=False)
    cluster.carry_out()
    cluster.fact()
    cluster.member(node, life="b")


@pytest.mark.conformance("FB-03")
def test_it_fails_back_when_the_preferred_owner_returns() -> None:
    cluster = owned(1, preferred_owners=(1,), auto_failback_type=1)
    back(cluster, 1)
    made = cluster.carry_out()
    assert (made.phase, made.to, made.cause) == ("stop", 1, "failback")


@pytest.mark.conformance("FB-01")
def test_no_failback_unless_allowed() -> None:
    cluster = owned(1, preferred_owners=(1,))
    back(cluster, 1)
    assert cluster.decide() is None


@pytest.mark.conformance("FB-02")
def test_no_failback_without_preference() -> None:
    cluster = owned(1, auto_failback_type=1)
    back(cluster, 1)
    assert cluster.decide() is None


@pytest.mark.conformance("FB-08")
def test_no_failback_to_a_less_preferred_owner() -> None:
    cluster = owned(1, preferred_owners=(1, 2), auto_failback_type=1)
    assert cluster.decide() is None


@pytest.mark.conformance("FB-10")
def test_no_failback_to_a_paused_node() -> None:
    cluster = owned(1, preferred_owners=(1,), auto_failback_type=1)
    back(cluster, 1)
    cluster.node(1, paused=True)
    assert cluster.decide() is None


def test_a_group_moved_by_hand_waits_for_a_new_life_of_the_preferred_owner() -> None:
    cluster = owned(1, preferred_owners=(1,), auto_failback_type=1)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2))
    cluster.carry_out()
    cluster.fact(states="offline", stopped=True)
    cluster.carry_out()
    cluster.intent(persistent_state=True)
    cluster.fact()
    assert cluster.decide() is None
    cluster.member(1, up=False)
    cluster.member(1, life="b")
    assert cluster.carry_out().to == 1


def test_a_destination_lost_on_the_way_is_replaced() -> None:
    cluster = owned(1)
    cluster.node(1, paused=True, drain="d1")
    assert cluster.carry_out().to == 2
    cluster.member(2, up=False)
    cluster.fact(states="offline", stopped=True)
    made = cluster.carry_out()
    assert made.owner == 3
    assert Reason(code="node_down", node=2) in made.reasons
