"""The command that raises the functional level: from then on the cluster uses its newest software (spec/02 §2.1).

Owns: what stands against it, and the record that it writes. There is no way back: a node of a former release is not
admitted any more.
"""

from __future__ import annotations

from quorate.control.change import Change, Done, Occasion, altered, unchanged
from quorate.control.cluster import formed, write_cluster
from quorate.core.cluster_view import ClusterView
from quorate.core.reasons import node_name
from quorate.core.versions import functional_level, software_of
from quorate.model.problems import Problem, Refused, error, warning


def upgrade_level(view: ClusterView, occasion: Occasion) -> Change[Done]:
    """Raise the functional level to the release that every node runs."""
    known = formed(view)
    level = functional_level(view)
    target = max((software_of(view, node).release for node in view.nodes), default=level)
    problems = _problems(view, target)
    if problems:
        raise Refused(problems)
    if target <= level:
        return unchanged(Done(id=known.record.id, name=known.record.name, changed=False))
    raised = altered(known.record, functional_level=target)
    change = write_cluster(known, raised, occasion, "upgrade-level", f"{level} to {target}")
    if not occasion.preview:
        return change
    what = f"the functional level would rise from {level} to {target}; nodes of release {level} could not return"
    told = warning("level_would_rise", what, where="cluster", remedy="without --preview it is done")
    return Change(change.guards, change.writes, altered(change.answer, warnings=(told,)))


def _problems(view: ClusterView, target: int) -> list[Problem]:
    found: list[Problem] = []
    for node in sorted(view.nodes):
        name, software = node_name(view, node), software_of(view, node)
        if node not in view.authority.up():
            remedy = f"start it, or evict it: quorate node evict {name}"
            found.append(
                error("node_down", f"{name} is down; every node must be up", where=f"node.{name}", remedy=remedy)
            )
        elif software.release < target:
            what = f"{name} runs release {software.release} ({software.version}), the newest node {target}"
            remedy = f"install the newer software on {name} and restart its node"
            found.append(error("node_of_former_release", what, where=f"node.{name}", remedy=remedy))
    return found
