"""Who is on probation: a resource that has never been online anywhere as it is specified now (decision 0091).

Owns: the search for proofs in the facts of all nodes. Pure. Does not know: what probation spares a group
(`core.group_run`).
"""

from __future__ import annotations

from quorate.core.cluster_view import ClusterView
from quorate.model.probation import digest_of
from quorate.model.workload import ResourceSpec


def proofs(view: ClusterView, group: str) -> dict[str, frozenset[str]]:
    """Digests with which each resource of the group has been online, by what any node has reported in any life."""
    found: dict[str, frozenset[str]] = {}
    for node in view.nodes:
        known = view.facts.get((node, group))
        for resource, fact in known.record.resources.items() if known is not None else ():
            if fact.proven:
                found[resource] = found.get(resource, frozenset()) | set(fact.proven)
    return found


def on_probation(view: ClusterView, resource: ResourceSpec) -> bool:
    """Whether it has yet to come online as it is specified now."""
    digest, assignment = digest_of(resource), view.assignments.get(resource.group)
    owner = view.facts.get((assignment.record.owner, resource.group)) if assignment is not None else None
    own = owner.record.resources.get(resource.id) if owner is not None else None
    if own is not None and digest in own.proven:
        return False  # nearly always: nobody else need be asked
    return digest not in proofs(view, resource.group).get(resource.id, frozenset())
