"""Heartbeats over real sockets on loopback: authentic ones arrive by their network, all else is dropped."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from real_processes import turn_until

from quorate.core.authority.orders import Acknowledgement, Heartbeat, Peer
from quorate.node.heartbeat_sockets import DATAGRAMS_PER_TURN, HeartbeatSockets
from quorate.wire.lease_page import boot_time_s

KEY = b"k" * 32
ADDRESSES = {
    1: {"a": "127.88.40.1", "b": "127.88.41.1"},
    2: {"a": "127.88.40.2", "b": "127.88.41.2"},
}


def beat(node: int, serial: int) -> Heartbeat:
    return Heartbeat(sender=Peer(node, f"{node}.x"), epoch=1, sent_at=1.0, serial=serial)


class Node:
    """One node's sockets and the news they brought; heartbeats of serial 0 are only for getting acquainted."""

    def __init__(self, node: int, port: int, selector: selectors.BaseSelector, key: bytes = KEY) -> None:
        self.node = node
        self.acquainted = False
        self.received: list[tuple[str, Heartbeat | Acknowledgement]] = []
        self.sockets = HeartbeatSockets(node, key, port, selector, self._receive)
        self.sockets.learn(ADDRESSES)

    def _receive(self, network: str, message: Heartbeat | Acknowledgement) -> None:
        self.acquainted = True
        if not isinstance(message, Heartbeat) or message.serial:
            self.received.append((network, message))


def meet(selector: selectors.BaseSelector, one: Node, two: Node) -> None:
    """Let each learn when the other started: only then does either believe the other (replay protection)."""

    def met() -> bool:
        one.sockets.send(two.node, "a", beat(one.node, 0))
        two.sockets.send(one.node, "a", beat(two.node, 0))
        return one.acquainted and two.acquainted

    turn_until(selector, met)


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as made:
        yield made
        for key in list(made.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.88.40.1", 0))
        return int(probe.getsockname()[1])


def test_a_heartbeat_arrives_on_the_network_it_was_sent_over(selector: selectors.BaseSelector, port: int) -> None:
    one, two = Node(1, port, selector), Node(2, port, selector)
    meet(selector, one, two)
    one.sockets.send(2, "b", beat(1, 1))
    turn_until(selector, lambda: bool(two.received))
    two.sockets.send(1, "a", Acknowledgement(Peer(2, "2.x"), Peer(1, "1.x"), 1, 1.0))
    turn_until(selector, lambda: bool(one.received))
    assert two.received == [("b", beat(1, 1))]
    assert [network for network, _ in one.received] == ["a"]
    assert one.sockets.peers() == {2: ("a", "b")}


def test_rubbish_is_dropped(selector: selectors.BaseSelector, port: int) -> None:
    one, two = Node(1, port, selector), Node(2, port, selector)
    meet(selector, one, two)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rubbish:
        for content in (b"", b"hello", b"x" * 3000):
            rubbish.sendto(content, (ADDRESSES[2]["a"], port))
    one.sockets.send(2, "a", beat(1, 1))
    turn_until(selector, lambda: bool(two.received))
    assert two.received == [("a", beat(1, 1))]


def test_a_node_of_another_cluster_is_never_believed(selector: selectors.BaseSelector, port: int) -> None:
    stranger, two = Node(1, port, selector, b"x" * 32), Node(2, port, selector)
    for serial in range(1, 10):
        stranger.sockets.send(2, "a", beat(1, serial))
        two.sockets.send(1, "a", beat(2, serial))
    for _ in range(20):
        for key, _ in selector.select(0):
            key.data()
    assert not stranger.acquainted
    assert not two.acquainted


def test_a_datagram_recorded_and_sent_again_is_not_heard_twice(selector: selectors.BaseSelector, port: int) -> None:
    one, two = Node(1, port, selector), Node(2, port, selector)
    meet(selector, one, two)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tap:
        tap.bind((ADDRESSES[2]["b"], 0))
        one.sockets.addresses = {1: ADDRESSES[1], 2: {"b": ADDRESSES[2]["b"]}}
        recorded = redirected(one, tap)
        for _ in range(2):
            tap.sendto(recorded, (ADDRESSES[2]["b"], port))
    one.sockets.addresses = ADDRESSES
    one.sockets.send(2, "b", beat(1, 2))
    turn_until(selector, lambda: ("b", beat(1, 2)) in two.received)
    assert two.received == [("b", beat(1, 1)), ("b", beat(1, 2))]


def redirected(node: Node, tap: socket.socket) -> bytes:
    """What the node sends to node 2 over network b, caught by the tap instead."""
    port = node.sockets._port
    node.sockets._port = tap.getsockname()[1]
    node.sockets.send(2, "b", beat(1, 1))
    node.sockets._port = port
    return tap.recv(4096)


def test_a_network_that_is_not_there_drops_and_the_other_serves(selector: selectors.BaseSelector, port: int) -> None:
    one, two = Node(1, port, selector), Node(2, port, selector)
    one.sockets.learn({**ADDRESSES, 1: {**ADDRESSES[1], "c": "192.0.2.1"}})  # no address of this machine
    meet(selector, one, two)
    one.sockets.send(2, "c", beat(1, 1))
    one.sockets.send(3, "a", beat(1, 2))
    one.sockets.send(2, "a", beat(1, 3))
    turn_until(selector, lambda: bool(two.received))
    assert two.received == [("a", beat(1, 3))]


def test_a_network_that_comes_later_is_joined_when_peers_are_learned_again(
    selector: selectors.BaseSelector, port: int
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind((ADDRESSES[2]["a"], port))
        two = Node(2, port, selector)
    one = Node(1, port, selector)
    two.sockets.learn(ADDRESSES)
    meet(selector, one, two)
    one.sockets.send(2, "a", beat(1, 1))
    turn_until(selector, lambda: bool(two.received))


def test_a_flood_does_not_keep_the_loop_from_the_time(selector: selectors.BaseSelector, port: int) -> None:
    """One callback takes a bounded number of datagrams, however many wait."""
    one, two = Node(1, port, selector), Node(2, port, selector)
    meet(selector, one, two)
    for serial in range(1, DATAGRAMS_PER_TURN + 100):
        one.sockets.send(2, "b", beat(1, serial))
    for key, _ in selector.select(1.0):
        key.data()
    assert 0 < len(two.received) <= DATAGRAMS_PER_TURN


def test_an_address_that_comes_late_is_used_from_then_on(
    selector: selectors.BaseSelector, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:  # what keeps it from being bound does not matter
        other.bind((ADDRESSES[1]["b"], port))
        one, two = Node(1, port, selector), Node(2, port, selector)
        one.sockets.bind_missing()
    assert capsys.readouterr().err.count("127.88.41.1") == 1, "told once"
    one.sockets.bind_missing()
    assert "is there now" in capsys.readouterr().err
    meet(selector, one, two)
    one.sockets.send(2, "b", beat(1, 1))
    turn_until(selector, lambda: bool(two.received))
    assert two.received[0][0] == "b"


def test_round_trips_are_measured_on_every_path(selector: selectors.BaseSelector, port: int) -> None:
    one, two = Node(1, port, selector), Node(2, port, selector)
    meet(selector, one, two)

    def measured() -> bool:
        now = boot_time_s()
        one.sockets.send(2, "b", replace(beat(1, 1), sent_at=now))
        two.sockets.send(1, "b", replace(beat(2, 1), sent_at=now))
        return all(state.round_trip_us >= 0 for state in one.sockets.paths.states(now) if state.network == "b")

    turn_until(selector, measured)
    (state,) = [state for state in two.sockets.paths.states(boot_time_s()) if state.network == "b"]
    assert state.round_trip_us < 1_000_000


def test_a_network_that_is_renamed_keeps_its_socket_and_its_counters(
    selector: selectors.BaseSelector, port: int
) -> None:
    one, two = Node(1, port, selector), Node(2, port, selector)
    meet(selector, one, two)
    renamed = {node: {"x": where["a"], "b": where["b"]} for node, where in ADDRESSES.items()}
    two.sockets.learn(renamed)
    one.sockets.send(2, "a", beat(1, 1))  # its sender has not heard of the new name
    turn_until(selector, lambda: bool(two.received))
    assert two.received == [("x", beat(1, 1))]


@pytest.mark.conformance("NW-05")
def test_over_a_network_that_is_none_of_ours_any_more_nothing_is_heard_or_sent(
    selector: selectors.BaseSelector, port: int
) -> None:
    one, two = Node(1, port, selector), Node(2, port, selector)
    meet(selector, one, two)
    for node in (one, two):
        node.sockets.learn({number: {"b": where["b"]} for number, where in ADDRESSES.items()})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as squatter:
        squatter.bind((ADDRESSES[2]["a"], port))  # nobody else has it
        squatter.settimeout(0.1)
        one.sockets.send(2, "a", beat(1, 1))
        with pytest.raises(TimeoutError):
            squatter.recv(2048)
    one.sockets.send(2, "b", beat(1, 2))
    turn_until(selector, lambda: bool(two.received))
    assert two.received == [("b", beat(1, 2))]
    assert one.sockets.peers() == {2: ("b",)}


def test_what_comes_back_from_oneself_was_said_by_no_peer(selector: selectors.BaseSelector, port: int) -> None:
    one = Node(1, port, selector)
    one.sockets.learn({1: ADDRESSES[1], 2: {"a": ADDRESSES[1]["a"]}})  # a bridge with one address on every machine
    one.sockets.send(2, "a", beat(1, 1))
    for _ in range(10):
        for key, _ in selector.select(0.01):
            key.data()
    assert not one.acquainted


def test_heartbeats_over_ipv6(selector: selectors.BaseSelector, port: int) -> None:
    """One machine has one IPv6 address on loopback; two ports stand for two machines."""
    here = {1: {"six": "::1"}, 2: {"six": "::1"}}
    one, two = Node(1, port, selector), Node(2, port + 1, selector)
    one.sockets.learn(here)
    two.sockets.learn(here)
    one.sockets._port, two.sockets._port = port + 1, port

    def met() -> bool:
        one.sockets.send(2, "six", beat(1, 1))
        two.sockets.send(1, "six", beat(2, 1))
        return bool(one.received and two.received)

    turn_until(selector, met)
    assert one.received[0] == ("six", beat(2, 1))
