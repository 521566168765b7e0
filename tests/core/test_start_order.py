"""Which groups start before which: priorities, providers, sets, delays and limits (spec/03 §9 to §11)."""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.core.start_order import StartOrder, Wait
from quorate.model import keys
from quorate.model.base import replace
from quorate.model.nodes import ClusterSpec
from quorate.model.workload import GroupSetSpec, GroupSpec, ResourceFact


def waits(cluster: Cluster, group: str = "g", wall_s: float = 1000.0, here: int | None = None) -> Wait | None:
    return StartOrder(cluster.view, wall_s).wait_of(cluster.view.groups[group].record, here)


def code(wait: Wait | None) -> str:
    return wait.reason.code if wait is not None else ""


def to_start(name: str, cluster: Cluster, at_s: float = 1000.0, **spec: object) -> None:
    """A group that its owner has just been given, by itself, and that has not begun."""
    cluster.group(name, **spec)  # type: ignore[arg-type]
    cluster.resource(f"{name}-r", name)
    cluster.assigned(1, name, cause="node_lost", at_s=at_s)


@pytest.mark.conformance("PR-01")
def test_groups_of_higher_priority_start_first_for_so_long_at_most() -> None:
    cluster = Cluster(2)
    to_start("high", cluster, priority=3000)
    to_start("g", cluster, priority=2000)
    assert code(waits(cluster, "high")) == ""
    found = waits(cluster)
    assert (code(found), found and found.until_s) == ("waits_for_priority", 1030.0)
    assert waits(cluster, wall_s=1030.0) is None
    cluster.fact("high", states="failed")
    assert waits(cluster) is None
    cluster.fact("high")
    assert waits(cluster) is None


@pytest.mark.conformance("PR-06", "PR-09", "PR-10")
def test_a_group_waits_for_the_set_it_depends_on_and_for_so_long_after_it() -> None:
    cluster = Cluster(2)
    for name in ("a", "b"):
        to_start(name, cluster)
    cluster.put(
        keys.SPEC_SET + "s", GroupSetSpec(id="s", name="s", groups=("a", "b"), startup_setting=2, startup_delay_s=20)
    )
    to_start("g", cluster, depends_on=(("s",),))
    cluster.fact("a")
    assert code(waits(cluster)) == "waits_for_provider"
    cluster.fact("b")
    assert waits(cluster, wall_s=1019.0) is not None
    assert waits(cluster, wall_s=1020.0) is None
    cluster.fact("b", states="offline")
    assert waits(cluster, wall_s=1599.0) is not None
    assert waits(cluster, wall_s=1600.0) is None  # GroupDependencyTimeout


@pytest.mark.conformance("PR-07")
@pytest.mark.parametrize(("count", "needed"), [(None, 5), (0, 3), (2, 2), (9, 5)])
def test_how_many_groups_make_a_set_ready(count: int | None, needed: int) -> None:
    assert StartOrder.needed(GroupSetSpec(id="s", name="s", startup_count=count), 5) == needed


@pytest.mark.conformance("PR-08")
def test_a_global_set_is_ready_before_anything_else_starts() -> None:
    cluster = Cluster(2)
    to_start("a", cluster)
    cluster.put(
        keys.SPEC_SET + "s",
        GroupSetSpec(id="s", name="s", groups=("a",), is_global=True, startup_setting=2, startup_delay_s=0),
    )
    to_start("g", cluster)
    assert code(waits(cluster, "a")) == ""
    assert code(waits(cluster)) == "waits_for_global_set"
    cluster.fact("a")
    assert waits(cluster) is None


def test_delays_limits_and_a_request_that_says_now() -> None:
    cluster = Cluster(2)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c", start_limit=2))
    to_start("g", cluster, group_start_delay_ms=5000)
    found = waits(cluster)
    assert (code(found), found and found.until_s) == ("start_delay", 1005.0)
    assert code(waits(cluster, wall_s=1005.0, here=2)) == "start_limit"
    assert waits(cluster, wall_s=1005.0, here=1) is None
    cluster.intent(persistent_state=True, unordered=True)
    assert waits(cluster, here=2) is None


@pytest.mark.parametrize(("critical", "waited"), [(True, "waits_for_provider"), (False, "")])
def test_a_provider_is_ready_without_what_does_not_matter_in_it(critical: bool, waited: str) -> None:
    cluster = Cluster(2)
    to_start("p", cluster)
    cluster.resource("extra", "p", critical=critical)
    to_start("g", cluster, depends_on=(("p",),))
    cluster.fact("p")
    now = cluster.view.assignments["p"].record
    known = cluster.view.fact(now)
    assert known is not None
    gone = {**known.resources, "extra": ResourceFact(state="failed", exhausted=True)}
    cluster.put(keys.fact_group(now.owner, "p"), replace(known, resources=gone))
    assert code(waits(cluster)) == waited


def test_a_provider_that_is_a_group_of_lower_priority_holds_nobody_up_for_ever() -> None:
    cluster = Cluster(2)
    to_start("low", cluster, priority=1000)
    to_start("g", cluster, priority=3000, depends_on=(("low",),))
    assert code(waits(cluster)) == "waits_for_provider"
    assert code(waits(cluster, "low")) == ""  # who waits for it is not waited for


def test_a_spec_that_was_written_before_these_fields_existed_is_read() -> None:
    assert GroupSpec(id="g", name="g").depends_on == ()
