"""The sentinel's half of authority, rule by rule (design §4)."""

from __future__ import annotations

from quorate.core.authority.lease import EndAll, Lease, LeaseMoved
from quorate.core.authority.orders import Acknowledgement, Heartbeat, Order, Peer, Renewal
from quorate.core.authority.timings import DEFAULT

ME, LEADER, OTHER = Peer(1, "1.a"), Peer(2, "2.a"), Peer(3, "3.a")
L = DEFAULT.lease_s


def member(**more: object) -> Lease:
    lease = Lease(1, DEFAULT, 0.0)
    fields: dict[str, object] = {"serial": 1, "incarnation": "1.a", "up": True, "epoch": 4, "coordinator": 2}
    lease.follow(Order(**{**fields, "acknowledge": (LEADER,), **more}), 0.0)  # type: ignore[arg-type]
    return lease


def leader(**more: object) -> Lease:
    fields: dict[str, object] = {"coordinator": 1, "acknowledge": (LEADER, OTHER), "required": (LEADER, OTHER)}
    return member(**{**fields, "votes_block": True, **more})


def ack(sender: Peer, sent_at: float, *, epoch: int = 4, to: Peer = ME) -> Acknowledgement:
    return Acknowledgement(sender, to, epoch, sent_at)


def beat(sender: Peer, *, epoch: int = 4, acting: bool = False, sent_at: float = 0.9) -> Heartbeat:
    return Heartbeat(sender=sender, epoch=epoch, sent_at=sent_at, serial=1, up=True, acting=acting)


def test_a_lease_counts_from_when_the_request_was_sent() -> None:
    lease = member()
    assert lease.acknowledged(ack(LEADER, 1.0), 1.3) == (LeaseMoved("1.a", 1.0 + L),)
    assert lease.held(1.0 + L - 0.001)
    assert not lease.held(1.0 + L)


def test_only_the_coordinator_of_the_present_epoch_renews() -> None:
    lease = member()
    for answer in (ack(OTHER, 1.0), ack(LEADER, 1.0, epoch=3), ack(LEADER, 1.0, to=Peer(1, "1.z")), ack(LEADER, 2.0)):
        assert lease.acknowledged(answer, 1.1) == ()
    assert not lease.held(1.1)


def test_a_lease_never_gets_shorter() -> None:
    lease = member()
    lease.acknowledged(ack(LEADER, 1.0), 1.0)
    assert lease.acknowledged(ack(LEADER, 0.5), 1.1) == ()
    assert lease.lease_until == 1.0 + L


def test_the_end_of_a_lease_ends_everything_and_is_sworn_only_when_done() -> None:
    lease = member()
    lease.acknowledged(ack(LEADER, 1.0), 1.0)
    lease.progress(1.0 + L)
    assert lease.tick(1.0 + L) == (EndAll("1.a", "the lease ran out"),)
    assert lease.ended == ""
    assert lease.renew(Renewal("1.a", 0, 2.3), 2.4) == ()
    lease.all_ended("1.a", 2.5)
    assert lease.ended == "1.a"
    assert lease.acknowledged(ack(LEADER, 2.4), 2.5) == ()


def test_a_new_incarnation_waits_for_the_end_of_the_former() -> None:
    lease = member()
    lease.acknowledged(ack(LEADER, 1.0), 1.0)
    effects = lease.follow(Order(serial=2, incarnation="1.b", up=True, epoch=4, coordinator=2), 1.1)
    assert effects == (EndAll("1.a", "the service asks for a new incarnation"),)
    assert lease.order.incarnation == "1.a"
    lease.all_ended("1.a", 1.2)
    assert lease.order.incarnation == "1.b"
    assert lease.ended == "1.a"


def test_a_coordinator_acts_by_the_store_or_by_everybody_who_is_up() -> None:
    lease = leader()
    assert not lease.acting(1.0)
    lease.acknowledged(ack(LEADER, 1.0), 1.0)
    assert not lease.acting(1.0)
    lease.acknowledged(ack(OTHER, 1.1), 1.1)
    assert lease.acting(1.0 + L - 0.001)
    assert not lease.acting(1.0 + L)
    lease.renew(Renewal("1.a", 4, 2.0), 2.1)
    assert lease.acting(2.2)


def test_acknowledgements_of_all_count_only_where_their_votes_block_a_majority() -> None:
    lease = leader(votes_block=False)
    lease.acknowledged(ack(LEADER, 1.0), 1.0)
    lease.acknowledged(ack(OTHER, 1.0), 1.0)
    assert not lease.acting(1.1)
    alone = leader(required=())
    assert not alone.acting(0.1)


def test_a_coordinator_without_authority_acknowledges_nobody() -> None:
    lease = leader()
    assert lease.hears(beat(OTHER), 1.0) is None
    lease.renew(Renewal("1.a", 4, 0.9), 1.0)
    assert lease.hears(beat(OTHER), 1.0) == Acknowledgement(ME, OTHER, 4, 0.9)
    assert lease.hears(beat(Peer(3, "3.z")), 1.0) is None
    assert lease.hears(beat(OTHER, epoch=3), 1.0) is None


def test_a_released_role_is_never_taken_up_again_in_its_epoch() -> None:
    lease = leader()
    lease.renew(Renewal("1.a", 4, 0.9), 1.0)
    lease.tick(1.0 + DEFAULT.hang_limit_s)
    assert lease.released_epoch == 4
    lease.renew(Renewal("1.a", 4, 2.0), 2.1)
    assert not lease.acting(2.1)
    assert lease.held(2.1)


def test_a_hung_service_s_node_follows_the_successor_by_its_heartbeats() -> None:
    lease = leader()
    lease.renew(Renewal("1.a", 4, 0.9), 1.0)
    lease.tick(2.0)
    lease.learn_epoch(beat(OTHER, epoch=5, acting=True))
    assert (lease.order.epoch, lease.order.coordinator) == (5, 3)
    lease.acknowledged(ack(OTHER, 2.0, epoch=5), 2.1)
    assert lease.held(3.0)


def test_an_order_that_is_behind_does_not_undo_a_learned_epoch() -> None:
    lease = member()
    lease.learn_epoch(beat(OTHER, epoch=6, acting=True))
    lease.follow(Order(serial=9, incarnation="1.a", up=True, epoch=4, coordinator=2, acknowledge=(LEADER,)), 1.0)
    assert (lease.order.epoch, lease.order.coordinator, lease.order.serial) == (6, 3, 9)
    assert lease.order.acknowledge == (OTHER,)


def test_a_learned_epoch_must_be_claimed_by_one_who_acts() -> None:
    lease = member()
    lease.learn_epoch(beat(OTHER, epoch=6, acting=False))
    assert lease.order.epoch == 4
