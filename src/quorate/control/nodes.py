"""Commands on nodes: pause, resume, drain, stop (spec/02 §7).

Owns: what each command demands and the node's intent that it writes. Does not know: how groups leave; the coordinator
moves them because the intent says so.
"""

from __future__ import annotations

from typing import Final

from quorate.control.change import Change, Changed, Done, Occasion, altered, audited, delete, guard, put, unchanged
from quorate.control.lookup import find_node
from quorate.control.names import NewName, name_problems, taken
from quorate.core.cluster_view import ClusterView
from quorate.core.quorum_outlook import holds_without, left_after
from quorate.core.votes import majority_of
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.nodes import NodeIntent, NodeSpec
from quorate.model.problems import Problem, Refused, error, warning
from quorate.model.records import Guard, Put, Write


class DrainWish(Value, frozen=True, kw_only=True):
    """Where all groups shall go; empty: each to its best node."""

    target: str = ""


class ResumeWish(Value, frozen=True, kw_only=True):
    """What becomes of groups that a drain has moved away (spec/02 §7): each goes by its own failback, or all return."""

    failback: str = "policy"


def pause_node(view: ClusterView, name: str, occasion: Occasion) -> Change[Done]:
    """No group comes to the node any more; what runs there runs on."""
    node = _node(view, name)
    intent = view.node_intent(node.node)
    if intent.paused:
        return unchanged(Done(id=str(node.node), name=node.name, changed=False))
    return _intend(view, node, altered(intent, paused=True), occasion, "pause")


def resume_node(view: ClusterView, name: str, wish: ResumeWish, occasion: Occasion) -> Change[Done]:
    """The node takes groups again; a drain under way ends, and so does an eviction that waits for groups."""
    node = _node(view, name)
    if wish.failback not in {"policy", "immediate"}:
        what, remedy = f"failback cannot be {wish.failback!r}", "choose from: policy, immediate"
        raise Refused([error("property_choice", what, where="failback", remedy=remedy)])
    intent = view.node_intent(node.node)
    if intent.stopping:
        raise Refused(
            [
                error(
                    "node_stopping",
                    f"{node.name} is being stopped",
                    where="node",
                    remedy="start it again when it has stopped",
                )
            ]
        )
    member = view.authority.members.get(node.node)
    if intent.eviction is not None and (member is None or member.record.state != "up"):
        raise Refused(
            [
                error(
                    "node_leaving_for_good",
                    f"{node.name} has left and is being evicted; that cannot be taken back any more",
                    where="node",
                    remedy="let the machine join again when it is gone: quorate token create, quorate node join",
                )
            ]
        )
    back = occasion.id if wish.failback == "immediate" else ""
    wanted = NodeIntent(maintenance=intent.maintenance, takes_back=back)
    if altered(intent, takes_back="") == altered(wanted, takes_back="") and not back:
        return unchanged(Done(id=str(node.node), name=node.name, changed=False))
    # An eviction is taken back only from a node that is up: from one that is down its vote may be gone by now.
    guards = (guard(keys.member(node.node), member.revision),) if intent.eviction and member else ()
    return _intend(view, node, wanted, occasion, "resume", guards=guards)


def drain_node(view: ClusterView, name: str, wish: DrainWish, occasion: Occasion) -> Change[Done]:
    """Pause the node and have all its groups leave, to one target or each to its best node."""
    problems: list[Problem] = []
    node = find_node(view, name, problems)
    target = find_node(view, wish.target, problems, "target") if wish.target else None
    if node is not None and target is not None:
        problems += _target_problems(view, node, target)
    if node is None or problems:
        raise Refused(problems)
    intent = view.node_intent(node.node)
    number = target.node if target else 0
    if intent.drain and intent.drain_target == number:
        return unchanged(Done(id=str(node.node), name=node.name, changed=False, operation=intent.drain))
    wanted = altered(intent, paused=True, drain=occasion.id, drain_target=number, takes_back="")
    return _intend(view, node, wanted, occasion, "drain", operation=occasion.id)


def _target_problems(view: ClusterView, node: NodeSpec, target: NodeSpec) -> list[Problem]:
    member = view.authority.members.get(target.node)
    intent = view.node_intent(target.node)
    if target.node == node.node:
        why = "it is the node that is drained"
    elif member is None or member.record.state != "up":
        why = "it is down"
    elif intent.paused or intent.drain or intent.stopping or intent.eviction:
        why = "it takes no groups now"
    else:
        return []
    return [
        error(
            "target_cannot_own",
            f"{target.name} cannot be the target: {why}",
            where="target",
            remedy="name another node, or none: then each group goes to its best node",
        )
    ]


UNRECORDED: Final = {"store_unavailable", "outcome_unknown", "node_down"}
"""What keeps a stop from being written down and is no reason for a node to go on."""


def clear_quarantine(view: ClusterView, name: str, occasion: Occasion) -> Change[Done]:
    """Forget the failures of a node: it may be admitted at once (spec/02 §6)."""
    node = _node(view, name)
    known = view.standings.get(node.node)
    done = Done(id=str(node.node), name=node.name)
    if known is None or not known.record.failures:
        return unchanged(altered(done, changed=False))
    key = f"{keys.STANDING}{node.node}"
    change = Change((guard(key, known.revision),), (put(key, altered(known.record, failures=())),), done)
    return audited(
        change, occasion, verb="clear-quarantine", kind="node", object_id=str(node.node), object_name=node.name
    )


def rename_node(view: ClusterView, name: str, wish: NewName, occasion: Occasion) -> Change[Done]:
    """Give a node another name. Nothing but faces goes by it: nodes know each other by number and address."""
    problems: list[Problem] = []
    node = find_node(view, name, problems)
    problems += name_problems(wish.name, "name", host=True)
    holder = next((k.record for k in view.nodes.values() if k.record.name.casefold() == wish.name.casefold()), None)
    if holder is not None and node is not None and holder.node != node.node:
        problems.append(taken("node", wish.name, "name"))
    if node is None or problems:
        raise Refused(problems)
    if wish.name == node.name:
        return unchanged(Done(id=str(node.node), name=node.name, changed=False))
    key = f"{keys.SPEC_NODE}{node.node}"
    guards: list[Guard] = [guard(key, view.nodes[node.node].revision)]
    writes: list[Write] = [put(key, altered(node, name=wish.name))]
    former, wanted = keys.name("node", node.name), keys.name("node", wish.name)
    if wanted != former:
        guards.append(guard(wanted, None))
        writes += [Put(wanted, str(node.node).encode()), delete(former)]
    change = Change(tuple(guards), tuple(writes), Done(id=str(node.node), name=wish.name))
    return audited(
        change, occasion, verb="rename", kind="node", object_id=str(node.node), object_name=wish.name,
        detail=f"it was {node.name}",
    )  # fmt: skip


def stop_node(view: ClusterView, name: str, occasion: Occasion) -> Change[Done]:
    """The node shall leave cleanly: its groups go first."""
    node = _node(view, name)
    member = view.authority.members.get(node.node)
    if member is None or member.record.state != "up":
        raise Refused(
            [error("node_down", f"{node.name} is down already", where="node", remedy="there is nothing to stop")]
        )
    intent = view.node_intent(node.node)
    if intent.stopping:
        return unchanged(Done(id=str(node.node), name=node.name, changed=False))
    warnings = _losses(view, node)
    return _intend(view, node, altered(intent, stopping=True), occasion, "stop", warnings=warnings)


def stopped_unrecorded(view: ClusterView, node: int, problems: tuple[Problem, ...]) -> Changed:
    """A stop that cannot be written down and is carried out all the same. Raises Refused where it must not be."""
    known = view.nodes.get(node)
    if known is None or {problem.code for problem in problems} - UNRECORDED:
        raise Refused(problems)
    why = warning(
        "stop_not_recorded",
        f"{known.record.name} is stopped, and neither the database nor the audit says so: {problems[0].what}",
        where="node",
        remedy="no group can leave it now; what it runs is taken offline",
    )
    return Changed(id=str(node), name=known.record.name, changed=True, outcome="accepted", warnings=(why,))


def _losses(view: ClusterView, node: NodeSpec) -> tuple[Problem, ...]:
    """What the cluster loses with that node (spec/02 §7.4): asked for is asked for, but not unsaid."""
    voters = view.authority.voters
    left = voters & left_after(view, {node.node})  # the quorum resource among them
    majority = majority_of(len(voters))
    if node.node not in voters or len(left) >= majority or holds_without(view, {node.node}):
        return ()
    return (
        warning(
            "store_loses_majority",
            f"without {node.name} {len(left)} of {len(voters)} voters are up, {majority} are needed: "
            "until one more is up nothing can be changed, and a further failure cannot be answered",
            where="node",
            remedy="start another voter soon",
        ),
    )


def _node(view: ClusterView, name: str) -> NodeSpec:
    problems: list[Problem] = []
    node = find_node(view, name, problems)
    if node is None:
        raise Refused(problems)
    return node


def _intend(
    view: ClusterView,
    node: NodeSpec,
    wanted: NodeIntent,
    occasion: Occasion,
    verb: str,
    *,
    operation: str = "",
    warnings: tuple[Problem, ...] = (),
    guards: tuple[Guard, ...] = (),
) -> Change[Done]:
    key = f"{keys.INTENT_NODE}{node.node}"
    known = view.node_intents.get(node.node)
    change = Change(
        guards=(guard(key, known.revision if known else None), *guards),
        writes=(put(key, wanted),),
        answer=Done(id=str(node.node), name=node.name, operation=operation, warnings=warnings),
    )
    return audited(change, occasion, verb=verb, kind="node", object_id=str(node.node), object_name=node.name)
