"""Timings changed while the sentinel runs: nobody is suspected because nodes learn of it one after the other."""

from __future__ import annotations

import pytest

from quorate.core.authority.orders import Heartbeat, Order, Peer
from quorate.core.authority.paces import Paces
from quorate.core.authority.timings import DEFAULT, Pace, in_force
from quorate.node.sentinel_loop import CALM_S, Send, SentinelLoop

OTHER = Peer(2, "2.x")


def listening(profile: str = "default") -> SentinelLoop:
    """A sentinel that watches one peer."""
    loop = SentinelLoop(1, in_force(profile), boot_id="b", ended="", now=0.0)
    loop.order(Order(serial=1, incarnation="1.x", up=True, epoch=1, coordinator=1, watched=(OTHER,)), 0.0)
    return loop


def suspects(loop: SentinelLoop, *, beats_ms: int, begin_s: float, until_s: float) -> list[float]:
    """Let the peer beat so often; the times at which it was found silent."""
    found = []
    for step in range(round(begin_s * 1000), round(until_s * 1000), 10):
        now = step / 1000
        if step % beats_ms == 0:
            beat = Heartbeat(sender=OTHER, epoch=1, sent_at=now, serial=step + 1, up=True)
            loop.receive("a", beat, now)
        loop.tick(now)
        if loop.links.silent(now):
            found.append(now)
    return found


@pytest.mark.parametrize(("before", "after"), [((0, 0), (50, 3)), ((50, 3), (0, 0))])
def test_who_has_not_learned_of_it_yet_is_not_suspected(before: tuple[int, int], after: tuple[int, int]) -> None:
    loop = listening()
    loop.retime(in_force("default", *before), 0.0)
    old_ms = before[0] or 200
    assert suspects(loop, beats_ms=old_ms, begin_s=0.0, until_s=5.0) == []
    loop.retime(in_force("default", *after), 5.0)
    # The other one learns of it a second later.
    assert suspects(loop, beats_ms=old_ms, begin_s=5.0, until_s=6.0) == []
    assert suspects(loop, beats_ms=after[0] or 200, begin_s=6.0, until_s=12.0) == []
    assert loop.timings == in_force("default", *after)


@pytest.mark.conformance("MB-01")
def test_a_node_is_silent_after_the_delay_times_the_threshold_that_is_set() -> None:
    loop = listening()
    loop.retime(in_force("default", 100, 4), 0.0)
    assert suspects(loop, beats_ms=100, begin_s=0.0, until_s=CALM_S + 1.0) == []
    last_s = CALM_S + 0.9
    found = suspects(loop, beats_ms=10**9, begin_s=CALM_S + 1.0, until_s=CALM_S + 2.0)
    assert found[0] == pytest.approx(last_s + 0.4, abs=0.011)


@pytest.mark.conformance("MB-02")
def test_every_peer_gets_heartbeats_at_its_own_pace_and_none_is_missing() -> None:
    paces = Paces(DEFAULT.pace, {2: Pace(0.1, 0.3), 3: Pace(0.22, 1.1)})
    loop = SentinelLoop(1, DEFAULT, boot_id="b", ended="", paces=paces, now=0.0)
    loop.peers = {2: ("a", "b"), 3: ("a",)}
    sent: dict[int, list[tuple[float, int]]] = {2: [], 3: []}
    now = 0.0
    while now < 4.4:
        loop.tick(now)
        for output in loop.take():
            if isinstance(output, Send) and isinstance(output.message, Heartbeat) and output.network == "a":
                sent[output.node].append((now, output.message.serial))
        now = max(now + 1e-6, loop.deadline())
    assert [at for at, _ in sent[2]] == pytest.approx([0.1 * n for n in range(len(sent[2]))], abs=0.001)
    assert [at for at, _ in sent[3]] == pytest.approx([0.22 * n for n in range(len(sent[3]))], abs=0.001)
    assert (len(sent[2]), len(sent[3])) == (44, 20)
    for heard in sent.values():
        serials = [serial for _, serial in heard]
        assert serials == list(range(serials[0], serials[0] + len(serials)))


@pytest.mark.conformance("MB-02")
def test_silence_is_judged_by_the_threshold_of_each_pair() -> None:
    near, far = Peer(2, "2.x"), Peer(3, "3.x")
    loop = SentinelLoop(1, DEFAULT, boot_id="b", ended="", paces=Paces(DEFAULT.pace, {3: Pace(0.2, 1.2)}), now=0.0)
    order = Order(serial=1, incarnation="1.x", up=True, epoch=1, coordinator=1, watched=(near, far))
    loop.order(order, 0.0)
    for peer in (near, far):
        loop.receive("a", Heartbeat(sender=peer, epoch=1, sent_at=0.0, serial=1, up=True), 0.0)
    found: dict[Peer, float] = {}
    for step in range(200):
        now = step / 100
        loop.tick(now)
        for peer in loop.links.silent(now):
            found.setdefault(peer, now)
    assert found == {near: pytest.approx(0.6), far: pytest.approx(1.2)}


def test_a_site_that_is_given_online_changes_the_pace_when_everybody_has_learned() -> None:
    loop = listening()
    paces = Paces(DEFAULT.pace, {2: Pace(0.1, 0.5)})
    loop.retime(DEFAULT, 0.0, paces)
    assert loop.paces.of(2) == Pace(0.1, 0.6)
    assert suspects(loop, beats_ms=200, begin_s=0.0, until_s=1.0) == []
    assert suspects(loop, beats_ms=100, begin_s=1.0, until_s=4.0) == []
    assert loop.paces == paces
