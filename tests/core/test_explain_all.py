"""What a node and a resource say of themselves, and what is due or waited for now, by the engine that decides it."""

from __future__ import annotations

from cluster_written import Cluster

from quorate.core.explain import Explanation, explain_group
from quorate.core.explain_node import NodeExplanation, explain_node
from quorate.core.explain_resource import ResourceExplanation, explain_resource
from quorate.core.moment import Moment
from quorate.model import keys
from quorate.model.maintenance import Maintenance
from quorate.model.nodes import ClusterSpec
from quorate.model.workload import Reason

NOW = Moment(1000.0)


def web() -> Cluster:
    cluster = Cluster()
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    cluster.group("g")
    cluster.resource("addr")
    cluster.resource("site", depends_on=(("addr",),))
    return cluster


def running() -> Cluster:
    cluster = web()
    cluster.assigned(1, cause="created", reasons=(Reason(code="fewest_groups", node=1, detail="0"),))
    cluster.fact()
    return cluster


def group(cluster: Cluster) -> Explanation:
    return explain_group(cluster.view, "g", NOW)


def node(cluster: Cluster, number: int) -> NodeExplanation:
    return explain_node(cluster.view, number, NOW)


def resource(cluster: Cluster, name: str) -> ResourceExplanation:
    return explain_resource(cluster.view, cluster.view.resources[name].record, NOW)


def test_what_is_due_is_said_before_it_is_written() -> None:
    cluster = running()
    cluster.node(1, drain="d")
    found = group(cluster)
    assert len(found.due_now) == 1
    assert found.due_now[0].startswith("it is to leave n1 for n2, because its owner was drained")
    assert not found.waits_for


def test_a_group_that_may_go_nowhere_waits_with_the_reason_of_every_node() -> None:
    cluster = running()
    cluster.member(3, up=False)
    cluster.node(1, drain="d")
    cluster.node(2, paused=True)
    assert group(cluster).waits_for == (
        "n1 is being drained", "no other node can take it", "n2 is paused", "n3 is down",
    )  # fmt: skip


def test_a_group_in_maintenance_says_who_holds_it() -> None:
    cluster = running()
    cluster.intent(persistent_state=True, maintenance=Maintenance(author="ann"))
    cluster.member(1, up=False)
    assert group(cluster).waits_for == ("the group is in maintenance by ann: the cluster does nothing by itself",)


def test_a_group_on_hold_says_why_and_who_ends_it() -> None:
    cluster = web()
    cluster.assigned(1, phase="hold", cause="node_lost", reasons=(Reason(code="priority_zero"),))
    cluster.fact(states="offline", stopped=True)
    found = group(cluster)
    assert found.why_here[0].startswith("it is on hold on n1")
    assert found.why_not_running[0].startswith("it is on hold: nothing of it is started")
    assert found.waits_for == ("its priority is 0: it starts only when somebody asks for it",)
    assert found.what_would_help == ("quorate group online 'g' starts it",)


def test_a_start_that_waits_says_for_whom_and_how_long_at_the_most() -> None:
    cluster = web()
    cluster.group("db")
    cluster.resource("data", "db")
    cluster.group("g", depends_on=(("db",),))
    cluster.assigned(1, at_s=990.0)
    found = group(cluster)
    assert found.waits_for == (
        "its start waits: it depends on group db, which is not ready (for 590 s more at the most)",
    )
    assert any(why.startswith("its group has not begun") for why in resource(cluster, "addr").waits_for)


def test_a_group_that_has_begun_waits_for_nobody() -> None:
    cluster = web()
    cluster.group("db")
    cluster.resource("data", "db")
    cluster.group("g", depends_on=(("db",),))
    cluster.assigned(1, at_s=990.0)
    cluster.fact(states="online_pending")
    assert not group(cluster).waits_for


def test_a_node_says_what_it_hosts_and_what_it_cannot() -> None:
    cluster = running()
    cluster.group("other")
    cluster.resource("disk", "other", possible_owners=(2,))
    cluster.assigned(2, "other")
    cluster.fact("other")
    found = node(cluster, 1)
    assert found.why_so == ("it is up", "it leads the cluster")
    assert [(h.group, h.why[0]) for h in found.hosts] == [("g", "it was placed for the first time")]
    assert [(e.group, e.rank, e.why) for e in found.elsewhere] == [
        ("other", 0, "n1 is not a possible owner of resource disk")
    ]
    assert not found.leaving


def test_a_drain_says_what_is_left_and_what_keeps_it() -> None:
    cluster = running()
    cluster.group("stays", locked_from_moving=True)
    cluster.assigned(1, "stays")
    cluster.node(1, paused=True, drain="d")
    cluster.carry_out()
    cluster.fact(states="online")
    found = node(cluster, 1)
    assert found.leaving == (
        "group g: is being stopped to go to n2: addr, site not offline yet",
        "group stays: stays for now: n1 is being drained; locked_from_moving is set: it is not moved",
    )
    assert "it is drained: its groups leave, and none comes" in found.why_so
    assert found.what_would_help == ("quorate node resume n1 lets groups come again",)


def test_a_node_that_is_down_says_how_that_is_known() -> None:
    cluster = running()
    cluster.member(2, up=False)
    found = node(cluster, 2)
    assert found.why_so == ("it is down: silent until its lease was certainly over",)
    assert [(e.group, e.why) for e in found.elsewhere] == [("g", "n2 is down")]


def test_a_resource_says_what_it_waits_for_and_what_follows() -> None:
    cluster = web()
    cluster.assigned(1)
    cluster.fact(states="failed")
    found = resource(cluster, "site")
    assert "on n1 it is failed" in found.why_so
    assert "it depends on addr, not online yet" in found.waits_for
    assert found.if_it_fails[0] == "restarts left here: 3 of 3 within 900 s"
    assert any("probation" in line for line in found.if_it_fails)


def test_a_resource_that_is_to_be_offline_waits_for_nothing() -> None:
    cluster = running()
    cluster.intent(persistent_state=True, own_states={"site": False})
    found = resource(cluster, "site")
    assert found.why_so[0] == "it should be offline, by a request for this resource alone"
    assert not found.waits_for
    assert found.what_would_help == ("quorate resource online 'site'",)
