"""Foresight is the engine run forward: what it says is what then happens, and what is settled stays so."""

from __future__ import annotations

import random

from cluster_written import Cluster
from drawn_worlds import (
    NOW,
    Event,
    World,
    bytes_of,
    changed,
    ends,
    happen,
    has_majority,
    make,
    settled,
    worlds,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.core.cluster_view import ClusterView
from quorate.core.foreseen_owner import carried_out
from quorate.core.foresight import Foresight, foresee
from quorate.core.homeless import homeless
from quorate.core.losses import loss_of
from quorate.core.reasons import SENTENCES
from quorate.model import keys
from quorate.model.base import Value, encode
from quorate.model.maintenance import Maintenance
from quorate.model.nodes import ClusterSpec, NodeIntent, NodeSpec
from quorate.model.workload import FailRequest, GroupIntent


def foreseen(world: World, cluster: Cluster) -> tuple[Foresight, ClusterView]:
    imagined = cluster.view.imagine(bytes_of(changed(world, cluster)))
    return foresee(cluster.view, imagined, NOW), imagined


@settings(max_examples=80)
@given(worlds())
def test_what_is_foreseen_is_what_then_happens(world: World) -> None:
    cluster = settled(world)
    before = ends(cluster.view)
    found, imagined = foreseen(world, cluster)
    assert ends(cluster.view) == before, "asking changes nothing"
    assert found.settled
    make(cluster, changed(world, cluster))
    happened = happen(cluster)
    steps = [
        Event(s.group, s.what, s.source, s.target, tuple(sorted(s.resources)), s.cause, s.reasons) for s in found.steps
    ]
    assert steps == happened
    assert ends(imagined) == ends(cluster.view)


@settings(max_examples=80)
@given(worlds(alone=True), st.integers(0, 1 << 16))
def test_where_groups_have_nothing_to_do_with_each_other_slow_owners_change_nothing_of_it(
    world: World, seed: int
) -> None:
    cluster = settled(world)
    _, imagined = foreseen(world, cluster)
    make(cluster, changed(world, cluster))
    happen(cluster, random.Random(seed))
    assert ends(imagined) == ends(cluster.view)


@settings(max_examples=80)
@given(worlds(), st.integers(0, 1 << 16))
def test_however_slow_owners_are_there_is_an_end_and_nobody_is_where_he_may_not_be(world: World, seed: int) -> None:
    cluster = settled(world)
    make(cluster, changed(world, cluster))
    happen(cluster, random.Random(seed))
    leads = has_majority(cluster.view)
    assert not foresee(cluster.view, cluster.view.imagine(()), NOW, leads=leads).steps


@settings(max_examples=60)
@given(worlds())
def test_a_settled_cluster_stays_settled(world: World) -> None:
    cluster = settled(world)
    found = foresee(cluster.view, cluster.view.imagine(()), NOW)
    assert found.settled
    assert not found.steps


@settings(max_examples=60)
@given(worlds())
def test_no_move_without_a_reason(world: World) -> None:
    cluster = settled(world)
    found, _ = foreseen(world, cluster)
    for step in found.steps:
        assert step.what in {"stop", "start"} or step.reasons
        assert all(reason.code in SENTENCES for reason in step.reasons)
        assert not step.anyway, "a settled cluster does nothing by itself"
    for one in found.unserved:
        assert one.waits or one.before or world.change in {"lost", "offline", "pause"}


@settings(max_examples=40)
@given(worlds())
def test_the_same_question_has_the_same_answer(world: World) -> None:
    assert foreseen(world, settled(world))[0] == foreseen(world, settled(world))[0]


TAKEN = {"lacks_capacity", "anti_affinity", "companions_elsewhere"}
"""Why a node that could take one group cannot take it after others."""


@settings(max_examples=80)
@given(worlds())
def test_the_warning_of_status_is_what_the_loss_of_the_node_does_as_far_as_others_stay_where_they_are(
    world: World,
) -> None:
    """The warning looks at each group by itself (decision 0093); where others have to do with it, it may err."""
    cluster = settled(world)
    warned = homeless(cluster.view, NOW.wall_s).without
    for node in cluster.view.authority.up():
        loss = loss_of(cluster.view, {node}, NOW)
        assert loss.foresight.settled
        new = {one.group: {reason.code for reason in one.waits} for one in loss.foresight.unserved if not one.before}
        went = {step.group for step in loss.foresight.steps if step.what in {"move", "hold", "stay"}}
        for group in warned.get(node, ()):
            assert group in new or group in loss.owed or went - {group}, "warned of, and yet it finds a place by itself"
        for group, why in new.items():
            expected = group in warned.get(node, ()) or group in loss.owed or not loss.keeps_majority
            assert expected or why & (TAKEN | {"priority_zero"}), "only what others take is seen by a forecast alone"


def owned_web(**site: object) -> Cluster:
    """A group of two resources, online on node 1 of three."""
    cluster = Cluster(3)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    cluster.group("web")
    cluster.resource("addr", "web", **site)
    cluster.resource("site", "web", depends_on=(("addr",),))
    cluster.assigned(1, "web")
    cluster.fact("web")
    now = cluster.view.assignments["web"].record
    fact, _ = carried_out(cluster.view, now, NOW.wall_s)  # the owner's own word: it has been online, so it has proofs
    cluster.put(keys.fact_group(1, "web"), fact)
    return cluster


def told(found: Foresight) -> list[tuple[str, int, int, tuple[str, ...]]]:
    return [(step.what, step.source, step.target, step.resources) for step in found.steps]


def imagined(cluster: Cluster, key: str, value: Value) -> Foresight:
    return foresee(cluster.view, cluster.view.imagine([(key, encode(value))]), NOW)


FAIL = GroupIntent(persistent_state=True, fail={"addr": FailRequest(id="f", number=1)})


def test_what_is_failed_is_restarted_with_what_stands_on_it() -> None:
    found = imagined(owned_web(), keys.INTENT_GROUP + "web", FAIL)
    assert [(what, sorted(r)) for what, _, _, r in told(found)] == [
        ("stop", ["addr", "site"]),
        ("start", ["addr", "site"]),
    ]
    assert found.steps[1].resources == ("addr", "site"), "in the order of dependencies"


def test_what_is_failed_and_has_no_restart_left_costs_the_group_its_node() -> None:
    found = imagined(owned_web(restart_threshold=0), keys.INTENT_GROUP + "web", FAIL)
    assert [what for what, *_ in told(found)] == ["stop", "move", "start"]
    assert (found.steps[1].cause, found.steps[1].target) == ("resource_failed", 2)
    assert not found.unserved


def test_in_maintenance_nothing_is_started_or_moved() -> None:
    cluster = owned_web()
    cluster.intent("web", persistent_state=False)
    now = cluster.view.assignments["web"].record
    fact, _ = carried_out(cluster.view, now, NOW.wall_s)
    cluster.put(keys.fact_group(1, "web"), fact)
    wish = GroupIntent(persistent_state=True, maintenance=Maintenance(author="ann"))
    found = imagined(cluster, keys.INTENT_GROUP + "web", wish)
    assert not found.steps
    assert [one.group for one in found.unserved] == ["web"]


def test_a_node_that_is_stopped_ends_what_nobody_else_can_take() -> None:
    cluster = Cluster(2)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    cluster.group("stays")
    cluster.resource("disk", "stays", possible_owners=(2,))
    cluster.group("goes")
    cluster.resource("addr", "goes")
    cluster.assigned(2, "stays")
    cluster.assigned(2, "goes")
    cluster.fact("stays")
    cluster.fact("goes")
    imagined = cluster.view.imagine([(f"{keys.INTENT_NODE}2", encode(NodeIntent(stopping=True)))])
    found = foresee(cluster.view, imagined, NOW)
    assert [(s.group, s.what, s.source, s.target) for s in found.steps] == [
        ("goes", "move", 2, 1),
        ("goes", "stop", 2, 2),
        ("goes", "start", 1, 1),
        ("stays", "stop", 2, 2),
    ]
    assert [(one.group, one.before) for one in found.unserved] == [("stays", False)]


def test_what_comes_anyway_is_told_apart_from_what_the_change_does() -> None:
    cluster = Cluster(2)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    cluster.group("late")
    cluster.resource("one", "late")
    cluster.group("other", online=False)
    cluster.resource("two", "other")
    cluster.assigned(2, "other")
    wanted = encode(GroupIntent(persistent_state=True))
    found = foresee(cluster.view, cluster.view.imagine([(keys.INTENT_GROUP + "other", wanted)]), NOW)
    assert {(s.group, s.what, s.anyway) for s in found.steps} == {
        ("late", "place", True), ("late", "start", True), ("other", "start", False),
    }  # fmt: skip


def test_without_a_majority_nobody_moves_what_was_lost() -> None:
    cluster = Cluster(2)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    cluster.group("web")
    cluster.resource("site", "web")
    cluster.assigned(1, "web")
    cluster.fact("web")
    found = loss_of(cluster.view, {1}, NOW)
    assert not found.keeps_majority
    assert not found.foresight.steps
    assert [one.group for one in found.foresight.unserved] == ["web"]
    assert [reason.code for reason in found.foresight.unserved[0].waits] == ["no_majority"]


def test_who_is_driven_out_by_a_loss_and_who_finds_another_place_are_among_those_that_move() -> None:
    cluster = Cluster(4)
    cluster.put(keys.SPEC_CLUSTER, ClusterSpec(name="c", id="c"))
    for node, room in ((1, 10), (2, 10), (3, 4), (4, 0)):
        cluster.put(f"{keys.SPEC_NODE}{node}", NodeSpec(node=node, name=f"n{node}", capacity={"memory": room}))
    for group, node, priority, need in (("high", 1, 3000, 10), ("low", 2, 1000, 6), ("small", 2, 1100, 4)):
        cluster.group(group, priority=priority, demand={"memory": need})
        cluster.resource(f"{group}1", group)
        cluster.assigned(node, group)
        cluster.fact(group)
    found = loss_of(cluster.view, {1}, NOW)
    assert found.keeps_majority
    assert {(one.group, one.what, one.source, one.target) for one in found.moved} == {
        ("high", "move", 1, 2), ("low", "hold", 2, 2), ("small", "move", 2, 3),
    }  # fmt: skip
    assert [one.group for one in found.foresight.unserved] == ["low"]


@settings(max_examples=80)
@given(worlds())
def test_whoever_changes_its_owner_or_stops_or_starts_by_a_loss_is_told_once_as_moved(world: World) -> None:
    cluster = settled(world)
    for node in cluster.view.authority.up():
        loss = loss_of(cluster.view, {node}, NOW)
        groups = [step.group for step in loss.moved]
        assert len(groups) == len(set(groups))
        owners = {group: known.record.owner for group, known in cluster.view.assignments.items()}
        ended = dict(owners)
        for step in loss.foresight.steps:
            if step.what in {"stop", "start"}:
                assert step.group in groups
            else:
                ended[step.group] = step.target
        assert {group for group in ended if ended[group] != owners.get(group)} <= set(groups)
