"""Groups that wait: on hold, for the start of others, for a window, for people (spec/03 §9 to §13)."""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.core.failover.batch import decide_batch
from quorate.core.failover.decision import STAYS
from quorate.core.failover.failback import in_window
from quorate.core.failover.formed import formed_now
from quorate.core.moment import Moment
from quorate.model import keys
from quorate.model.maintenance import Maintenance
from quorate.model.membership import Formed
from quorate.model.nodes import ClusterIntent, ClusterSpec, NodeSpec
from quorate.model.workload import GroupFact, Move, Reason, ResourceFact, ResourceFlags

FAILED = Reason(code="resource_failed_for_good", subject="r")


def owned(owner: int, nodes: int = 3, **spec: object) -> Cluster:
    """A group with one resource, online on that node."""
    cluster = Cluster(nodes)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    cluster.group(**spec)  # type: ignore[arg-type]
    cluster.resource("r")
    cluster.assigned(owner)
    cluster.fact()
    return cluster


def codes(reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in reasons]


# ------------------------------------------------------------------------------------------- cold start


def formed(cluster: Cluster, at_s: float, *awaited: int) -> None:
    cluster.put(keys.FORMED, Formed(epoch=1, at_s=at_s, awaited=awaited))


@pytest.mark.conformance("PR-04")
def test_when_the_cluster_forms_a_group_waits_for_its_node_and_then_starts_elsewhere() -> None:
    cluster = owned(3)
    formed(cluster, 1000.0, 3)
    cluster.member(3, up=False)
    waits = cluster.verdict(wall_s=1100.0)
    assert (waits.decisions, codes(waits.waits), waits.again_s) == ((), ["waits_for_node"], 1120.0)
    made = cluster.carry_out(wall_s=1120.0)
    assert (made.owner, made.phase) == (1, "run")


def test_it_waits_for_the_preferred_node_not_for_the_last_one() -> None:
    cluster = owned(3, preferred_owners=(2,))
    formed(cluster, 1000.0, 2, 3)
    cluster.member(3, up=False)
    assert cluster.carry_out(wall_s=1001.0).owner == 2


@pytest.mark.parametrize("why", ["not awaited", "asked for", "lost later"])
def test_what_it_does_not_wait_for(why: str) -> None:
    cluster = owned(3)
    if why != "lost later":
        formed(cluster, 1000.0, *(() if why == "not awaited" else (3,)))
    else:
        formed(cluster, 1000.0, 3)
        cluster.assigned(3, number=2)
    cluster.member(3, up=False)
    if why == "asked for":
        cluster.intent(persistent_state=True, clear_failures=1)
    assert cluster.carry_out(wall_s=1001.0).phase == "run"


@pytest.mark.conformance("PR-05")
@pytest.mark.parametrize("setting", [1, 2])
def test_a_cold_start_setting_keeps_it_offline_until_somebody_asks(setting: int) -> None:
    cluster = owned(3, cold_start_setting=setting)
    formed(cluster, 1000.0)
    cluster.member(3, up=False)
    made = cluster.carry_out(wall_s=1001.0)
    assert (made.owner, made.phase) == (1, "hold")
    cluster.fact(states="offline", stopped=True)
    assert codes(cluster.verdict().waits) == ["cold_start_off"]
    cluster.intent(persistent_state=True, clear_failures=1)
    assert cluster.carry_out().phase == "run"


@pytest.mark.conformance("ST-07")
def test_with_ignore_persistent_state_on_startup_everything_stays_offline() -> None:
    cluster = owned(3)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c", ignore_persistent_state_on_startup=True))
    formed(cluster, 1000.0)
    cluster.member(3, up=False)
    made = cluster.carry_out(wall_s=1001.0)
    assert (made.phase, "all_stay_offline" in codes(made.reasons)) == ("hold", True)


@pytest.mark.conformance("PR-02")
def test_priority_0_changes_its_owner_and_starts_only_when_asked_for() -> None:
    cluster = owned(3, priority=0)
    cluster.member(3, up=False)
    made = cluster.carry_out()
    assert (made.owner, made.phase) == (1, "hold")
    cluster.fact(states="offline", stopped=True)
    cluster.intent(persistent_state=True, clear_failures=1)
    assert cluster.carry_out().phase == "run"


def test_a_forming_is_told_from_a_takeover_and_remembers_who_may_come_back() -> None:
    cluster = owned(1)
    cluster.member(2, up=False)
    assert formed_now(cluster.view, 1, 5.0) is None  # its own record is older than its leadership
    coordinator, me = cluster.view.authority.coordinator, cluster.view.authority.members[1]
    assert coordinator is not None
    cluster.view.authority.coordinator = type(coordinator)(coordinator.record, me.revision)
    assert formed_now(cluster.view, 1, 5.0) == Formed(epoch=1, at_s=5.0, awaited=(3,))


# ------------------------------------------------------------------------------------------- want of room


@pytest.mark.conformance("FO-14")
def test_kept_apart_by_force_it_waits_on_a_node_that_is_up_and_goes_on_when_the_other_leaves() -> None:
    cluster = owned(2, 2, anti_affinity_class_names=("twins",), anti_affinity_enforced=True)
    cluster.group("other", anti_affinity_class_names=("twins",))
    cluster.assigned(1, "other")
    cluster.member(2, up=False)
    made = cluster.carry_out()
    assert (made.owner, made.phase) == (1, "hold")
    cluster.fact(states="offline", stopped=True)
    assert codes(cluster.verdict().waits) == ["anti_affinity", "node_down"]
    cluster.intent("other", persistent_state=False)
    assert cluster.carry_out().phase == "run"


def test_it_is_never_kept_by_a_node_that_may_not_own_it() -> None:
    cluster = owned(2, 3, demand={"memory": 8})
    cluster.resource("r", possible_owners=(2, 3))
    cluster.member(2, up=False)
    made = cluster.decide()
    assert made is not None
    assert (made.assignment.owner, made.assignment.phase) == (3, "hold")
    cluster.resource("r", possible_owners=(2,))
    assert cluster.decide() is None
    assert set(codes(cluster.verdict().waits)) == {"not_possible_owner", "node_down"}


def test_the_important_one_gets_the_room_and_the_other_comes_back_when_there_is_some() -> None:
    cluster = owned(2, 2, priority=2500, demand={"memory": 8})
    cluster.put(f"{keys.SPEC_NODE}1", NodeSpec(node=1, name="n1", capacity={"memory": 10}))
    cluster.put(f"{keys.SPEC_NODE}2", NodeSpec(node=2, name="n2", capacity={"memory": 10}))
    cluster.group("low", priority=1000, demand={"memory": 4})
    cluster.resource("lr", "low")
    cluster.assigned(1, "low")
    cluster.fact("low")
    cluster.member(2, up=False)
    made = {decision.assignment.group: decision.assignment for decision in cluster.verdict().decisions}
    assert (made["low"].phase, made["low"].cause, made["g"].phase) == ("hold", "preempted", "hold")
    for group, assignment in made.items():
        cluster.put(keys.ASSIGNMENT + group, assignment)
    cluster.fact(states="offline", stopped=True)
    assert cluster.verdict().decisions == ()  # its room is not free yet, and nobody else has to go
    cluster.fact("low", states="offline", stopped=True)
    assert cluster.carry_out().phase == "run"
    assert codes(cluster.verdict("low").waits) == ["lacks_capacity", "node_down"]
    cluster.member(2, life="b")
    assert (cluster.carry_out("low").owner, cluster.view.assignments["low"].record.phase) == (2, "run")


def test_the_room_that_is_made_for_one_is_not_taken_by_a_lesser_one() -> None:
    """Else the lesser one goes again for the first, the other comes back meanwhile, and so for ever."""
    cluster = owned(1, 3, priority=2000, demand={"memory": 3})
    for node in (1, 2, 3):
        cluster.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", capacity={"memory": 4}))
    for group, node, priority in (("lesser", 1, 1000), ("wide", 2, 2000), ("equal", 3, 2000), ("least", 3, 0)):
        cluster.group(group, priority=priority, demand={"memory": 2 if group == "wide" else 1})
        cluster.resource(f"{group}r", group)
        cluster.assigned(node, group)
        cluster.fact(group)
    cluster.member(1, up=False)
    batches = []
    for _ in range(9):
        found = decide_batch(cluster.view, cluster.view.groups, Moment(1000.0), take=lambda *_: True)
        batches.append({one.assignment.group: (one.assignment.phase, one.assignment.owner) for one in found.decisions})
        for one in found.decisions:
            cluster.put(keys.ASSIGNMENT + one.assignment.group, one.assignment)
            runs = one.assignment.phase == "run"
            cluster.fact(one.assignment.group, states="online" if runs else "offline", stopped=not runs)
    assert batches[0] == {"g": ("hold", 2), "least": ("hold", 3), "lesser": ("run", 2)}
    assert batches[1] == {"g": ("run", 3), "least": ("run", 2)}
    assert not any(batches[2:])


# ------------------------------------------------------------------------------------------- failback


@pytest.mark.conformance("FB-04", "FB-06")
@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (-1, -1, range(24)),
        (3, -1, range(24)),
        (-1, 3, range(24)),
        (5, 5, range(24)),
        (8, 17, range(8, 17)),
        (22, 6, [*range(22, 24), *range(6)]),
    ],
)
def test_which_hours_lie_in_a_window(start: int, end: int, hours: object) -> None:
    assert [hour for hour in range(24) if in_window(start, end, hour)] == sorted(hours)  # type: ignore[call-overload]


@pytest.mark.conformance("FB-05")
def test_outside_its_window_a_group_waits_for_it() -> None:
    cluster = owned(2, preferred_owners=(1,), auto_failback_type=1, failback_window_start=22, failback_window_end=6)
    waits = cluster.verdict(hour=15, next_hour_s=1500.0)
    assert (waits.decisions, codes(waits.waits), waits.again_s) == ((), ["failback_window"], 1500.0)
    assert cluster.verdict(hour=22).decisions[0].assignment.to == 1


def test_it_returns_only_to_a_node_that_has_been_up_for_so_long() -> None:
    cluster = owned(2, preferred_owners=(1,), auto_failback_type=1, failback_stable_s=60)
    waits = cluster.verdict(wall_s=1000.0, up_since_s={1: 970.0})
    assert (waits.decisions, waits.again_s) == ((), 1030.0)
    assert cluster.verdict(wall_s=1030.0, up_since_s={1: 970.0}).decisions


def test_one_group_at_a_time_returns_to_a_node() -> None:
    cluster = owned(2, preferred_owners=(1,), auto_failback_type=1)
    cluster.group("other", preferred_owners=(1,), auto_failback_type=1)
    cluster.assigned(2, "other", phase="stop", to=1, cause="failback")
    assert codes(cluster.verdict().waits) == ["failback_one_by_one"]


def test_where_others_keep_it_from_returning_it_waits_for_them_and_says_so() -> None:
    cluster = owned(2, preferred_owners=(1,), auto_failback_type=1, demand={"memory": 1})
    for node in (1, 2):
        cluster.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", capacity={"memory": 1}))
    cluster.group("other", demand={"memory": 1})
    cluster.assigned(1, "other")
    assert codes(cluster.verdict().waits) == ["failback_barred", "lacks_capacity"]
    cluster.intent("other", persistent_state=False)
    assert cluster.carry_out().to == 1
    cluster.member(1, up=False)
    cluster.assigned(2, number=3)
    cluster.fact()
    assert cluster.verdict() == STAYS, "a node that is down tells by itself when it is back"


def test_after_a_drain_it_returns_where_the_node_takes_its_groups_back() -> None:
    cluster = owned(1)
    cluster.node(1, paused=True, drain="d")
    away = cluster.carry_out()
    cluster.fact(states="offline", stopped=True)
    assert (away.cause, cluster.carry_out().drained_from) == ("drained", 1)
    cluster.fact()
    cluster.node(1)
    assert cluster.decide() is None
    cluster.node(1, takes_back="x")
    assert cluster.carry_out().to == 1
    cluster.fact(states="offline", stopped=True)
    cluster.carry_out()
    cluster.fact()
    assert cluster.decide() is None


# ------------------------------------------------------------------------------------------- moves


@pytest.mark.conformance("MV-05")
def test_it_goes_back_where_it_does_not_come_online() -> None:
    cluster = owned(1)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2, return_on_error=True))
    cluster.carry_out()
    cluster.fact(states="offline", stopped=True)
    assert cluster.carry_out().returns_to == 1
    cluster.intent(persistent_state=True)
    cluster.fact(states="failed", gives_up=FAILED)
    back = cluster.carry_out()
    assert (back.to, back.cause, back.failovers) == (1, "returned", ())


def test_once_it_came_online_there_what_happens_has_nothing_to_do_with_the_move() -> None:
    cluster = owned(1)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2, return_on_error=True))
    cluster.carry_out()
    cluster.fact(states="offline", stopped=True)
    cluster.carry_out()
    cluster.intent(persistent_state=True)
    cluster.fact()
    assert cluster.carry_out().returns_to == 0
    cluster.fact(gives_up=FAILED)
    assert cluster.carry_out().cause == "resource_failed"


@pytest.mark.conformance("MV-08")
def test_a_queued_move_waits_until_it_can_be_done() -> None:
    cluster = owned(1)
    cluster.node(2, paused=True)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2, queue=True))
    assert codes(cluster.verdict().waits) == ["move_queued", "node_paused"]
    cluster.node(2)
    assert cluster.carry_out().to == 2


@pytest.mark.conformance("MV-09")
@pytest.mark.parametrize("stopped", [False, True])
def test_a_move_under_way_is_taken_back_where_it_is(stopped: bool) -> None:
    cluster = owned(1)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2))
    cluster.carry_out()
    cluster.fact(states="offline" if stopped else "online", stopped=stopped)
    cluster.intent(persistent_state=True, move=Move(id="x", cancels=True))
    decision = cluster.decide()
    assert decision is not None
    made = decision.assignment
    assert (made.owner, made.phase, made.cause) == (1, "run", "cancelled")
    assert decision.finishes_move is not None


def test_nothing_but_a_move_is_turned_round_by_taking_a_move_back() -> None:
    cluster = owned(1)
    cluster.node(1, paused=True, drain="d")
    assert cluster.carry_out().cause == "drained"
    cluster.intent(persistent_state=True, move=Move(id="x", cancels=True))
    assert cluster.decide() is None
    cluster.fact(states="offline", stopped=True)
    assert cluster.carry_out().owner == 2


def test_locked_from_moving_it_is_neither_moved_nor_drained_but_taken_over() -> None:
    cluster = owned(1, locked_from_moving=True)
    cluster.node(1, paused=True, drain="d")
    assert codes(cluster.verdict().waits) == ["node_draining", "locked_from_moving"]
    cluster.node(1)
    cluster.intent(persistent_state=True, move=Move(id="m", to=2))
    decision = cluster.decide()
    assert decision is not None
    assert "locked_from_moving" in codes(decision.assignment.reasons)
    cluster.intent(persistent_state=True)
    cluster.member(1, up=False)
    assert cluster.carry_out().owner == 2


def with_fact(cluster: Cluster, **resource: object) -> None:
    """The owner says that of its one resource."""
    now = cluster.view.assignments["g"].record
    told = ResourceFact(**{"state": "online", **resource})  # type: ignore[arg-type]
    made = GroupFact(group="g", incarnation=now.incarnation, number=now.number, resources={"r": told})
    cluster.put(keys.fact_group(now.owner, "g"), made)


def test_a_lock_of_its_type_keeps_it_from_drains_and_failback() -> None:
    cluster = owned(2, preferred_owners=(1,), auto_failback_type=1)
    with_fact(cluster, flags=ResourceFlags(locked="copying"))
    assert cluster.decide() is None
    cluster.node(2, paused=True, drain="d")
    assert codes(cluster.verdict().waits) == ["node_draining", "resource_locked"]
    with_fact(cluster)
    assert cluster.carry_out().to == 1


@pytest.mark.parametrize("critical", [True, False])
def test_what_does_not_matter_keeps_nothing_from_returning(critical: bool) -> None:
    cluster = owned(2, preferred_owners=(1,), auto_failback_type=1)
    cluster.resource("r", critical=critical)
    with_fact(cluster, state="failed", exhausted=True)
    assert (cluster.decide() is None) == critical


def test_so_many_groups_leave_at_a_time() -> None:
    cluster = owned(1)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c", drain_limit=1))
    cluster.group("other")
    cluster.assigned(1, "other", phase="stop", to=2, cause="drained")
    cluster.node(1, paused=True, drain="d")
    assert codes(cluster.verdict().waits) == ["node_draining", "drain_limit"]


@pytest.mark.parametrize("of", ["group", "node", "cluster"])
def test_in_maintenance_nothing_is_done_by_itself_until_its_time_is_over(of: str) -> None:
    cluster = owned(1)
    by = Maintenance(author="ann", until_s=2000.0)
    if of == "group":
        cluster.intent(persistent_state=True, maintenance=by)
    elif of == "node":
        cluster.node(1, maintenance=by)
    else:
        cluster.put(keys.INTENT_CLUSTER, ClusterIntent(maintenance=by))
    cluster.fact(states="failed", gives_up=FAILED)
    for _ in range(2):
        waits = cluster.verdict(wall_s=1999.0)
        assert (waits.decisions, codes(waits.waits), waits.again_s) == ((), ["in_maintenance"], 2000.0)
        assert cluster.verdict(wall_s=2000.0).decisions
        cluster.member(1, up=False)  # the same where its owner is lost
