"""Timings changed while the sentinel runs: nobody is suspected because nodes learn of it one after the other."""

from __future__ import annotations

import pytest

from quorate.core.authority.orders import Heartbeat, Order, Peer
from quorate.core.authority.timings import in_force
from quorate.node.sentinel_loop import CALM_S, SentinelLoop

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
