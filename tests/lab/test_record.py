"""Outages and double service, on records written by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from quorate.lab.record import Outage, Probe, between, both_active, longest_ms, outages, read


def steady(begin: int, end: int, node: str = "node1", latency: float = 1.0) -> list[Probe]:
    return [Probe(sent, "ok", latency, node) for sent in range(begin, end, 10)]


def failing(begin: int, end: int, result: str = "limit", latency: float = 250.0) -> list[Probe]:
    return [Probe(sent, result, latency) for sent in range(begin, end, 10)]


def test_healthy_service_has_no_outage() -> None:
    assert outages(steady(0, 1000)) == []
    assert longest_ms(steady(0, 1000)) == 0


def test_outage_runs_from_the_last_success_sent_to_the_first_answered() -> None:
    record = steady(0, 100) + failing(100, 900) + steady(900, 1000, "node2", latency=2.0)
    assert outages(record) == [Outage(90, 902, 812, 10, 80, "node1", "node2")]
    assert longest_ms(record) == 812


def test_order_of_decision_does_not_matter() -> None:
    record = steady(0, 100) + failing(100, 900) + steady(900, 1000)
    assert outages(reversed(record)) == outages(record)


def test_several_outages() -> None:
    record = steady(0, 100) + failing(100, 200) + steady(200, 300) + failing(300, 500) + steady(500, 600)
    assert [(found.begin_ms, found.end_ms) for found in outages(record)] == [(90, 201), (290, 501)]


def test_one_lost_probe_is_below_the_threshold() -> None:
    assert outages(steady(0, 100) + failing(100, 110) + steady(110, 200)) == []


def test_slow_answers_are_an_outage_told_once() -> None:
    """Probes that wait 200 ms were served, but a client waited."""
    waiting = [Probe(sent, "ok", 310 - sent, "node1") for sent in range(100, 310, 10)]
    (found,) = outages(steady(0, 100) + waiting + steady(310, 400))
    assert (found.begin_ms, found.end_ms, found.failed) == (90, 310, 0)


def test_one_slow_answer_among_quick_ones_is_no_outage() -> None:
    record = [*steady(0, 100), Probe(100, "ok", 200, "node1"), *steady(110, 400)]
    assert outages(record) == []


def test_a_record_that_ends_without_service_says_so() -> None:
    (found,) = outages(steady(0, 100) + failing(100, 500))
    assert (found.begin_ms, found.end_ms, found.length_ms, found.node_after) == (90, None, 650, "")


def test_before_the_first_success_nothing_was_promised() -> None:
    assert outages(failing(0, 500) + steady(500, 600)) == []
    assert outages(failing(0, 500)) == []
    assert outages([]) == []


def test_a_stall_of_the_prober_is_told_apart() -> None:
    (found,) = outages(steady(0, 100) + steady(400, 500))
    assert (found.length_ms, found.blind_ms, found.failed) == (311, 310, 0)


def test_hand_over_is_not_double_service() -> None:
    assert both_active(steady(0, 100, "node1") + steady(100, 200, "node2")) == []


def test_hand_over_and_back_is_not_double_service() -> None:
    record = steady(0, 100, "node1") + steady(150, 200, "node2") + steady(250, 400, "node1")
    assert both_active(record) == []


def test_an_answer_in_flight_during_a_hand_over_is_not_double_service() -> None:
    record = [*steady(0, 100, "node1"), Probe(95, "ok", 40, "node1"), *steady(105, 200, "node2")]
    assert both_active(record) == []


def test_interleaved_answers_are_double_service() -> None:
    record = [*steady(0, 200, "node1"), Probe(105, "ok", 2, "node2")]
    (proof,) = both_active(record)
    assert (proof.at_ms, proof.node, proof.other) == (107, "node2", "node1")


def test_overlap_at_the_edge_is_double_service() -> None:
    record = steady(0, 200, "node1") + [Probe(sent + 5, "ok", 1, "node2") for sent in range(170, 400, 10)]
    assert {proof.node for proof in both_active(record)} == {"node1", "node2"}


def test_between_takes_one_step() -> None:
    assert [probe.sent_ms for probe in between(steady(0, 100), 20, 40)] == [20, 30, 40]


def test_reading_leaves_out_a_line_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_text(
        '{"sent_ms": 20, "result": "ok", "latency_ms": 1, "node": "b"}\n'
        '{"sent_ms": 10, "result": "limit", "latency_ms": 250, "node": ""}\n'
        '{"sent_ms": 30, "res'
    )
    assert read(path) == [Probe(10, "limit", 250, ""), Probe(20, "ok", 1, "b")]


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.1, 250)), min_size=1, max_size=80),
    st.floats(20, 200),
)
def test_outages_agree_with_a_naive_count(draws: list[tuple[bool, float]], threshold: float) -> None:
    """A moment is without service if the last success sent by then and the first answer after it lie far apart."""
    record = [Probe(10.0 * place, "ok" if good else "limit", latency) for place, (good, latency) in enumerate(draws)]
    served = [probe for probe in record if probe.ok]
    record_end = max(probe.answered_ms for probe in record)
    found = outages(record, threshold)
    for earlier, later in pairwise(found):
        assert earlier.end_ms is not None
        assert earlier.end_ms <= later.begin_ms
    for probe in served[:-1] if record[-1].ok else served:
        rescue = min((other.answered_ms for other in served if other.sent_ms > probe.sent_ms), default=record_end)
        told = any(one.begin_ms <= probe.sent_ms and rescue <= one.begin_ms + one.length_ms + 1e-9 for one in found)
        assert told or rescue - probe.sent_ms <= threshold
    assert all(one.length_ms > threshold for one in found)


def test_a_slow_last_answer_is_not_an_outage() -> None:
    assert outages([*steady(0, 100), Probe(100, "ok", 40, "node1")]) == []
