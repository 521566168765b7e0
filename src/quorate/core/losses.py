"""A replica in which something is lost: a node, a site, the quorum resource; and what that does (`foresight`).

Owns: how a loss is imagined, and whether the cluster can still decide after it. Pure. Does not know: who asks.
How it works: a lost node is written down by the strongest proof that can be had of it without a person: by its fence
device, its watchdog, or its lease. Who led is succeeded by another node that is up. Without a majority of the store
nobody decides: what runs elsewhere runs on, what was lost stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quorate.core.cluster_view import ClusterView
from quorate.core.foresight import Foresight, Step, Usual, What, foresee
from quorate.core.moment import Moment
from quorate.core.proof_means import has_means
from quorate.core.proofs import owed
from quorate.core.quorum_outlook import further_after, holds_without
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.membership import CoordinatorRecord, Proof
from quorate.model.quorum import QUORUM_VOTER


@dataclass(frozen=True, slots=True)
class Loss:
    """What the loss of these voters would do."""

    lost: tuple[int, ...]
    keeps_majority: bool
    foresight: Foresight
    further: int
    """So many voters more may go then, whichever they are; negative where nobody can decide."""
    owed: tuple[str, ...]
    """Ids of groups that would stand still until somebody proves that a lost node is off."""
    moved: tuple[Step, ...]
    """One step for each group that the loss brings elsewhere, on hold, offline or online: from before to the end."""


def loss_of(view: ClusterView, lost: Iterable[int], moment: Moment, usual: Usual | None = None) -> Loss:
    """What the loss of these nodes, or of the quorum resource (`QUORUM_VOTER`), would do now."""
    gone = tuple(sorted(set(lost)))
    keeps = holds_without(view, gone)
    imagined = view.imagine(_written(view, {node for node in gone if node != QUORUM_VOTER}))
    waiting = tuple(group for group in sorted(view.groups) if owed(imagined, group) and not owed(view, group))
    found = foresee(view, imagined, moment, leads=keeps and bool(imagined.authority.up()), usual=usual)
    return Loss(gone, keeps, found, further_after(view, frozenset(gone)), waiting, tuple(_moved(view, imagined, found)))


def _moved(before: ClusterView, after: ClusterView, found: Foresight) -> Iterator[Step]:
    """However many steps a group takes on its way, by a hold or for the sake of another: where it began and ended."""
    steps: dict[str, list[Step]] = {}
    for step in found.steps:
        if not step.anyway:
            steps.setdefault(step.group, []).append(step)
    for group, own in steps.items():
        known, ended = before.assignments.get(group), after.assignments.get(group)
        if ended is None:
            continue
        source, target = known.record.owner if known is not None else 0, ended.record.owner
        kinds = [step.what for step in own]
        decided = next((step for step in reversed(own) if step.what not in {"stop", "start"}), None)
        what: What
        if ended.record.phase == "hold" and "hold" in kinds:
            what = "hold"
        elif source != target:
            what = "move" if source else "place"
        elif "stop" in kinds or "start" in kinds:
            what = "stay" if {"stop", "start"} <= {*kinds} else "stop" if "stop" in kinds else "start"
        else:
            continue
        cause, reasons = (decided.cause, decided.reasons) if decided is not None else ("", ())
        yield Step(group, what, source, target, cause, reasons)


def _written(view: ClusterView, lost: set[int]) -> list[tuple[str, bytes]]:
    up = view.authority.up()
    made: list[tuple[str, bytes]] = []
    for node in sorted(lost & up.keys()):
        record = up[node].record
        down = replace(record, state="down", mark=None, proof=_proof(view, node), attestation=None)
        made.append((keys.member(node), encode(down)))
    leader = view.authority.coordinator
    heirs = sorted(up.keys() - lost)
    if leader is not None and leader.record.node in lost and heirs:
        made.append((keys.COORDINATOR, encode(CoordinatorRecord(node=heirs[0], epoch=leader.record.epoch + 1))))
    return made


def _proof(view: ClusterView, node: int) -> Proof:
    if has_means(view, node, "fenced"):
        return "fenced"
    return "watchdog" if has_means(view, node, "watchdog") else "lease_over"
