"""Maintenance of a group, a node or the whole cluster: somebody works there by hand, the cluster keeps its hands off.

Owns: the commands that begin and end it, and what is refused meanwhile. Does not know: what is left undone meanwhile
(`core.failover.maintenance`, `core.group_run`); a single resource has its own (`control.resource_maintenance`).
"""

from __future__ import annotations

from typing import Literal, assert_never

from quorate.control.change import Change, Done, Occasion, altered, audited, guard, put, unchanged
from quorate.control.lookup import find_group, find_node, guard_group, guard_intent
from quorate.core.cluster_view import ClusterView
from quorate.core.failover.maintenance import covering
from quorate.core.resource_maintenance import maintained
from quorate.model import keys
from quorate.model.base import Value
from quorate.model.maintenance import Maintenance
from quorate.model.nodes import ClusterIntent
from quorate.model.problems import Problem, Refused, error, warning
from quorate.model.workload import GroupSpec

Kind = Literal["cluster", "node", "group"]
LONGEST_S = 366 * 86_400


class MaintenanceWish(Value, frozen=True, kw_only=True):
    """Begin or end it. The occasion has who and why."""

    on: bool = True
    for_s: int = 0
    """It ends by itself so many seconds from now; 0: it does not."""


def set_maintenance(
    view: ClusterView, kind: Kind, name: str, wish: MaintenanceWish, occasion: Occasion
) -> Change[Done]:
    """Begin, prolong or end the maintenance of that object."""
    problems = wish_problems(wish, occasion)
    made = None
    if wish.on:
        made = Maintenance(
            author=occasion.author,
            reason=occasion.reason,
            since=occasion.at,
            until_s=until_s(wish, occasion),
        )
    change = _written(view, kind, name, made, problems)
    if not change.answer.changed:
        return unchanged(change.answer)
    verb = "begin-maintenance" if wish.on else "end-maintenance"
    done = change.answer
    return audited(change, occasion, verb=verb, kind=kind, object_id=done.id, object_name=done.name)


def wish_problems(wish: MaintenanceWish, occasion: Occasion) -> list[Problem]:
    """What is wrong with the wish itself, whatever it is for."""
    problems: list[Problem] = []
    if not 0 <= wish.for_s <= LONGEST_S:
        what = f"it cannot last {wish.for_s} s"
        problems.append(error("maintenance_duration", what, where="for_s", remedy=f"give 0 to {LONGEST_S} seconds"))
    if wish.on and not occasion.reason:
        remedy = "say why, for whoever finds it like that: --reason TEXT"
        problems.append(error("maintenance_without_reason", "a maintenance needs a reason", remedy=remedy))
    return problems


def until_s(wish: MaintenanceWish, occasion: Occasion) -> float:
    """Wall time at which it ends by itself; 0: it does not."""
    return occasion.at_s + wish.for_s if wish.for_s else 0.0


def _written(
    view: ClusterView, kind: Kind, name: str, made: Maintenance | None, problems: list[Problem]
) -> Change[Done]:
    """The intent of that object with the maintenance; raises Refused with the problems so far and its own."""
    match kind:
        case "group":
            spec = find_group(view, name, problems)
            if spec is None or problems:
                raise Refused(problems)
            intent = view.intent(spec.id)
            done = Done(id=spec.id, name=spec.name, changed=made != intent.maintenance)
            written = (put(keys.INTENT_GROUP + spec.id, altered(intent, maintenance=made)),)
            return Change((guard_group(view, spec.id), guard_intent(view, spec.id)), written, done)
        case "node":
            node = find_node(view, name, problems)
            if node is None or problems:
                raise Refused(problems)
            wanted, known = view.node_intent(node.node), view.node_intents.get(node.node)
            done = Done(id=str(node.node), name=node.name, changed=made != wanted.maintenance)
            key = f"{keys.INTENT_NODE}{node.node}"
            now = altered(wanted, maintenance=made)
            return Change((guard(key, known.revision if known else None),), (put(key, now),), done)
        case "cluster":
            whole, cluster = view.cluster_intent, view.cluster
            if problems or cluster is None:
                raise Refused(problems)
            present = whole.record if whole is not None else ClusterIntent()
            done = Done(id=cluster.record.id, name=cluster.record.name, changed=made != present.maintenance)
            guards = (guard(keys.INTENT_CLUSTER, whole.revision if whole else None),)
            return Change(guards, (put(keys.INTENT_CLUSTER, altered(present, maintenance=made)),), done)
        case _ as unreachable:
            assert_never(unreachable)


def maintenance_problems(view: ClusterView, spec: GroupSpec, wall_s: float) -> list[Problem]:
    """Why nothing is started or moved now: the group, its node or the cluster is in maintenance."""
    assignment = view.assignments.get(spec.id)
    covered = covering(view, spec.id, assignment.record.owner if assignment else 0, wall_s)
    if covered is None:
        return []
    kind, maintenance = covered
    name = {"group": spec.name, "cluster": ""}.get(kind, "NODE")
    because = f": {maintenance.reason}" if maintenance.reason else ""
    return [
        error(
            "in_maintenance",
            f"the {kind} is in maintenance by {maintenance.author} since {maintenance.since}{because}",
            where="group",
            remedy=f"end it first: quorate {kind} maintenance {name} --off".replace("  ", " "),
        )
    ]


def maintenance_warnings(view: ClusterView, wall_s: float) -> list[Problem]:
    """Everything that is in maintenance now: nobody should be surprised that nothing happens there."""
    whole = view.cluster_intent
    found: list[tuple[str, str, Maintenance | None]]
    found = [("cluster", "", whole.record.maintenance if whole is not None else None)]
    found += [
        ("node", view.nodes[n].record.name, k.record.maintenance)
        for n, k in view.node_intents.items()
        if n in view.nodes
    ]
    found += [
        ("group", view.groups[g].record.name, k.record.maintenance) for g, k in view.intents.items() if g in view.groups
    ]
    found += [
        ("resource", view.resources[resource].record.name, one)
        for group in view.intents
        for resource, one in maintained(view, group, wall_s).items()
        if resource in view.resources
    ]
    return [
        warning(
            "in_maintenance",
            f"the {kind} {name} is in maintenance by {one.author} since {one.since}: {one.reason}".replace("  ", " "),
            where=kind,
            remedy=f"when the work is done: quorate {kind} maintenance {name} --off".replace("  ", " "),
        )
        for kind, name, one in sorted(found, key=lambda entry: entry[:2])
        if one is not None and not one.over(wall_s)
    ]
