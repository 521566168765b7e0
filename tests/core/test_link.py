"""What is heard of peers, per network (design §3, §4)."""

from __future__ import annotations

from quorate.core.authority.orders import Heartbeat, Peer
from quorate.core.authority.paces import Paces
from quorate.core.authority.timings import Pace
from quorate.core.link import Links

S = 0.6
BEAT = 0.2


def beat(serial: int, incarnation: str = "2.a") -> Heartbeat:
    return Heartbeat(
        sender=Peer(2, incarnation), epoch=1, sent_at=0.0, serial=serial, up=True, acting=False, heard=(), mutual=(),
        ended="", released_epoch=0, service_age_ms=0, boot_id="b",
    )  # fmt: skip


def heard(*rounds: str) -> Links:
    """One heartbeat every 200 ms from 0.0 on; each word names the networks that brought it."""
    links = Links(Paces(Pace(S / 3, S)))
    for serial, networks in enumerate(rounds):
        for network in networks:
            links.hear(beat(serial), network, serial * BEAT)
    return links


def test_both_networks_are_alive_while_both_bring_heartbeats() -> None:
    assert set(heard("ab", "ab", "ab").alive_networks(2, 0.41)) == {"a", "b"}


def test_one_lost_heartbeat_is_no_lost_network() -> None:
    assert set(heard("ab", "ab", "b").alive_networks(2, 0.41)) == {"a", "b"}


def test_a_network_that_misses_two_heartbeats_of_another_is_lost_long_before_the_node_would_be() -> None:
    assert heard("ab", "ab", "b", "b").alive_networks(2, 0.61) == ("b",)


def test_heartbeats_in_quick_succession_lose_no_network() -> None:
    """A sentinel beats at once where something happens: two serial numbers may arrive on one network first."""
    links = heard("ab", "ab")
    links.hear(beat(2), "b", 0.201)
    links.hear(beat(3), "b", 0.202)
    assert set(links.alive_networks(2, 0.203)) == {"a", "b"}


def test_a_silent_node_is_reached_by_no_network() -> None:
    assert heard("ab").alive_networks(2, S) == ()


def test_a_new_life_is_reached_where_it_was_heard() -> None:
    links = heard("ab", "ab")
    links.hear(beat(1, "2.b"), "b", 0.5)
    assert links.alive_networks(2, 0.51) == ("b",)
