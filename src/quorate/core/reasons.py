"""Every reason code with its sentence: the one place where decisions become words (design §1, promise 5).

Owns: the list of codes and causes in use, and the sentence of each. Does not know: how a decision is made.
How it works: a `Reason` carries a code and what fills the gaps; `sentence` fills them. A test walks the core for codes
that have no sentence here. A code that this version does not know (a newer node wrote it) is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from quorate.core.cluster_view import ClusterView
from quorate.model.workload import Assignment, Reason, ResourceState

NameOf = Callable[[int], str]
"""The name of a node, by number."""

SENTENCES: Final = {
    "owner_lost": "its owner {node} is no longer in the cluster ({proof})",
    "owner_returned": "its owner {node} is back",
    "preferred_owner": "{node} is preferred owner number {detail}",
    "no_preferred_owner": "{node} is no preferred owner",
    "fewest_groups": "other groups that should be online on {node}: {detail}, and fewer is better",
    "fewest_owned": "other groups that {node} owns, online or not: {detail}, and fewer is better",
    "by_number": "nothing else tells {node} and the best apart, so the lower number of a node comes first",
    "only_one": "{node} is the only node that can own it",
    "anti_affinity": "{node}{place} has a group that it is kept apart from ({subject})",
    "kept_apart": "{node} has no group that it is kept apart from ({subject})",
    "companions_here": "{node} has a group that it is kept together with ({subject})",
    "companions_elsewhere": "groups that it is kept together with ({subject}) are not on {node}",
    "in_site": "{node} is in the site that comes first ({subject})",
    "other_site": "{node} is not in the site that comes first ({subject})",
    "was_here": "it was on {node} last",
    "was_elsewhere": "it was not on {node} last",
    "spread": "groups of its class in the same {subject} as {node}: {detail}, and fewer is better",
    "fullness": "{node} would be {detail} full with it, and less is better",
    "lacks_capacity": "{node} has too little {subject}: {detail}",
    "waits_for_node": "{node} was there before the cluster went down and may come back soon",
    "priority_zero": "its priority is 0: it starts only when somebody asks for it",
    "cold_start_off": "cold_start_setting is {detail}: it does not start when the cluster forms",
    "all_stay_offline": "ignore_persistent_state_on_startup is set: nothing starts when the cluster forms",
    "not_wanted": "nobody wants it online any more",
    "asked_for": "somebody asked for it, and {node} can take it",
    "room_again": "{node} can take it now",
    "preempted": "group {subject} of priority {detail} needs the room on {node}",
    "in_maintenance": "the {subject} is in maintenance by {detail}: the cluster does nothing by itself",
    "move_queued": "a move{to} was asked for, and waits until it can be done",
    "move_cancelled": "{subject} took the move back",
    "returns_on_error": "the move said that it goes back to {node} where it does not come online",
    "resource_locked": "resource {subject} is locked by its type: {detail}",
    "locked_from_moving": "locked_from_moving is set: it is not moved",
    "drain_limit": "as many groups leave {node} as may at a time",
    "start_delay": "it starts {detail} ms after it was given to its owner",
    "waits_for_global_set": "group set {subject} is started before all others, and is not ready",
    "waits_for_provider": "it depends on {subject}, which is not ready",
    "waits_for_priority": "groups of priority {detail} are started before it",
    "start_limit": "as many groups are being started on {node} as may at a time: {detail}",
    "failover_limit": "it failed over as often as it may within its period: {detail}",
    "failback_window": "it returns to {node} within the hours {detail}",
    "failback_stable": "it returns to {node} when that has been up for {detail} s",
    "failback_one_by_one": "another group is on its way back to {node}",
    "failback_barred": "it would return to {node}, and cannot while other groups are where they are",
    "drain_over": "the drain of {node} is over, and it takes its groups back",
    "node_down": "{node} is down",
    "no_majority": "without a majority nobody decides, so it goes nowhere",
    "node_paused": "{node} is paused",
    "node_in_maintenance": "{node} is in maintenance by {detail}",
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
    "failback": "a better owner can take it again",
    "released": "it was on hold, and need not be any more",
    "preempted": "it makes room for a group of higher priority",
    "followed": "it goes after those that it must be with",
    "cancelled": "its move was taken back",
    "returned": "it did not come online where it was moved to",
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
        place="" if reason.detail == "node" else f", or its {reason.detail.replace('_', ' ')},",
        because=f": {reason.detail}" if reason.detail else "",
    )


def state_words(state: ResourceState) -> str:
    """A state after "is", in words."""
    unable = {"cannot_here": "unable to come online here", "cannot_anywhere": "unable to come online anywhere"}
    return unable.get(state, state.replace("_", " "))


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
