"""Which nodes are to be fenced by whom, and with which devices in which order (design §4 rule 10, decision 0061).

Owns: these decisions. Pure. Does not know: agents, processes, time; `node.fence_keeper` carries them out.
How it works: a node is fenced for the mark that stands on it, so never before that was committed. The author of the
mark calls the agents, or whoever leads where the author is gone; where two do it costs a second call, no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from quorate.core.authority.frame import attestation_of
from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import waiting_for
from quorate.model import keys
from quorate.model.base import encode, replace
from quorate.model.fencing import FenceAction, FenceAttempt, FenceDevice, FenceHistory
from quorate.model.membership import Attestation, MemberRecord
from quorate.model.records import Absent, Guard, Put, Unchanged

ATTEMPTS_KEPT: Final = 20
"""Of each node's history."""

Level = tuple[FenceDevice, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A node to be fenced, in one life and for one mark."""

    node: int
    incarnation: str
    mark: str
    """Empty: it was declared down by lease alone, and a group waits for a better proof (`core.proofs`)."""


def levels_of(view: ClusterView, node: int) -> tuple[Level, ...]:
    """The devices that can fence the node, level by level; empty where none can."""
    able = [known.record for known in view.fence_devices.values() if str(node) in known.record.plugs]
    numbers = sorted({device.level for device in able})
    return tuple(
        tuple(sorted((device for device in able if device.level == number), key=lambda device: device.name))
        for number in numbers
    )


def targets(view: ClusterView, me: int, *, leads: bool) -> tuple[Target, ...]:
    """The nodes that this node has fenced now, by number."""
    found: list[Target] = []
    left = view.authority.expulsions_left
    if left is not None:  # whose verdict is on its way counts as put out
        left -= sum(1 for known in view.authority.up().values() if attestation_of(known.record) is not None)
    for node, known in sorted(view.authority.up().items()):
        if left is not None and len(found) >= left and node not in view.authority.joins:
            continue  # too many were put out of late (`core.blast_radius`)
        mark = known.record.mark
        if node == me or mark is None or attestation_of(known.record) is not None:
            continue
        ours = mark.author == me and mark.epoch == view.authority.epoch
        if (ours or leads) and levels_of(view, node):
            found.append(Target(node, known.record.incarnation, mark.id))
    if leads:
        for node, known in sorted(view.authority.members.items()):
            late = Target(node, known.record.incarnation, "")
            if stands(view, late) and levels_of(view, node):
                found.append(late)
    return tuple(found)


def action_in(level: Level, device: FenceDevice) -> FenceAction:
    """What the device is asked for. Two power supplies that are cycled one after the other never cut the power."""
    return device.action if len(level) == 1 else "off"


def stands(view: ClusterView, target: Target) -> bool:
    """The very mark still stands: the node neither came back nor was declared down.

    One that is down stays a target while a group waits for it, unless it is back and asks to be admitted.
    """
    if not target.mark and (target.node in view.authority.joins or not waiting_for(view, target.node)):
        return False
    known = view.authority.members.get(target.node)
    return known is not None and is_marked(known.record, target)


def is_marked(record: MemberRecord, target: Target) -> bool:
    """The record shows that life, up with that mark, or down without a proof that is strong by itself."""
    mark = record.mark
    if not target.mark:
        return record.state == "down" and record.incarnation == target.incarnation and record.attestation is None
    return (
        record.state == "up"
        and record.incarnation == target.incarnation
        and mark is not None
        and mark.id == target.mark
    )


def fenced(view: ClusterView, target: Target, by: str, at: str) -> tuple[tuple[Guard, ...], tuple[Put, ...]]:
    """The transaction that says so in the mark; empty where the mark stands no more."""
    if not stands(view, target):
        return (), ()
    known = view.authority.members[target.node]
    mark, word = known.record.mark, Attestation(kind="fenced", by=by, at=at)
    if mark is None:
        said = replace(known.record, proof="fenced", attestation=word)
    else:
        said = replace(known.record, mark=replace(mark, attestation=word))
    key = keys.member(target.node)
    return (Unchanged(key, known.revision),), (Put(key, encode(said)),)


def remembered(view: ClusterView, node: int, attempt: FenceAttempt) -> tuple[tuple[Guard, ...], tuple[Put, ...]]:
    """The transaction that adds a call to the node's history."""
    key, known = keys.fencing(node), view.fence_histories.get(node)
    former = known.record.attempts if known is not None else ()
    made = FenceHistory(attempts=(*former, attempt)[-ATTEMPTS_KEPT:])
    before: Guard = Unchanged(key, known.revision) if known is not None else Absent(key)
    return (before, *view.authority.listing(node)), (Put(key, encode(made)),)


def agent_inputs(device: FenceDevice, node: int, name: str, action: str) -> dict[str, str]:
    """What an agent is told. Older agents call the plug `port`."""
    plug = device.plugs.get(str(node), "")
    named = {"plug": plug, "port": plug, "nodename": name} if plug else {}
    return {**device.parameters, **device.secrets, **named, "action": action}
