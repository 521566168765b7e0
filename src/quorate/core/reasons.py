"""Every reason code with its sentence: the one place where decisions become words (design §1, promise 5).

Owns: the list of codes and causes in use, and the sentence of each. Does not know: how a decision is made.
How it works: a `Reason` carries a code and what fills the gaps; `sentence` fills them. A test walks the core for codes
that have no sentence here. A code that this version does not know (a newer node wrote it) is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.model.workload import Assignment, Reason

NameOf = Callable[[int], str]
"""The name of a node, by number."""

SENTENCES: Final = {
    "owner_lost": "its owner {node} is no longer in the cluster ({proof})",
    "owner_returned": "its owner {node} is back",
    "preferred_owner": "{node} is preferred owner number {detail}",
    "fewest_groups": "{node} is no preferred owner; groups that should be online on it: {detail}, and fewer is better",
    "node_down": "{node} is down",
    "node_paused": "{node} is paused",
    "not_listed": "{node} does not belong to the cluster",
    "software_incompatible": "the software of {node} does not fit: {detail}",
    "failure_not_counted": "the failure of {node} is being counted",
    "node_quarantined": "{node} failed {detail} times within an hour and is kept out for a while",
    "node_evicted_soon": "{node} is being evicted",
    "node_stopping": "{node} is being stopped",
    "node_draining": "{node} is being drained",
    "not_possible_owner": "{node} is not a possible owner of resource {subject}",
    "excluded_this_round": "{node} is the node that the group leaves",
    "drain_target": "{node} is the target named for the drain",
    "destination_lost": "the destination could not take it any more; it goes to {node}",
    "move_requested": "{subject} asked to move it{to}{because}",
    "named_by_request": "{node} was named in the request",
    "nowhere_to_go": "no other node can take it",
    "already_there": "it is on {node} already",
    "moved_by_hand": "it was moved away from {node} by hand, and {node} has not been restarted since",
    "failed_there": "it failed on {node}, and {node} has not been restarted since",
    "preferred_owner_back": "{node}, preferred owner number {detail}, can take it again",
    "resource_failed_for_good": "resource {subject} failed and restarting here did not help: {detail}",
    "cannot_come_online_here": "resource {subject} cannot come online on this node: {detail}",
}

CAUSES: Final = {
    "created": "it was placed for the first time",
    "node_lost": "its owner was lost",
    "moved": "it was moved on request",
    "drained": "its owner was drained, stopped or evicted",
    "resource_failed": "a resource failed",
    "failback": "a better preferred owner came back",
}

PROOFS: Final = {
    "lease_over": "silent until its lease was certainly over",
    "watchdog": "silent until its lease was over and its watchdog had certainly reset it",
    "released": "it said that it stopped everything",
    "ended": "its sentinel swore that everything was ended",
    "fenced": "it was fenced",
    "confirmed": "an operator confirmed that it is off",
    "evicted": "it was evicted",
    "replaced": "it came back as a new incarnation",
    "": "proof not recorded",
}


def sentence(reason: Reason, name_of: NameOf) -> str:
    """The reason in words, without capital and full stop."""
    template = SENTENCES.get(reason.code)
    if template is None:
        about = f" {name_of(reason.node)}" if reason.node else ""
        return f"{reason.code}{about} {reason.subject} {reason.detail}".strip()
    return template.format(
        node=name_of(reason.node) if reason.node else "no node",
        subject=reason.subject or "somebody",
        detail=reason.detail or "no detail",
        proof=PROOFS.get(reason.detail, reason.detail),
        to=f" to {name_of(reason.node)}" if reason.node else "",
        because=f": {reason.detail}" if reason.detail else "",
    )


def cause_sentence(assignment: Assignment) -> str:
    """Why an assignment was written, in words."""
    return CAUSES.get(assignment.cause, assignment.cause or "no cause recorded")


def node_name(view: ClusterView, node: int) -> str:
    """The name of a node, or its number where it has none."""
    known = view.nodes.get(node)
    return known.record.name if known else f"node {node}"


def in_words(view: ClusterView, reason: Reason) -> str:
    """The reason in words, with the names of that view."""
    return sentence(reason, lambda node: node_name(view, node))
