"""When a lost node is certainly reset: by its own word in that life, after the whole time-out, on a leader's clock."""

from __future__ import annotations

import pytest
from cluster_written import Cluster

from quorate.core.authority.timings import CLOCK_RATE_BOUND
from quorate.core.proof_means import without_means
from quorate.core.resets import Resets
from quorate.model import keys
from quorate.model.membership import MemberRecord, WatchdogFact
from quorate.model.proofs import ProofLevel
from quorate.model.records import Put

W = 5.0
WAIT = W * (1 + CLOCK_RATE_BOUND) / (1 - CLOCK_RATE_BOUND)


def lost(level: ProofLevel = "watchdog", life: str = "3.a") -> Cluster:
    """A group on node 3, which armed its watchdog in that life and is down."""
    cluster = Cluster()
    cluster.group(required_proof=level)
    cluster.resource("r")
    cluster.assigned(3)
    cluster.put(keys.fact_watchdog(3), WatchdogFact(incarnation=life, timeout_s=W))
    cluster.put(keys.member(3), MemberRecord(node=3, state="down", incarnation="3.a", proof="lease_over"))
    return cluster


def carry_out(cluster: Cluster, writes: tuple[Put, ...]) -> None:
    for write in writes:
        assert b'"proof":"watchdog"' in write.value
        cluster.put(write.key, MemberRecord(node=3, state="down", incarnation="3.a", proof="watchdog"))


def test_the_proof_comes_after_the_whole_time_out_and_the_group_goes_then() -> None:
    cluster, resets = lost(), Resets()
    (_, writes), due = resets.step(cluster.view, 10.0)
    assert writes == ()
    assert due == pytest.approx(10.0 + WAIT)
    assert resets.step(cluster.view, 10.0 + WAIT - 0.01)[0] == ((), ())
    (guards, writes), due = resets.step(cluster.view, 10.0 + WAIT)
    assert {guard.key for guard in guards} == {keys.member(3), keys.COORDINATOR}
    assert cluster.decide() is None
    carry_out(cluster, writes)
    assert cluster.carry_out().owner == 1
    assert resets.step(cluster.view, 99.0) == (((), ()), None)


def test_another_leader_begins_its_clock_anew() -> None:
    cluster, resets = lost(), Resets()
    resets.step(cluster.view, 10.0)
    resets.forget()
    assert resets.step(cluster.view, 10.0 + WAIT)[0] == ((), ())


@pytest.mark.parametrize(("level", "life"), [("fenced", "3.a"), ("lease", "3.a"), ("watchdog", "3.b")])
def test_nothing_is_proved_for_other_demands_or_another_life(level: ProofLevel, life: str) -> None:
    cluster, resets = lost(level, life), Resets()
    resets.step(cluster.view, 10.0)
    assert resets.step(cluster.view, 99.0) == (((), ()), None)


def test_an_armed_watchdog_is_a_means_for_its_own_level_alone() -> None:
    cluster = Cluster()
    cluster.group(required_proof="watchdog")
    cluster.put(keys.fact_watchdog(3), WatchdogFact(incarnation="3.a", timeout_s=W))
    cluster.put(keys.fact_watchdog(2), WatchdogFact(incarnation="2.former", timeout_s=W))
    assert without_means(cluster.view, "g") == (1, 2)
    cluster.group(required_proof="fenced")
    assert without_means(cluster.view, "g") == (1, 2, 3)
