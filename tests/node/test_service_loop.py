"""The service's pump: what must never be sent without its guards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quorate.core.authority.frame import CommitRequest
from quorate.core.authority.lease import Lease, LeaseMoved
from quorate.core.authority.orders import Acknowledgement, Order, Peer, Renewal, Report, Unsettled
from quorate.core.authority.timings import FAST
from quorate.core.group_run import Respecify
from quorate.model import keys
from quorate.model.base import decode, encode
from quorate.model.maintenance import ResourceMaintenance
from quorate.model.membership import CoordinatorRecord, MemberRecord
from quorate.model.nodes import NodeIntent, NodeSpec
from quorate.model.records import Absent, Change, KeyValue, Position, Put, Unchanged
from quorate.model.workload import Assignment, GroupFact, GroupIntent, GroupSpec, Move, ResourceFlags, ResourceSpec
from quorate.node.outputs import HostCommand, StoreRequest
from quorate.node.owning import PASSING_FACT_DELAY_S
from quorate.node.service_loop import ServiceLoop


def owner_of_a_group(wall_s: Callable[[], float] = lambda: 0.0) -> ServiceLoop:
    """Node 2, up under node 1, owns group g with one resource, and holds a lease."""
    loop = ServiceLoop(2, FAST, boot_id="b", new_incarnation=lambda: "2.a", wall_s=wall_s, now=0.0)
    loop.membership.incarnation = "2.a"
    loop.hosts_ready = True
    written = {
        f"{keys.SPEC_NODE}1": NodeSpec(node=1, name="n1"),
        f"{keys.SPEC_NODE}2": NodeSpec(node=2, name="n2"),
        keys.COORDINATOR: CoordinatorRecord(node=1, epoch=1),
        keys.member(1): MemberRecord(node=1, state="up", incarnation="1.a"),
        keys.member(2): MemberRecord(node=2, state="up", incarnation="2.a"),
        f"{keys.SPEC_GROUP}g": GroupSpec(id="g", name="g"),
        f"{keys.INTENT_GROUP}g": GroupIntent(persistent_state=True),
        f"{keys.SPEC_RESOURCE}r": ResourceSpec(id="r", name="r", type="t", group="g"),
        f"{keys.ASSIGNMENT}g": Assignment(group="g", owner=2, incarnation="2.a", number=4),
    }
    changes = [Change(key, encode(value), 10 + n) for n, (key, value) in enumerate(written.items())]
    loop.watched(Position(1, 30), changes)
    loop.report(
        Report(
            serial=1,
            now=1.0,
            incarnation="2.a",
            lease_until=9.0,
            ended="",
            released_epoch=0,
            acting=False,
            order=Order(serial=1, incarnation="2.a", up=True),
        )
    )
    return loop


def facts(loop: ServiceLoop) -> CommitRequest:
    """The facts that the loop asks to write, when a passing state has lasted long enough to be told."""
    loop.step(1.0)
    assert not [o for o in loop.take() if isinstance(o, StoreRequest) and o.request.purpose == "facts"]
    assert loop.deadline is not None
    assert loop.deadline <= 1.0 + PASSING_FACT_DELAY_S
    loop.step(1.0 + PASSING_FACT_DELAY_S)
    (request,) = [
        output.request
        for output in loop.take()
        if isinstance(output, StoreRequest) and output.request.purpose == "facts"
    ]
    assert isinstance(request, CommitRequest)
    return request


def test_a_fact_is_guarded_by_this_life_and_by_what_it_replaces() -> None:
    """Simulation seed 93 of 22 November: a late request undid a newer fact, and a group was never started again."""
    key = keys.fact_group(2, "g")
    first = facts(owner_of_a_group())
    assert Unchanged(keys.member(2), 14) in first.guards
    assert Absent(key) in first.guards
    loop = owner_of_a_group()
    loop.watched(Position(1, 31), [Change(key, encode(GroupFact(group="g", incarnation="2.z", number=1)), 31)])
    assert Unchanged(key, 31) in facts(loop).guards


def test_what_is_settled_is_written_at_once() -> None:
    """Facts are written one after the other: a passing one on its way would hold up the one that others wait for."""
    loop = owner_of_a_group()
    loop.step(1.0)
    loop.take()
    loop.host_state("g", "r", "online_pending", "")
    loop.step(1.01)
    assert not [o for o in loop.take() if isinstance(o, StoreRequest) and o.request.purpose == "facts"]
    loop.host_state("g", "r", "online", "")
    loop.step(1.02)
    assert [o for o in loop.take() if isinstance(o, StoreRequest) and o.request.purpose == "facts"]


def test_a_fact_names_the_intent_that_the_owner_went_by() -> None:
    """Whoever waits for the end of a wish must not take what was said before it for its end."""
    loop = owner_of_a_group()
    loop.watched(Position(1, 31), [Change(f"{keys.INTENT_GROUP}g", encode(GroupIntent(persistent_state=False)), 31)])
    loop.step(1.0)
    asked = [output.request for output in loop.take() if isinstance(output, StoreRequest)]
    (write,) = [write for request in asked if isinstance(request, CommitRequest) for write in request.writes]
    assert isinstance(write, Put)
    assert decode(write.value, GroupFact, write.key).intent == 31


@pytest.mark.conformance("ST-05")
def test_what_is_to_come_online_elsewhere_is_not_started_here_first() -> None:
    loop = owner_of_a_group()
    key, wish = f"{keys.INTENT_GROUP}g", GroupIntent(persistent_state=True, move=Move(id="m", to=1))
    loop.watched(Position(1, 31), [Change(key, encode(wish), 31)])
    loop.step(1.0)
    assert not [output for output in loop.take() if isinstance(output, HostCommand)]
    loop.watched(Position(1, 32), [Change(key, encode(GroupIntent(persistent_state=True)), 32)])
    loop.step(1.0)
    assert [output for output in loop.take() if isinstance(output, HostCommand)], "the move was refused"


@pytest.mark.conformance("SP-06")
def test_the_host_is_told_of_a_maintenance_for_this_assignment_and_of_its_end_in_time() -> None:
    wall = [100.0]
    loop = owner_of_a_group(lambda: wall[0])

    def told() -> list[bool | None]:
        found = [output.command for output in loop.take() if isinstance(output, HostCommand)]
        return [command.maintained for command in found if isinstance(command, Respecify)]

    def wished(number: int, revision: int) -> None:
        held = ResourceMaintenance(author="ann", number=number, until_s=130.0)
        wish = GroupIntent(persistent_state=True, resource_maintenance={"r": held})
        loop.watched(Position(1, revision), [Change(f"{keys.INTENT_GROUP}g", encode(wish), revision)])

    loop.host_state("g", "r", "online", "")
    wished(3, 31)
    loop.step(1.0)
    assert told() == [], "it was for a former assignment"
    wished(4, 32)
    loop.step(1.0)
    assert told() == [True]
    loop.host_state("g", "r", "online", "", ResourceFlags(maintained=True))
    wall[0] = 129.9
    loop.step(2.0)
    assert told() == []
    assert loop.deadline is not None
    assert loop.deadline <= 2.11
    wall[0] = 130.1
    loop.step(2.2)
    assert told() == [False]


def test_nothing_starts_without_a_lease() -> None:
    loop = owner_of_a_group()
    loop.step(10.0)
    assert not [output for output in loop.take() if isinstance(output, HostCommand)]


def test_a_lease_that_comes_back_starts_what_waited_for_it() -> None:
    """Simulation seed 142 of 22 November."""
    loop = owner_of_a_group()
    loop.step(10.0)
    loop.take()
    loop.report(
        Report(
            serial=1,
            now=10.1,
            incarnation="2.a",
            lease_until=11.0,
            ended="",
            released_epoch=0,
            acting=False,
            order=Order(serial=1, incarnation="2.a", up=True),
        )
    )
    loop.step(10.1)
    assert [output.group for output in loop.take() if isinstance(output, HostCommand)] == ["g"]


def test_a_service_that_has_read_nothing_yet_leaves_the_order_of_its_predecessor_alone() -> None:
    """Found in a lab: a service restarted while the store stood still said *not up*, and a healthy group was ended."""
    other = Peer(1, "1.a")
    former = Order(
        serial=7, incarnation="2.a", up=True, epoch=3, coordinator=2, acknowledge=(other,), required=(other,),
        votes_block=True, watched=(other,), unsettled=(Unsettled("verdict", Peer(3, "3.a"), 3, "member/3", 9),),
    )  # fmt: skip
    loop = ServiceLoop(2, FAST, boot_id="b", new_incarnation=lambda: "2.b", wall_s=lambda: 0.0, now=0.0)
    sentinel = Lease(2, FAST, now=0.0)
    sentinel.follow(former, 0.0)
    loop.report(
        Report(
            serial=7,
            now=1.0,
            incarnation="2.a",
            lease_until=1.5,
            ended="",
            released_epoch=0,
            acting=True,
            order=former,
        )
    )
    loop.step(1.0)
    for output in loop.take():
        assert isinstance(output, Order), "nothing can be asked of a store that was never read"
        sentinel.follow(output, 1.0)
    assert sentinel.order == former
    assert sentinel.acknowledged(Acknowledgement(other, Peer(2, "2.a"), 3, 0.9), 1.0) == (
        LeaseMoved("2.a", 0.9 + FAST.lease_s),
    )


def own_stop_taken_back(order: Order) -> bool:
    """Whether a service that is greeted with that order takes back that its node is being stopped."""
    loop = ServiceLoop(2, FAST, boot_id="b", new_incarnation=lambda: "2.a", wall_s=lambda: 0.0, now=0.0)
    loop.report(
        Report(
            serial=1, now=1.0, incarnation=order.incarnation, lease_until=9.0, ended="", released_epoch=0, acting=False,
            order=order,
        )
    )  # fmt: skip
    loop.watched(Position(1, 30), [Change(f"{keys.INTENT_NODE}2", encode(NodeIntent(stopping=True)), 12)])
    loop.clear_stopping()
    assert loop.being_stopped == bool(order.incarnation)
    return any(isinstance(o, StoreRequest) and o.request.purpose == "intent" for o in loop.take())


def test_a_node_that_starts_takes_back_that_it_was_being_stopped() -> None:
    assert own_stop_taken_back(Order(serial=0))


def test_a_service_that_starts_in_the_middle_of_a_stop_lets_it_stand() -> None:
    assert not own_stop_taken_back(Order(serial=7, incarnation="2.a", up=True))


@pytest.mark.parametrize("life", ["2.a", "2.former"])
def test_the_first_full_read_proves_what_a_read_of_the_own_record_would(life: str) -> None:
    """A new service of a node that is alone has no time to ask a second time."""
    loop = ServiceLoop(2, FAST, boot_id="b", new_incarnation=lambda: "2.b", wall_s=lambda: 0.0, now=0.0)
    order = Order(serial=4, incarnation="2.a", up=True, epoch=3, coordinator=2)
    loop.report(
        Report(
            serial=4, now=1.0, incarnation="2.a", lease_until=1.1, ended="", released_epoch=0, acting=True, order=order
        )
    )
    written = {
        keys.COORDINATOR: CoordinatorRecord(node=2, epoch=3),
        keys.member(2): MemberRecord(node=2, state="up", incarnation=life),
    }
    items = [KeyValue(key, encode(value), 10 + n, 10 + n) for n, (key, value) in enumerate(written.items())]
    loop.read_all(Position(1, 30), items, sent_at=0.9)
    loop.step(1.0)
    renewals = [output for output in loop.take() if isinstance(output, Renewal)]
    assert renewals == ([Renewal("2.a", 3, 0.9)] if life == "2.a" else [])
