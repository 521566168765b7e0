"""The command by which an operator confirms that a node is off (design §4 rule 10, decision 0060).

Owns: what stands against a confirmation, and the attestation that is written into the node's mark. Does not know:
what it shortens; whoever pursues the node declares it down at the sight of it (`core.authority.suspicion`). The same
word may follow a verdict that was sent by lease alone, where groups demand a better proof (`core.proofs`).
How it works: the transaction is guarded by the very record that was marked. A node that lives clears its mark, which is
a change of that record: either the confirmation comes too late and is refused, or the clearing takes it away again.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.lookup import find_node
from quorate.core.authority.frame import attestation_of
from quorate.core.cluster_view import ClusterView
from quorate.core.proofs import waiting_for
from quorate.core.reasons import node_name
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.membership import Attestation, MemberRecord
from quorate.model.nodes import NodeSpec
from quorate.model.problems import Problem, Refused, error


class ConfirmOffWish(Value, frozen=True, kw_only=True):
    """`name`: the node's name once more, so that nobody confirms the wrong one."""

    name: str


def confirm_off(
    view: ClusterView, name: str, wish: ConfirmOffWish, heard: frozenset[int], occasion: Occasion
) -> Change[Done]:
    """Somebody looked: the marked, silent node is off. `heard` are the nodes that the answering node hears now."""
    problems: list[Problem] = []
    node = find_node(view, name, problems)
    if node is None:
        raise Refused(problems)
    member = view.authority.members.get(node.node)
    record = member.record if member is not None else None
    done = Done(id=str(node.node), name=node.name)
    waits = bool(waiting_for(view, node.node))
    if member is None or record is None or (record.state != "up" and not waits):
        return unchanged(altered(done, changed=False))  # nothing waits for it
    if wish.name.casefold() != node.name.casefold():
        what = f"the name given is {wish.name!r}, the node is {node.name}"
        remedy = f"look which machine you mean; then give its name, {node.name}"
        problems.append(error("name_differs", what, where="name", remedy=remedy))
    problems += _signs_of_life(view, node, record, heard)
    if problems:
        raise Refused(problems)
    said = Attestation(kind="confirmed", by=occasion.author, at=occasion.at, reason=occasion.reason)
    if record.state == "down":  # the verdict was sent by lease alone, and groups demand more
        wanted = altered(record, proof="confirmed", attestation=said)
        detail = f"life {record.incarnation}, declared down before"
    elif attestation_of(record) is not None or record.mark is None:
        return unchanged(altered(done, changed=False))
    else:
        wanted = altered(record, mark=altered(record.mark, attestation=said))
        detail = f"life {record.incarnation}, mark {record.mark.id}"
    change = Change((guard(keys.member(node.node), member.revision),), (put(keys.member(node.node), wanted),), done)
    return audited(
        change, occasion, verb="confirm-off", kind="node", object_id=done.id, object_name=node.name, detail=detail
    )


def _signs_of_life(view: ClusterView, node: NodeSpec, record: MemberRecord, heard: frozenset[int]) -> list[Problem]:
    """Everything that says that the node lives."""
    found: list[Problem] = []
    if record.state == "up" and record.mark is None:
        what = f"{node.name} is up and nobody suspects it"
        remedy = f"to take it out of service: quorate node drain {node.name}, then quorate node stop {node.name}"
        found.append(error("node_not_suspected", what, where="node", remedy=remedy))
    hearers = {n for n in view.authority.up() if n != node.node and _hears(view, n, node.node)}
    if node.node in heard:
        found.append(
            error(
                "node_is_heard",
                f"the node that answers hears heartbeats of {node.name}: it is not off",
                where="node",
                remedy="switch its power off first; look which machine you mean",
            )
        )
    elif hearers:
        names = ", ".join(node_name(view, n) for n in sorted(hearers))
        remedy = "switch its power off first; if it was switched off this moment, try again in a second"
        found.append(error("node_is_heard", f"{node.name} is heard by {names}", where="node", remedy=remedy))
    return found


def _hears(view: ClusterView, hearer: int, sender: int) -> bool:
    """The hearer, in its present life, last wrote that it hears the sender on some network."""
    known, member = view.paths.get(hearer), view.authority.members[hearer].record
    if known is None or known.record.incarnation != member.incarnation:
        return False
    return any(sender in nodes for nodes in known.record.heard.values())
