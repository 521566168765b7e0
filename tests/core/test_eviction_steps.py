"""Evictions as pure decisions: the order of steps, what each is guarded by, and what an evicted node may still do."""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.core.authority.membership import Membership
from quorate.core.authority.orders import Heard, Order, Peer, Report
from quorate.core.authority.timings import FAST
from quorate.core.eviction import Commit, Wait, bound_resources, has_left, may_leave, next_step, vote_obstacle
from quorate.core.gate import barred, refusal
from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.membership import JoinRequest
from quorate.model.nodes import EvictedNode, Eviction, NodeIntent, NodeSpec
from quorate.model.records import Change, Delete, Position, Put, Unchanged
from quorate.model.workload import GroupSpec, ResourceSpec

AT = "2027-01-15T08:00:00.000Z"


def asked(cluster: Cluster, node: int = 3, *, force: bool = False) -> None:
    cluster.node(node, eviction=Eviction(id="e", author="ann", reason="sold", force=force))


def voting(cluster: Cluster, node: int, votes: int = 1, *, pending: bool = False) -> None:
    spec = NodeSpec(node=node, name=f"n{node}", votes=votes, vote_pending=pending)
    cluster.put(f"{keys.SPEC_NODE}{node}", spec)


def step(cluster: Cluster, member: int | None = None, node: int = 3) -> Wait | Commit:
    return next_step(cluster.view, node, member, ["fact/3/node"], AT, 1000.0)


def apply(cluster: Cluster, made: Commit) -> None:
    """What the store would do: all writes at one revision."""
    cluster.revision += 1
    changes = [
        Change(write.key, write.value if isinstance(write, Put) else None, cluster.revision) for write in made.writes
    ]
    cluster.view.apply(Position(1, cluster.revision), changes)


def test_a_node_that_is_up_is_never_removed() -> None:
    cluster = Cluster()
    asked(cluster, force=True)
    assert step(cluster) == Wait()
    assert not has_left(cluster.view, 3)


def test_nobody_is_removed_who_was_not_asked_for() -> None:
    cluster = Cluster()
    cluster.member(3, up=False)
    assert step(cluster) == Wait()


def test_member_then_vote_then_records() -> None:
    cluster = Cluster()
    cluster.member(3, up=False)
    asked(cluster)
    remembered = step(cluster, member=0xAB)
    assert isinstance(remembered, Commit)
    assert not remembered.removes
    apply(cluster, remembered)
    assert step(cluster, member=0xAB) == Wait(), "core.votes takes the member away"
    assert has_left(cluster.view, 3)
    assert isinstance(step(cluster), Wait), "the record of its vote goes before the rest"
    voting(cluster, 3, 0, pending=True)
    assert isinstance(step(cluster), Wait)
    voting(cluster, 3, 0)
    last = step(cluster)
    assert isinstance(last, Commit)
    assert last.removes
    apply(cluster, last)
    assert 3 not in cluster.view.nodes
    assert 3 not in cluster.view.authority.members
    gone = cluster.view.evicted[3].record
    assert gone == EvictedNode(node=3, name="n3", at=AT, at_s=1000.0, author="ann", reason="sold", member="ab")
    assert Delete("fact/3/node") in last.writes
    assert Delete(keys.name("node", "n3")) in last.writes


def test_the_last_step_is_void_when_anything_it_rests_on_has_changed() -> None:
    cluster = Cluster()
    cluster.member(3, up=False)
    voting(cluster, 3, 0)
    asked(cluster)
    last = step(cluster)
    assert isinstance(last, Commit)
    guarded = {guard.key for guard in last.guards}
    assert guarded >= {keys.COORDINATOR, f"{keys.SPEC_NODE}3", f"{keys.INTENT_NODE}3", keys.member(3)}


def test_a_node_that_never_started_has_no_record_and_still_goes() -> None:
    cluster = Cluster(2)
    voting(cluster, 3, 0)
    asked(cluster)
    last = step(cluster)
    assert isinstance(last, Commit)
    assert last.removes


def test_lists_of_owners_lose_the_node_but_never_their_last_entry() -> None:
    cluster = Cluster()
    cluster.group("g", preferred_owners=(3, 1))
    cluster.resource("both", possible_owners=(3, 1))
    cluster.resource("only", possible_owners=(3,))
    assert bound_resources(cluster.view, 3) == ("only",)
    cluster.member(3, up=False)
    voting(cluster, 3, 0)
    asked(cluster)
    last = step(cluster)
    assert isinstance(last, Commit)
    written = {write.key: write.value for write in last.writes if isinstance(write, Put)}
    assert decode(written[f"{keys.SPEC_GROUP}g"], GroupSpec).preferred_owners == (1,)
    assert decode(written[f"{keys.SPEC_RESOURCE}both"], ResourceSpec).possible_owners == (1,)
    assert f"{keys.SPEC_RESOURCE}only" not in written, "empty would mean every node"


@pytest.mark.parametrize(
    ("nodes", "down", "evicted", "spared"),
    [
        (3, (), 3, True),
        (3, (3,), 3, True),
        (3, (2,), 3, False),
        (2, (), 2, True),
        (5, (4, 5), 5, True),
        (5, (4, 5), 1, False),
        (4, (3, 4), 4, True),
        (4, (3, 4), 1, False),
    ],
)
def test_a_vote_is_spared_where_the_others_keep_a_majority(
    nodes: int, down: tuple[int, ...], evicted: int, spared: bool
) -> None:
    cluster = Cluster(nodes)
    for node in down:
        cluster.member(node, up=False)
    assert (vote_obstacle(cluster.view, evicted) == "") is spared


def test_a_vote_is_counted_with_and_without_one_in_the_making() -> None:
    cluster = Cluster(3)
    voting(cluster, 4, 0, pending=True)
    cluster.member(2, up=False)
    cluster.member(4, up=False)
    assert vote_obstacle(cluster.view, 3)


def test_a_node_leaves_when_it_owns_nothing_or_is_forced() -> None:
    cluster = Cluster()
    cluster.group()
    cluster.assigned(3)
    assert not may_leave(cluster.view, 3)
    asked(cluster)
    assert not may_leave(cluster.view, 3)
    asked(cluster, force=True)
    assert may_leave(cluster.view, 3)
    asked(cluster)
    cluster.assigned(1, number=2)
    assert may_leave(cluster.view, 3)


def test_groups_leave_a_node_that_is_evicted_and_none_comes() -> None:
    cluster = Cluster()
    cluster.group(preferred_owners=(3,))
    cluster.assigned(3)
    asked(cluster)
    made = cluster.carry_out()
    assert (made.phase, made.to, made.cause) == ("stop", 1, "drained")
    assert all(reason.node != 3 or reason.code != "preferred_owner" for reason in made.reasons)


# ---------------------------------------------------------------- what an evicted node may still do


def test_who_is_being_evicted_is_not_admitted() -> None:
    cluster = Cluster()
    cluster.member(3, up=False)
    cluster.put(keys.join(3), JoinRequest(node=3, incarnation="3.b"))
    assert barred(cluster.view, 0.0) == frozenset()
    asked(cluster)
    assert barred(cluster.view, 0.0) == {3}
    assert refusal(cluster.view, 4, 0.0) is not None, "a stranger"


def started(cluster: Cluster, node: int, heard: tuple[Heard, ...] = ()) -> tuple[Membership, Report]:
    membership = Membership(node, FAST, boot_id="boot", new_incarnation=lambda: f"{node}.z", now=0.0)
    membership.can_host = True
    report = Report(
        serial=0, now=0.0, incarnation="", lease_until=0.0, ended="", released_epoch=0, acting=False, heard=heard,
        order=Order(serial=0),
    )  # fmt: skip
    return membership, report


def test_an_evicted_node_neither_asks_nor_forms_and_ends_everything() -> None:
    cluster = Cluster()
    change = Change(f"{keys.SPEC_NODE}3", None, cluster.revision + 1)
    gone = Change(keys.member(3), None, cluster.revision + 1)
    cluster.view.apply(Position(1, cluster.revision + 1), [change, gone])
    membership, report = started(cluster, 3)
    for now in (0.0, 1.0, 5.0, 60.0):
        made = membership.step(now, cluster.view.authority, report, frozenset())
        assert made.requests == ()
        assert made.order.end_all
        assert not made.order.up


def test_a_late_admission_of_a_node_is_void_once_it_is_evicted() -> None:
    """The coordinator's request was on its way when the node's records went: it names the listing it rests on."""
    cluster = Cluster()
    cluster.member(3, up=False)
    cluster.put(keys.join(3), JoinRequest(node=3, incarnation="3.b"))
    peer = Heard(Peer(3, "3.b"), 1, up=False, acting=False, silent=False, acknowledged=True)
    other = Heard(Peer(2, "2.a"), 1, up=True, acting=False, silent=False, heard=(1,), mutual=(1, 3))
    membership = Membership(1, FAST, boot_id="b", new_incarnation=lambda: "1.a", now=0.0)
    order = Order(serial=1, incarnation="1.a", up=True, epoch=1, coordinator=1)
    asked_for = []
    for now in (0.0, 0.01, 0.02, 0.03):
        report = Report(
            serial=order.serial, now=now, incarnation="1.a", lease_until=now + 1, ended="", released_epoch=0,
            acting=True, heard=(other, peer), order=order,
        )  # fmt: skip
        made = membership.step(now, cluster.view.authority, report, frozenset())
        order = made.order
        asked_for += [request for request in made.requests if request.purpose == "admit 3"]
    assert asked_for
    listing = Unchanged(f"{keys.SPEC_NODE}3", cluster.view.nodes[3].revision)
    assert all(listing in getattr(request, "guards", ()) for request in asked_for)


def test_what_was_deleted_before_a_full_read_is_past() -> None:
    """A verdict of unknown outcome about a node whose record is gone can never execute any more (rule 8)."""
    view = Cluster().view.authority
    assert not view.is_past(keys.member(9), view.position.revision)
    assert view.is_past(keys.member(9), view.position.revision - 1)
    assert not view.is_past(keys.member(2), view.revision_of(keys.member(2)))
    assert view.is_past(keys.member(2), view.revision_of(keys.member(2)) - 1)


def test_intents_of_former_versions_are_read() -> None:
    assert decode(b'{"paused":true}', NodeIntent) == NodeIntent(paused=True)
    assert b"eviction" not in encode(NodeIntent())
