"""The state of the whole cluster, with everything that an administrator should know or repair.

Owns: `cluster status` and its problems: what is wrong now, and what may still be lost.
Does not know: single objects; `control.queries` shows those.
"""

from __future__ import annotations

from quorate.control.checkpoints import checkpoint_problems
from quorate.control.failures import failure_problems
from quorate.control.forming import not_formed
from quorate.control.maintenance import maintenance_warnings
from quorate.control.network_views import view_networks
from quorate.control.pace_views import slowest_timings, view_paces
from quorate.control.placement_warnings import rule_warnings
from quorate.control.queries import as_of, list_groups, list_nodes, moment
from quorate.control.quorum import forced_words
from quorate.control.reading import Reading
from quorate.control.rebuilding import member_problems
from quorate.control.standing_still import proof_problems, radius_problems, stop_problems
from quorate.control.views import ClusterStatus, GroupView, StoreView
from quorate.core.backup_schedule import standing_problems
from quorate.core.cluster_view import ClusterView
from quorate.core.eviction import stuck_groups, vote_obstacle
from quorate.core.homeless import homeless
from quorate.core.quarantine import Quarantine, is_needed, quarantine
from quorate.core.quorum_outlook import outlook, storage_objection, storage_trouble, voter_name
from quorate.core.reasons import node_name
from quorate.core.versions import active_software, cluster_range, functional_level, incompatibility
from quorate.model.backup import BackupStanding
from quorate.model.common_properties import CLUSTER_PROPERTIES, values_of
from quorate.model.problems import Problem, error, warning


def cluster_status(context: Reading) -> ClusterStatus:
    """The whole cluster at a glance. Raises Refused where it has not formed yet."""
    view = context.view
    if view.cluster is None:
        raise not_formed(context)
    cluster = view.cluster.record
    span = cluster_range(active_software(view))
    coordinator = view.authority.coordinator
    store, groups = view_store(view), list_groups(context).groups
    paces = view_paces(view, cluster)
    return ClusterStatus(
        id=cluster.id,
        name=cluster.name,
        as_of=as_of(context),
        profile=cluster.profile,
        coordinator=node_name(view, coordinator.record.node) if coordinator else "",
        epoch=view.authority.epoch,
        takeover_bound_s=round(slowest_timings(view, cluster).takeover_bound_s, 3),
        heartbeat_ms=paces[0].heartbeat_ms,
        suspicion_ms=paces[0].suspicion_ms,
        paces=paces,
        store=store,
        functional_level=functional_level(view),
        highest_release=span.highest if span is not None else 0,
        lowest_release=span.lowest if span is not None else 0,
        properties=values_of(cluster, CLUSTER_PROPERTIES),
        nodes=list_nodes(context).nodes,
        groups=groups,
        networks=view_networks(view),
        backup=view.backup.record if view.backup is not None else None,
        problems=tuple(_problems(context, store, groups)),
    )


def view_store(view: ClusterView) -> StoreView:
    """Who votes, who of them is up, and how many more may go."""
    now = outlook(view)
    return StoreView(
        voters=tuple(voter_name(view, voter) for voter in sorted(now.voters)),
        voters_up=tuple(voter_name(view, voter) for voter in sorted(now.up)),
        majority=now.needed,
        further_losses=max(now.further, 0),
        votes="dynamic" if view.quorum_spec.dynamic_votes else "static",
    )


def _problems(context: Reading, store: StoreView, groups: tuple[GroupView, ...]) -> list[Problem]:
    view = context.view
    found: list[Problem] = [*context.store_problems()]
    if view.authority.coordinator is None:
        found.append(error("no_coordinator", "nobody leads the cluster", remedy="bring a majority of the voters up"))
    if len(store.voters_up) < store.majority:
        found.append(
            error(
                "store_without_majority",
                f"{len(store.voters_up)} of {len(store.voters)} voters are up, {store.majority} are needed: no changes",
                where="store",
                remedy="start the missing voters; healthy groups run on",
            )
        )
    elif store.further_losses == 0:
        what = "it is the only voter" if len(store.voters) == 1 else f"{store.majority} of {len(store.voters)} are up"
        found.append(
            warning(
                "store_no_further_loss",
                f"no voter may be lost any more: {what}",
                where="store",
                remedy="start the missing voters, or add nodes: three voters survive the loss of one",
            )
        )
    found += _quorum_problems(context)
    found += radius_problems(context)
    for node in sorted(view.authority.joins.keys() & view.nodes.keys()):
        why = incompatibility(view, node, view.authority.joins[node].record.software)
        if why:
            name = node_name(view, node)
            remedy = f"install the release of the cluster on {name}"
            found.append(
                error("software_incompatible", f"{name} is kept out: {why}", where=f"node.{name}", remedy=remedy)
            )
    for node in sorted(view.nodes):
        if view.node_intent(node).eviction is not None:
            found += _eviction_problems(view, node)
        elif node not in view.authority.up() and (kept_out := quarantine(view, node, context.wall_time_s())):
            found.append(_quarantine_problem(view, node, kept_out))
        elif node not in view.authority.up():
            name = node_name(view, node)
            found.append(
                warning(
                    "node_down", f"{name} is down", where=f"node.{name}", remedy=f"start it: quorate node run on {name}"
                )
            )
    if view.cluster is not None:
        standing = view.backup.record if view.backup is not None else BackupStanding()
        found += standing_problems(view.cluster.record, standing, context.wall_time_s())
    found += checkpoint_problems(view)
    found += member_problems(view)
    found += _network_problems(view)
    for key, why in sorted(view.damaged.items()):
        found.append(
            error("record_damaged", f"{key} cannot be read: {why}", where=key, remedy="restore it from a backup")
        )
    found += _forecast_problems(view, context.wall_time_s())
    found += proof_problems(view)
    found += stop_problems(view)
    found += failure_problems(view)
    found += maintenance_warnings(view, context.wall_time_s())
    found += rule_warnings(view)
    for group in groups:
        if group.wanted == "online" and group.state != "online" and group.resources:
            make = error if group.state == "failed" else warning
            found.append(
                make(
                    "group_not_online",
                    f"group {group.name} should be online and is {group.state.replace('_', ' ')}",
                    where=f"group.{group.name}",
                    remedy=f"quorate explain group {group.name!r}",
                )
            )
    return found


def _forecast_problems(view: ClusterView, wall_s: float) -> list[Problem]:
    """Groups that would be offline if one node were lost; where there is one node alone, everybody knows that."""
    if len(view.nodes) < 2:
        return []
    found: list[Problem] = []
    nowhere = homeless(view, wall_s)
    if nowhere.not_looked_at:
        what = f"whether another node has a place for {nowhere.not_looked_at} groups more was not found out in time"
        found.append(warning("places_not_looked_at", what, where="cluster", remedy="ask for all: quorate forecast"))
    for node, groups in nowhere.without.items():
        name, named = node_name(view, node), ", ".join(sorted(view.groups[group].record.name for group in groups))
        what = f"if {name} were lost, no other node has a place for {named}"
        remedy = f"see why: quorate what-if node-loss {name}; bring other nodes up, resume them, or let them own it"
        found.append(warning("nowhere_to_go_if_lost", what, where=f"node.{name}", remedy=remedy))
    return found


def _quorum_problems(context: Reading) -> list[Problem]:
    view = context.view
    spec = view.quorum_spec
    if view.forced is not None:
        remedy = "start the lost nodes, which join with this data, or evict them"
        return [warning("quorum_forced", forced_words(view, view.forced.record), where="quorum", remedy=remedy)]
    if spec.model == "node_majority":
        return []
    light = spec.model == "light_witness"
    why = context.votes_waiting() or (storage_trouble(view) if spec.votes or light else storage_objection(view))
    remedy = "quorate quorum show; see that every node reaches the storage"
    if light:
        remedy = "quorate quorum show; see that both nodes reach the witness"
        return [warning("light_witness_trouble", why, where="quorum", remedy=remedy)] if why else []
    if not spec.votes and why:
        what = f"the quorum resource has no vote yet: {why}"
        return [warning("quorum_resource_waits", what, where="quorum", remedy=remedy)]
    if spec.votes and why:
        return [warning("quorum_storage_unreachable", why, where="quorum", remedy=remedy)]
    return []


def _network_problems(view: ClusterView) -> list[Problem]:
    """Networks that do not connect all nodes that are up, and one network too few."""
    networks = view_networks(view)
    found = [
        warning(
            "network_not_up",
            f"network {network.name} is {network.state}",
            where=f"network.{network.name}",
            remedy=f"see which interfaces: quorate network show {network.name!r}",
        )
        for network in networks
        if network.state in {"down", "partitioned"}
    ]
    carrying = [network for network in networks if network.role in {"cluster", "both"}]
    if len(carrying) == 1 and len(view.nodes) > 1:
        found.append(
            warning(
                "network_single",
                f"the nodes speak to each other over one network alone, {carrying[0].name}: its fault separates them",
                where=f"network.{carrying[0].name}",
                remedy="give the nodes a second network; it is found by itself",
            )
        )
    return found


def _eviction_problems(view: ClusterView, node: int) -> list[Problem]:
    """What holds an eviction up."""
    name, eviction = node_name(view, node), view.node_intent(node).eviction
    obstacle = vote_obstacle(view, node)
    if obstacle:
        remedy = "start a voter that is down"
        return [warning("eviction_waits", f"{name} keeps its vote: {obstacle}", where=f"node.{name}", remedy=remedy)]
    if node not in view.authority.up() or (eviction is not None and eviction.force):
        return []
    return [
        warning(
            "eviction_waits",
            f"{name} waits to be evicted: no other node can take group {view.groups[group].record.name}",
            where=f"node.{name}",
            remedy="start or resume another node; or quorate node evict --force; or quorate node resume ends it",
        )
        for group in stuck_groups(view, node)
    ]


def _quarantine_problem(view: ClusterView, node: int, kept_out: Quarantine) -> Problem:
    name, until = node_name(view, node), moment(kept_out.until_s)
    what = f"{name} failed {kept_out.failures} times within an hour"
    if is_needed(view, node):
        what += f": it would be kept out until {until}, but the quorum needs it and lets it in"
    else:
        what += f" and is kept out until {until}"
    remedy = f"find out why it fails; quorate node clear-quarantine {name} lets it in at once"
    return warning("node_quarantined", what, where=f"node.{name}", remedy=remedy)
