"""What stands still on purpose, and why: groups that wait for a proof, resources that do not stop, the whole cluster.

Owns: these problems of `cluster status`, each with what would end the wait. Does not know: how they came about.
"""

from __future__ import annotations

from quorate.control.queries import moment
from quorate.control.reading import Reading
from quorate.control.standing import resource_fact
from quorate.core.blast_radius import allowance
from quorate.core.cluster_view import ClusterView
from quorate.core.proof_means import without_means
from quorate.core.proofs import demanded, owed
from quorate.core.reasons import PROOFS, node_name
from quorate.model.problems import Problem, error, warning


def radius_problems(context: Reading) -> list[Problem]:
    """The cluster holds still."""
    found = allowance(context.view, context.wall_time_s())
    if found is None or found.left:
        return []
    until = f" before {moment(found.until_s)}" if found.until_s else ""
    return [
        error(
            "cluster_holds_still",
            f"{found.spent} nodes were put out within {found.period_s:.0f} s, the limit is {found.limit}: no further"
            f" node is declared down or fenced{until}, and no group leaves a lost one",
            where="cluster",
            remedy="find out why so many fail; quorate cluster release-expulsions lets the cluster go on",
        )
    ]


def proof_problems(view: ClusterView) -> list[Problem]:
    """Groups that wait for a proof, and demands that nothing could meet without a person."""
    found: list[Problem] = []
    for group, known in sorted(view.groups.items(), key=lambda entry: entry[1].record.name):
        name, waits = known.record.name, owed(view, group)
        if waits is not None:
            node = node_name(view, waits.node)
            found.append(
                error(
                    "group_waits_for_proof",
                    f"group {name} stands still: it demands the proof {waits.demanded!r} that nothing of it runs on"
                    f" {node} any more, and of {node} no more is known than: {PROOFS[waits.proof]}",
                    where=f"group.{name}",
                    remedy=f"look at the machine; if it is off: quorate node confirm-off {node}; or start {node}",
                )
            )
        bare = without_means(view, group)
        if bare:
            names = ", ".join(node_name(view, node) for node in bare)
            level = demanded(view, group)
            remedy = "quorate fence create NAME --agent AGENT --node NODE=PLUG (docs/howto/fencing.md)"
            if level == "watchdog":
                remedy = f"set watchdog in node.toml there and start the node anew, or {remedy}"
            found.append(
                warning(
                    "proof_without_means",
                    f"group {name} demands the proof {level!r}, and nothing gives it of {names}: when lost, a person"
                    " must confirm that it is off",
                    where=f"group.{name}",
                    remedy=remedy,
                )
            )
    return found


def stop_problems(view: ClusterView) -> list[Problem]:
    """Resources that were to end and do not."""
    return [
        error(
            "resource_does_not_stop",
            f"resource {known.record.name} does not stop, and its group stays where it is: {fact.detail}",
            where=f"resource.{known.record.name}",
            remedy=f"quorate explain group {view.groups[known.record.group].record.name!r}",
        )
        for known in sorted(view.resources.values(), key=lambda known: known.record.name)
        if (fact := resource_fact(view, known.record)).state == "stop_failed" and known.record.group in view.groups
    ]
