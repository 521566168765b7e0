"""What a prober's record proves: outages as a client saw them, and moments at which two nodes answered.

Owns: the meaning of a record. Does not know: how it was written (`prober`), or what the cluster did meanwhile.

How it works: everything is computed from successes. An outage begins when the last success before it was *sent*, and
ends when the first success sent after that was *answered*; so it is never told shorter than it was, and a healthy
service shows one tick plus one answer, which is below the threshold. `blind_ms` is the longest time within an outage
in which the prober itself asked nothing: a large one says that the machine was busy, not the service away.

Two nodes: the answers of one node, each following the one before within `SPELL_GAP_MS`, make a spell, through which
that node was certainly active from its first answer received to its last question sent. A whole answer of another node
inside such a spell proves that both were active. Handing over and back takes longer than that gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

THRESHOLD_MS: Final = 50.0
"""Gaps up to this are no outage: five ticks of 10 ms, for a prober that shares two cores with the whole cluster."""

SPELL_GAP_MS: Final = 60.0
"""Shorter than any two hand-overs in a row, longer than a hiccup of the prober."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question and what became of it."""

    sent_ms: float
    result: str
    latency_ms: float
    node: str = ""

    @property
    def ok(self) -> bool:
        """Whether a client was served."""
        return self.result == "ok"

    @property
    def answered_ms(self) -> float:
        """When it was decided."""
        return self.sent_ms + self.latency_ms


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without service. `end_ms` is None where the record ends first; then the length is what is known of it."""

    begin_ms: float
    end_ms: float | None
    length_ms: float
    blind_ms: float
    failed: int
    """Probes sent within it that failed."""
    node_before: str
    node_after: str


@dataclass(frozen=True, slots=True)
class BothActive:
    """A proof that two nodes served at once: this answer of one fell into a spell of the other."""

    at_ms: float
    node: str
    other: str


def read(path: Path) -> list[Probe]:
    """All probes in the order they were sent. A last line that is still being written is left out."""
    whole, _, _ = path.read_text().rpartition("\n")
    return sorted((Probe(**json.loads(line)) for line in whole.splitlines()), key=lambda probe: probe.sent_ms)


def outages(probes: Iterable[Probe], threshold_ms: float = THRESHOLD_MS) -> list[Outage]:
    """Every outage longer than the threshold. What comes before the first success is not one: nothing was promised."""
    ordered = sorted(probes, key=lambda probe: probe.sent_ms)
    served = [probe for probe in ordered if probe.ok]
    if not served:
        return []
    # Per success the first later success to be answered: a slow answer must not hide a quick one behind it.
    rescues: list[Probe | None] = [None]
    for probe in reversed(served[1:]):
        best = rescues[-1]
        rescues.append(probe if best is None or probe.answered_ms <= best.answered_ms else best)
    rescues.reverse()
    found: list[tuple[Probe, Probe | None]] = []
    for last, rescue in zip(served, rescues, strict=True):
        if rescue is None and last is ordered[-1]:
            continue  # the record ends, not the service
        if _end_ms(ordered, rescue) - last.sent_ms <= threshold_ms:
            continue
        previous = found[-1][1] if found else None
        if found and (previous is None or previous.answered_ms > last.sent_ms):
            # Several successes wait for the same rescue, or for overlapping ones: one outage, told once.
            found[-1] = (found[-1][0], rescue)
        else:
            found.append((last, rescue))
    return [_outage(ordered, last, rescue) for last, rescue in found]


def _end_ms(ordered: Sequence[Probe], rescue: Probe | None) -> float:
    return rescue.answered_ms if rescue is not None else max(probe.answered_ms for probe in ordered)


def _outage(ordered: Sequence[Probe], last: Probe, rescue: Probe | None) -> Outage:
    end_ms = _end_ms(ordered, rescue)
    inside = [probe for probe in ordered if last.sent_ms <= probe.sent_ms <= end_ms]
    silences = [later.sent_ms - earlier.sent_ms for earlier, later in pairwise(inside)]
    return Outage(
        begin_ms=last.sent_ms,
        end_ms=None if rescue is None else end_ms,
        length_ms=end_ms - last.sent_ms,
        blind_ms=max(silences, default=0.0),
        failed=sum(not probe.ok for probe in inside),
        node_before=last.node,
        node_after="" if rescue is None else rescue.node,
    )


def longest_ms(probes: Iterable[Probe], threshold_ms: float = THRESHOLD_MS) -> float:
    """The longest outage; 0 where there was none."""
    return max((outage.length_ms for outage in outages(probes, threshold_ms)), default=0.0)


def between(probes: Iterable[Probe], begin_ms: float, end_ms: float) -> list[Probe]:
    """The probes sent in this time, both ends included: one step of a drill."""
    return [probe for probe in probes if begin_ms <= probe.sent_ms <= end_ms]


def both_active(probes: Iterable[Probe], spell_gap_ms: float = SPELL_GAP_MS) -> list[BothActive]:
    """Every answer that proves two nodes active at once."""
    by_node: dict[str, list[Probe]] = {}
    for probe in sorted(probes, key=lambda probe: probe.sent_ms):
        if probe.ok and probe.node:
            by_node.setdefault(probe.node, []).append(probe)
    proofs = [
        BothActive(probe.answered_ms, node, other)
        for other, answers in by_node.items()
        for begin_ms, end_ms in _spells(answers, spell_gap_ms)
        for node, others in by_node.items()
        if node != other
        for probe in others
        if begin_ms <= probe.sent_ms and probe.answered_ms <= end_ms
    ]
    return sorted(proofs, key=lambda proof: proof.at_ms)


def _spells(answers: Sequence[Probe], gap_ms: float) -> list[tuple[float, float]]:
    """Times through which the node that gave these answers was certainly active."""
    spells: list[tuple[float, float]] = []
    begin_ms = answers[0].answered_ms
    for earlier, later in pairwise(answers):
        begin_ms = min(begin_ms, earlier.answered_ms)
        if later.sent_ms - earlier.sent_ms > gap_ms:
            spells.append((begin_ms, earlier.sent_ms))
            begin_ms = later.answered_ms
    spells.append((min(begin_ms, answers[-1].answered_ms), answers[-1].sent_ms))
    return spells
